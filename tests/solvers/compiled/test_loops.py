"""Compiled loops against their twins in array passes, over random inputs in one to three dimensions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import compiled
from mudot.solvers.methods import legendre_steps
from mudot.solvers.methods.legendre_steps import stepper
from mudot.solvers.methods.porous_medium import PorousMedium
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.series import Stepped, Swept, series

MESHES = {
    "line": Cartesian(17, 0.0, 1.0),
    "ring": Cartesian(16, 0.0, 1.0, "periodic"),
    "plane": Cartesian((9, 8), (0.0, 0.0), (1.0, 2.0)),
    "mixed": Cartesian((7, 6), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux")),
    "space": Cartesian((5, 4, 6), (0.0,) * 3, (1.0, 2.0, 1.5), ("no-flux", "periodic", "no-flux")),
    "torus": Cartesian((4, 5, 3), (0.0,) * 3, (1.0,) * 3, "periodic"),
}


@pytest.mark.parametrize("m", [2.0, 3.0, 1.5])
@pytest.mark.parametrize("name", MESHES)
def test_compiled_porous_medium_is_that_of_array_passes(name: str, m: float) -> None:
    pytest.importorskip("numba")
    mesh, rng = MESHES[name], np.random.default_rng(0)
    equation = PorousMedium(mesh, m, 0.7)
    for _ in range(5):
        density, start = rng.random(mesh.shape), rng.random(mesh.shape)
        density[rng.random(mesh.shape) < 0.3] = 0.0
        one, two = start.copy(), start.copy()
        equation.add_rate(one, density, 0.3)
        equation.add_rate_by_passes(two, density, 0.3)
        np.testing.assert_allclose(one, two, rtol=1e-11, atol=1e-11 * float(abs(two).max()))


@pytest.mark.parametrize("m", [2.0, 3.0, 1.5])
@pytest.mark.parametrize("name", MESHES)
def test_fused_super_time_steps_are_those_of_array_passes(name: str, m: float) -> None:
    pytest.importorskip("numba")
    mesh, rng = MESHES[name], np.random.default_rng(3)
    equation = PorousMedium(mesh, m, 0.7)
    # Smooth enough for the stages to stay positive; a step with a drained cell is refused by both.
    density = 1 + 0.3 * rng.random(mesh.shape)
    rate, pace = equation.rate(density), equation.spectral_radius(density)[0]
    for tau, drained in ((10 / pace, False), (1e3 / pace, True)):
        fused = stepper(equation, density)(density, rate, tau, 7)
        passes = legendre_steps._by_passes(equation, density, rate, tau, 7)
        assert (fused is None) is (passes is None) is drained
        if fused is not None and passes is not None:
            np.testing.assert_allclose(fused.density, passes.density, rtol=1e-12)
            np.testing.assert_allclose(fused.rate, passes.rate, rtol=1e-9, atol=1e-12 * float(abs(rate).max()))
            assert fused.moved == pytest.approx(passes.moved, rel=1e-11)
            assert fused.error == pytest.approx(passes.error, rel=1e-9)


VACUUM = {
    "line": Cartesian(90, 0.0, 1.0),
    "ring": Cartesian(91, 0.0, 1.0, "periodic"),
    "plane": Cartesian((61, 54), (0.0, 0.0), (1.0, 0.9)),
    "mixed": Cartesian((40, 30), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux")),
    "space": Cartesian((41, 20, 27), (0.0,) * 3, (1.0, 0.6, 0.7), ("no-flux", "periodic", "no-flux")),
}


@pytest.mark.parametrize("m", [2.0, 3.0])
@pytest.mark.parametrize("name", VACUUM)
def test_steps_beside_vacuum_and_in_slabs_have_the_bits_of_whole_sweeps(
    name: str, m: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two drops that spread to walls, seams and each other in forty steps: with every cell swept, with spans, and with
    spans in three slabs."""
    legendre = pytest.importorskip("mudot.solvers.compiled.legendre")
    mesh = VACUUM[name]
    equation, drops = PorousMedium(mesh, m), np.zeros(mesh.shape)
    for place, width in ((0.25, 0.08), (0.7, 0.15)):
        squares = sum((x - place * float(np.max(x))) ** 2 for x in mesh.coordinates)
        drops += np.maximum(1 - squares / width**2, 0.0)
    pace = equation.spectral_radius(drops)[0]

    def run(slabs: Callable[[int], list[tuple[int, int]]]) -> tuple[np.ndarray, list[tuple[float, float]]]:
        monkeypatch.setattr(legendre_steps._Fused, "_slabs", lambda self, *_: slabs(self._cube[0]))
        take, density, rate, sizes = stepper(equation, drops), drops, equation.rate(drops), []
        for _ in range(40):
            step = take(density, rate, 8 / pace, 5)
            assert step is not None
            density, rate = step.density, step.rate
            sizes.append((step.error, step.moved))
        return np.stack([density, rate]), sizes

    found = [run(lambda n: [(0, n)])]
    if mesh.boundary[0] == "no-flux" and mesh.dimension > 1:
        found.append(run(lambda n: [(0, n // 3), (n // 3, n // 2), (n // 2, n)]))
    monkeypatch.setattr(legendre, "occupied", lambda cube: np.tile([0, cube.shape[2]], (*cube.shape[:2], 1)))
    whole = run(lambda n: [(0, n)])
    assert mesh.size / 2 > np.count_nonzero(drops) < 0.8 * np.count_nonzero(whole[0][0])
    for part in found:
        assert np.array_equal(part[0], whole[0]) and part[1] == whole[1]


def test_without_numba_the_passes_do_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mudot.solvers.methods.porous_medium.stencils", lambda: None)
    mesh = MESHES["plane"]
    density = np.random.default_rng(1).random(mesh.shape)
    equation = PorousMedium(mesh, 2.0)
    one, two = np.zeros(mesh.shape), np.zeros(mesh.shape)
    equation.add_rate(one, density, 1.0)
    equation.add_rate_by_passes(two, density, 1.0)
    assert np.array_equal(one, two)


def test_stencils_are_imported_once() -> None:
    assert compiled.stencils() is compiled.stencils()


SHAPES = [(40,), (3,), (2,), (13, 9), (3, 4), (2, 2), (5, 1), (7, 5, 6), (3, 4, 3), (90, 70)]


@pytest.mark.parametrize("doubled", [True, False])
@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
@pytest.mark.parametrize("shape", SHAPES)
def test_compiled_sums_of_a_recurrence_are_those_of_array_passes(
    shape: tuple[int, ...], boundary: str, doubled: bool
) -> None:
    loops = compiled.banded()
    if loops is None:
        pytest.skip("needs Numba")
    rng = np.random.default_rng(2)
    mesh = Cartesian.graded([np.cumsum(0.1 + rng.random(n + 1)) for n in shape], boundary)
    rates = FokkerPlanck(mesh, rng.normal(size=shape)).rates
    start, table = rng.normal(size=mesh.size), rng.random((3, 30))
    rate = rates.radius / 2 if doubled else rates.exit_rate
    for chunk, depth in ((1, 8), (1, 2), (1, 3), (50, 5), (4096, 8), (1, 1)):
        sweep = Swept(loops, rates, rate, start.copy(), table, doubled, chunk, depth)
        largest = float(np.abs(start).max())
        one, two = Stepped(rates, rate, start, table, doubled), sweep
        for count in (1, 9, 4, 1, 14):
            one.extend(count)
            two.extend(count)
            largest = max(largest, float(np.abs(one.last).max()))
            assert np.abs(one.last - two.last).max() < 1e-13 * largest
            assert np.abs(one.total - two.total).max() < 1e-12 * largest


def test_a_flow_is_the_same_compiled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    mesh = Cartesian((60, 50), (-2.0, -2.0), (2.0, 2.0))
    x, y = mesh.coordinates
    flow = FokkerPlanck(mesh, -(x**2 + y**2) / 2 - 0.4 * x * y)
    start = np.exp(-((x - 0.5) ** 2) - y**2)
    plain = flow.advance(start, 0.5, 0.5, 1e-6).density
    monkeypatch.setattr("mudot.solvers.methods.series.COMPILED_CELLS", 0)
    assert np.abs(flow.advance(start, 0.5, 0.5, 1e-6).density / plain - 1).max() < 1e-10


def test_sums_without_numba_go_by_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mudot.solvers.methods.series.COMPILED_CELLS", 0)
    monkeypatch.setattr("mudot.solvers.compiled.banded", lambda: None)
    rates = FokkerPlanck(Cartesian(5, 0.0, 1.0), np.zeros(5)).rates
    assert isinstance(series(rates, rates.exit_rate, np.ones(5), np.ones((1, 3)), doubled=True), Stepped)

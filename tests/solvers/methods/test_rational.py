"""Rational exponentials along lines: enclosures that hold, resolvents without cancellation, the ways they replace."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import compiled
from mudot.solvers.fluxes import generator, harmonic, scharfetter_gummel
from mudot.solvers.methods import costs, rational, tensor
from mudot.solvers.methods.rational import Line
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.tails import TAIL_ERROR
from tests.solvers.methods.semigroup_cases import after, path


@pytest.fixture(autouse=True, params=["compiled", "LAPACK"])
def from_the_start(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> bool:
    """By compiled loops and by LAPACK, whatever the predicted costs."""
    monkeypatch.setattr(costs, "WORTH_RESOLVENTS", 0.0)
    monkeypatch.setattr(costs, "WORTH_LOADING", 0.0)
    if request.param == "LAPACK":
        monkeypatch.setattr(costs, "eliminations", lambda *_: 0.0)
        monkeypatch.setattr(compiled, "along_lines", lambda: None)
    return bool(request.param == "compiled")


def line_of(mesh: Cartesian, log_target: np.ndarray) -> Line:
    flux = scharfetter_gummel(mesh, log_target)
    return Line.of(mesh.widths[0], mesh.gaps[0], log_target, flux.forward, flux.backward)


@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
@pytest.mark.parametrize("cells", [1, 2, 3, 17, 70])
def test_a_line_has_the_generator_exit_rate_and_radius_of_its_mesh(cells: int, boundary: str) -> None:
    mesh = Cartesian.graded([np.linspace(-1.1, 1.0, cells + 1) ** 3], boundary)
    log_target = np.sin(3 * mesh.centers[0])
    line, method = line_of(mesh, log_target), FokkerPlanck(mesh, log_target)
    matrix = generator(mesh, scharfetter_gummel(mesh, log_target))
    assert np.abs(line.generator() - matrix).max() <= 1e-13 * max(1.0, np.abs(matrix.toarray()).max())
    assert (line.exit_rate, line.radius) == pytest.approx((method.rates.exit_rate, method.rates.radius), rel=1e-13)
    assert line.walls == (boundary == "no-flux" or cells == 1)


@pytest.mark.parametrize("duration", [1e-9, 1e-3, 1e6])
def test_every_entry_of_a_resolvent_keeps_its_digits_beside_rates_of_any_size(duration: float) -> None:
    loops = rational._loops(True)
    right, left = np.zeros(12), np.zeros(12)
    right[:-1], left[1:] = 10.0 ** np.random.default_rng(4).uniform(-6, 12, (2, 11))
    line = Line(right, left, np.ones(12), np.zeros(12))
    found = np.zeros((3, 12, 12))
    weights = np.zeros((2, rational.SHIFTS))
    weights[0, 5] = 1.0
    pivots = line.pivots(loops, duration, slice(0, rational.SHIFTS))
    loops.few(right, left, pivots, weights, np.eye(12), found)
    with mpmath.workdps(60):
        shift = mpmath.mpc(complex(rational._SHIFT[5])) / mpmath.mpf(duration)
        matrix = mpmath.matrix(12)
        for i in range(12):
            matrix[i, i] = shift + mpmath.mpf(right[i]) + mpmath.mpf(left[i])
            if i < 11:
                matrix[i + 1, i], matrix[i, i + 1] = -mpmath.mpf(right[i]), -mpmath.mpf(left[i + 1])
        exact = matrix**-1
        for i in range(12):
            for j in range(12):
                # Of one shift only: the alternating sum is the imaginary part, up to its sign.
                gap = mpmath.mpc(found[0, i, j], -found[1, i, j]) - exact[i, j]
                assert abs(gap) <= 2e-14 * abs(exact[i, j])


def problem(number: int) -> tuple[Cartesian, np.ndarray, np.ndarray, float]:
    """A line, log pi, a density and a duration: wells, slopes and jumps; clouds, noise and points; early and late."""
    rng = np.random.default_rng(number)
    cells, half = int(rng.choice([5, 17, 64, 110])), 10 ** rng.uniform(-1, 1)
    unit = np.linspace(-1, 1, cells + 1)
    mesh = Cartesian.graded([half * (unit if rng.random() < 0.6 else unit**3)])
    x = mesh.centers[0] / half
    potential = rng.uniform(0, 40) * np.abs(x) ** rng.choice([1, 2, 4]) + rng.uniform(0, 5) * np.sin(9 * x)
    potential += rng.uniform(0, 10) * (x > 0.2) * (number % 3 == 0)
    densities = (
        np.exp(-(((x - rng.uniform(-1, 1)) * rng.uniform(1, 20)) ** 2)),
        rng.random(cells),
        np.eye(cells)[rng.integers(cells)],
        np.exp(-potential) * (1 + 0.1 * rng.random(cells)),
    )
    return mesh, -potential, densities[number % 4], half**2 * 10 ** rng.uniform(-5, 2)


def test_enclosures_hold_in_every_cell_and_most_are_narrow(from_the_start: bool) -> None:
    narrow, numbers = 0, range(0, 100, 1 if from_the_start else 3)
    for number in numbers:
        mesh, log_target, density, duration = problem(number)
        line = line_of(mesh, log_target)
        exact = tensor.exponential(line.generator(), line.widths, duration) @ density
        found = rational.enclosed(line, density[:, None], duration)
        if not found.settled(TAIL_ERROR):
            continue
        narrow += 1
        # The dense exponential is right to about 1e-14 itself.
        assert np.all(np.abs(found.middle[:, 0] - exact) <= found.half[:, 0] + 3e-14 * exact)
        assert integrate(mesh, found.half[:, 0]) < 1e-12 * integrate(mesh, density)
        assert found.middle.min() >= 0
    assert narrow > 0.65 * len(numbers)


@pytest.mark.parametrize("cells", [254, 255])
def test_a_cell_in_which_nothing_moves_leaves_its_neighbours_known(cells: int) -> None:
    """In a symmetric well what still moves late is odd: it vanishes in the cell at the centre, if there is one."""
    mesh = Cartesian(cells, -2.5, 2.5)
    line = line_of(mesh, -2 * (mesh.centers[0] ** 2 - 1) ** 2)
    found = rational.enclosed(line, np.exp(-((mesh.centers[0][:, None] + 0.6) ** 2) / 0.18), 10.0)
    assert np.all(found.half < 1e-13 * found.middle)


def test_lines_beside_each_other_are_solved_like_single_ones() -> None:
    mesh, log_target, _, _ = problem(6)
    line = line_of(mesh, log_target)
    densities = np.random.default_rng(0).random((line.widths.size, 150))
    together = rational.enclosed(line, densities, 0.3)
    for j in (0, 63, 64, 149):
        alone = rational.enclosed(line, densities[:, j : j + 1], 0.3)
        assert together.middle[:, j] == pytest.approx(alone.middle[:, 0], rel=1e-12)
        assert together.half[:, j] == pytest.approx(alone.half[:, 0], rel=1e-3)


WELL = Cartesian(500, -2.5, 2.5)
LOG_WELL = -2 * (WELL.centers[0] ** 2 - 1) ** 2
CLOUD = np.exp(-((WELL.centers[0] + 0.6) ** 2) / 0.18)


def test_long_lines_go_by_resolvents_and_keep_target_mass_and_positivity(monkeypatch: pytest.MonkeyPatch) -> None:
    method, target = FokkerPlanck(WELL, LOG_WELL), np.exp(LOG_WELL)
    for other in ("_tensor", "_certain", "_series"):
        monkeypatch.delattr(FokkerPlanck, other)
    assert np.abs(after(method, target, 10.0) / target - 1).max() < 1e-14
    for duration in (0.1, 10.0, 1e4):
        moved = after(method, CLOUD, duration)
        assert moved.min() > 0
        assert integrate(WELL, moved) == pytest.approx(integrate(WELL, CLOUD), rel=1e-14)
    assert np.abs(moved / (target * (integrate(WELL, CLOUD) / integrate(WELL, target))) - 1).max() < 1e-12


def test_long_lines_have_dense_tails_and_halves_that_make_a_whole() -> None:
    method = FokkerPlanck(WELL, LOG_WELL)
    line = method._lines[0]
    exact = tensor.exponential(line.generator(), line.widths, 0.1) @ CLOUD
    whole = after(method, CLOUD, 0.1)
    assert np.abs(whole / exact - 1).max() < 1e-9
    assert np.abs(after(method, after(method, CLOUD, 0.05), 0.05) / whole - 1).max() < 1e-6
    *way, end = path(method, CLOUD, [1e-7, 1e-4, 0.02, 0.1])
    assert np.array_equal(end, whole)
    for duration, found in zip([1e-7, 1e-4, 0.02], way, strict=True):
        exact = tensor.exponential(line.generator(), line.widths, duration) @ CLOUD
        assert found.min() > 0
        assert norm(WELL, found - exact) < 1e-12 * norm(WELL, exact)


def test_what_no_resolvent_knows_is_left_to_positive_products() -> None:
    """A point spreads like a Gaussian, a resolvent like an exponential: far cells are lost in round-off."""
    start = np.zeros(500)
    start[220] = 1.0
    method, duration = FokkerPlanck(WELL, LOG_WELL), 2e-3
    line = method._lines[0]
    assert not rational.enclosed(line, start[:, None], duration).settled(TAIL_ERROR)
    exact = tensor.exponential(line.generator(), line.widths, duration) @ start
    assert exact.min() < 1e-100
    assert np.abs(after(method, start, duration) / np.maximum(exact, 1e-280) - 1)[exact > 1e-280].max() < 1e-9


def test_very_long_lines_take_a_few_shifts_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    line = line_of(WELL, LOG_WELL)
    at_once = rational.enclosed(line, CLOUD[:, None], 1.0)
    monkeypatch.setattr(rational, "_LONG", 100)
    apart = rational.enclosed(line, CLOUD[:, None], 1.0)
    assert np.abs(apart.middle / at_once.middle - 1).max() < 1e-12


def test_separable_meshes_go_axis_by_axis_like_dense_factors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "resolvents", lambda *_: 0.0)
    mesh = Cartesian((40, 31, 12), (-2.0, -1.0, 0.0), (2.0, 1.5, 1.0))
    x, y, z = mesh.coordinates
    log_target = -3 * (x**2 - 1) ** 2 - np.cos(2 * y) + z + np.zeros(mesh.shape)
    method, start = FokkerPlanck(mesh, log_target), 1 + np.random.default_rng(1).random(mesh.shape)
    dense = start
    for axis in range(3):
        dense = tensor.apply_along(method._factor(0.3, axis), dense, axis)
    monkeypatch.delattr(FokkerPlanck, "_by_products")
    assert np.abs(after(method, start, 0.3) / dense - 1).max() < 1e-12


def test_lines_take_any_flux() -> None:
    flux = harmonic(WELL, LOG_WELL)
    method = FokkerPlanck(WELL, LOG_WELL, transport=2.0, flux=flux)
    dense = tensor.exponential(generator(WELL, flux) * 2.0, WELL.widths[0], 0.5) @ CLOUD
    assert np.abs(after(method, CLOUD, 0.5) / dense - 1).max() < 1e-9

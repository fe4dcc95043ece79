"""Compiled loops against their twins in array passes, over random inputs in one to three dimensions."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import compiled
from mudot.solvers.methods.porous_medium import PorousMedium

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

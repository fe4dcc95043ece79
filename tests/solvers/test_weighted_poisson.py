"""The weighted Poisson problem by a separable preconditioner: right, in iterations that do not see the mesh."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import weighted_poisson as module
from mudot.solvers.fluxes import generator, scharfetter_gummel
from mudot.solvers.linear import LinearSolution
from mudot.solvers.weighted_poisson import weighted_poisson

MESHES = {
    "line": Cartesian(40, -2.0, 2.0),
    "ring": Cartesian(40, -2.0, 2.0, "periodic"),
    "plane": Cartesian((14, 12), (-2.0, -2.0), (2.0, 2.0), ("periodic", "no-flux")),
    "graded": Cartesian.graded([np.sinh(np.linspace(-1.5, 1.5, 17)), np.linspace(-1.3, 1.3, 14) ** 3]),
    "space": Cartesian((9, 8, 7), (-2.0,) * 3, (2.0,) * 3),
}


def potential(mesh: Cartesian, mixed: float) -> np.ndarray:
    x = [np.broadcast_to(c, mesh.shape) for c in mesh.coordinates]
    return sum((a**2 - 1) ** 2 / 2 for a in x) + mixed * np.sin(sum(x))


@pytest.fixture
def iterations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    found: list[int] = []
    solve: Callable[..., LinearSolution] = module.shifted_gradients

    def counted(*arguments: object) -> LinearSolution:
        solution = solve(*arguments)
        found.append(solution.iterations)
        return solution

    monkeypatch.setattr(module, "shifted_gradients", counted)
    return found


@pytest.mark.parametrize("mixed", [0.0, 0.8])
@pytest.mark.parametrize("name", MESHES)
def test_the_fokker_planck_generator_takes_the_solution_back(name: str, mixed: float) -> None:
    mesh, rng = MESHES[name], np.random.default_rng(0)
    logs = -potential(mesh, mixed)
    pi = np.exp(logs)
    f = pi * rng.normal(size=mesh.shape)
    f -= pi * (integrate(mesh, f) / integrate(mesh, pi))
    psi = weighted_poisson(mesh, logs)(f)
    back = -(generator(mesh, scharfetter_gummel(mesh, logs)) @ (pi * psi).reshape(-1)).reshape(mesh.shape)
    size = np.sqrt(integrate(mesh, f * f / pi))
    assert np.sqrt(integrate(mesh, (back - f) ** 2 / pi)) <= 1e-10 * size


def test_separable_targets_take_a_few_iterations_on_any_mesh(iterations: list[int]) -> None:
    for n in (8, 16, 24):
        mesh = Cartesian((n, n, n), (-2.0,) * 3, (2.0,) * 3)
        pi = np.exp(-potential(mesh, 0.0))
        f = pi * np.random.default_rng(1).normal(size=mesh.shape)
        weighted_poisson(mesh, np.log(pi))(f - pi * (integrate(mesh, f) / integrate(mesh, pi)))
    assert max(iterations) <= 3


def test_iterations_for_other_targets_do_not_grow_with_the_mesh(iterations: list[int]) -> None:
    for n in (8, 16, 32):
        mesh = Cartesian((n, n, n), (-2.0,) * 3, (2.0,) * 3)
        pi = np.exp(-potential(mesh, 1.0))
        x, _, z = mesh.coordinates
        f = pi * (x + z**2)
        weighted_poisson(mesh, np.log(pi))(f - pi * (integrate(mesh, f) / integrate(mesh, pi)))
    assert max(iterations) <= 40
    assert iterations[-1] <= 1.3 * iterations[0]


def test_targets_that_underflow_far_out_are_no_obstacle() -> None:
    mesh = Cartesian((120, 5), (-42.0, -1.0), (42.0, 1.0))
    x = np.broadcast_to(mesh.coordinates[0], mesh.shape)
    logs = -(x**2) / 2
    assert float(logs.min()) < -800
    psi = weighted_poisson(mesh, logs)(np.exp(logs) * x)
    # -div(pi grad psi) = pi x has the solution psi = x, up to the square of the mesh's width of 0.7.
    assert np.all(np.isfinite(psi))
    inner = np.abs(x) < 3
    middle = np.average(psi, weights=np.exp(logs))
    np.testing.assert_allclose((psi - middle)[inner], x[inner], rtol=0.12, atol=1e-6)

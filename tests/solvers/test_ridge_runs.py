"""Ridge solves within runs: what is asked of them, and what happens where they do not converge."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import KernelApproximateFisherRao, KernelApproximateWasserstein
from mudot.solvers.kernels import solves
from mudot.solvers.kernels.functions import GaussianKernel, PolynomialKernel


@pytest.mark.parametrize(("cells", "ridge"), [(80, 1e-5), (120, 1e-7)])
def test_the_rate_part_asks_for_no_residual_that_inner_solves_cannot_give(cells: int, ridge: float) -> None:
    mesh = Cartesian(cells, -6.0, 6.0)
    (x,) = mesh.centers
    mu, pi = np.exp(-((x + 0.4) ** 2) / 1.6), np.exp(-((x - 0.3) ** 2) / 1.2)
    transport = KernelApproximateWasserstein(PolynomialKernel(1, 1.0), ridge)
    geometry = transport + KernelApproximateFisherRao(PolynomialKernel(2, 1.0), ridge)
    energy = KullbackLeibler(pi / integrate(mesh, pi))
    solution = solve(GradientFlow(mesh, energy, geometry), mu / integrate(mesh, mu), [0.0, 0.5], rtol=1e-8)
    assert solution.status == "complete", solution.message
    assert abs(solution.balance[-1]) < 1e-8 * solution.energy[0]


@pytest.mark.parametrize("transport", [False, True], ids=["fisher-rao", "wasserstein"])
def test_a_ridge_solve_that_does_not_converge_ends_the_run_with_its_residual(
    transport: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(solves, "shifted_gradients", partial(solves.shifted_gradients, limit=3))
    mesh, kernel = Cartesian(40, -3.0, 3.0), GaussianKernel(0.5)
    (x,) = mesh.centers
    geometry = KernelApproximateWasserstein(kernel, 1e-3) if transport else KernelApproximateFisherRao(kernel, 1e-3)
    flow = GradientFlow(mesh, KullbackLeibler(np.exp(-((x - 0.3) ** 2))), geometry)
    solution = solve(flow, np.exp(-((x + 0.4) ** 2)), [0.0, 0.5])
    assert solution.status == "failed"
    assert re.match(r"kernel solve: residual [\d.e-]+ after 3 iterations, needed 1\.0e-10; raise", solution.message)

"""Sums of ridge geometries whose kernels have finite rank."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import KernelApproximateFisherRao, KernelApproximateWasserstein
from mudot.solvers.kernels.functions import PolynomialKernel


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

"""Joint implicit stages: interaction-force transport of every power, Wasserstein flows of Jensen-Shannon and Renyi."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, JensenShannon, KullbackLeibler, PowerDivergence, Renyi
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import DeKernelizedFisherRao, FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel
from mudot.solvers.methods.implicit import DiagonallyImplicit
from mudot.solvers.methods.newton_stages import ByBasis, by_basis
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.splitting import SymmetricSplitting

RING = Cartesian(24, 0.0, 1.0, "periodic")


def densities(mesh: Cartesian) -> tuple[np.ndarray, np.ndarray]:
    """Start and target, of mass one."""
    x = sum(np.cos(2 * np.pi * (a + 0.1)) for a in mesh.coordinates)
    y = sum(np.sin(2 * np.pi * a) for a in mesh.coordinates)
    mu, pi = np.exp(0.4 * y), np.exp(0.5 * x)
    return mu / integrate(mesh, mu), pi / integrate(mesh, pi)


def test_joint_stages_agree_with_the_splitting_of_interaction_force_transport() -> None:
    mesh = Cartesian(8, 0.0, 1.0, "periodic")
    mu, pi = densities(mesh)
    energy, inverse = KullbackLeibler(pi), DeKernelizedFisherRao(GaussianKernel(0.2), 0.2)
    flow = GradientFlow(mesh, energy, 0.02 * Wasserstein() + inverse)
    assert isinstance(flow.method, DiagonallyImplicit)
    reaction = DiagonallyImplicit(mesh, energy, inverse)
    split = SymmetricSplitting(mesh, FokkerPlanck(mesh, energy.log_target, 0.02), reaction, 1.0, False)
    one = flow.method.advance(mu, 0.01, 0.005, 1e-5).density
    two = split.advance(mu, 0.01, 0.005, 1e-5).density
    assert norm(mesh, one - two) <= 1e-4 * norm(mesh, one - mu)


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("power", [2.0, 0.5, 0.0])
def test_interaction_force_transport_of_powers_closes_its_balance(power: float, spherical: bool) -> None:
    mu, pi = densities(RING)
    inverse: Geometry = DeKernelizedFisherRao(GaussianKernel(0.2), 0.05)
    geometry = 0.1 * Wasserstein() + (Spherical(inverse) if spherical else inverse)
    solution = solve(GradientFlow(RING, PowerDivergence(power, pi), geometry), mu, [0.0, 0.02], rtol=1e-5)
    assert solution.status == "complete"
    assert abs(solution.balance[-1]) <= 1e-5 * solution.dissipation[-1]
    if spherical:
        assert abs(solution.mass[-1] - solution.mass[0]) <= 1e-12


@pytest.mark.parametrize(("energy", "curvature"), [("jensen-shannon", 0.25), ("renyi", 3.0)])
@pytest.mark.parametrize("reaction", [0.0, 0.7])
def test_small_waves_decay_at_the_curvature_of_the_energy(energy: str, curvature: float, reaction: float) -> None:
    pi, wave = np.ones(24), np.cos(2 * np.pi * RING.centers[0])
    made: Energy = JensenShannon(pi) if energy == "jensen-shannon" else Renyi(3.0, pi)
    geometry = Wasserstein(0.3) + Spherical(FisherRao(reaction)) if reaction else Wasserstein(0.3)
    solution = solve(GradientFlow(RING, made, geometry), 1 + 1e-5 * wave, [0.0, 0.05], rtol=1e-7)
    squared = 2 / (1 / 24) ** 2 * (1 - math.cos(2 * math.pi / 24))
    rate = -math.log(float((solution.density[-1] - 1) @ wave) / float(1e-5 * wave @ wave)) / 0.05
    assert rate == pytest.approx(curvature * (0.3 * squared + reaction), rel=1e-5)


def test_stages_end_at_the_round_off_that_a_smooth_kernel_leaves() -> None:
    mesh = Cartesian((10, 9), (-2.0, -2.0), (2.0, 2.0))
    x, y = mesh.coordinates
    pi, mu = 0.01 + np.exp(-(x**2) - y**2), 0.02 + np.exp(-((x + 0.5) ** 2) - y**2)
    method = DiagonallyImplicit(mesh, KullbackLeibler(pi), DeKernelizedFisherRao(GaussianKernel(0.6), 1e-3))
    assert isinstance(method._solver, ByBasis)
    assert method._step(mu, None, 1e-3, 1e-6) is not None


def test_kernels_without_basis_and_singular_ones_are_left_to_the_dual_form() -> None:
    _, pi = densities(RING)
    energy = KullbackLeibler(pi)
    assert by_basis(RING, energy, DeKernelizedFisherRao(GaussianKernel(0.2))) is None
    plane = Cartesian((5, 4), (0.0, 0.0), (1.0, 1.0))
    assert by_basis(plane, KullbackLeibler(np.ones((5, 4))), DeKernelizedFisherRao(LaplaceKernel(0.2), 0.1)) is None
    geometry = Wasserstein() + DeKernelizedFisherRao(LaplaceKernel(0.2), 0.1)
    assert isinstance(by_basis(RING, energy, geometry), ByBasis)

"""Joint implicit stages: interaction-force transport of every power, Wasserstein flows of Jensen-Shannon and Renyi."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, JensenShannon, KullbackLeibler, PowerDivergence, Renyi
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import DeKernelizedFisherRao, DeStein, FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel, MaternKernel
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


# --- de-Stein and de-kernelized Wasserstein-Fisher-Rao in the bases of cells and faces --------------------------------

CUBE = Cartesian((5, 4, 6), (-1.0, -1.0, -1.0), (1.0, 1.2, 0.9))
TUBE = Cartesian((6, 5), (0.0, 0.0), (1.0, 1.0), ("no-flux", "periodic"))
TORUS = Cartesian((6, 5), (0.0, 0.0), (1.0, 1.0), "periodic")
MOVING, INVERSE = DeStein(GaussianKernel(0.3), 0.1, 0.7), DeKernelizedFisherRao(GaussianKernel(0.3), 0.1, 1.3)
OTHER = DeKernelizedFisherRao(GaussianKernel(0.5), 0.2)
WAVES = DeStein(MaternKernel(0.2, 1.5), 0.1), DeKernelizedFisherRao(MaternKernel(0.2, 1.5), 0.1)
SYSTEMS = {
    "de-stein in space": (CUBE, MOVING),
    "de-stein on a tube": (TUBE, MOVING),
    "de-stein of waves": (TORUS, WAVES[0]),
    "one kernel in space": (CUBE, MOVING + INVERSE),
    "two kernels on a tube": (TUBE, MOVING + OTHER),
    "two kernels of waves": (TORUS, WAVES[0] + DeKernelizedFisherRao(LaplaceKernel(0.3), 0.2)),
    "spherical, one kernel": (CUBE, MOVING + Spherical(INVERSE)),
    "spherical, two kernels": (CUBE, Spherical(MOVING + OTHER)),
    "spherical, waves": (TORUS, WAVES[0] + Spherical(WAVES[1])),
    "with Wasserstein": (CUBE, 0.2 * Wasserstein() + MOVING + INVERSE),
}


@pytest.mark.parametrize("name", SYSTEMS)
def test_newton_steps_in_bases_are_those_of_difference_quotients(name: str) -> None:
    mesh, geometry = SYSTEMS[name]
    b, pi = densities(mesh)
    energy, factor = KullbackLeibler(pi), 0.02
    geometry = GradientFlow(mesh, energy, geometry).discrete_geometry
    solver = by_basis(mesh, energy, geometry)
    assert isinstance(solver, ByBasis)
    step = solver.change(b, 0.9 * b, factor, 1e-11)

    def missing(h: np.ndarray) -> np.ndarray:
        density = b * np.exp(h.reshape(mesh.shape))
        moved = geometry.onsager(mesh, density).apply(energy.first_variation(mesh, density))
        return (density - 0.9 * b + factor * moved).reshape(-1)

    width, units = 1e-4, np.eye(mesh.size)
    columns = [(missing(width * unit) - missing(-width * unit)) / (2 * width) for unit in units]
    exact = np.linalg.solve(np.array(columns).T, -missing(np.zeros(mesh.size)))
    np.testing.assert_allclose(step.reshape(-1), exact, rtol=0, atol=1e-7 * np.abs(exact).max())


def test_kernels_of_different_bases_have_no_common_one() -> None:
    _, pi = densities(TORUS)
    assert by_basis(TORUS, KullbackLeibler(pi), MOVING + WAVES[1]) is None


@pytest.mark.parametrize("name", ["de-stein in space", "two kernels on a tube", "spherical, two kernels"])
def test_stages_in_bases_solve_the_equation_of_solves_on_faces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, geometry = SYSTEMS[name]
    mu, pi = densities(mesh)
    energy, factor = KullbackLeibler(pi), 1e-3
    new = DiagonallyImplicit(mesh, energy, geometry)._stage(mu, mu, factor, 1e-9)
    assert new is not None
    for name in ("geometries.dekernelized.inverse_diffusion", "geometries.dekernelized.product_inverse"):
        monkeypatch.setattr(f"mudot.solvers.{name}", lambda *given: None)
    monkeypatch.setattr("mudot.solvers.kernels.solves.product_inverse", lambda *given: None)
    rate = -geometry.onsager(mesh, new).apply(energy.first_variation(mesh, new))
    assert norm(mesh, new - mu - factor * rate) <= 1e-8 * norm(mesh, new - mu)


@pytest.mark.parametrize("name", ["de-stein in space", "two kernels on a tube", "spherical, two kernels"])
def test_flows_in_bases_keep_their_books(name: str) -> None:
    mesh, geometry = SYSTEMS[name]
    mu, pi = densities(mesh)
    found = solve(GradientFlow(mesh, KullbackLeibler(pi), geometry), mu, [0.0, 0.001, 0.002], rtol=1e-3)
    assert found.status == "complete" and np.all(np.diff(found.energy) < 0) and np.all(found.minimum > 0)
    assert abs(found.balance[-1]) <= 1e-3 * found.dissipation[-1]
    assert geometry.conserves_mass == (abs(found.mass[-1] - found.mass[0]) <= 1e-13)

"""Flat, de-kernelized, interaction-force and local-regression geometries: symmetry, conjugacy, mass, identities."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    Energy,
    JensenShannon,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    PowerDivergence,
    ReverseKullbackLeibler,
    chi_squared,
)
from mudot.solvers.flows import GradientFlow, Solution, solve
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    DeStein,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    LocalRegressionFisherRao,
    LocalRegressionWasserstein,
    Spherical,
    SymmetrizedRegressionFisherRao,
    SymmetrizedRegressionWasserstein,
    Wasserstein,
    kernel_sobolev_fisher,
)
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel, PolynomialKernel

LINE = Cartesian(40, 0.0, 1.0)
RING = Cartesian(40, 0.0, 1.0, "periodic")
PLANE = Cartesian((9, 8), (0.0, 0.0), (1.0, 1.0), ("no-flux", "periodic"))
CUBE = Cartesian((5, 4, 5), (0.0,) * 3, (1.0,) * 3)
MESHES = {"line": LINE, "ring": RING, "plane": PLANE, "cube": CUBE}
WIDE = GaussianKernel(0.2)


def target(mesh: Cartesian) -> np.ndarray:
    x = mesh.coordinates
    density = 1 + 0.5 * np.cos(2 * np.pi * x[0]) * np.cos(2 * np.pi * x[-1]) * np.ones(mesh.shape)
    return np.asarray(density / integrate(mesh, density))


def start(mesh: Cartesian) -> np.ndarray:
    density = target(mesh) * (1 + 0.6 * np.sin(2 * np.pi * mesh.coordinates[0]))
    return np.asarray(density / integrate(mesh, density))


GEOMETRIES: dict[str, Callable[[np.ndarray], Geometry]] = {
    "flat fisher-rao": lambda omega: 0.7 * FlatFisherRao(omega),
    "flat wasserstein": lambda omega: 0.7 * FlatWasserstein(omega),
    "flat wasserstein-fisher-rao": lambda omega: FlatWasserstein(omega) + 0.3 * FlatFisherRao(omega),
    "spherical flat": lambda omega: FlatWasserstein(omega) + Spherical(FlatFisherRao(omega)),
    "mmd": lambda omega: 0.7 * DeKernelizedFisherRao(WIDE, 0.01),
    "spherical mmd": lambda omega: Spherical(DeKernelizedFisherRao(WIDE, 0.01)),
    "de-stein": lambda omega: 0.7 * DeStein(WIDE, 0.01),
    "de-kernelized both": lambda omega: DeStein(WIDE, 0.01) + DeKernelizedFisherRao(WIDE, 0.01),
    "kernel-sobolev-fisher": lambda omega: kernel_sobolev_fisher(WIDE, omega, 0.2, 0.01),
    "interaction force": lambda omega: Wasserstein() + DeKernelizedFisherRao(WIDE, 0.01),
    "spherical interaction force": lambda omega: Wasserstein() + Spherical(DeKernelizedFisherRao(WIDE, 0.01)),
    "symmetrized growth": lambda omega: SymmetrizedRegressionFisherRao(WIDE),
    "symmetrized velocity": lambda omega: SymmetrizedRegressionWasserstein(WIDE),
}
every_geometry = pytest.mark.parametrize("name", GEOMETRIES)
every_mesh = pytest.mark.parametrize("place", MESHES)


def smooth(mesh: Cartesian, seed: int) -> np.ndarray:
    """A random smooth function."""
    rng = np.random.default_rng(seed)
    waves = [rng.normal() * np.cos(2 * np.pi * (k * x + rng.random())) for k in (1, 2) for x in mesh.coordinates]
    return np.asarray(sum(waves) * np.ones(mesh.shape))


@every_geometry
@every_mesh
def test_onsager_operators_are_symmetric_and_positive(name: str, place: str) -> None:
    mesh = MESHES[place]
    onsager = GEOMETRIES[name](target(mesh)).onsager(mesh, start(mesh))
    f, g = np.random.default_rng(0).standard_normal((2, *mesh.shape))
    kf, kg = onsager.apply(f), onsager.apply(g)
    scale = integrate(mesh, abs(g * kf)) + integrate(mesh, abs(f * kg))
    assert integrate(mesh, g * kf) == pytest.approx(integrate(mesh, f * kg), abs=1e-8 * scale)
    assert integrate(mesh, f * kf) > 0
    assert sum(onsager.dual(f)) == pytest.approx(integrate(mesh, f * kf) / 2, rel=1e-7)


@every_geometry
@every_mesh
def test_potentials_are_conjugate_with_equality_on_the_flow(name: str, place: str) -> None:
    mesh = MESHES[place]
    onsager = GEOMETRIES[name](target(mesh)).onsager(mesh, start(mesh))
    xi, other = smooth(mesh, 1), smooth(mesh, 2)
    u = -onsager.apply(xi)
    total = sum(onsager.primal(u, guess=-xi)) + sum(onsager.dual(xi))
    assert total == pytest.approx(-integrate(mesh, xi * u), rel=1e-6)
    # Off the flow Young's inequality is strict: R(u) + R*(-eta) > -<eta, u>.
    assert sum(onsager.primal(u, guess=-xi)) + sum(onsager.dual(other)) > -integrate(mesh, other * u)


@every_geometry
@every_mesh
def test_mass_is_conserved_exactly_where_the_geometry_says_so(name: str, place: str) -> None:
    mesh = MESHES[place]
    geometry = GEOMETRIES[name](target(mesh))
    rate = geometry.onsager(mesh, start(mesh)).apply(np.random.default_rng(3).standard_normal(mesh.shape))
    change, scale = integrate(mesh, rate), integrate(mesh, abs(rate))
    assert (abs(change) < 1e-8 * scale) is geometry.conserves_mass


def run(energy: Energy, geometry: Geometry, mesh: Cartesian = RING, stop: float = 0.5, rtol: float = 1e-6) -> Solution:
    solution = solve(GradientFlow(mesh, energy, geometry), start(mesh), [0.0, stop / 4, stop], rtol=rtol)
    assert solution.status == "complete", solution.message
    return solution


FLOWS: dict[str, Callable[[np.ndarray], tuple[Energy, Geometry]]] = {
    "flat fisher-rao of kl": lambda pi: (KullbackLeibler(pi), FlatFisherRao(pi)),
    "flat fisher-rao of js": lambda pi: (JensenShannon(pi), FlatFisherRao(np.ones_like(pi))),
    "flat wasserstein of kl": lambda pi: (KullbackLeibler(pi), FlatWasserstein(np.ones_like(pi))),
    "flat both of p = 3": lambda pi: (PowerDivergence(3.0, pi), FlatWasserstein(pi) + FlatFisherRao(pi)),
    "mmd of kl": lambda pi: (KullbackLeibler(pi), DeKernelizedFisherRao(WIDE, 0.01)),
    "mmd of chi2": lambda pi: (chi_squared(pi), DeKernelizedFisherRao(LaplaceKernel(0.1))),
    "spherical mmd of kl": lambda pi: (KullbackLeibler(pi), Spherical(DeKernelizedFisherRao(WIDE, 0.01))),
    "de-stein of mmd": lambda pi: (MaximumMeanDiscrepancy(WIDE, pi), DeStein(WIDE, 0.1)),
    "both de-kernelized of mmd": lambda pi: (
        MaximumMeanDiscrepancy(WIDE, pi),
        DeStein(WIDE, 0.1) + DeKernelizedFisherRao(WIDE, 0.01),
    ),
    "ksf of kl": lambda pi: (KullbackLeibler(pi), kernel_sobolev_fisher(LaplaceKernel(0.1), pi, 0.1)),
    "wasserstein of mmd": lambda pi: (MaximumMeanDiscrepancy(WIDE, pi), Wasserstein()),
    "wasserstein-fisher-rao of mmd": lambda pi: (MaximumMeanDiscrepancy(WIDE, pi), Wasserstein() + FisherRao()),
    "ift of mmd": lambda pi: (MaximumMeanDiscrepancy(WIDE, pi), Wasserstein() + DeKernelizedFisherRao(WIDE)),
    "symmetrized growth of kl": lambda pi: (KullbackLeibler(pi), SymmetrizedRegressionFisherRao(WIDE)),
    "symmetrized velocity of kl": lambda pi: (KullbackLeibler(pi), SymmetrizedRegressionWasserstein(WIDE)),
    "regressed growth of kl": lambda pi: (KullbackLeibler(pi), LocalRegressionFisherRao(WIDE)),
    "regressed velocity of kl": lambda pi: (KullbackLeibler(pi), LocalRegressionWasserstein(WIDE)),
}


ON_RINGS = {"de-stein of mmd", "both de-kernelized of mmd"}
"""At walls these drain cells: no loss of the scheme's, whose densities would be negative with any step."""


@pytest.mark.parametrize(
    ("name", "place"),
    [(name, place) for name in FLOWS for place in ("ring", "line") if place == "ring" or name not in ON_RINGS],
)
def test_flows_lose_energy_stay_positive_and_balance(name: str, place: str) -> None:
    mesh = MESHES[place]
    solution = run(*FLOWS[name](target(mesh)), mesh, 0.2)
    assert np.all(np.diff(solution.energy) < 0) and solution.minimum.min() > 0
    assert np.max(np.abs(solution.balance)) < 1e-6 * solution.dissipation[-1]
    if solution.flow.geometry.conserves_mass:
        assert np.ptp(solution.mass) < 1e-12


@pytest.mark.parametrize("spherical", [False, True])
def test_ift_flow_of_kl_balances_and_stays_positive(spherical: bool) -> None:
    inverse = DeKernelizedFisherRao(GaussianKernel(0.1), 0.1)
    geometry = 0.1 * Wasserstein() + (Spherical(inverse) if spherical else inverse)
    solution = run(KullbackLeibler(target(RING)), geometry, RING, 0.02, 1e-5)
    assert np.all(np.diff(solution.energy) < 0) and solution.minimum.min() > 0
    assert np.max(np.abs(solution.balance)) < 1e-6 * solution.dissipation[-1]
    assert bool(np.ptp(solution.mass) < 1e-12) is spherical


def test_linear_relaxation_has_four_names() -> None:
    # MMD flow of MMD^2/2 = Fisher-Rao flow of KL(pi | mu) = flat Fisher-Rao flow of chi^2/2 = pi + e^-t (mu_0 - pi).
    for mesh in (LINE, PLANE):
        pi = target(mesh)
        exact = pi + math.exp(-0.5) * (start(mesh) - pi)
        for energy, geometry in (
            (MaximumMeanDiscrepancy(WIDE, pi), DeKernelizedFisherRao(WIDE)),
            (MaximumMeanDiscrepancy(WIDE, pi), Spherical(DeKernelizedFisherRao(WIDE))),
            (ReverseKullbackLeibler(pi), FisherRao()),
            (ReverseKullbackLeibler(pi), Spherical(FisherRao())),
            (chi_squared(pi), FlatFisherRao(pi)),
        ):
            solution = run(energy, geometry, mesh)
            assert norm(mesh, solution.density[-1] - exact) < 1e-12
            assert np.max(np.abs(solution.balance)) < 1e-6 * solution.dissipation[-1]


def test_energy_of_the_mmd_flow_of_mmd_decays_exactly() -> None:
    solution = run(MaximumMeanDiscrepancy(WIDE, target(LINE)), 1.5 * DeKernelizedFisherRao(WIDE), LINE)
    assert solution.energy[-1] == pytest.approx(math.exp(-2 * 1.5 * 0.5) * solution.energy[0], rel=1e-10)


def test_wasserstein_flow_of_kl_is_the_flat_flow_of_chi_squared() -> None:
    for mesh in (LINE, RING, PLANE):
        pi = target(mesh)
        one = run(KullbackLeibler(pi), Wasserstein(), mesh, 0.02)
        two = run(chi_squared(pi), FlatWasserstein(pi), mesh, 0.02)
        assert norm(mesh, one.density[-1] - two.density[-1]) < 1e-12
        for solution in (one, two):
            assert np.max(np.abs(solution.balance)) < 1e-6 * solution.dissipation[-1]


def test_flat_both_is_diffusion_times_relaxation() -> None:
    pi = target(RING)
    both = run(chi_squared(pi), 0.1 * FlatWasserstein(pi) + 2.0 * FlatFisherRao(pi))
    alone = run(chi_squared(pi), 0.1 * FlatWasserstein(pi))
    exact = pi + math.exp(-2.0 * 0.5) * (alone.density[-1] - pi)
    assert norm(RING, both.density[-1] - exact) < 1e-13


def test_ift_flow_of_mmd_decays_at_least_at_twice_its_rate_and_keeps_mass() -> None:
    pi = target(LINE)
    energy = MaximumMeanDiscrepancy(WIDE, pi)
    for geometry in (
        Wasserstein() + 1.5 * DeKernelizedFisherRao(WIDE),
        Wasserstein() + Spherical(1.5 * DeKernelizedFisherRao(WIDE)),
    ):
        solution = run(energy, geometry, LINE)
        assert solution.energy[-1] < math.exp(-2 * 1.5 * 0.5) * solution.energy[0]
        # c = 0: the spherical flow is the plain one, whose mass stays by itself.
        assert solution.mass[-1] == pytest.approx(solution.mass[0], abs=1e-9)


def test_sums_of_dekernelized_rates_share_one_force() -> None:
    mesh, xi = RING, smooth(RING, 4)
    one, two = DeStein(WIDE, 0.01), DeKernelizedFisherRao(WIDE, 0.01)
    both = (one + two).onsager(mesh, start(mesh)).apply(xi)
    apart = one.onsager(mesh, start(mesh)).apply(xi) + two.onsager(mesh, start(mesh)).apply(xi)
    np.testing.assert_allclose(both, apart, rtol=1e-12)


def test_local_regression_of_a_constant_force_is_the_force() -> None:
    ones = np.ones(LINE.shape)
    for geometry in (LocalRegressionFisherRao(WIDE), SymmetrizedRegressionFisherRao(GaussianKernel(1e-3))):
        growth = geometry.onsager(LINE, start(LINE)).growth(3 * ones)
        np.testing.assert_allclose(growth, 3 * ones, rtol=1e-12)


@pytest.mark.parametrize(
    "made", [LocalRegressionFisherRao, SymmetrizedRegressionFisherRao], ids=["nadaraya-watson", "symmetrized"]
)
def test_local_regression_approaches_fisher_rao_at_second_order_in_the_bandwidth(
    made: type[LocalRegressionFisherRao],
) -> None:
    mesh = Cartesian(400, 0.0, 1.0, "periodic")
    energy = KullbackLeibler(target(mesh))
    xi, density = energy.first_variation(mesh, start(mesh)), start(mesh)
    errors = [
        norm(mesh, density * (made(GaussianKernel(h)).onsager(mesh, density).growth(xi) - xi)) for h in (0.02, 0.01)
    ]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)


def test_log_fast_diffusion_of_the_markov_kernel_obeys_the_maximum_principle() -> None:
    # K^-1 = (1 - l^2 d^2)/(2 l) for exp(-r/l) on the circle: mu' = l/2 (log mu)'' - log(mu)/(2 l).
    mesh = Cartesian(64, 0.0, 1.0, "periodic")
    datum = np.where(mesh.centers[0] < 0.5, 0.0517, 0.0517 * 48)
    flow = GradientFlow(mesh, KullbackLeibler(np.ones(64)), DeKernelizedFisherRao(LaplaceKernel(0.05)))
    solution = solve(flow, datum, [0.0, 0.002, 0.01], rtol=1e-4)
    assert solution.status == "complete"
    assert solution.minimum.min() >= 0.0517 * (1 - 1e-6)


def test_loss_of_sign_ends_the_run_with_its_reason() -> None:
    # K^-1 K is the identity only without regularization: with it the flow pulls mass from where there is none.
    mesh = Cartesian(64, -4.0, 4.0)
    x = mesh.centers[0]
    pi, mu = (np.exp(-((x - c) ** 2) / 0.1) + 1e-12 for c in (-1.0, 1.0))
    flow = GradientFlow(
        mesh, MaximumMeanDiscrepancy(GaussianKernel(0.5), pi), DeKernelizedFisherRao(GaussianKernel(0.5), 0.1)
    )
    solution = solve(flow, mu, [0.0, 1.0], rtol=1e-4)
    assert solution.status == "failed" and "does not keep it positive" in solution.message


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: DeKernelizedFisherRao(WIDE, -1.0), "regularization"),
        (lambda: DeStein(WIDE, math.inf), "regularization"),
        (lambda: FlatFisherRao(np.array([1.0, 0.0])), "above zero"),
        (lambda: LocalRegressionFisherRao(PolynomialKernel(1, 1.0)), "nonnegative kernel"),
        (lambda: FlatWasserstein(np.ones(3), 0.0), "transport"),
    ],
)
def test_unusable_numbers_are_refused(build: Callable[[], object], words: str) -> None:
    with pytest.raises(MudotError, match=words):
        build()


def test_spherical_mmd_flow_of_mmd_refuses_another_mass() -> None:
    pi = target(LINE)
    flow = GradientFlow(LINE, MaximumMeanDiscrepancy(WIDE, pi), Spherical(DeKernelizedFisherRao(WIDE)))
    solution = solve(flow, 2 * start(LINE), [0.0, 1.0])
    assert solution.status == "failed" and "Hilbert space" in solution.message

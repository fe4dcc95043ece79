"""Flows in flat, de-kernelized, interaction-force and local-regression geometries: books, rates, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    JensenShannon,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    PowerDivergence,
    chi_squared,
)
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    DeStein,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    LocalRegressionFisherRao,
    LocalRegressionWasserstein,
    Spherical,
    SymmetrizedRegressionFisherRao,
    SymmetrizedRegressionWasserstein,
    Wasserstein,
    kernel_sobolev_fisher,
)
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel, PolynomialKernel
from tests.solvers.flow_cases import Pair, assert_books_in_order, completed

LINE = Cartesian(40, 0.0, 1.0)
RING = Cartesian(40, 0.0, 1.0, "periodic")
MESHES = {"line": LINE, "ring": RING}
WIDE = GaussianKernel(0.2)


def target(mesh: Cartesian) -> np.ndarray:
    x = mesh.coordinates
    density = 1 + 0.5 * np.cos(2 * np.pi * x[0]) * np.cos(2 * np.pi * x[-1]) * np.ones(mesh.shape)
    return np.asarray(density / integrate(mesh, density))


def start(mesh: Cartesian) -> np.ndarray:
    density = target(mesh) * (1 + 0.6 * np.sin(2 * np.pi * mesh.coordinates[0]))
    return np.asarray(density / integrate(mesh, density))


FLOWS: dict[str, Pair] = {
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
    assert_books_in_order(completed(mesh, *FLOWS[name](target(mesh)), start(mesh), [0.0, 0.05, 0.2], 1e-6), 1e-6)


@pytest.mark.parametrize("spherical", [False, True])
def test_ift_flow_of_kl_balances_and_stays_positive(spherical: bool) -> None:
    inverse = DeKernelizedFisherRao(GaussianKernel(0.1), 0.1)
    geometry = 0.1 * Wasserstein() + (Spherical(inverse) if spherical else inverse)
    solution = completed(RING, KullbackLeibler(target(RING)), geometry, start(RING), [0.0, 0.005, 0.02], 1e-5)
    assert_books_in_order(solution, 1e-6)
    assert bool(np.ptp(solution.mass) < 1e-12) is spherical


def test_energy_of_the_mmd_flow_of_mmd_decays_exactly() -> None:
    energy, geometry = MaximumMeanDiscrepancy(WIDE, target(LINE)), 1.5 * DeKernelizedFisherRao(WIDE)
    solution = completed(LINE, energy, geometry, start(LINE), [0.0, 0.5], 1e-6)
    assert solution.energy[-1] == pytest.approx(math.exp(-2 * 1.5 * 0.5) * solution.energy[0], rel=1e-10)


def test_ift_flow_of_mmd_decays_at_least_at_twice_its_rate_and_keeps_mass() -> None:
    pi = target(LINE)
    energy = MaximumMeanDiscrepancy(WIDE, pi)
    for geometry in (
        Wasserstein() + 1.5 * DeKernelizedFisherRao(WIDE),
        Wasserstein() + Spherical(1.5 * DeKernelizedFisherRao(WIDE)),
    ):
        solution = completed(LINE, energy, geometry, start(LINE), [0.0, 0.5], 1e-6)
        assert solution.energy[-1] < math.exp(-2 * 1.5 * 0.5) * solution.energy[0]
        # c = 0: the spherical flow is the plain one, whose mass stays by itself.
        assert solution.mass[-1] == pytest.approx(solution.mass[0], abs=1e-9)


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

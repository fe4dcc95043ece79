"""Reaction flows with kernels against exact solutions, identities between flows, and each other."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    JensenShannon,
    Kale,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    Moreau,
    PowerDivergence,
    Renyi,
    ReverseKullbackLeibler,
)
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelApproximateFisherRao,
    KernelizedFisherRao,
    Spherical,
    Stein,
    Wasserstein,
)
from mudot.solvers.kernels.functions import (
    EnergyDistanceKernel,
    GaussianKernel,
    LaplaceKernel,
    PolynomialKernel,
)
from tests.solvers.flow_cases import (
    assert_books_in_order,
    assert_derivative,
    completed,
    decay_of_wave,
    neutral,
    normal,
)

LINE = Cartesian(96, -5.0, 5.0)
TORUS = Cartesian(64, 0.0, 1.0, "periodic")
SMALL, RIDGE = GaussianKernel(0.08), 0.03


def run(energy: Energy, geometry: Geometry, start: np.ndarray, stop: float, rtol: float) -> Solution:
    return completed(LINE, energy, geometry, start, [0.0, stop / 3, stop], rtol)


# --- exact solutions -------------------------------------------------------------------------------------------------


def test_constant_kernel_scales_the_shape_and_leaves_it() -> None:
    start, target = normal(LINE, 0.5, 1.0), normal(LINE, 0.0, 1.0, 2.0)
    solution = run(ReverseKullbackLeibler(target), KernelizedFisherRao(PolynomialKernel(1, 1e9)), start, 1e-9, 1e-9)
    shape = solution.density[-1] / start
    np.testing.assert_allclose(shape, shape[0], rtol=1e-7)


MODES: dict[str, Callable[[np.ndarray, float], tuple[Energy, Geometry, float]]] = {
    "kernelized": lambda pi, k: (KullbackLeibler(pi), KernelizedFisherRao(SMALL), k),
    "ridge": lambda pi, k: (KullbackLeibler(pi), KernelApproximateFisherRao(SMALL, RIDGE), k / (k + RIDGE)),
    "spherical ridge": lambda pi, k: (
        KullbackLeibler(pi),
        Spherical(KernelApproximateFisherRao(SMALL, RIDGE)),
        k / (k + RIDGE),
    ),
    "mmd": lambda pi, k: (MaximumMeanDiscrepancy(SMALL, pi), FisherRao(), k),
    "jensen-shannon": lambda pi, k: (JensenShannon(pi), FisherRao(), 0.25),
    "drmmd": lambda pi, k: (
        DeRegularizedMMD(SMALL, pi, RIDGE),
        Spherical(FisherRao()),
        2 * (1 + RIDGE) * k / (k + RIDGE),
    ),
    "kale": lambda pi, k: (Kale(SMALL, pi, RIDGE), Spherical(FisherRao()), (1 + RIDGE) * k / (k + RIDGE)),
    "moreau": lambda pi, k: (Moreau(SMALL, pi, RIDGE, 2.0), Spherical(FisherRao()), k / (k + RIDGE)),
}
"""Energy, geometry and linear rate by the kernel's multiplier k^ of the mode."""


@pytest.mark.parametrize("mode", [1, 2, 3])
@pytest.mark.parametrize("name", MODES)
def test_small_waves_on_the_torus_decay_at_the_linear_rate(name: str, mode: int) -> None:
    omega = 2 * math.pi * mode
    multiplier = 0.08 * math.sqrt(2 * math.pi) * math.exp(-((0.08 * omega) ** 2) / 2)
    energy, geometry, rate = MODES[name](np.ones(TORUS.shape), multiplier)
    wave = np.cos(omega * TORUS.centers[0])
    assert decay_of_wave(TORUS, energy, geometry, wave, 1e-6, 1.0, 1e-9) == pytest.approx(rate, rel=2e-6)


# --- identities ------------------------------------------------------------------------------------------------------


def test_spherical_flows_keep_mass_and_books() -> None:
    start, target = normal(LINE, 0.5, 0.6), normal(LINE, -0.3, 1.0)
    for base in (KernelizedFisherRao(GaussianKernel(0.5)), KernelApproximateFisherRao(GaussianKernel(0.5), 1e-2)):
        solution = run(KullbackLeibler(target), Spherical(base), start, 1.0, 1e-7)
        assert_books_in_order(solution, 1e-6)


def test_the_ridge_flow_lies_between_fisher_rao_and_the_kernelized_flow() -> None:
    """lambda to 0: Fisher-Rao at the same time; lambda to infinity: kernelized at time t/lambda."""
    start, target = normal(LINE, 0.5, 0.6), normal(LINE, -0.3, 1.0)
    kl, kernel = KullbackLeibler(target), GaussianKernel(0.5)
    limit = run(kl, FisherRao(), start, 1.0, 1e-7).density[-1]
    gaps = []
    for ridge in (1e-1, 1e-2, 1e-3):
        density = run(kl, KernelApproximateFisherRao(kernel, ridge), start, 1.0, 1e-7).density[-1]
        gaps.append(norm(LINE, density - limit))
    assert gaps[1] < gaps[0] / 3 and gaps[2] < gaps[1] / 3
    slow = run(kl, KernelizedFisherRao(kernel), start, 1.0, 1e-7).density[-1]
    late = []
    for ridge in (1e2, 1e3):
        density = run(kl, KernelApproximateFisherRao(kernel, ridge), start, ridge, 1e-7).density[-1]
        late.append(norm(LINE, density - slow))
    assert late[1] < 1e-3 and late[0] / late[1] == pytest.approx(10, rel=0.05)


def test_renyi_flow_is_the_flow_of_its_power_at_another_speed() -> None:
    start, target = normal(LINE, 0.5, 0.6), normal(LINE, -0.3, 1.0)
    start, target = start / integrate(LINE, start), target / integrate(LINE, target)
    renyi = run(Renyi(2.0, target), Spherical(FisherRao()), start, 1.0, 1e-9)
    assert_books_in_order(renyi, 1e-7)
    power = PowerDivergence(2.0, target)

    def speed(time: float, density: np.ndarray) -> float:
        return 2.0 / (1 + 2 * power.value(LINE, density))

    # The power's flow passes through the same densities: at the time where the energies agree.
    flow = GradientFlow(LINE, power, Spherical(FisherRao()))
    goal = power.value(LINE, renyi.density[-1])
    low, high = 0.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        density = flow.method.advance(start, middle, middle, 1e-9).density
        low, high = (middle, high) if power.value(LINE, density) > goal else (low, middle)
    assert norm(LINE, density - renyi.density[-1]) < 1e-7
    assert 0 < speed(0.0, start) < 2


def test_jensen_shannon_is_symmetric_bounded_and_balanced() -> None:
    start, target = normal(LINE, 2.0, 0.1), normal(LINE, -2.0, 0.1)
    one, two = JensenShannon(target).value(LINE, start), JensenShannon(start).value(LINE, target)
    assert one == pytest.approx(two, rel=1e-12) and 0 < one <= math.log(2) * (1 + 1e-9)
    near = run(JensenShannon(normal(LINE, 0.0, 1.0)), FisherRao(), normal(LINE, 0.5, 0.6), 3.0, 1e-7)
    assert_books_in_order(near, 1e-6)


@pytest.mark.parametrize("label", ["jensen-shannon", "renyi", "mmd"])
def test_first_variations_are_derivatives_of_the_energy(label: str) -> None:
    rng = np.random.default_rng(3)
    mesh = Cartesian.graded([[0.0, 0.3, 0.5, 1.1, 1.5]])
    target = rng.uniform(0.5, 1.5, 4)
    target /= integrate(mesh, target)
    density = rng.uniform(0.5, 1.5, 4)
    density /= integrate(mesh, density)
    energy = {
        "jensen-shannon": JensenShannon(target),
        "renyi": Renyi(1.7, target),
        "mmd": MaximumMeanDiscrepancy(LaplaceKernel(0.4), target),
    }[label]
    assert_derivative(mesh, energy, density, neutral(mesh, 3), 1e-8, 1e-5)


# --- structure -------------------------------------------------------------------------------------------------------


def test_kernels_that_are_not_positive_definite_are_refused() -> None:
    with pytest.raises(MudotError, match="positive definite"):
        KernelizedFisherRao(EnergyDistanceKernel())


def test_pairs_without_a_method_are_refused_with_the_reason() -> None:
    target = normal(LINE, 0.0, 1.0)
    with pytest.raises(MudotError, match="Wasserstein part of jensen-shannon is stiff"):
        GradientFlow(LINE, JensenShannon(target), Wasserstein() + Stein(GaussianKernel(0.5)))
    with pytest.raises(MudotError, match="spherical"):
        GradientFlow(LINE, Renyi(2.0, target), FisherRao())

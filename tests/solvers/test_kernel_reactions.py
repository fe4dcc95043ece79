"""Reaction flows with kernels against exact solutions, identities between flows, and each other."""

from __future__ import annotations

import math

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
    Renyi,
    ReverseKullbackLeibler,
)
from mudot.solvers.flows import GradientFlow, Solution, solve
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
    InverseMultiquadricKernel,
    Kernel,
    LaplaceKernel,
    PolynomialKernel,
)

LINE = Cartesian(96, -5.0, 5.0)
TORUS = Cartesian(64, 0.0, 1.0, "periodic")
PLANE = Cartesian((24, 20), (-3.0, -3.0), (3.0, 3.0))


def gaussian(mesh: Cartesian, mean: float, variance: float, mass: float = 1.0) -> np.ndarray:
    squares = sum((x - mean) ** 2 for x in mesh.coordinates)
    return mass * np.exp(-squares / (2 * variance)) / (2 * math.pi * variance) ** (mesh.dimension / 2)


def run(energy: object, geometry: Geometry, mesh: Cartesian, start: np.ndarray, stop: float, rtol: float) -> Solution:
    flow = GradientFlow(mesh, energy, geometry)  # type: ignore[arg-type]
    solution = solve(flow, start, [0.0, stop / 3, stop], rtol=rtol)
    assert solution.status == "complete", solution.message
    return solution


def assert_books_are_in_order(solution: Solution, tolerance: float) -> None:
    assert np.max(np.abs(solution.balance)) <= tolerance * solution.energy[0]
    assert np.max(np.diff(solution.energy)) <= 1e-14 * solution.energy[0]
    assert solution.minimum.min() >= 0
    if solution.flow.geometry.conserves_mass:
        np.testing.assert_allclose(solution.mass, solution.mass[0], rtol=1e-12)


# --- exact solutions -------------------------------------------------------------------------------------------------

RIDGES = {1.0: (0.3584129, 0.1890956), 1e-1: (0.0695942, 0.0259196), 1e-2: (7.55591e-3, 2.626740e-3)}
"""Quadratic kernel, Gaussians of masses 0.9 and 1.2, t = 1: how far the coefficients of log(mu/pi) and the energy are
from those of the Fisher-Rao flow, by ridge (derived: the family is closed under the flow)."""


@pytest.mark.parametrize("ridge", RIDGES)
def test_ridge_flow_with_a_quadratic_kernel_is_the_exact_one_for_every_ridge(ridge: float) -> None:
    mesh = Cartesian(160, -9.0, 9.0)
    start, target = gaussian(mesh, -0.8, 1.3, 0.9), gaussian(mesh, 0.4, 0.5, 1.2)
    energy = KullbackLeibler(target)
    smooth = run(energy, KernelApproximateFisherRao(PolynomialKernel(2, 1.0), ridge), mesh, start, 1.0, 1e-8)
    plain = run(energy, FisherRao(), mesh, start, 1.0, 1e-8)
    x = mesh.centers[0]
    features = np.stack([np.ones_like(x), math.sqrt(2) * x, x**2], axis=1)
    weight = np.sqrt(plain.density[-1])[:, None]
    gap = np.log(smooth.density[-1]) - np.log(plain.density[-1])
    eta = np.linalg.lstsq(features * weight, gap * weight[:, 0], rcond=None)[0]
    assert np.max(np.abs(eta)) == pytest.approx(RIDGES[ridge][0], rel=1e-5)
    assert smooth.energy[-1] - plain.energy[-1] == pytest.approx(RIDGES[ridge][1], rel=1e-5)
    assert_books_are_in_order(smooth, 1e-7)


def test_constant_kernel_scales_the_shape_and_leaves_it() -> None:
    start, target = gaussian(LINE, 0.5, 1.0), gaussian(LINE, 0.0, 1.0, 2.0)
    solution = run(
        ReverseKullbackLeibler(target), KernelizedFisherRao(PolynomialKernel(1, 1e9)), LINE, start, 1e-9, 1e-9
    )
    shape = solution.density[-1] / start
    np.testing.assert_allclose(shape, shape[0], rtol=1e-7)


def test_constant_data_on_the_torus_follow_the_scalar_law() -> None:
    """log|c - p| + (lambda/(k0 p)) log(|c - p|/c) = const - t for F = KL(pi|mu), k0 = int k."""
    kernel, ridge, level = GaussianKernel(0.1), 0.05, 0.7
    start, target = np.full(TORUS.shape, 2.0), np.full(TORUS.shape, level)
    geometry = KernelApproximateFisherRao(kernel, ridge)
    solution = run(ReverseKullbackLeibler(target), geometry, TORUS, start, 1.5, 1e-9)
    whole = 0.1 * math.sqrt(2 * math.pi)

    def clock(c: float) -> float:
        return math.log(abs(c - level)) + ridge / (whole * level) * math.log(abs(c - level) / c)

    for frame in solution.frames:
        assert np.ptp(frame.density) < 1e-12
        assert clock(float(frame.density[0])) == pytest.approx(clock(2.0) - frame.time, abs=1e-8)


@pytest.mark.parametrize("mode", [1, 2, 3])
@pytest.mark.parametrize("name", ["kernelized", "ridge", "spherical ridge", "mmd", "jensen-shannon"])
def test_small_waves_on_the_torus_decay_at_the_linear_rate(name: str, mode: int) -> None:
    """Rates: k^ for the kernelized, k^/(k^ + lambda) for the ridge geometry, k^ for FR of MMD^2/2, 1/4 for JS."""
    kernel, ridge = GaussianKernel(0.08), 0.03
    x, omega = TORUS.centers[0], 2 * math.pi * mode
    multiplier = 0.08 * math.sqrt(2 * math.pi) * math.exp(-((0.08 * omega) ** 2) / 2)
    target = np.ones(TORUS.shape)
    kl = KullbackLeibler(target)
    flow, rate = {
        "kernelized": ((kl, KernelizedFisherRao(kernel)), multiplier),
        "ridge": ((kl, KernelApproximateFisherRao(kernel, ridge)), multiplier / (multiplier + ridge)),
        "spherical ridge": (
            (kl, Spherical(KernelApproximateFisherRao(kernel, ridge))),
            multiplier / (multiplier + ridge),
        ),
        "mmd": ((MaximumMeanDiscrepancy(kernel, target), FisherRao()), multiplier),
        "jensen-shannon": ((JensenShannon(target), FisherRao()), 0.25),
    }[name]
    wave = np.cos(omega * x)
    size = 1e-7
    solution = run(*flow, TORUS, 1 + size * wave, 1.0, 1e-9)
    amplitudes = [2 * integrate(TORUS, (frame.density - 1) * wave) for frame in solution.frames]
    measured = -math.log(amplitudes[-1] / amplitudes[0])
    assert measured == pytest.approx(rate, rel=1e-6)


# --- identities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [GaussianKernel(0.5), LaplaceKernel(0.7), InverseMultiquadricKernel(0.6)])
@pytest.mark.parametrize("mesh", [LINE, PLANE], ids=["line", "plane"])
def test_kernelized_flow_of_reverse_kl_is_the_fisher_rao_flow_of_mmd(kernel: Kernel, mesh: Cartesian) -> None:
    start, target = gaussian(mesh, 0.5, 0.6), gaussian(mesh, -0.3, 1.0)
    one = run(ReverseKullbackLeibler(target), KernelizedFisherRao(kernel), mesh, start, 2.0, 1e-8)
    two = run(MaximumMeanDiscrepancy(kernel, target), FisherRao(), mesh, start, 2.0, 1e-8)
    assert norm(mesh, one.density[-1] - two.density[-1]) < 1e-8
    assert norm(mesh, one.density[-1] - start) > 1e-2
    assert_books_are_in_order(one, 1e-7)
    assert_books_are_in_order(two, 1e-7)


def test_spherical_flows_keep_mass_and_books() -> None:
    start, target = gaussian(LINE, 0.5, 0.6), gaussian(LINE, -0.3, 1.0)
    for base in (KernelizedFisherRao(GaussianKernel(0.5)), KernelApproximateFisherRao(GaussianKernel(0.5), 1e-2)):
        solution = run(KullbackLeibler(target), Spherical(base), LINE, start, 1.0, 1e-7)
        assert_books_are_in_order(solution, 1e-6)


def test_the_ridge_flow_lies_between_fisher_rao_and_the_kernelized_flow() -> None:
    """lambda to 0: Fisher-Rao at the same time; lambda to infinity: kernelized at time t/lambda."""
    start, target = gaussian(LINE, 0.5, 0.6), gaussian(LINE, -0.3, 1.0)
    kl, kernel = KullbackLeibler(target), GaussianKernel(0.5)
    limit = run(kl, FisherRao(), LINE, start, 1.0, 1e-7).density[-1]
    gaps = []
    for ridge in (1e-1, 1e-2, 1e-3):
        density = run(kl, KernelApproximateFisherRao(kernel, ridge), LINE, start, 1.0, 1e-7).density[-1]
        gaps.append(norm(LINE, density - limit))
    assert gaps[1] < gaps[0] / 3 and gaps[2] < gaps[1] / 3
    slow = run(kl, KernelizedFisherRao(kernel), LINE, start, 1.0, 1e-7).density[-1]
    late = []
    for ridge in (1e2, 1e3):
        density = run(kl, KernelApproximateFisherRao(kernel, ridge), LINE, start, ridge, 1e-7).density[-1]
        late.append(norm(LINE, density - slow))
    assert late[1] < 1e-3 and late[0] / late[1] == pytest.approx(10, rel=0.05)


def test_renyi_flow_is_the_flow_of_its_power_at_another_speed() -> None:
    start, target = gaussian(LINE, 0.5, 0.6), gaussian(LINE, -0.3, 1.0)
    start, target = start / integrate(LINE, start), target / integrate(LINE, target)
    renyi = run(Renyi(2.0, target), Spherical(FisherRao()), LINE, start, 1.0, 1e-9)
    assert_books_are_in_order(renyi, 1e-7)
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
    start, target = gaussian(LINE, 2.0, 0.1), gaussian(LINE, -2.0, 0.1)
    one, two = JensenShannon(target).value(LINE, start), JensenShannon(start).value(LINE, target)
    assert one == pytest.approx(two, rel=1e-12) and 0 < one <= math.log(2) * (1 + 1e-9)
    near = run(JensenShannon(gaussian(LINE, 0.0, 1.0)), FisherRao(), LINE, gaussian(LINE, 0.5, 0.6), 3.0, 1e-7)
    assert_books_are_in_order(near, 1e-6)


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
    change = rng.standard_normal(4)
    change -= integrate(mesh, change) / integrate(mesh, np.ones(4))
    step = 1e-5
    slope = (energy.value(mesh, density + step * change) - energy.value(mesh, density - step * change)) / (2 * step)
    assert integrate(mesh, energy.first_variation(mesh, density) * change) == pytest.approx(slope, rel=1e-8)


# --- structure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mesh", [LINE, PLANE], ids=["line", "plane"])
@pytest.mark.parametrize("spherical", [False, True], ids=["plain", "spherical"])
@pytest.mark.parametrize("ridge", [None, 1e-2], ids=["kernelized", "ridge"])
def test_onsager_operators_are_symmetric_positive_and_conjugate(
    mesh: Cartesian, spherical: bool, ridge: float | None
) -> None:
    rng = np.random.default_rng(5)
    kernel = LaplaceKernel(0.5)
    base = KernelizedFisherRao(kernel, 0.7) if ridge is None else KernelApproximateFisherRao(kernel, ridge, 0.7)
    geometry: Geometry = Spherical(base) if spherical else base
    onsager = geometry.onsager(mesh, rng.uniform(0.2, 1.0, mesh.shape))
    xi, eta = rng.standard_normal(mesh.shape), rng.standard_normal(mesh.shape)
    image = onsager.apply(xi)
    assert integrate(mesh, eta * image) == pytest.approx(integrate(mesh, xi * onsager.apply(eta)), rel=1e-7)
    assert (
        sum(onsager.dual(xi)) == pytest.approx(integrate(mesh, xi * image) / 2, rel=1e-9) and sum(onsager.dual(xi)) > 0
    )
    assert sum(onsager.primal(image, guess=xi)) == pytest.approx(sum(onsager.dual(xi)), rel=1e-6)
    assert sum(onsager.primal(image, guess=xi)) + sum(onsager.dual(eta)) >= integrate(mesh, eta * image) * (1 - 1e-7)
    if spherical:
        assert abs(integrate(mesh, image)) < 1e-9 * norm(mesh, image)


def test_kernels_that_are_not_positive_definite_are_refused() -> None:
    with pytest.raises(MudotError, match="positive definite"):
        KernelizedFisherRao(EnergyDistanceKernel())


def test_pairs_without_a_method_are_refused_with_the_reason() -> None:
    target = gaussian(LINE, 0.0, 1.0)
    with pytest.raises(MudotError, match="Wasserstein part of jensen-shannon is stiff"):
        GradientFlow(LINE, JensenShannon(target), Wasserstein() + Stein(GaussianKernel(0.5)))
    with pytest.raises(MudotError, match="spherical"):
        GradientFlow(LINE, Renyi(2.0, target), FisherRao())

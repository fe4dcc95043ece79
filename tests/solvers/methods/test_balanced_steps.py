"""Nonlinear transport by discrete gradients: balance at every step, positivity, mass, exact solutions."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import ChainRule as Chain
from mudot.solvers.energies import FreeEnergy, KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.interactions import Interaction
from mudot.solvers.methods.balanced_steps import BalancedSteps
from mudot.solvers.methods.discrete_gradient import DiscreteGradient
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.quotients import (
    entropy_quotient,
    entropy_quotient_slope,
    logarithm_quotient,
    logarithm_quotient_slope,
    logarithmic_growth,
    logarithmic_growth_slope,
    power_quotient,
    power_quotient_slope,
)
from mudot.solvers.stolarsky import Stolarsky, stolarsky_mean, stolarsky_slopes

LINE = Cartesian(24, -2.0, 2.0)
RING = Cartesian(20, 0.0, 1.0, "periodic")
PLANE = Cartesian((7, 6), (-1.0, -1.0), (1.0, 1.0))
POWERS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


def target(mesh: Cartesian) -> np.ndarray:
    x = mesh.coordinates
    density = np.exp(-sum(a**2 for a in x)) * (1 + 0.3 * np.sin(3 * x[0])) * np.ones(mesh.shape)
    return np.asarray(density / integrate(mesh, density))


# --- quotients and means ---------------------------------------------------------------------------------------------

QUOTIENTS = {
    "logarithm": (logarithm_quotient, logarithm_quotient_slope),
    "entropy": (entropy_quotient, entropy_quotient_slope),
    "growth": (logarithmic_growth, logarithmic_growth_slope),
    **{f"power {m}": (partial(power_quotient, m), partial(power_quotient_slope, m)) for m in (0.5, 2.0, 3.0)},
}


@pytest.mark.parametrize("name", QUOTIENTS)
def test_quotients_agree_with_high_precision_across_their_switches(name: str) -> None:
    import mpmath

    mpmath.mp.dps = 60
    exact = {
        "logarithm": lambda l: l / (mpmath.e**l - 1),
        "entropy": lambda l: l / (1 - mpmath.e**-l),
        "growth": lambda l: (mpmath.e**l - 1) / l,
    }.get(name)
    m = float(name.split()[1]) if exact is None else 0.0
    formula = exact or (lambda l: (mpmath.e ** (m * l) - 1) / (mpmath.e**l - 1))
    quotient, slope = QUOTIENTS[name]
    for size in (1e-12, 1e-4, 9.9e-4, 1.01e-3, 0.3, 5.0, 40.0, 150.0):
        for l in (size, -size):
            value = float(formula(mpmath.mpf(l)))
            assert float(quotient(np.array([l]))[0]) == pytest.approx(value, rel=2e-14)
            derivative = float(mpmath.diff(formula, mpmath.mpf(l)))
            scale = abs(derivative) + 1e-3 * abs(value)
            assert float(slope(np.array([l]))[0]) == pytest.approx(derivative, abs=1e-5 * scale)


@pytest.mark.parametrize("m", POWERS)
def test_stolarsky_means_have_the_exact_chain_rule_and_lie_between(m: float) -> None:
    rng = np.random.default_rng(0)
    a, b = 10 ** rng.uniform(-8, 2, (2, 200))
    b[:50] = a[:50] * (1 + 1e-9 * rng.standard_normal(50))
    mean = stolarsky_mean(m, a, b)
    assert np.all(mean >= np.minimum(a, b) * (1 - 1e-12)) and np.all(mean <= np.maximum(a, b) * (1 + 1e-12))
    np.testing.assert_allclose(mean, stolarsky_mean(m, b, a), rtol=1e-13)
    if m not in (0.0, 1.0):
        far = slice(50, None)
        jump = m / (m - 1) * (a ** (m - 1) - b ** (m - 1))
        np.testing.assert_allclose((mean * jump)[far], (a**m - b**m)[far], rtol=1e-10)
    by_a, by_b = stolarsky_slopes(m, a, b)
    np.testing.assert_allclose(by_a + by_b, mean, rtol=1e-12)
    shifted = stolarsky_mean(m, a * np.exp(1e-5), b) - stolarsky_mean(m, a * np.exp(-1e-5), b)
    np.testing.assert_allclose(by_a, shifted / 2e-5, atol=2e-4 * mean.max(), rtol=2e-3)


# --- chain rule and balance ------------------------------------------------------------------------------------------


def energies(mesh: Cartesian) -> dict[str, Chain]:
    x = mesh.coordinates
    well = sum(a**2 for a in x) * np.ones(mesh.shape) / 2
    pull = Interaction(lambda *d: sum(a**2 for a in d) / 2, "quadratic")
    return {
        **{f"power {p:g}": PowerDivergence(p, target(mesh)) for p in POWERS},
        "porous medium": FreeEnergy(1.0, 2.0),
        "cubic in a well": FreeEnergy(0.7, 3.0, well),
        "fast diffusion": FreeEnergy(1.0, 0.7),
        "entropy with attraction": FreeEnergy(0.5, 1.0, None, pull),
    }


NAMES = list(energies(LINE))


@pytest.mark.parametrize("mesh", [LINE, PLANE], ids=["line", "plane"])
@pytest.mark.parametrize("name", NAMES)
def test_mean_variation_is_an_exact_chain_rule(name: str, mesh: Cartesian) -> None:
    energy, rng = energies(mesh)[name], np.random.default_rng(1)
    a, b = (target(mesh) * np.exp(rng.normal(0, 1.5, mesh.shape)) for _ in range(2))
    change = integrate(mesh, energy.mean_variation(mesh, a, b) * (b - a))
    fa, fb = energy.value(mesh, a), energy.value(mesh, b)
    assert change == pytest.approx(fb - fa, abs=1e-12 * (abs(fa) + abs(fb)))
    np.testing.assert_allclose(
        energy.mean_variation(mesh, a, a), energy.first_variation(mesh, a), rtol=1e-12, atol=1e-12
    )


def method(mesh: Cartesian, energy: Chain, reaction: float = 0.0, spherical: bool = False) -> BalancedSteps:
    flux = scharfetter_gummel(mesh, energy.log_target) if isinstance(energy, PowerDivergence) else None
    parts = ("wasserstein", "fisher-rao") if reaction else ("wasserstein",)
    equation = DiscreteGradient(mesh, energy, Stolarsky(energy.exponent, flux), 1.0, reaction, spherical)
    return BalancedSteps(equation, parts)


def check_step(mesh: Cartesian, energy: Chain, start: np.ndarray, tau: float, reaction: float, spherical: bool) -> None:
    """One step, however long: balance, positivity, mass, falling energy."""
    stepper = method(mesh, energy, reaction, spherical)
    taken = stepper.booked(start, tau, tau, 0.1)
    before, after = energy.value(mesh, start), energy.value(mesh, taken.density)
    lost = sum(taken.rate) + sum(taken.slope)
    assert taken.density.min() > 0
    assert after <= before
    assert abs(after - before + lost) <= 1e-12 * (abs(before) + abs(after))
    if not reaction or spherical:
        assert integrate(mesh, taken.density) == pytest.approx(integrate(mesh, start), rel=1e-12)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    name=st.sampled_from(NAMES),
    tau=st.floats(1e-4, 10.0),
    reaction=st.sampled_from((0.0, 1.0)),
)
def test_random_steps_balance_stay_positive_and_keep_mass(seed: int, name: str, tau: float, reaction: float) -> None:
    rng = np.random.default_rng(seed)
    mesh = (LINE, RING, PLANE)[seed % 3]
    start = target(mesh) * np.exp(rng.normal(0, 1.0, mesh.shape))
    check_step(mesh, energies(mesh)[name], start, tau, reaction, bool(seed % 2))


@pytest.mark.parametrize(
    "seed", [3178, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1000))]
)  # 3178: power -1, whose forces are so large that a residual of 1e-13 of the mass is not enough
def test_a_thousand_rough_steps_balance_stay_positive_and_keep_mass(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mesh, name = (LINE, RING, PLANE)[seed % 3], NAMES[int(rng.integers(len(NAMES)))]
    tau, spread = float(10 ** rng.uniform(-6, 2)), float(rng.uniform(0.1, 3))
    start = target(mesh) * np.exp(rng.normal(0, spread, mesh.shape))
    check_step(mesh, energies(mesh)[name], start, tau, float(seed // 2 % 2), bool(seed // 4 % 2))


def test_a_start_with_neighbours_a_factor_exp_9_apart_is_solved() -> None:
    # Its rates are of the order 1e10: steps of 1e-9 and less are the longest that have a solution.
    mesh, seed = (LINE, RING, PLANE)[26324 % 3], 26324
    start = target(mesh) * np.exp(np.random.default_rng(seed).normal(0, 3.0, mesh.shape))
    check_step(mesh, energies(mesh)["cubic in a well"], start, 2.0, 0.0, False)


def test_tails_of_1e_minus_280_survive_coarse_steps() -> None:
    mesh = Cartesian(110, -2.2, 2.2)
    x = mesh.centers[0]
    energy = KullbackLeibler(np.exp(-5 * (x**2 - 1) ** 2))
    start = np.exp(-((x + 0.8) ** 2) / (2 * 0.0068))
    assert start.min() < 1e-280
    for tau in (1e-3, 0.05):
        taken = method(mesh, energy).booked(start, tau, tau, 0.1)
        drop = energy.value(mesh, taken.density) - energy.value(mesh, start)
        assert taken.density.min() > 0
        assert drop + sum(taken.rate) + sum(taken.slope) == pytest.approx(0, abs=1e-8 * abs(drop))


def test_steps_are_of_second_order_against_the_exact_semigroup() -> None:
    mesh = Cartesian(60, -3.0, 3.0)
    energy = KullbackLeibler(target(mesh))
    start = target(mesh) * (1 + 0.8 * np.sin(mesh.centers[0]))
    exact = FokkerPlanck(mesh, energy.log_target).advance(start, 0.4, 0.4, 1e-9).density
    stepper, errors = method(mesh, energy), []
    for count in (8, 16, 32):
        density = start
        for _ in range(count):
            found = stepper.equation.solve(density, 0.4 / count)
            assert found is not None
            density = found.density
        errors.append(norm(mesh, density - exact))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1) and errors[1] / errors[2] == pytest.approx(4, rel=0.05)


# --- flows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("p", [p for p in POWERS if p != 1])
@pytest.mark.parametrize(
    "geometry",
    [Wasserstein(), Wasserstein() + FisherRao(), Spherical(Wasserstein() + 0.5 * FisherRao())],
    ids=["wasserstein", "both", "spherical"],
)
def test_flows_of_every_power_balance_at_the_tolerance_of_the_solver(p: float, geometry: Geometry) -> None:
    energy = PowerDivergence(p, target(LINE))
    start = target(LINE) * (1 + 0.8 * np.sin(2 * LINE.centers[0]))
    solution = solve(GradientFlow(LINE, energy, geometry), start, [0.0, 0.05, 0.5], rtol=1e-4)
    assert solution.status == "complete"
    assert np.all(np.diff(solution.energy) < 0) and solution.minimum.min() > 0
    assert np.max(np.abs(solution.balance)) < 1e-11 * solution.energy[0]
    np.testing.assert_allclose(solution.rate[-1], solution.slope[-1], rtol=1e-9)
    if geometry.conserves_mass:
        assert np.ptp(solution.mass) < 1e-12


def test_joint_flow_of_kl_agrees_with_the_splitting_of_exact_flows() -> None:
    energy = KullbackLeibler(target(LINE))
    start = target(LINE) * (1 + 0.8 * np.sin(2 * LINE.centers[0]))
    exact = solve(GradientFlow(LINE, energy, Wasserstein() + FisherRao()), start, [0.0, 0.5], rtol=1e-8)
    density, left, step = start, 0.5, 1e-3
    joint = method(LINE, energy, 1.0)
    shares = np.zeros(2)
    while left > 0:
        taken = joint.booked(density, left, step, 1e-6)
        density, step = taken.density, taken.step
        shares += np.add(taken.rate, taken.slope)
        left = left - taken.length if taken.length < left else 0.0
    assert norm(LINE, density - exact.density[-1]) < 2e-5
    # Part by part: what transport and reaction dissipate.
    np.testing.assert_allclose(shares, exact.rate[-1] + exact.slope[-1], rtol=1e-4)


@pytest.mark.parametrize(
    ("m", "constant", "bounds"), [(2, 0.360562392577, (5.6e-4, 1.8e-4)), (3, 0.183776298474, (1.5e-3, 1.9e-4))]
)
def test_barenblatt_profiles_have_the_errors_of_the_design(
    m: int, constant: float, bounds: tuple[float, float]
) -> None:
    a = 1 / (m + 1)
    k = a * (m - 1) / (2 * m)
    nodes, weights = np.polynomial.legendre.leggauss(20)

    def averages(mesh: Cartesian, t: float) -> np.ndarray:
        x = mesh.centers[0][:, None] + nodes / 2 * mesh.widths[0][0]
        return np.asarray((t**-a * np.maximum(constant - k * (x / t**a) ** 2, 0) ** (1 / (m - 1))) @ weights / 2)

    for cells, bound in zip((100, 200), bounds, strict=True):
        mesh = Cartesian(cells, -6.0, 6.0)
        flow = GradientFlow(mesh, FreeEnergy(1.0, float(m)), Wasserstein())
        solution = solve(flow, averages(mesh, 1.0), [0.0, 1.0], rtol=1e-3)
        assert solution.status == "complete" and solution.frames[-1].steps < 40
        assert norm(mesh, solution.density[-1] - averages(mesh, 2.0)) < bound
        beyond = abs(mesh.centers[0]) > math.sqrt(constant / k) * 2**a + 3 * 12 / cells
        assert float((solution.density[-1] * mesh.volumes)[beyond].max()) < 1e-10
        assert np.ptp(solution.mass) < 1e-11


def test_constant_targets_keep_what_they_are() -> None:
    for p in (0.5, 2.0, 3.0):
        pi = target(PLANE)
        solution = solve(GradientFlow(PLANE, PowerDivergence(p, pi), Wasserstein()), pi, [0.0, 1.0], rtol=1e-4)
        assert norm(PLANE, solution.density[-1] - pi) < 1e-12


def test_the_wasserstein_flow_of_chi_squared_is_the_porous_medium_flow_at_half_speed() -> None:
    # I7: with pi = 1 the flow of D_phi_p is mu' = div grad mu^p / p.
    start = 1 + 0.5 * np.cos(2 * np.pi * RING.centers[0])
    one = solve(GradientFlow(RING, PowerDivergence(2.0, np.ones(20)), Wasserstein()), start, [0.0, 0.02], rtol=1e-5)
    two = solve(GradientFlow(RING, FreeEnergy(1.0, 2.0), Wasserstein()), start, [0.0, 0.01], rtol=1e-5)
    assert norm(RING, one.density[-1] - two.density[-1]) < 1e-5


def test_restarted_runs_give_the_same_bits() -> None:
    flow = GradientFlow(LINE, PowerDivergence(2.0, target(LINE)), Wasserstein() + FisherRao())
    start = target(LINE) * (1 + 0.5 * np.sin(LINE.centers[0]))
    whole = solve(flow, start, [0.0, 0.1, 0.3], rtol=1e-4)
    again = solve(flow, start, [0.0, 0.1, 0.3], rtol=1e-4, restart=whole.frames[1])
    assert np.array_equal(again.frames[-1].density, whole.frames[-1].density)
    assert again.frames[-1].rate == whole.frames[-1].rate

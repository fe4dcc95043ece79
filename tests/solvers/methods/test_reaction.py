"""Closed forms of the Fisher-Rao flows: tables of values, invariants, and high-precision references."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.methods.reaction import PowerReaction, Vacuum
from mudot.validation.reference import FISHER_RAO_MASS, POWER_PLAIN, POWER_SPHERICAL

POWERS = (-1.0, 0.0, 0.5, 2 / 3, 1.0, 2.0, 3.0)
THREE = Cartesian.graded([[0.0, 0.2, 0.5, 1.0]])
START = np.array([2.0, 0.5, 0.9])


def reaction(power: float, spherical: bool = False, rate: float = 1.0, vacuum: Vacuum = "fills") -> PowerReaction:
    """The flow on the three cells with target one."""
    return PowerReaction(THREE, PowerDivergence(power, np.ones(3)), rate, spherical, vacuum)


def after(method: PowerReaction, density: np.ndarray, duration: float, steps: int = 1) -> np.ndarray:
    """The density after equal steps that make up the duration."""
    for _ in range(steps):
        density = method.advance(density, duration / steps, np.inf, 0.0).density
    return density


@pytest.mark.parametrize("power", POWERS)
def test_plain_flow_of_every_power_divergence_has_the_tabulated_values(power: float) -> None:
    assert np.abs(after(reaction(power), START, 1.0) - POWER_PLAIN[power]).max() < 1e-12


@pytest.mark.parametrize("power", POWERS)
def test_spherical_flow_of_every_power_divergence_has_the_tabulated_values(power: float) -> None:
    assert np.abs(after(reaction(power, spherical=True), START, 1.0) - POWER_SPHERICAL[power]).max() < 1e-12


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("power", [-7.3, *POWERS, 1 + 1e-9, 1 - 1e-6, 5.5])
def test_many_steps_equal_one(power: float, spherical: bool) -> None:
    method = reaction(power, spherical)
    whole = after(method, START, 0.7)
    for steps in (2, 7):
        assert np.abs(after(method, START, 0.7, steps) - whole).max() < 2e-13


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("power", [-2.5, *POWERS])
def test_closed_form_solves_the_equation(power: float, spherical: bool) -> None:
    """Against a direct integration of s' = -beta s (phi_p'(s) - c), independent of the substitution w = s^(1-p)."""
    weights = THREE.volumes

    def rate(_: float, s: np.ndarray) -> np.ndarray:
        force = np.log(s) if power == 1 else (s ** (power - 1) - 1) / (power - 1)
        mean = weights @ (s * force) / (weights @ s) if spherical else 0.0
        return -1.7 * s * (force - mean)

    path = solve_ivp(rate, (0.0, 0.4), START, method="DOP853", rtol=1e-13, atol=1e-14)
    assert np.abs(after(reaction(power, spherical, 1.7), START, 0.4) - path.y[:, -1]).max() < 1e-11


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_reported_rate_is_the_derivative_of_the_flow(power: float, spherical: bool) -> None:
    method, step = reaction(power, spherical, 1.7), 1e-4
    before = after(method, START, 0.5 - step)
    ahead = after(method, START, 0.5 + step)
    rate = method.rate(after(method, START, 0.5))
    assert np.abs((ahead - before) / (2 * step) - rate).max() < 1e-7


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("mass", [1e-6, 0.3, 40.0])
def test_spherical_flow_of_another_mass_is_the_one_of_unit_mass_at_another_speed(power: float, mass: float) -> None:
    scaled = after(reaction(power, True, 0.8), mass * START, 0.6)
    unit = after(reaction(power, True, 0.8 * mass ** (power - 1)), START, 0.6)
    assert np.abs(scaled / mass - unit).max() < 2e-11


def test_reverse_divergence_keeps_unit_mass_without_a_constraint() -> None:
    assert integrate(THREE, after(reaction(0.0), START, 1.3)) == pytest.approx(1.0, abs=1e-15)


@given(
    power=st.floats(-4, 4),
    logarithms=st.lists(st.floats(-280, 280), min_size=3, max_size=3),
    duration=st.floats(1e-6, 30),
)
def test_plain_flow_agrees_with_high_precision_over_the_whole_range(
    power: float, logarithms: list[float], duration: float
) -> None:
    start = 10.0 ** np.array(logarithms)
    found = after(reaction(power), start, duration)
    with mpmath.workdps(700):
        decay, q = mpmath.exp(-mpmath.mpf(duration)), 1 - mpmath.mpf(power)
        for s0, s in zip(start.tolist(), found.tolist(), strict=True):
            s0 = mpmath.mpf(s0)
            exact = s0**decay if q == 0 else (1 + (s0**q - 1) * decay) ** (1 / q)
            # exp of a logarithm of size 650 has 650 units of round-off
            assert abs(s - exact) <= mpmath.mpf(2e-12) * exact


@given(
    power=st.floats(-3, 3),
    tails=st.lists(st.floats(-250, 2), min_size=2, max_size=2),
    bulk=st.floats(-2, 2),
)
def test_spherical_flow_keeps_mass_and_sign_with_tails_and_masses_far_from_the_target(
    power: float, tails: list[float], bulk: float
) -> None:
    start = 10.0 ** np.array([*tails, bulk])
    moved = after(reaction(power, spherical=True), start, 1.0)
    assert np.all(np.isfinite(moved)) and np.all(moved >= 0)
    assert integrate(THREE, moved) == pytest.approx(integrate(THREE, start), rel=1e-14)


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("power", [1.0, 1.5, 2.0, 3.0])
def test_zero_stays_zero_for_powers_from_one_on(power: float, spherical: bool) -> None:
    moved = after(reaction(power, spherical), np.array([0.0, 2.0, 0.0]), 1.0)
    assert moved[0] == 0 and moved[2] == 0 and moved[1] > 0


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.3, 0.5])
def test_vacuum_fills_like_the_limit_of_small_data(power: float) -> None:
    filled = after(reaction(power), np.array([0.0, 2.0, 0.5]), 1.0)
    decay = np.exp(-1.0)
    assert filled[0] == pytest.approx((1 - decay) ** (1 / (1 - power)), rel=1e-14)
    nearly = after(reaction(power), np.array([1e-280, 2.0, 0.5]), 1.0)
    assert np.abs(filled - nearly).max() < 1e-14


@pytest.mark.parametrize("duration", [1e-30, 1e-17, 1e-9, 1e-3])
@pytest.mark.parametrize("power", [-1.0, 0.0, 0.25, 0.5])
def test_vacuum_fills_from_the_first_instant(power: float, duration: float) -> None:
    """s = (1 - e^-t)^(1/(1-p)), which is t^(1/(1-p)) at first, also where e^-t rounds to one."""
    filled = after(reaction(power), np.array([0.0, 2.0, 0.5]), duration)[0]
    assert filled == pytest.approx((-np.expm1(-duration)) ** (1 / (1 - power)), rel=1e-12, abs=0)


@pytest.mark.parametrize("power", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("spherical", [False, True])
def test_vacuum_stays_on_request_between_zero_and_one(power: float, spherical: bool) -> None:
    start = np.array([0.0, 2.0, 1.2])
    stays = after(reaction(power, spherical, vacuum="stays"), start, 1.0)
    fills = after(reaction(power, spherical, vacuum="fills"), start, 1.0)
    assert stays[0] == 0 and fills[0] > 0
    if spherical:
        assert integrate(THREE, stays) == pytest.approx(1.2, rel=1e-15)
        assert integrate(THREE, fills) == pytest.approx(1.2, rel=1e-15)


@pytest.mark.parametrize("vacuum", ["fills", "stays"])
def test_vacuum_always_fills_for_powers_up_to_zero(vacuum: Vacuum) -> None:
    assert after(reaction(-0.5, vacuum=vacuum), np.array([0.0, 1.0, 1.0]), 1e-3)[0] > 0


@pytest.mark.parametrize("power", [0.0, 0.5, 0.8])
def test_spherical_vacuum_fills_like_the_limit_of_small_data(power: float) -> None:
    filled = after(reaction(power, spherical=True), np.array([0.0, 2.0, 1.2]), 1.0)
    nearly = after(reaction(power, spherical=True), np.array([1e-280, 2.0, 1.2]), 1.0)
    assert np.abs(filled - nearly).max() < 1e-12


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("power", POWERS)
def test_target_is_stationary(power: float, spherical: bool) -> None:
    target = np.array([1e-200, 3.0, 0.7])
    method = PowerReaction(THREE, PowerDivergence(power, target), 2.0, spherical)
    assert np.abs(after(method, target, 5.0) / target - 1).max() < 3e-13
    assert np.abs(method.rate(target) / target).max() < 1e-15


@pytest.mark.parametrize("power", [-1.0, 0.5, 1.0, 2.0])
def test_energy_never_rises(power: float) -> None:
    for spherical in (False, True):
        method = reaction(power, spherical)
        path = [after(method, START, t) for t in np.linspace(0, 3, 13)]
        values = [method.energy.value(THREE, density) for density in path]
        assert np.all(np.diff(values) < 0)


# Spherical flow of KL from N(2, 1/4) to N(0, 1): precision 4 e^-t + 1 - e^-t, mean 8 e^-t / precision.
GAUSSIANS = {
    0.5: (1.720903348287, 0.354661244392, 1.676380882385),
    1.0: (1.399021636217, 0.475366886419, 1.088148402825),
    2.0: (0.770041082060, 0.711234594228, 0.3224754081002),
    4.0: (0.138893349793, 0.947914993828, 0.01034840307513),
}


def gaussian(x: np.ndarray, mean: float, variance: float) -> np.ndarray:
    """Density of N(mean, variance)."""
    return np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)


@pytest.mark.parametrize("cells", [80, 133, 320])
@pytest.mark.parametrize("time", GAUSSIANS)
def test_gaussians_stay_gaussian_with_the_exact_moments_on_every_mesh(cells: int, time: float) -> None:
    mesh = Cartesian(cells, -8.0, 8.0)
    (x,) = mesh.centers
    energy = KullbackLeibler(gaussian(x, 0, 1))
    density = after(PowerReaction(mesh, energy, spherical=True), gaussian(x, 2, 0.25), time)
    mean = integrate(mesh, x * density)
    variance = integrate(mesh, (x - mean) ** 2 * density)
    found = (mean, variance, energy.value(mesh, density))
    assert found == pytest.approx(GAUSSIANS[time], abs=1e-11, rel=0)
    stepped = after(PowerReaction(mesh, energy, spherical=True), gaussian(x, 2, 0.25), time, steps=10)
    assert np.abs(stepped - density).max() < 1e-12


@pytest.mark.parametrize("time", FISHER_RAO_MASS)
def test_plain_flow_of_gaussians_loses_and_regains_the_exact_mass(time: float) -> None:
    mesh = Cartesian(80, -8.0, 8.0)
    (x,) = mesh.centers
    method = PowerReaction(mesh, KullbackLeibler(gaussian(x, 0, 1)))
    assert integrate(mesh, after(method, gaussian(x, 2, 0.25), time)) == pytest.approx(FISHER_RAO_MASS[time], abs=1e-11)


def test_the_method_says_that_it_has_no_time_error() -> None:
    assert "spherical" in reaction(1.0, spherical=True).description
    assert "no time error" in reaction(1.0).description
    trace = [moved.density for moved in reaction(2.0).trace(START, [0.1, 0.5], np.inf, 0.0)]
    assert np.abs(trace[1] - after(reaction(2.0), START, 0.5)).max() < 1e-15

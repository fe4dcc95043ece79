"""Power divergences: values and first variations against high precision over the whole range of s and p."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    NAMED,
    Hellinger,
    KullbackLeibler,
    PowerDivergence,
    ReverseKullbackLeibler,
    chi_squared,
)

CELL = Cartesian(1, 0.0, 1.0)
POWERS = (-12.0, -3.0, -1.0, -1e-3, 0.0, 1e-3, 0.5, 2 / 3, 1 - 1e-3, 1.0, 1 + 1e-3, 1.7, 2.0, 3.0, 6.0, 20.0)


def exact_value(p: float, s: mpmath.mpf) -> mpmath.mpf:
    """phi_p(s)."""
    power = mpmath.mpf(p)
    if p == 1:
        return s * mpmath.log(s) - s + 1 if s else mpmath.mpf(1)
    if p == 0:
        return s - 1 - mpmath.log(s)
    return (s**power - power * (s - 1) - 1) / (power * (power - 1))


def exact_slope(p: float, s: mpmath.mpf) -> mpmath.mpf:
    """phi_p'(s)."""
    power = mpmath.mpf(p)
    return mpmath.log(s) if p == 1 else (s ** (power - 1) - 1) / (power - 1)


def value(p: float, density: float, target: float = 1.0) -> float:
    """D(density | target) on the unit cell."""
    return PowerDivergence(p, np.array([target])).value(CELL, np.array([density]))


def slope(p: float, density: float, target: float = 1.0) -> float:
    """First variation on the unit cell."""
    return float(PowerDivergence(p, np.array([target])).first_variation(CELL, np.array([density]))[0])


def relative(found: float, exact: mpmath.mpf) -> float:
    """Relative error."""
    return float(abs(mpmath.mpf(found) - exact) / abs(exact))


@pytest.mark.parametrize("p", POWERS)
@pytest.mark.parametrize("target", [1e-250, 1e-3, 1.0, 7e40])
@given(exponent=st.floats(-50, 30).filter(lambda e: abs(e) > 0.31))
def test_values_agree_with_high_precision_far_from_the_target(p: float, target: float, exponent: float) -> None:
    density = target * 10.0**exponent
    with mpmath.workdps(400):
        exact = mpmath.mpf(target) * exact_value(p, mpmath.mpf(density) / mpmath.mpf(target))
        if exact > mpmath.mpf(10) ** 300:
            return
        # The logarithms of density and target have as many units of round-off as they are large.
        size = 1 + max(1.0, abs(p)) * (abs(np.log(density)) + abs(np.log(target)))
        assert relative(value(p, density, target), exact) < 4e-15 * size


@pytest.mark.parametrize("p", POWERS)
def test_first_variations_agree_with_high_precision(p: float) -> None:
    for exponent in (-280, -100.5, -9, -1, -0.31, -0.1, -1e-3, 1e-3, 0.17, 0.18, 0.5, 2, 50, 280):
        density = 10.0**exponent
        with mpmath.workdps(700):
            exact = exact_slope(p, mpmath.mpf(density))
            found = slope(p, density)
            if abs(exact) > mpmath.mpf(10) ** 307:
                assert abs(found) == np.inf and np.sign(found) == mpmath.sign(exact)
                continue
            size = 1 + abs((p - 1) * exponent) * 2.4
            assert relative(found, exact) < 1e-15 * size


@pytest.mark.parametrize("p", POWERS)
@given(logarithm=st.floats(-8, -0.4), sign=st.sampled_from([-1, 1]), target=st.floats(1e-280, 1e280))
def test_value_and_slope_keep_their_digits_near_the_target(
    p: float, logarithm: float, sign: int, target: float
) -> None:
    """s - 1 from 4e-1 down to 1e-8: relative accuracy of a value of size (s - 1)^2/2."""
    density = target * (1 + sign * 10.0**logarithm)
    with mpmath.workdps(60):
        ratio = mpmath.mpf(density) / mpmath.mpf(target)
        exact, gradient = mpmath.mpf(target) * exact_value(p, ratio), exact_slope(p, ratio)
        if exact < mpmath.mpf(10) ** -290:
            return
        assert relative(value(p, density, target), exact) < 1e-13
        assert relative(slope(p, density, target), gradient) < 1e-14


@pytest.mark.parametrize("p", POWERS)
def test_target_has_no_energy_and_no_slope(p: float) -> None:
    for target in (1e-305, 0.3, 1e200):
        assert value(p, target, target) == 0
        assert slope(p, target, target) == 0


@pytest.mark.parametrize("p", POWERS)
def test_zero_density_costs_one_over_p(p: float) -> None:
    """phi_p(0) = 1/p for p > 0, infinite for p <= 0; the slope is -1/(p - 1) for p > 1, else -infinite."""
    assert value(p, 0.0) == (np.inf if p <= 0 else pytest.approx(1 / p, rel=1e-12))
    assert slope(p, 0.0) == (-np.inf if p <= 1 else pytest.approx(-1 / (p - 1), rel=1e-14))


@pytest.mark.parametrize("p", POWERS)
def test_first_variation_is_the_derivative_of_the_value(p: float) -> None:
    """Central differences in every cell of a graded mesh in two dimensions, order 4."""
    mesh = Cartesian.graded([[0, 0.2, 0.5, 1.1], [0, 0.4, 1.0]])
    rng = np.random.default_rng(4)
    target, density = np.exp(rng.normal(size=(2, 3, 2)))
    energy = PowerDivergence(p, target)
    xi = energy.first_variation(mesh, density)
    for cell in np.ndindex(3, 2):
        h = 1e-3 * density[cell] / max(1, abs(p) / 3)
        changed = []
        for k in (-2, -1, 1, 2):
            moved = density.copy()
            moved[cell] += k * h
            changed.append(energy.value(mesh, moved))
        quotient = (changed[0] - 8 * changed[1] + 8 * changed[2] - changed[3]) / (12 * h) / mesh.volumes[cell]
        assert quotient == pytest.approx(xi[cell], abs=1e-9 * max(1, np.abs(xi).max()))


@pytest.mark.parametrize("p", POWERS)
@given(s=st.floats(1e-6, 1e6))
def test_every_divergence_is_positive_and_convex(p: float, s: float) -> None:
    assert value(p, s) >= 0
    assert value(p, s) + value(p, 3 * s) >= 2 * value(p, 2 * s) * (1 - 1e-12)


def test_divergence_of_a_density_is_the_weighted_sum_over_cells() -> None:
    mesh = Cartesian.graded([[0, 0.2, 0.5, 1.0]])
    target, density = np.array([1.0, 2.0, 0.5]), np.array([0.3, 2.5, 4.0])
    for p in (-1.0, 0.0, 0.5, 1.0, 2.0):
        terms = [t * float(exact_value(p, mpmath.mpf(d / t))) for d, t in zip(density, target, strict=True)]
        assert PowerDivergence(p, target).value(mesh, density) == pytest.approx(mesh.volumes @ terms, rel=1e-13)


def test_underflowing_targets_enter_through_their_logarithms() -> None:
    """log pi = -2000: pi is zero in double precision, yet log s, KL and xi are finite and right."""
    mesh = Cartesian(2, 0.0, 2.0)
    log_target = np.array([-2000.0, -1.0])
    energy = KullbackLeibler(np.exp(log_target), log_target)
    density = np.array([1e-200, 0.5])
    xi = energy.first_variation(mesh, density)
    assert xi == pytest.approx([np.log(1e-200) + 2000, np.log(0.5) + 1], rel=1e-15)
    exact = 1e-200 * (xi[0] - 1) + 0.5 * (xi[1] - 1) + np.exp(-1)
    assert energy.value(mesh, density) == pytest.approx(exact, rel=1e-14)
    assert energy.log_ratio(np.zeros(2)).tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("p", [1.5, 2.0, 3.0])
def test_powers_above_one_cost_infinitely_much_where_the_target_vanishes(p: float) -> None:
    mesh = Cartesian(2, 0.0, 2.0)
    log_target = np.array([-4000.0, 0.0])
    energy = PowerDivergence(p, np.exp(log_target), log_target)
    assert energy.value(mesh, np.array([1.0, 1.0])) == np.inf
    assert energy.first_variation(mesh, np.array([1.0, 1.0]))[0] == np.inf


@pytest.mark.parametrize("p", [0.3, 0.5, 1.0])
def test_target_that_underflows_at_zero_density_costs_nothing(p: float) -> None:
    mesh = Cartesian(2, 0.0, 2.0)
    log_target = np.array([-4000.0, 0.0])
    energy = PowerDivergence(p, np.exp(log_target), log_target)
    assert energy.value(mesh, np.array([0.0, 1.0])) == 0


def test_names_and_constructors_go_together() -> None:
    target = np.ones(3)
    made = [KullbackLeibler(target), ReverseKullbackLeibler(target), chi_squared(target), Hellinger(target)]
    assert [energy.name for energy in made] == ["kl", "reverse-kl", "chi2", "hellinger"]
    assert {energy.name: energy.power for energy in made} == NAMED
    assert PowerDivergence(1.5, target).name == "power"


def test_named_divergences_are_their_textbook_integrals() -> None:
    mesh = Cartesian.graded([[0, 0.2, 0.5, 1.0]])
    rng = np.random.default_rng(1)
    mu, pi = rng.random((2, 3)) + 0.1
    assert KullbackLeibler(pi).value(mesh, mu) == pytest.approx(integrate(mesh, mu * np.log(mu / pi) - mu + pi))
    assert ReverseKullbackLeibler(pi).value(mesh, mu) == pytest.approx(integrate(mesh, pi * np.log(pi / mu) - pi + mu))
    assert chi_squared(pi).value(mesh, mu) == pytest.approx(integrate(mesh, (mu - pi) ** 2 / pi) / 2)
    assert Hellinger(pi).value(mesh, mu) == pytest.approx(2 * integrate(mesh, (np.sqrt(mu) - np.sqrt(pi)) ** 2))


@pytest.mark.parametrize("power", [float("nan"), float("inf"), -float("inf")])
def test_powers_that_are_not_finite_are_refused(power: float) -> None:
    with pytest.raises(MudotError, match="the power p must be a finite number"):
        PowerDivergence(power, np.ones(2))


@pytest.mark.parametrize("target", [[1.0, 0.0], [1.0, -2.0], [1.0, float("nan")], [1.0, float("inf")]])
def test_targets_without_a_finite_logarithm_are_refused(target: list[float]) -> None:
    with pytest.raises(MudotError, match=r"^target: expected [^\n]*$"):
        PowerDivergence(1.0, np.array(target))
    with pytest.raises(MudotError, match=r"^target: expected finite logarithms"):
        PowerDivergence(1.0, np.ones(2), np.array([0.0, -np.inf]))

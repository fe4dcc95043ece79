"""Reaction oracles: closed forms, reference tables, invariants, energies by cumulants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.errors import MudotError
from mudot.validation import reference
from mudot.validation.exact.reactions import (
    linear_relaxation,
    plain_power,
    spherical_hellinger,
    spherical_hellinger_affinity,
    spherical_kl_energies,
    spherical_power,
)

START, WEIGHTS = np.array(reference.POWER_START), np.array(reference.POWER_WEIGHTS)
POWERS = tuple(reference.POWER_PLAIN)


@pytest.mark.parametrize("p", POWERS)
def test_plain_flow_has_the_tabulated_ratios(p: float) -> None:
    assert np.abs(plain_power(START, p, 1.0) - reference.POWER_PLAIN[p]).max() < 5.1e-13


@pytest.mark.parametrize("p", POWERS)
def test_spherical_flow_has_the_tabulated_ratios(p: float) -> None:
    assert np.abs(spherical_power(START, WEIGHTS, p, 1.0) - reference.POWER_SPHERICAL[p]).max() < 5.1e-13


@given(st.sampled_from(POWERS), st.floats(0, 3), st.lists(st.floats(0.05, 20), min_size=1, max_size=4))
def test_plain_flow_agrees_with_its_closed_form(p: float, t: float, ratios: list[float]) -> None:
    s = np.array(ratios)
    decay = math.exp(-t)
    closed = s**decay if p == 1 else (1 + (s ** (1 - p) - 1) * decay) ** (1 / (1 - p))
    assert np.abs(plain_power(s, p, t) / closed - 1).max() < 1e-12


@pytest.mark.parametrize("p", POWERS)
def test_spherical_flow_keeps_the_mass_and_the_family_of_its_closed_form(p: float) -> None:
    """w = s^(1-p) (log s for p = 1) stays an affine image of its start: differences keep their ratios."""
    ratios = np.array([[3.0, 0.4], [1.1, 0.2]])
    weights = np.array([[0.1, 0.6], [0.5, 0.3]])
    later = spherical_power(ratios, weights, p, 1.5)
    assert np.sum(weights * later) == pytest.approx(np.sum(weights * ratios), rel=1e-12)
    before, after = (np.log(s) if p == 1 else s ** (1 - p) for s in (ratios, later))
    assert np.ptp((after - after[0, 0]).ravel()[1:] / (before - before[0, 0]).ravel()[1:]) < 1e-11


def test_relaxation_is_linear_for_the_reverse_divergence() -> None:
    later = plain_power(START, 0.0, 0.7)
    assert np.abs(WEIGHTS * later - linear_relaxation(WEIGHTS * START, WEIGHTS, 0.7)).max() < 1e-13
    assert np.array_equal(linear_relaxation(START, WEIGHTS, 0.7, reaction=2), linear_relaxation(START, WEIGHTS, 1.4))


@pytest.mark.parametrize("t", [0.0, 0.2, 1.0, 6.0])
def test_closed_form_for_one_half_agrees_with_integration_and_its_affinity(t: float) -> None:
    closed = spherical_hellinger(START, WEIGHTS, t)
    assert np.abs(closed - spherical_power(START, WEIGHTS, 0.5, t)).max() < 1e-12
    affinity = spherical_hellinger_affinity(START, WEIGHTS, t)
    assert affinity == pytest.approx(float(np.sum(WEIGHTS * np.sqrt(closed))), rel=1e-14)
    energy = np.sum(WEIGHTS * (closed - 2 * np.sqrt(closed) + 1) * 2)
    assert 4 * (1 - affinity) == pytest.approx(energy, rel=1e-12, abs=1e-15)


def test_closed_form_for_one_half_fills_empty_cells() -> None:
    empty = np.array([0.0, 1.25, 1.25])
    assert np.all(spherical_hellinger(empty, WEIGHTS, 0.1) > 0)
    nearly = np.array([1e-24, 1.25, 1.25])
    assert np.abs(spherical_hellinger(empty, WEIGHTS, 1.0) - spherical_power(nearly, WEIGHTS, 0.5, 1.0)).max() < 1e-11


def test_closed_form_for_one_half_asks_for_unit_masses() -> None:
    with pytest.raises(MudotError, match="unit masses"):
        spherical_hellinger(2 * START, WEIGHTS, 1.0)


@pytest.mark.parametrize("t", [0.0, 0.5, 2.0])
def test_energies_by_cumulants_are_those_of_the_flow(t: float) -> None:
    s = spherical_power(START, WEIGHTS, 1.0, t)
    forward, reverse = spherical_kl_energies(np.log(START), WEIGHTS, t)
    assert forward == pytest.approx(np.sum(WEIGHTS * s * np.log(s)), rel=1e-11)
    assert reverse == pytest.approx(-np.sum(WEIGHTS * np.log(s)), rel=1e-11)


@pytest.mark.parametrize("t", [2.0, 4.0])
def test_the_series_of_cumulants_gives_the_gaussian_reference_energies(t: float) -> None:
    """log(rho0/pi) = a x^2 + b x + c under N(0, 1) has kappa_n = 2^(n-1) (n-1)! a^n + 2^(n-2) n! a^(n-2) b^2 / 2."""
    a, b, decay, orders = -1.5, 8.0, math.exp(-t), range(2, 90)
    square = sum((2 * a * decay) ** n / (2 * n) * (n - 1) for n in orders)
    linear = sum((2 * a * decay) ** (n - 2) * (n - 1) for n in orders) * (b * decay) ** 2 / 2
    assert abs(square + linear - reference.SPHERICAL_FISHER_RAO[t].kl) < 5.1e-13


def test_empty_cells_are_refused_where_the_solution_is_not_unique() -> None:
    with pytest.raises(MudotError, match="positive ratios"):
        plain_power(np.array([0.0, 1.0]), 0.5, 1.0)

"""The logarithmic mean and the Bernoulli function against 50 digits, across every switch of formula."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.solvers.means import bernoulli, logarithmic_mean

TENS = st.floats(-300, 300)
POSITIVE = TENS.map(lambda e: 10.0**e)


def exact_mean(a: float, b: float) -> mpmath.mpf:
    """(a - b)/(log a - log b)."""
    a, b = mpmath.mpf(a), mpmath.mpf(b)
    return a if a == b else (a - b) / mpmath.log(a / b)


def mean(a: float, b: float) -> float:
    """One logarithmic mean."""
    return float(logarithmic_mean(np.array([a]), np.array([b]))[0])


def check(a: float, b: float) -> None:
    """Relative 1e-14, and the bounds of every mean."""
    with mpmath.workdps(50):
        exact = exact_mean(a, b)
        assert abs(mean(a, b) - exact) <= mpmath.mpf(1e-14) * exact
    assert min(a, b) * (1 - 1e-15) <= mean(a, b) <= max(a, b) * (1 + 1e-15)
    assert mean(a, b) == mean(b, a)


@given(a=POSITIVE, b=POSITIVE)
def test_logarithmic_mean_over_six_hundred_orders(a: float, b: float) -> None:
    check(a, b)


@given(a=POSITIVE, logarithm=st.floats(-16, 1))
def test_logarithmic_mean_of_close_numbers(a: float, logarithm: float) -> None:
    check(a, a * (1 + 10.0**logarithm))


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150])
def test_logarithmic_mean_across_the_ratio_where_the_formula_changes(scale: float) -> None:
    for ratio in (1e299, 0.99e300, 1e300, 1.01e300, 1e301):
        if scale * ratio < 1e305:
            check(scale, scale * ratio)
        if scale / ratio > 1e-305:
            check(scale, scale / ratio)


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_logarithmic_mean_of_neighbouring_numbers(scale: float) -> None:
    neighbour = scale
    for _ in range(5):
        neighbour = float(np.nextafter(neighbour, np.inf))
        check(scale, neighbour)


def test_logarithmic_mean_with_zero_is_zero() -> None:
    for b in (0.0, 1e-300, 1.0, 1e300):
        assert mean(0.0, b) == 0 and mean(b, 0.0) == 0


def test_logarithmic_mean_of_subnormal_numbers_stays_between_them() -> None:
    for a, b in ((1e-310, 1e-320), (5e-324, 1.0), (1e-315, 1e-300), (5e-324, 5e-324)):
        assert 0 <= mean(a, b) <= max(a, b)


def test_logarithmic_mean_of_large_arrays_is_the_one_of_their_entries() -> None:
    """Arrays beyond one block of the cache give the same numbers."""
    a, b = 10.0 ** np.random.default_rng(0).uniform(-300, 300, size=(2, 3, 40_000))
    whole = logarithmic_mean(a, b)
    assert whole.shape == a.shape
    assert np.array_equal(whole[1, 777:790], logarithmic_mean(a[1, 777:790], b[1, 777:790]))
    assert np.array_equal(whole[2, -5:], logarithmic_mean(a[2, -5:], b[2, -5:]))


def check_bernoulli(z: float) -> None:
    """Both values of the pair to relative 1e-14 where they are normal numbers."""
    low, high = (float(value[0]) for value in bernoulli(np.array([z])))
    with mpmath.workdps(50):
        for found, argument in ((low, mpmath.mpf(z)), (high, -mpmath.mpf(z))):
            exact = argument / mpmath.expm1(argument) if argument else mpmath.mpf(1)
            if exact < mpmath.mpf(10) ** -305:
                assert 0 <= found < 1e-304
            else:
                assert abs(found - exact) <= mpmath.mpf(1e-14) * exact


@given(sign=st.sampled_from([-1.0, 1.0]), logarithm=st.floats(-12, 3.3))
def test_bernoulli_pair_from_1e_12_to_beyond_overflow(sign: float, logarithm: float) -> None:
    check_bernoulli(sign * 10.0**logarithm)


@pytest.mark.parametrize("z", [0.0, -0.0, 1e-300, 5e-324, 1e-17, 2e-16, 0.25, 1.0, 36.7, 37.5, 50.0, 690.0, 708.0])
def test_bernoulli_pair_at_special_arguments(z: float) -> None:
    check_bernoulli(z)
    check_bernoulli(-z)


@pytest.mark.parametrize("z", [745.0, 746.0, 1e4, 1e300])
def test_bernoulli_of_huge_arguments_is_upwind(z: float) -> None:
    low, high = bernoulli(np.array([z, -z]))
    assert low.tolist() == [pytest.approx(0.0, abs=1e-300), z]
    assert high.tolist() == [z, pytest.approx(0.0, abs=1e-300)]


@given(z=st.floats(-600, 600))
def test_bernoulli_pair_differs_by_its_argument(z: float) -> None:
    low, high = bernoulli(np.array([z]))
    assert high[0] - low[0] == pytest.approx(z, rel=1e-15, abs=1e-15)

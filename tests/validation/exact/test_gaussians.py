"""Gaussian densities: cell averages against high precision, divergences against quadrature."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from mudot.meshes.averages import integrate, log_average
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.validation.exact.gaussians import Gaussian, kl, log_probability

COVARIANCE = [[1.0, 0.3, -0.2], [0.3, 0.7, 0.1], [-0.2, 0.1, 0.5]]


def exact_log_probability(lower: float, upper: float) -> float:
    """In 80 digits, mirrored into the lower tail where nothing cancels."""
    if lower + upper > 0:
        lower, upper = -upper, -lower
    with mpmath.workdps(80):
        return float(mpmath.log(mpmath.ncdf(mpmath.mpf(upper)) - mpmath.ncdf(mpmath.mpf(lower))))


@given(st.floats(-35, 35), st.floats(-4, 1.5))
def test_log_probability_is_exact_to_round_off_in_centre_and_tails(lower: float, log_width: float) -> None:
    upper = lower + 10**log_width
    value = float(log_probability(np.array(lower), np.array(upper)))
    # Round-off of the coordinates alone changes the logarithm by about |x|^2 eps.
    assert abs(value - exact_log_probability(lower, upper)) <= 4e-16 * (20 + max(abs(lower), abs(upper)) ** 2)


@pytest.mark.parametrize("width", [0.9999999, 1.0000001])
@pytest.mark.parametrize("lower", [-8.5, -0.6, -0.5, -0.3, 0.0, 7.4, 7.6])
def test_log_probability_agrees_on_both_sides_of_its_switch(lower: float, width: float) -> None:
    value = float(log_probability(np.array(lower), np.array(lower + width)))
    assert abs(value - exact_log_probability(lower, lower + width)) < 4e-14


def test_cell_averages_on_a_graded_mesh_in_three_dimensions_sum_to_the_mass() -> None:
    faces = [np.concatenate([[-40.0, -7.0], np.linspace(-3, 3, 8), [9.0, 40.0]])] * 3
    mesh = Cartesian.graded(faces)
    gaussian = Gaussian([0.5, -1.0, 0.0], np.diag([1.0, 0.2, 4.0]), mass=2.5)
    assert integrate(mesh, gaussian.cell_averages(mesh)) == pytest.approx(2.5, rel=1e-14)


def test_log_cell_averages_are_finite_where_the_averages_underflow() -> None:
    mesh = Cartesian(200, -60.0, 60.0)
    logs = Gaussian(0.0, 1.0).log_cell_averages(mesh)
    assert Gaussian(0.0, 1.0).cell_averages(mesh).min() == 0
    assert logs[0] == pytest.approx(exact_log_probability(-60, -59.4) - np.log(0.6), rel=1e-15)


def test_axis_aligned_averages_agree_with_gauss_quadrature() -> None:
    mesh = Cartesian((30, 24), (-4.0, -3.0), (4.0, 3.0))
    gaussian = Gaussian([0.3, -0.2], [[0.5, 0.0], [0.0, 1.5]], mass=0.7)
    quadrature = log_average(mesh, gaussian.log_density, points=10)
    assert np.abs(gaussian.log_cell_averages(mesh) - quadrature).max() < 1e-13


def test_correlated_averages_have_the_exact_marginal() -> None:
    mesh = Cartesian((40, 60), (-4.0, -9.0), (4.0, 9.0))
    averages = Gaussian([0.3, -0.2], [[0.5, 0.4], [0.4, 1.5]], mass=0.7).cell_averages(mesh)
    marginal = averages.sum(axis=1) * mesh.widths[1][0]
    line = Cartesian(40, -4.0, 4.0)
    assert np.abs(marginal - Gaussian(0.3, 0.5, mass=0.7).cell_averages(line)).max() < 1e-8


def test_log_density_agrees_with_scipy_in_three_dimensions() -> None:
    points = np.random.default_rng(1).normal(size=(50, 3)) * 3
    gaussian = Gaussian([1.0, -0.5, 0.2], COVARIANCE, mass=3.0)
    expected = np.log(3.0) + multivariate_normal(gaussian.mean, gaussian.covariance).logpdf(points)
    assert np.abs(gaussian.log_density(*points.T) - expected).max() < 1e-12


def test_kl_agrees_with_quadrature_for_any_masses_and_correlations() -> None:
    mu = Gaussian([0.5, -0.3], [[0.6, 0.2], [0.2, 0.8]], mass=0.7)
    pi = Gaussian([0.0, 0.2], [[1.0, -0.3], [-0.3, 0.9]], mass=1.3)
    axis = np.linspace(-8, 8, 321)
    x, y = np.ix_(axis, axis)
    log_mu, log_pi = mu.log_density(x, y), pi.log_density(x, y)
    integrand = np.exp(log_mu) * (log_mu - log_pi) - np.exp(log_mu) + np.exp(log_pi)
    assert kl(mu, pi) == pytest.approx(integrand.sum() * (axis[1] - axis[0]) ** 2, rel=1e-12)


def test_kl_of_equal_gaussians_is_zero_and_of_products_the_sum() -> None:
    same = Gaussian([1.0, -0.5, 0.2], COVARIANCE, mass=3.0)
    assert abs(kl(same, same)) < 1e-14
    product = kl(Gaussian([2.0, 1.0], np.diag([0.25, 3.0])), Gaussian([0.0, 0.0], np.eye(2)))
    parts = kl(Gaussian(2.0, 0.25), Gaussian(0.0, 1.0)) + kl(Gaussian(1.0, 3.0), Gaussian(0.0, 1.0))
    assert product == pytest.approx(parts, rel=1e-14)


@pytest.mark.parametrize(
    ("mean", "covariance", "mass", "message"),
    [
        ([0.0, 0.0], 1.0, 1.0, "d x d covariance"),
        ([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]], 1.0, "positive definite"),
        ([0.0, 0.0], [[1.0, 0.2], [0.1, 1.0]], 1.0, "symmetric"),
        (0.0, 1.0, 0.0, "positive mass"),
        (float("nan"), 1.0, 1.0, "finite"),
    ],
)
def test_what_is_no_gaussian_is_refused(mean: object, covariance: object, mass: float, message: str) -> None:
    with pytest.raises(MudotError, match=message):
        Gaussian(mean, covariance, mass)  # type: ignore[arg-type]


def test_a_mesh_of_other_dimension_is_refused() -> None:
    with pytest.raises(MudotError, match="expected 1 axes"):
        Gaussian(0.0, 1.0).cell_averages(Cartesian((2, 2), (0.0, 0.0), (1.0, 1.0)))

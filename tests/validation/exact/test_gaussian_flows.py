"""Gaussian solutions: the partial differential equation, closed forms against integration, reference numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm

from mudot.meshes.errors import MudotError
from mudot.validation import reference
from mudot.validation.exact.gaussian_flows import (
    fisher_rao,
    hellinger_kantorovich,
    hellinger_kantorovich_on_the_line,
    ornstein_uhlenbeck,
)
from mudot.validation.exact.gaussians import Gaussian, kl

START, TARGET = Gaussian(2.0, 0.25), Gaussian(0.0, 1.0)
LIGHT = Gaussian(2.0, 0.25, mass=0.5)
START_3D = Gaussian([1.0, -0.5, 0.7], [[0.6, 0.2, 0.0], [0.2, 0.5, -0.1], [0.0, -0.1, 0.3]], mass=0.7)
TARGET_3D = Gaussian([0.2, 0.3, -0.4], [[1.0, -0.4, 0.2], [-0.4, 0.9, 0.1], [0.2, 0.1, 1.4]], mass=1.6)
HALF_A_UNIT = 5.1e-13
"""Reference numbers with twelve decimals are correctly rounded."""


def shape_distance(a: Gaussian, b: Gaussian) -> float:
    """Largest difference of mean, covariance and mass."""
    differences = a.mean - b.mean, a.covariance - b.covariance, np.array(a.mass - b.mass)
    return max(float(np.abs(difference).max()) for difference in differences)


def residual(flow: Callable[[float], Gaussian], target: Gaussian, t: float, a: float, b: float) -> float:
    """Largest residual of d/dt l = a (Laplace xi + grad l . grad xi) - b xi, l = log mu, xi = l - log pi, relative to
    the largest term; central differences are exact for quadratics in space and of order six in time."""
    points = np.random.default_rng(3).normal(size=(20, target.dimension))
    gap, step = 0.25, 0.01

    def logs(density: Gaussian, shift: np.ndarray) -> np.ndarray:
        return density.log_density(*(points + shift).T)

    here = flow(t)
    weights = {1: 45, 2: -9, 3: 1}
    origin = np.zeros(target.dimension)
    rate = sum(w * (logs(flow(t + k * step), origin) - logs(flow(t - k * step), origin)) for k, w in weights.items())
    xi = logs(here, origin) - logs(target, origin)
    transport = np.zeros_like(xi)
    for axis in np.eye(target.dimension) * gap:
        l_plus, l_minus = logs(here, axis), logs(here, -axis)
        xi_plus, xi_minus = l_plus - logs(target, axis), l_minus - logs(target, -axis)
        transport += (xi_plus - 2 * xi + xi_minus) / gap**2
        transport += (l_plus - l_minus) * (xi_plus - xi_minus) / (2 * gap) ** 2
    difference = rate / (60 * step) - a * transport + b * xi
    return float(np.abs(difference).max() / (np.abs(a * transport).max() + np.abs(b * xi).max()))


def test_ornstein_uhlenbeck_solves_the_fokker_planck_equation_in_three_dimensions() -> None:
    assert residual(lambda t: ornstein_uhlenbeck(START_3D, TARGET_3D, t), TARGET_3D, 0.4, 1.0, 0.0) < 1e-8


def test_fisher_rao_solves_the_reaction_equation_in_three_dimensions() -> None:
    assert residual(lambda t: fisher_rao(START_3D, TARGET_3D, t, 0.8), TARGET_3D, 0.4, 0.0, 0.8) < 1e-8


def test_hellinger_kantorovich_solves_its_equation_in_three_dimensions() -> None:
    flow = lambda t: hellinger_kantorovich(START_3D, TARGET_3D, t, 0.7, 1.3)  # noqa: E731
    assert residual(flow, TARGET_3D, 0.4, 0.7, 1.3) < 1e-8


@pytest.mark.parametrize("t", [0.0, 0.3, 5.0])
def test_hellinger_kantorovich_without_reaction_is_ornstein_uhlenbeck(t: float) -> None:
    both = hellinger_kantorovich(START_3D, TARGET_3D, t, 0.7, 0.0)
    assert shape_distance(both, ornstein_uhlenbeck(START_3D, TARGET_3D, t, 0.7)) < 1e-12


@pytest.mark.parametrize("t", [0.0, 0.3, 5.0])
def test_hellinger_kantorovich_without_transport_is_fisher_rao(t: float) -> None:
    both = hellinger_kantorovich(START_3D, TARGET_3D, t, 0.0, 0.7)
    assert shape_distance(both, fisher_rao(START_3D, TARGET_3D, t, 0.7)) < 1e-12


def test_hellinger_kantorovich_agrees_with_the_exponential_of_its_hamiltonian_matrix() -> None:
    a, b, t, d = 0.7, 1.3, 0.6, 3
    precision = np.linalg.inv(TARGET_3D.covariance)
    half = b / 2 * np.eye(d) - a * precision
    flow = expm(t * np.block([[-half.T, b * precision], [2 * a * np.eye(d), half]]))
    columns = flow @ np.vstack([np.eye(d), START_3D.covariance])
    x, y = columns[:d], columns[d:]
    mean = TARGET_3D.mean + np.exp(-b * t / 2) * np.linalg.solve(x.T, START_3D.mean - TARGET_3D.mean)
    density = hellinger_kantorovich(START_3D, TARGET_3D, t, a, b)
    assert np.abs(density.covariance - y @ np.linalg.inv(x)).max() < 1e-12
    assert np.abs(density.mean - mean).max() < 1e-12


@given(st.floats(-3, 3), st.floats(0.1, 5), st.floats(0.2, 3), st.floats(0, 2), st.floats(0.1, 2), st.floats(0, 3))
def test_closed_form_on_the_line_agrees_with_integration(
    mean: float, variance: float, target: float, transport: float, reaction: float, t: float
) -> None:
    problem = Gaussian(mean, variance), Gaussian(0.5, target), t, transport, reaction
    density = hellinger_kantorovich(*problem)
    center, spread = hellinger_kantorovich_on_the_line(*problem)
    assert abs(density.mean[0] - center) < 2e-12 * max(1.0, abs(mean))
    assert abs(density.covariance[0, 0] - spread) < 2e-12 * max(variance, target)


def test_closed_form_on_the_line_is_refused_in_the_plane() -> None:
    with pytest.raises(MudotError, match="on the line"):
        hellinger_kantorovich_on_the_line(Gaussian([0, 0], np.eye(2)), TARGET, 1.0)


def test_spherical_flows_keep_the_mass_and_share_the_shape() -> None:
    plain = hellinger_kantorovich(START_3D, TARGET_3D, 0.8)
    spherical = hellinger_kantorovich(START_3D, TARGET_3D, 0.8, spherical=True)
    assert spherical.mass == START_3D.mass
    assert shape_distance(spherical, Gaussian(plain.mean, plain.covariance, START_3D.mass)) == 0
    reaction, kept = fisher_rao(START_3D, TARGET_3D, 0.8), fisher_rao(START_3D, TARGET_3D, 0.8, spherical=True)
    assert kept.mass == START_3D.mass
    assert shape_distance(kept, Gaussian(reaction.mean, reaction.covariance, START_3D.mass)) == 0


def test_mass_of_the_fisher_rao_flow_is_the_integral_of_the_geometric_path() -> None:
    x = np.linspace(-14, 14, 2001)
    for t in reference.FISHER_RAO_MASS:
        a = np.exp(-t)
        path = np.exp(a * LIGHT.log_density(x) + (1 - a) * TARGET.log_density(x))
        assert fisher_rao(LIGHT, TARGET, t).mass == pytest.approx(path.sum() * (x[1] - x[0]), rel=1e-12)


@pytest.mark.parametrize("t", reference.ORNSTEIN_UHLENBECK)
def test_ornstein_uhlenbeck_has_the_reference_moments(t: float) -> None:
    density, expected = ornstein_uhlenbeck(START, TARGET, t), reference.ORNSTEIN_UHLENBECK[t]
    assert abs(density.mean[0] - expected.mean) < HALF_A_UNIT
    assert abs(density.covariance[0, 0] - expected.variance) < HALF_A_UNIT
    assert abs(kl(density, TARGET) - expected.kl) < 5.1e-14


def test_ornstein_uhlenbeck_in_three_dimensions_has_the_reference_divergence() -> None:
    start, target = Gaussian([2.0] * 3, np.eye(3) / 4), Gaussian([0.0] * 3, np.eye(3))
    assert abs(kl(ornstein_uhlenbeck(start, target, 1.0), target) - reference.ORNSTEIN_UHLENBECK_KL_3D) < 1.1e-13


@pytest.mark.parametrize("t", reference.SPHERICAL_FISHER_RAO)
def test_spherical_fisher_rao_has_the_reference_moments(t: float) -> None:
    density, expected = fisher_rao(START, TARGET, t, spherical=True), reference.SPHERICAL_FISHER_RAO[t]
    assert abs(density.mean[0] - expected.mean) < HALF_A_UNIT
    assert abs(density.covariance[0, 0] - expected.variance) < HALF_A_UNIT
    assert abs(kl(density, TARGET) - expected.kl) < HALF_A_UNIT


@pytest.mark.parametrize("t", reference.FISHER_RAO_MASS)
def test_fisher_rao_has_the_reference_mass(t: float) -> None:
    assert abs(fisher_rao(START, TARGET, t).mass - reference.FISHER_RAO_MASS[t]) < HALF_A_UNIT


@pytest.mark.parametrize("t", reference.HELLINGER_KANTOROVICH)
def test_hellinger_kantorovich_has_the_reference_shape_and_mass(t: float) -> None:
    density, expected = hellinger_kantorovich(LIGHT, TARGET, t), reference.HELLINGER_KANTOROVICH[t]
    assert abs(density.mean[0] - expected.mean) < HALF_A_UNIT
    assert abs(density.covariance[0, 0] - expected.variance) < HALF_A_UNIT
    assert abs(density.mass - expected.mass) < HALF_A_UNIT


def slopes(t: float) -> tuple[float, float]:
    """int |grad xi|^2 dmu and int xi^2 dmu from the moments of the exact solution; xi is quadratic."""
    density = hellinger_kantorovich(LIGHT, TARGET, t)
    m, s = float(density.mean[0]), float(density.covariance[0, 0])
    xi = np.polynomial.Polynomial([np.log(density.mass) - np.log(s) / 2 - m**2 / (2 * s), m / s, (1 - 1 / s) / 2])
    nodes, weights = np.polynomial.hermite_e.hermegauss(6)
    x, w = m + np.sqrt(s) * nodes, density.mass * weights / np.sqrt(2 * np.pi)
    return float(w @ xi.deriv()(x) ** 2), float(w @ xi(x) ** 2)


def test_energy_drops_of_the_two_parts_are_the_reference_ones_and_sum_to_the_total() -> None:
    transport, reaction = (quad(lambda t, i=i: slopes(t)[i], 0, 0.5, epsabs=0, epsrel=1e-12)[0] for i in (0, 1))
    assert abs(transport - reference.ENERGY_DROPS["wasserstein"]) < 1e-12
    assert abs(reaction - reference.ENERGY_DROPS["fisher-rao"]) < 1e-12
    total = kl(LIGHT, TARGET) - kl(hellinger_kantorovich(LIGHT, TARGET, 0.5), TARGET)
    assert transport + reaction == pytest.approx(total, rel=1e-12)

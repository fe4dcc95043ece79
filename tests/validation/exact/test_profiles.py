"""Stationary profiles and the spreading step: their equations and boundary values."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.validation.exact.profiles import (
    convection_diffusion,
    harmonic_function,
    layered_profile,
    step_diffusion,
    step_diffusion_averages,
)


@pytest.mark.parametrize(("velocity", "diffusion", "source"), [(10.0, 1.0, 0.0), (2.0, 0.7, 1.3), (-3.0, 0.5, -2.0)])
def test_convection_diffusion_solves_its_equation(velocity: float, diffusion: float, source: float) -> None:
    """The flux D phi' + u phi loses S dx; six-point differences."""
    length, x, h = 1.5, np.linspace(0.1, 1.4, 14), 4e-3

    def phi(points: np.ndarray) -> np.ndarray:
        return convection_diffusion(points, length, diffusion, velocity, source)

    slope = sum(w * (phi(x + k * h) - phi(x - k * h)) for k, w in {1: 45, 2: -9, 3: 1}.items()) / (60 * h)
    flux = diffusion * slope + velocity * phi(x) + source * x
    assert np.ptp(flux) < 1e-8 * np.abs(flux).max()
    assert phi(np.array([0.0, length])) == pytest.approx([0.0, 1.0], abs=1e-15)


@pytest.mark.parametrize("peclet", [1e-3, 1.0, 1e3])
def test_profile_is_exact_for_every_peclet_number_and_mirrored_by_the_velocity(peclet: float) -> None:
    x, diffusion = np.linspace(0, 1, 11), 1e-3 / peclet
    profile = convection_diffusion(x, 1.0, diffusion, 1.0)
    with mpmath.workdps(40):
        rate = 1 / mpmath.mpf(diffusion)
        exact = [float(mpmath.expm1(-rate * mpmath.mpf(y)) / mpmath.expm1(-rate)) for y in x]
    assert profile == pytest.approx(exact, rel=1e-14)
    mirrored = convection_diffusion(1 - x, 1.0, diffusion, -1.0)
    assert np.abs(mirrored - (1 - profile)).max() < 1e-14


def test_convection_diffusion_refuses_a_vanishing_velocity() -> None:
    with pytest.raises(MudotError, match="other than 0"):
        convection_diffusion(np.zeros(1), 1.0, 1.0, 0.0)


def test_layered_profile_is_continuous_with_unit_flux_in_every_layer() -> None:
    length = 3.0
    x = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 0.9]) * length
    assert np.diff(layered_profile(x, length))[::2] / np.diff(x)[::2] == pytest.approx([1, 10, 1])
    for seam in (length / 4, 3 * length / 4):
        below, above = layered_profile(np.array([seam - 1e-12, seam + 1e-12]), length)
        assert abs(above - below) < 1e-10
    assert float(layered_profile(np.array(0.0), length)) == 0


def test_harmonic_function_has_its_boundary_values_and_no_laplacian() -> None:
    side = np.linspace(0, 2 * np.pi, 9)
    for wall in (0.0, 2 * np.pi):
        assert np.abs(harmonic_function(side, np.array(wall)) - np.sin(side)).max() < 1e-14
        assert np.abs(harmonic_function(np.array(wall), side) - np.sin(side)).max() < 1e-14
    x, y, h = side[1:-1], 1.3, 1e-3
    shifts = [(h, 0), (-h, 0), (0, h), (0, -h)]
    total = sum(harmonic_function(x + a, np.array(y + b)) for a, b in shifts)
    assert np.abs(total - 4 * harmonic_function(x, np.array(y))).max() / h**2 < 1e-6


def test_step_diffusion_solves_the_heat_equation_from_the_step() -> None:
    x, t, h, k = np.linspace(-3, 3, 13), 0.8, 0.02, 1e-3
    second = step_diffusion(x + h, t) - 2 * step_diffusion(x, t) + step_diffusion(x - h, t)
    rate = step_diffusion(x, t + k) - step_diffusion(x, t - k)
    assert np.abs(second / h**2 - rate / (2 * k)).max() < 1e-4
    assert step_diffusion(np.array([-1.0, 0.0, 1.0]), 1e-6) == pytest.approx([2, 1, 0])


def test_step_averages_are_exact_relative_to_themselves_even_in_the_tail() -> None:
    mesh = Cartesian.graded([[-50.0, -20.0, -1.0, 0.5, 2.0, 2.1, 12.0, 20.0, 20.5]])
    t, edges = 0.7, mesh.edges[0]
    with mpmath.workdps(60):
        exact = [
            float(mpmath.quad(lambda x: mpmath.erfc(x / mpmath.sqrt(4 * mpmath.mpf(t))), [a, (a + b) / 2, b]) / (b - a))
            for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
        ]
    assert step_diffusion_averages(mesh, t) == pytest.approx(exact, rel=2e-13)

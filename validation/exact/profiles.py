"""Stationary profiles of convection and diffusion, and the spreading of a step."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfc, erfcx

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError


def convection_diffusion(
    x: np.ndarray, length: float, diffusion: float, velocity: float, source: float = 0.0
) -> np.ndarray:
    """phi of (D phi' + u phi)' + S = 0, phi(0) = 0, phi(L) = 1, for u != 0 of either sign.

    phi = -S x/u + (1 + S L/u) (1 - exp(-u x/D))/(1 - exp(-u L/D)) (Patankar 1980, section 5.2, for S = 0); no
    Peclet number overflows. Exact at the nodes for the Scharfetter-Gummel flux when S = 0.

    >>> convection_diffusion(np.array([0.0, 1.0, 10.0]), length=10.0, diffusion=1.0, velocity=10.0).round(6)
    array([0.      , 0.999955, 1.      ])
    """
    if velocity == 0:
        raise MudotError("convection-diffusion: expected a velocity other than 0")
    rate, slope = velocity / diffusion, source / velocity
    if rate > 0:
        layer = np.expm1(-rate * x) / math.expm1(-rate * length)
    else:
        layer = np.exp(rate * (length - x)) * np.expm1(rate * x) / math.expm1(rate * length)
    return np.asarray(-slope * x + (1 + slope * length) * layer)


def layered_profile(x: np.ndarray, length: float) -> np.ndarray:
    """phi of (D phi')' = 0, phi(0) = 0, D phi'(L) = 1, with D = 1, 1/10, 1 before L/4, up to 3L/4, and beyond."""
    middle = 10 * x - 9 * length / 4
    return np.where(x < length / 4, x, np.where(x < 3 * length / 4, middle, x + 18 * length / 4))


def harmonic_function(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The solution of Laplace's equation on [0, 2 pi]^2 that is sin x where y = 0, 2 pi and sin y where x = 0, 2 pi."""
    waves = np.cosh(math.pi - y) * np.sin(x) + np.cosh(math.pi - x) * np.sin(y)
    return np.asarray(waves / math.cosh(math.pi))


def step_diffusion(x: np.ndarray, t: float) -> np.ndarray:
    """rho = erfc(x/(2 sqrt t)) of rho_t = rho_xx on the line, from 2 for x < 0 and 0 for x > 0 (Crank 1975, 2.14)."""
    return np.asarray(erfc(x / (2 * math.sqrt(t))))


def step_diffusion_averages(mesh: Cartesian, t: float) -> np.ndarray:
    """Exact cell averages of `step_diffusion`, shape `mesh.shape` (one axis).

    rho(-x) = 2 - rho(x) brings every part of a cell to x > 0, where the average is small and positive.
    """
    edges, scale = mesh.edges[0], 2 * math.sqrt(t)
    right = _beyond(np.maximum(edges, 0.0) / scale)
    left = _beyond(np.maximum(-edges, 0.0) / scale)
    filled = 2 * np.diff(np.minimum(edges, 0.0))
    mass = scale * (right[:-1] - right[1:]) + filled - scale * (left[1:] - left[:-1])
    return np.asarray(mass / np.diff(edges))


def _beyond(y: np.ndarray) -> np.ndarray:
    """The integral of erfc from y to infinity, y >= 0 (Abramowitz and Stegun 1964, 7.2.5)."""
    return np.asarray(np.exp(-(y**2)) * (1 / math.sqrt(math.pi) - y * erfcx(y)))

"""Kernels on boxes with periodic axes: the sum over all images, in any dimension.

The images of a Gaussian factorise. A Matern kernel is a mixture of Gaussians over their variance, and so are its sums
over images in two and three dimensions; the quadrature of the mixture replaces (45 h / period)^d images by about a
hundred products.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce

import numpy as np

from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel, MaternKernel, RadialKernel, divergent

Periods = Sequence[float | None]
"""The period of each periodic axis, None for the others."""


def periodised(kernel: RadialKernel, lags: Sequence[np.ndarray], periods: Periods) -> np.ndarray:
    """The kernel at separations |x - y| = `lags`, one array per axis (they broadcast), summed over the images.

    Lags are in [0, period] on periodic axes. On one axis and for Gaussians the relative error is 1e-15, else the
    absolute one. Raises MudotError where the sum diverges.

    >>> ring = periodised(LaplaceKernel(0.1), [np.array([0.0, 0.5])], [1.0])
    >>> ring.round(6)
    array([1.000091, 0.013477])
    """
    if kernel.separable or len(lags) == 1:
        return reduce(np.multiply, [on_axis(kernel, r, period) for r, period in zip(lags, periods, strict=True)])
    if all(period is None for period in periods):
        return kernel.profile(_length(lags))
    if isinstance(kernel, (LaplaceKernel, MaternKernel)):
        return _mixture_images(kernel, lags, periods)
    raise divergent(kernel)


def on_axis(kernel: RadialKernel, r: np.ndarray, period: float | None) -> np.ndarray:
    """The kernel of one coordinate at distances r, summed over the images where there is a period."""
    return kernel.profile(r) if period is None else kernel.on_ring(r, period)


def _length(lags: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.sqrt(reduce(np.add, [np.square(r) for r in lags])))


def _mixture_images(kernel: LaplaceKernel | MaternKernel, lags: Sequence[np.ndarray], periods: Periods) -> np.ndarray:
    nearest = [r if period is None else np.minimum(r, period - r) for r, period in zip(lags, periods, strict=True)]
    distance = _length(nearest)
    apart = distance > 0
    weights, widths = _mixture(kernel, float(distance[apart].min()) if apart.any() else kernel.bandwidth)
    # What the quadrature leaves out is too narrow to reach any other point.
    total = np.where(apart, 0.0, 1 - weights.sum())
    for weight, width in zip(weights, widths, strict=True):
        gaussian = GaussianKernel(float(width))
        factors = [on_axis(gaussian, r, period) for r, period in zip(nearest, periods, strict=True)]
        total += reduce(np.multiply, [weight * factors[0], *factors[1:]])
    return total


def _mixture(kernel: LaplaceKernel | MaternKernel, smallest: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights and widths of Gaussians whose sum is the kernel to 1e-16 at distances >= `smallest`.

    k(r) = 1/Gamma(nu) int t^(nu-1) exp(-t - a^2/(4t)) dt, a = sqrt(2 nu) r/h, by the trapezoidal rule in log t: the
    integrand is analytic in a strip of half width pi/2, so that a step of 1/5 leaves about exp(-5 pi^2).
    """
    nu, step = kernel.nu, 0.2
    a = math.sqrt(2 * nu) * smallest / kernel.bandwidth
    lowest = 2 * math.log(a) - math.log(4 * 45)
    log_t = np.arange(math.floor(lowest / step), math.ceil(math.log(60.0) / step) + 1) * step
    t = np.exp(log_t)
    weights = step * np.exp(nu * log_t - t - math.lgamma(nu))
    return weights, kernel.bandwidth * np.sqrt(t / nu)

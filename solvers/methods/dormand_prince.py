"""The embedded Runge-Kutta pair of Dormand and Prince 1980 of order 5(4), first same as last, with local
extrapolation, and its proportional-integral step control (Gustafsson 1991)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from mudot.meshes.arrays import Array
from mudot.solvers.compiled import fused

STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
"""Weights of the earlier slopes in each stage; the last stage is the new value."""
ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
"""Weights of all slopes in the difference of the two orders."""

_ORDER = 5
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 4.0


def interpolation(share: float) -> np.ndarray:
    """Weights of all slopes for the solution at a share of the step, order 4 (Shampine 1986), as SciPy tabulates them.

    >>> np.allclose(interpolation(1.0)[:6], STAGES[-1])
    True
    """
    from scipy.integrate import RK45  # a tenth of a second that few runs need

    return np.asarray(RK45.P @ share ** np.arange(1, 5))


def combined(weights: Sequence[float], slopes: Sequence[Array]) -> Array:
    """sum of weights times slopes: in one pass on a device, by array passes on the host."""
    kernels = fused(slopes[0])
    return _by_passes(weights, slopes) if kernels is None else kernels.combination(weights, slopes)


def _by_passes(weights: Sequence[float], slopes: Sequence[Array]) -> Array:
    total = weights[0] * slopes[0]
    for weight, slope in zip(weights[1:], slopes[1:], strict=True):
        if weight:
            total = total + weight * slope
    return total


def after_rejection(ratio: float) -> float:
    """The factor of the step after an error of `ratio` > 1 times its tolerance (inf where there is no result).

    >>> after_rejection(float("inf"))
    0.2
    """
    return max(_SHRINK, _SAFETY * math.pow(ratio, -1 / _ORDER))


def after_success(ratio: float, before: float) -> float:
    """The factor of the step after an error of `ratio` <= 1 times its tolerance, `before` that of the step before.

    >>> after_success(1e-10, 1.0)
    4.0
    """
    factor = _SAFETY * math.pow(ratio, -0.7 / _ORDER) * math.pow(before, 0.4 / _ORDER)
    return min(_GROW, max(_SHRINK, factor))

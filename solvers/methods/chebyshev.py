"""exp(t A) by the Chebyshev series on the spectrum: about sqrt(Lambda t) products instead of Lambda t.

With P = I + A/Lambda (spectrum in [-1, 1]) and z = Lambda t, exp(t A) = sum_k c_k T_k(P), c_0 = e^-z I_0(z),
c_k = 2 e^-z I_k(z) (Tal-Ezer and Kosloff 1984). A is self-adjoint in L2(1/pi), so the error is relative to the L2(1/pi) norm of the data:
in a cell it is about eps sqrt(pi_K / |K|) |rho|, which is nothing in the bulk and may be everything in the tail.
Therefore the result comes with a certificate (`resolved`), and whoever calls falls back on uniformization without it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special

from mudot.meshes.arrays import Array, array_module

_MARGIN = 1e-9
"""A cell counts as resolved where its value in L2(1/pi) scaling exceeds this share of the norm: the relative error
there is then about 1e-6 or less, and far less in the bulk."""


def products(rate_time: float) -> float:
    """Expected number of matrix products for Lambda t = `rate_time`."""
    return 1.15 * math.sqrt(2 * rate_time * 37) + 12


def coefficients(rate_time: float) -> np.ndarray:
    """c_k, k = 0, 1, ..., down to round-off; positive, scaled to sum 1 so that mass is exact."""
    length = int(products(rate_time)) + 40
    series = scipy.special.ive(np.arange(length), rate_time)
    series[1:] *= 2
    keep = int(np.max(np.nonzero(series > 1e-18)[0])) + 1
    return np.asarray(series[:keep] / series[:keep].sum())


def apply_exponential(step: Any, rate: float, density: Array, duration: float) -> Array:
    """exp(duration A) density for flat `density` of either sign, shape (cells,); P = `step` = I + A/rate."""
    weights = coefficients(rate * duration)
    before, now = density, step @ density
    total = float(weights[0]) * before + (float(weights[1]) * now if weights.size > 1 else 0.0)
    for weight in weights[2:]:
        after = step @ now
        after *= 2
        after -= before
        before, now = now, after
        total += float(weight) * now
    return total


def resolved(log_scale: Array, start: Array, result: Array) -> bool:
    """Whether every cell of the result stands clear of the error of the series.

    log_scale: log sqrt(|K| / pi_K), shape (cells,); start, result: flat densities
    """
    xp = array_module(result)
    if not bool((result > 0).all()):
        return False
    tiny = np.finfo(float).tiny
    first = xp.log(xp.maximum(start, tiny)) + log_scale
    top = float(first.max())
    log_norm = top + 0.5 * math.log(float(xp.exp(2 * (first - top)).sum()))
    return float((xp.log(result) + log_scale).min()) > log_norm + math.log(_MARGIN)

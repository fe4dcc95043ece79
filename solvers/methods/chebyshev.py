"""exp(t A) by the Chebyshev series on the spectrum: about sqrt(Lambda t) products instead of Lambda t.

With P = I + A/Lambda (spectrum in [-1, 1]) and z = Lambda t, exp(t A) = sum_k c_k T_k(P), c_0 = e^-z I_0(z),
c_k = 2 e^-z I_k(z) (Tal-Ezer and Kosloff 1984). A is self-adjoint in L2(1/pi), so the error is relative to the
L2(1/pi) norm of the data: in a cell it is about eps sqrt(pi_K / |K|) |rho|, nothing in the bulk, everything in a tail.
Therefore the result comes with a certificate (`resolved`), and whoever calls falls back on uniformization without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special

from mudot.meshes.arrays import Array, array_module
from mudot.solvers.methods.series import Gathered
from mudot.solvers.products import recurrence

_MARGIN = 1e-13
"""A cell counts as resolved where its value in L2(1/pi) scaling exceeds this share of the norm. Round-off was measured
at 3e-17 of the norm, so the outermost tail has three digits at least, and the bulk all of them."""


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


def apply_exponentials(step: Any, rate: float, density: Array, durations: Sequence[float]) -> Array:
    """exp(t A) density for every t in `durations`, shape (durations, cells), from one recurrence.

    step: P = I + A/rate;   density: flat, of either sign, shape (cells,)
    The Chebyshev vectors do not depend on t: they are made once, and gathered in small batches, so that all results
    are updated by one matrix product per batch.
    """
    series = [coefficients(rate * duration) for duration in durations]
    table = np.zeros((len(series), max(c.size for c in series)))
    for row, c in zip(table, series, strict=True):
        row[: c.size] = c
    sums = Gathered(table, density)
    before, now = density, density
    advance = recurrence(step, table.shape[1])
    for k in range(table.shape[1]):
        if k == 1:
            now = step @ density
        elif k > 1:
            before, now = now, advance(now, before)
        sums.add(now)
    sums.flush()
    return sums.total


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

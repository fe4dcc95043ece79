"""exp(t A) by the Chebyshev series on the spectrum: about sqrt(Lambda t) products instead of Lambda t.

With P = I + A/Lambda (spectrum in [-1, 1]) and z = Lambda t, exp(t A) = sum_k c_k T_k(P), c_0 = e^-z I_0(z),
c_k = 2 e^-z I_k(z) (Tal-Ezer and Kosloff 1984). A is self-adjoint in L2(1/pi), so the error is relative to the
L2(1/pi) norm of the data: nothing in the bulk, everything in a tail. What it knows of each cell is said in `tails`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.special

from mudot.meshes.arrays import Array
from mudot.solvers.methods.series import series
from mudot.solvers.products import Rates


def products(rate_time: float) -> float:
    """Expected number of matrix products for Lambda t = `rate_time`."""
    return math.sqrt(2 * rate_time * 38) + 12


def coefficients(rate_time: float) -> np.ndarray:
    """c_k, k = 0, 1, ..., down to round-off; positive, scaled to sum 1 so that mass is exact."""
    length = int(1.3 * products(rate_time)) + 40
    terms = scipy.special.ive(np.arange(length), rate_time)
    terms[1:] *= 2
    keep = int(np.max(np.nonzero(terms > 1e-17)[0])) + 1
    return np.asarray(terms[:keep] / terms[:keep].sum())


def apply_exponentials(rates: Rates, density: Array, durations: Sequence[float], spare: bool = False) -> Array:
    """exp(t A) density for every t in `durations`, shape (durations, cells), from one recurrence.

    rates: the generator A;   density: flat, of either sign, shape (cells,), written over where it is `spare`
    The Chebyshev vectors do not depend on t: they are made once.
    """
    rate = rates.radius / 2
    rows = [coefficients(rate * duration) for duration in durations]
    table = np.zeros((len(rows), max(c.size for c in rows)))
    for row, c in zip(table, rows, strict=True):
        row[: c.size] = c
    sums = series(rates, rate, density, table, doubled=True, spare=spare)
    sums.extend(table.shape[1] - 1)
    return sums.total

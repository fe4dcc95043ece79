"""Resolvents of tridiagonal generators by LAPACK: the twin of `compiled.resolvents`, which need not be loaded for it.

The elimination without subtraction that is told there makes the factors, LAPACK sweeps with them, shift by shift.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg.lapack import zgttrs


def factor(right: np.ndarray, left: np.ndarray, shifts: np.ndarray, pivots: np.ndarray) -> None:
    """As `compiled.resolvents.factor`: cell by cell, since every pivot needs the one before, for all shifts at once."""
    z = shifts[0] + 1j * shifts[1]
    q, found = z, np.empty(pivots.shape[1:], complex)
    for i, (go, back) in enumerate(zip(right.tolist(), [*left[1:].tolist(), 0.0], strict=True)):
        np.reciprocal(q + go, out=found[i])
        q = z + back * (q * found[i])
    pivots[0], pivots[1] = found.real, found.imag


def few(
    right: np.ndarray, left: np.ndarray, pivots: np.ndarray, weights: np.ndarray, lines: np.ndarray, found: np.ndarray
) -> None:
    """As `compiled.resolvents.few`, for any number of lines."""
    n = right.size
    inverse, weight = pivots[0] + 1j * pivots[1], weights[0] + 1j * weights[1]
    order, fill, upper = np.arange(1, n + 1, dtype=np.int32), np.zeros(max(0, n - 2), complex), -left[1:] + 0j
    given = np.asfortranarray(lines, complex)
    for k in range(weight.size):
        lower = -right[:-1] * inverse[:-1, k]
        solved, _ = zgttrs(lower, 1 / inverse[:, k], upper, fill, order, weight[k] * given, overwrite_b=True)
        found[0] += solved.real
        found[1] += -solved.imag if k % 2 else solved.imag
        found[2] += np.abs(solved.real)
        found[2] += np.abs(solved.imag)


def many(
    right: np.ndarray,
    left: np.ndarray,
    pivots: np.ndarray,
    weights: np.ndarray,
    lines: np.ndarray,
    found: np.ndarray,
    block: int,
) -> None:
    """As `compiled.resolvents.many`; blocks play no part."""
    few(right, left, pivots, weights, lines, found)

"""Sums over pairs of particles with the Gaussian kernel k(x, y) = exp(-|x - y|^2 / (2 h^2)), in blocks of rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

_BLOCK = 1 << 22
"""Pairs held at a time."""


def gram(x: np.ndarray, y: np.ndarray, bandwidth: float) -> np.ndarray:
    """k(x_i, y_j), shape (n, m).

    >>> gram(np.zeros((1, 2)), np.ones((1, 2)), 1.0).round(6)
    array([[0.367879]])
    """
    matrix = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None]
    # Everything happens in one place of memory: most of the time of a particle method passes here.
    matrix -= 2 * x @ y.T
    np.maximum(matrix, 0, out=matrix)
    matrix /= -2 * bandwidth**2
    return np.asarray(np.exp(matrix, out=matrix))


def by_rows(x: np.ndarray, y: np.ndarray) -> Iterator[slice]:
    """Slices of x so that no block has more than a few million pairs."""
    rows = max(1, _BLOCK // max(1, y.shape[0]))
    for start in range(0, x.shape[0], rows):
        yield slice(start, start + rows)


def _blockwise(x: np.ndarray, y: np.ndarray, work: Callable[[slice], np.ndarray]) -> np.ndarray:
    return np.concatenate([work(rows) for rows in by_rows(x, y)])


def embedding(x: np.ndarray, y: np.ndarray, weights: np.ndarray, bandwidth: float) -> np.ndarray:
    """sum_j k(x_i, y_j) w_j for weights of shape (m,) or (m, c)."""
    return _blockwise(x, y, lambda rows: gram(x[rows], y, bandwidth) @ weights)


def embedding_gradient(x: np.ndarray, y: np.ndarray, weights: np.ndarray, bandwidth: float) -> np.ndarray:
    """The gradient by x of sum_j k(x, y_j) w_j, shape (n, d)."""

    def work(rows: slice) -> np.ndarray:
        k = gram(x[rows], y, bandwidth) * weights
        return np.asarray(-(x[rows] * k.sum(axis=1)[:, None] - k @ y) / bandwidth**2)

    return _blockwise(x, y, work)


def mmd_squared(x: np.ndarray, weights: np.ndarray, y: np.ndarray, masses: np.ndarray, bandwidth: float) -> float:
    """|sum w_i k(x_i, .) - sum v_j k(y_j, .)|^2 in the kernel's Hilbert space."""
    parts = (
        weights @ embedding(x, x, weights, bandwidth)
        - 2 * weights @ embedding(x, y, masses, bandwidth)
        + masses @ embedding(y, y, masses, bandwidth)
    )
    return max(0.0, float(parts))

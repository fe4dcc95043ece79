"""Observed orders of convergence, Richardson extrapolation, and powers of noisy errors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def orders(sizes: Sequence[float], errors: Sequence[float]) -> np.ndarray:
    """Observed orders between successive meshes: log(e_i/e_{i+1}) / log(n_{i+1}/n_i), shape (len - 1,).

    >>> orders([10, 20, 40], [4e-2, 1e-2, 2.5e-3])
    array([2., 2.])
    """
    n, e = np.asarray(sizes, dtype=float), np.abs(np.asarray(errors, dtype=float))
    return np.asarray(np.log(e[:-1] / e[1:]) / np.log(n[1:] / n[:-1]))


def richardson(coarse: float, fine: float, order: float = 2.0) -> float:
    """The value extrapolated from meshes of widths h and h/2 with errors proportional to h^order.

    >>> richardson(1.04, 1.01)
    1.0
    """
    return fine + (fine - coarse) / (2**order - 1)


def fitted_power(counts: Sequence[int], squares: np.ndarray) -> tuple[float, float]:
    """The power p in (root mean square error) ~ n^p by least squares in logarithms, and its standard error from the
    spread over samples.

    squares: squared errors, shape (counts, samples)

    >>> fitted_power([10, 1000], np.array([[0.1, 0.1], [1e-3, 1e-3]]))
    (-0.5, 0.0)
    """
    x = np.log(counts) - np.log(counts).mean()
    means = squares.mean(axis=1)
    noise = squares.std(axis=1, ddof=1) / means / np.sqrt(squares.shape[1]) / 2
    total = float((x**2).sum())
    return round(float((x * np.log(means) / 2).sum() / total), 12), float(np.sqrt(((x * noise) ** 2).sum()) / total)

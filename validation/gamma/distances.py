"""Distances between densities on one mesh: L1, Hellinger, MMD and, on a line or circle, Wasserstein-1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import MaximumMeanDiscrepancy
from mudot.solvers.kernels.functions import LaplaceKernel

Distance = Callable[[Cartesian, np.ndarray, np.ndarray], float]


def total(mesh: Cartesian, one: np.ndarray, two: np.ndarray) -> float:
    """L1."""
    return norm(mesh, one - two)


def hellinger(mesh: Cartesian, one: np.ndarray, two: np.ndarray) -> float:
    """He = FR/2, the L2 distance of the square roots."""
    gap = (one - two) / (np.sqrt(one) + np.sqrt(two))
    return float(np.sqrt(integrate(mesh, gap * gap)))


def discrepancy(mesh: Cartesian, one: np.ndarray, two: np.ndarray) -> float:
    """MMD with the Laplace kernel of a tenth of the first axis: it metrises weak convergence."""
    kernel = LaplaceKernel(0.1 * (mesh.upper[0] - mesh.lower[0]))
    return float(np.sqrt(max(0.0, 2 * MaximumMeanDiscrepancy(kernel, two).value(mesh, one))))


def wasserstein(mesh: Cartesian, one: np.ndarray, two: np.ndarray) -> float:
    """W1 of the measures scaled to mass 1, in one dimension; cells carry their mass uniformly.

    The integral of |F - G|; on a circle that of |F - G - c| with the best c, a median (Rabin, Delon and Gousseau 2011).

    >>> mesh = Cartesian(4, 0.0, 4.0)
    >>> wasserstein(mesh, np.array([1.0, 0, 0, 0]), np.array([0, 0, 1.0, 0]))
    2.0
    >>> wasserstein(Cartesian(4, 0.0, 4.0, "periodic"), np.array([1.0, 0, 0, 0]), np.array([0, 0, 0, 1.0]))
    1.0
    """
    masses = (one / integrate(mesh, one) - two / integrate(mesh, two)) * mesh.volumes
    gap = np.concatenate([[0.0], np.cumsum(masses)])
    if mesh.boundary[0] == "periodic":
        gap = gap - _median(gap, mesh.widths[0])
    a, b = gap[:-1], gap[1:]
    # |linear function| over a cell: its mean, but where it changes sign.
    crossing = (a * a + b * b) / (2 * np.maximum(np.abs(a - b), 1e-300))
    return float((np.where(a * b < 0, crossing, np.abs(a + b) / 2) * mesh.widths[0]).sum())


def _median(gap: np.ndarray, widths: np.ndarray) -> float:
    """The level that the piecewise linear function lies below on half of the axis, by bisection."""
    low, high = float(gap.min()), float(gap.max())
    bottom, top = np.minimum(gap[:-1], gap[1:]), np.maximum(gap[:-1], gap[1:])
    for _ in range(60):
        level = (low + high) / 2
        share = np.where(top > bottom, (level - bottom) / np.where(top > bottom, top - bottom, 1.0), level > bottom)
        below = float((np.clip(share, 0.0, 1.0) * widths).sum())
        low, high = (level, high) if below < widths.sum() / 2 else (low, level)
    return (low + high) / 2


def distances(mesh: Cartesian) -> dict[str, Distance]:
    """By name, those that make sense on the mesh."""
    found: dict[str, Distance] = {"l1": total, "hellinger": hellinger, "mmd": discrepancy}
    return {**found, "w1": wasserstein} if mesh.dimension == 1 else found

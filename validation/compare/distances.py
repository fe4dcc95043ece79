"""Distances between weighted points and a density on a mesh.

On a line Wasserstein distances are exact: the density is constant in every cell. In the plane and in space they are
averages over directions (sliced; Rabin, Peyre, Delon and Bernot 2011) with the mass of each cell at its centre. MMD and
energy distance put the points on the mesh (`deposit`), so that their cost does not grow with the square of the number
of points; both are then quadratic forms of the difference of masses.
"""

from __future__ import annotations

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import EnergyDistanceKernel, GaussianKernel, Kernel

DIRECTIONS = 50


def wasserstein_line(
    points: np.ndarray, weights: np.ndarray, edges: np.ndarray, masses: np.ndarray
) -> tuple[float, float]:
    """(W1, W2) between points with weights of sum 1 and the piecewise constant density with these cell masses of sum
    1: exact.

    >>> w1, w2 = wasserstein_line(np.array([0.5]), np.array([1.0]), np.array([0.0, 1.0]), np.array([1.0]))
    >>> w1, round(12 * w2**2, 12)
    (0.25, 1.0)
    """
    order = np.argsort(points, kind="stable")
    x, share = points[order], weights[order]
    steps = np.concatenate([[0.0], np.cumsum(share)])
    steps[-1] = 1.0
    distribution = np.concatenate([[0.0], np.cumsum(masses)])
    distribution /= distribution[-1]
    levels = np.unique(np.concatenate([steps, distribution]))
    middle, length = (levels[1:] + levels[:-1]) / 2, np.diff(levels)
    mine = x[np.clip(np.searchsorted(steps, middle, side="right") - 1, 0, x.size - 1)]
    # Quantiles of the density are linear between the levels: values at both ends of every piece, from inside.
    cell = np.clip(np.searchsorted(distribution, middle, side="right") - 1, 0, masses.size - 1)
    low, mass = distribution[cell], distribution[cell + 1] - distribution[cell]
    width = edges[cell + 1] - edges[cell]
    # At the top, pieces of round-off may fall into cells beyond the mass.
    scale = np.where(mass > 0, mass, np.inf)
    a, b = (edges[cell] + np.clip((level - low) / scale, 0, 1) * width for level in (levels[:-1], levels[1:]))
    a, b = a - mine, b - mine
    square = (a * a + a * b + b * b) / 3
    crossing = np.where(a * b < 0, (a * a + b * b) / (2 * np.maximum(abs(a - b), 1e-300)), abs(a + b) / 2)
    return float((crossing * length).sum()), float(np.sqrt((square * length).sum()))


def sliced(points: np.ndarray, weights: np.ndarray, centres: np.ndarray, masses: np.ndarray) -> tuple[float, float]:
    """Sliced (W1, W2) between weighted points: means over fixed directions, shape (n, d) and (m, d)."""
    directions = np.random.default_rng(0).standard_normal((DIRECTIONS, points.shape[1]))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    one, two = zip(*(_between(points @ v, weights, centres @ v, masses) for v in directions), strict=True)
    return float(np.mean(one)), float(np.sqrt(np.mean(two)))


def _between(x: np.ndarray, p: np.ndarray, y: np.ndarray, q: np.ndarray) -> tuple[float, float]:
    """W1 and W2 squared between weighted points on a line."""
    i, j = np.argsort(x), np.argsort(y)
    x, y, a, b = x[i], y[j], np.cumsum(p[i]), np.cumsum(q[j])
    a[-1] = b[-1] = 1.0
    levels = np.unique(np.concatenate([[0.0], a, b]))
    middle, length = (levels[1:] + levels[:-1]) / 2, np.diff(levels)
    gap = x[np.searchsorted(a, middle)] - y[np.searchsorted(b, middle)]
    return float((abs(gap) * length).sum()), float((gap * gap * length).sum())


def deviation(mesh: Cartesian, density: np.ndarray) -> float:
    """Root mean square distance from the mean under a density, over the root of the dimension.

    >>> round(12 * deviation(Cartesian(400, 0.0, 1.0), np.ones(400)) ** 2, 4)
    1.0
    """
    masses = density * mesh.volumes / (density * mesh.volumes).sum()
    square = sum(float((masses * (c - float((masses * c).sum())) ** 2).sum()) for c in mesh.coordinates)
    return float(np.sqrt(square / mesh.dimension))


def quadratic(mesh: Cartesian, kernel: Kernel, gap: np.ndarray) -> float:
    """sum k(x_i, x_j) m_i m_j for masses of cells, shape `mesh.shape`."""
    return float((gap * operator_on(kernel, mesh, numpy_library()).gram(gap)).sum())


def kernels(mesh: Cartesian, bandwidth: float) -> dict[str, Kernel]:
    """The kernels of MMD and energy distance; on periodic axes of MMD alone."""
    found: dict[str, Kernel] = {"MMD": GaussianKernel(bandwidth)}
    return found if "periodic" in mesh.boundary else {**found, "energy distance": EnergyDistanceKernel()}

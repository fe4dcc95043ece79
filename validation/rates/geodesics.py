"""Geodesics of the Hellinger-Kantorovich distance in one dimension, in closed form along characteristics.

The geometry is K = alpha K_W + beta K_FR, R = int (alpha |phi'|^2 + beta phi^2) dmu / 2. A geodesic solves
u' = -alpha (u phi_x)_x + beta phi u and phi' + alpha phi_x^2/2 + beta phi^2/2 = 0. On the cone over the line with
coordinates (r, theta), r^2 the factor of mass and theta = sqrt(beta/(4 alpha)) times the distance moved,
characteristics are straight lines (Liero, Mielke and Savare 2016, 2018; these weights derived):

    r exp(i theta) = 1 + t (beta phi_0/2 + i sqrt(alpha beta) phi_0'/2)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mudot.meshes.cartesian import Cartesian


@dataclass(frozen=True, eq=False)
class Geodesic:
    """Between walls, by its start: a density, and phi_0 with its slope, which is zero at the walls.

    mesh:  the cells at time 0, which move;   density: their averages, shape (cells,)
    force: phi_0 at the centres, shape (cells,);   slope, pull: phi_0' at the edges and the centres
    levels: phi_0 at the edges, shape (cells + 1,)
    """

    mesh: Cartesian
    density: np.ndarray
    force: np.ndarray
    pull: np.ndarray
    levels: np.ndarray
    slope: np.ndarray
    alpha: float = 1.0
    beta: float = 1.0

    @property
    def squared_speed(self) -> float:
        """int (alpha phi_x^2 + beta phi^2) du, the square of the distance for t from 0 to 1; it does not change in
        time."""
        field = self.alpha * self.pull**2 + self.beta * self.force**2
        return float((self.density * field * self.mesh.volumes).sum())

    def at(self, t: float) -> tuple[Cartesian, np.ndarray]:
        """The moved cells and the averages on them. Raises MudotError where characteristics have met."""
        edges = self.mesh.edges[0] + self._moved(self.levels, self.slope, t)
        mesh = Cartesian.graded([edges])
        growth = np.abs(self._cone(self.force, self.pull, t)) ** 2
        return mesh, self.density * growth * self.mesh.widths[0] / mesh.widths[0]

    def _cone(self, level: np.ndarray, slope: np.ndarray, t: float) -> np.ndarray:
        return np.asarray(1 + t / 2 * (self.beta * level + 1j * np.sqrt(self.alpha * self.beta) * slope))

    def _moved(self, level: np.ndarray, slope: np.ndarray, t: float) -> np.ndarray:
        return np.asarray(np.sqrt(4 * self.alpha / self.beta) * np.angle(self._cone(level, slope, t)))


def waves(mesh: Cartesian, rng: np.random.Generator, modes: int) -> tuple[np.ndarray, ...]:
    """A random sum of cosines with no slope at the walls: at centres with its slope, and at edges with its slope."""
    low, length = mesh.lower[0], mesh.upper[0] - mesh.lower[0]
    order = np.pi * np.arange(modes + 1) / length
    weights = rng.standard_normal(modes + 1) / np.maximum(1, np.arange(modes + 1)) ** 2

    def on(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        angle = order[:, None] * (x - low)
        return weights @ np.cos(angle), -(weights * order) @ np.sin(angle)

    return (*on(mesh.centers[0]), *on(mesh.edges[0]))


def curvature_form(p: float, dimension: int = 1) -> np.ndarray:
    """The second derivative of int u^p dx / (p (p - 1)) along a geodesic with alpha = beta = 1, over u^p, as a
    symmetric matrix in (phi, |grad phi|, eigenvalues of the Hessian of phi); shape (2 + dimension,)*2 (derived).

    With L = p log r^2 + (1 - p) log det DX it is (L'^2 + L'')/(p (p - 1)) at t = 0. Nonnegative means convex: for p in
    [d/(d + 2), 1/2] and p > 1 (Liero, Mielke and Savare 2023).

    >>> [bool(np.linalg.eigvalsh(curvature_form(p)).min() > -1e-12) for p in (0.3, 1 / 3, 0.5, 0.6, 1.0001)]
    [False, True, True, False, True]
    """
    form = np.full((2 + dimension, 2 + dimension), (1 - p) ** 2)
    form[0, 1:] = form[1:, 0] = (1 - p) * (p - 0.5)
    form[1, :] = form[:, 1] = 0.0
    form[0, 0], form[1, 1] = p * (p - 0.5), 1.5 * p - 1
    form[2:, 2:] -= (1 - p) * np.eye(dimension)
    return np.asarray(form / (p * (p - 1)))

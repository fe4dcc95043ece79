"""Particles beside the grid: cell averages of mixtures, and an Eulerian solution as point masses to compare with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian
from mudot.validation.particles.kernels import embedding, gram
from mudot.validation.particles.targets import Mixture


def on_mesh(mesh: Cartesian, measure: Mixture) -> np.ndarray:
    """Cell averages of a mixture."""

    def density(*coordinates: np.ndarray) -> np.ndarray:
        grid = np.broadcast_arrays(*coordinates)
        points = np.stack([axis.reshape(-1) for axis in grid], axis=1)
        return np.asarray(np.exp(measure.log_density(points)).reshape(grid[0].shape))

    return np.asarray(average(mesh, density))


@dataclass(frozen=True, eq=False)
class Reference:
    """An Eulerian solution at one time as point masses: cell centres, shape (cells, d), and masses, shape (cells,).

    bandwidth: of the Gaussian kernel in whose MMD distances are measured
    itself:    int int k dmu dmu where it is known, else summed over all pairs
    """

    points: np.ndarray
    masses: np.ndarray
    bandwidth: float
    itself: float | None = None

    @cached_property
    def _own(self) -> float:
        """int int k dmu dmu."""
        if self.itself is not None:
            return self.itself
        return float(self.masses @ embedding(self.points, self.points, self.masses, self.bandwidth))

    def distance(self, positions: np.ndarray, weights: np.ndarray) -> float:
        """MMD^2 to particles."""
        theirs = weights @ embedding(positions, positions, weights, self.bandwidth)
        between = weights @ embedding(positions, self.points, self.masses, self.bandwidth)
        return max(0.0, float(theirs - 2 * between + self._own))

    @property
    def floor(self) -> float:
        """n times the expected MMD^2 of n independent draws: 1 - int int k dmu dmu, for a probability mu."""
        return 1.0 - self._own

    def moment(self, power: int) -> float:
        """int x^power dmu in the first coordinate."""
        return float(self.masses @ self.points[:, 0] ** power)


def reference(mesh: Cartesian, density: np.ndarray, bandwidth: float) -> Reference:
    """A density as point masses, without cells that hold less than 1e-12 of the mass between them all."""
    points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
    masses = (density * mesh.volumes).reshape(-1)
    kept = masses > 1e-12 * masses.sum() / masses.size
    smooth = masses.reshape(mesh.shape)
    for axis, centers in enumerate(mesh.centers):
        factor = gram(centers[:, None], centers[:, None], bandwidth)
        smooth = np.moveaxis(np.tensordot(factor, smooth, (1, axis)), 0, axis)
    return Reference(points[kept], masses[kept], bandwidth, float(masses @ smooth.reshape(-1)))

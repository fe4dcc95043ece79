"""Kernel discrepancies: energies that see a measure through its smoothed difference to the target."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mudot.meshes.arrays import Array, ArrayLibrary, library_of, moved
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel


@dataclass(frozen=True, eq=False)
class MaximumMeanDiscrepancy:
    """MMD^2(mu, pi)/2 = 1/2 int int k d(mu - pi) d(mu - pi), first variation K(mu - pi) (Arbel et al. 2019).

    kernel: positive definite; or -|x - y| for measures of equal mass
    target: cell averages of pi, the mesh's shape
    """

    kernel: Kernel
    target: Array

    def __str__(self) -> str:
        return f"mmd ({self.kernel.name})"

    @property
    def name(self) -> str:
        """`mmd`."""
        return "mmd"

    def on(self, library: ArrayLibrary) -> MaximumMeanDiscrepancy:
        """The same energy with its data on another device."""
        return replace(self, target=moved(self.target, library))

    def value(self, mesh: Cartesian, density: Array) -> float:
        """MMD^2/2."""
        gap = density - self.target
        return 0.5 * integrate(mesh, gap * self._smoothed(mesh, gap))

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """K(mu - pi)."""
        return self._smoothed(mesh, density - self.target)

    def _smoothed(self, mesh: Cartesian, gap: Array) -> Array:
        return operator_on(self.kernel, mesh, library_of(gap)).apply(gap)

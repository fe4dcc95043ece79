"""Wasserstein geometries whose velocity fields are smoothed by a kernel: Stein geometries (Zhu and Mielke 2024,
sections 4.1 and 4.2).

On a mesh K(mu) xi = -div(m S grad xi) with the mobility m = mu on faces. S acts from faces to faces, each orientation
by itself, and is symmetric in the masses m |e| d_e: so K is symmetric and positive semidefinite, and every cell's loss
is a neighbour's gain.

The mobility is that of `Bounded`: no smooth velocity empties a cell in finite time.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries.algebra import Composable, check_definite, positive, weighted
from mudot.solvers.geometries.force import optimal_force
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.operators import KernelOperator
from mudot.solvers.kernels.solves import DEFECT, ridge
from mudot.solvers.kernels.warm import RidgeMemory
from mudot.solvers.mobilities import Bounded, Mobility
from mudot.solvers.operators import stencil_of
from mudot.solvers.structured import bounded_mobility, gradient, inflow, momentum


@dataclass(frozen=True)
class Stein(Composable):
    """alpha times the Stein geometry, alpha = `transport`: K(mu) xi = -div(mu K_mu grad xi),
    R* = alpha/2 <grad xi, K_mu grad xi>_mu, R(u) = 1/(2 alpha) inf |v|^2 over u = -div(mu v) in the kernel's Hilbert
    space (Liu and Wang 2016; Duncan, Nuesken and Szpruch 2019; Zhu and Mielke 2024, eqs. 4.1-4.3).

    kernel: positive definite;   flux: as for `Wasserstein`
    """

    kernel: Kernel
    transport: float = 1.0
    flux: Mobility | None = None
    parts: ClassVar[tuple[str, ...]] = ("stein",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("transport", self.transport)
        check_definite(self.kernel)

    def __str__(self) -> str:
        return weighted(self.transport, f"stein ({self.kernel.name})")

    def on(self, library: ArrayLibrary) -> Stein:
        """The flux on another device."""
        return self if self.flux is None else replace(self, flux=self.flux.on(library))

    def scaled(self, factor: float) -> Stein:
        """The weight multiplied by a factor."""
        return replace(self, transport=factor * self.transport)

    def onsager(self, mesh: Cartesian, density: Array) -> SmoothedTransport:
        """K(mu) at one state."""
        return _smoothed(mesh, density, self.kernel, self.transport, self.flux, None)


@dataclass(frozen=True)
class KernelApproximateWasserstein(Composable):
    """alpha times the ridge Wasserstein geometry: K(mu) xi = -div(mu v) with v = (K_mu + lambda)^-1 K_mu grad xi, the
    kernel ridge regression of grad xi on mu; R(u) = 1/(2 alpha) inf |v|_mu^2 + lambda |v|_H^2 over u = -div(mu v)
    (He, Balasubramanian, Sriperumbudur and Lu 2022; Zhu and Mielke 2024, eqs. 4.4-4.7). Wasserstein for lambda to 0,
    Stein at time t/lambda for lambda to infinity.

    kernel: positive definite;   ridge: lambda > 0;   flux: as for `Wasserstein`
    memory: where solves at neighbouring states start from; see `with_memory`
    """

    kernel: Kernel
    ridge: float
    transport: float = 1.0
    flux: Mobility | None = None
    memory: RidgeMemory | None = field(default=None, compare=False, repr=False)
    parts: ClassVar[tuple[str, ...]] = ("kernel-approximate-wasserstein",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("transport", self.transport)
        positive("ridge", self.ridge)
        check_definite(self.kernel)

    def __str__(self) -> str:
        return weighted(self.transport, f"kernel-approximate wasserstein ({self.kernel.name}, ridge {self.ridge:g})")

    def on(self, library: ArrayLibrary) -> KernelApproximateWasserstein:
        """The flux on another device."""
        return self if self.flux is None else replace(self, flux=self.flux.on(library))

    def scaled(self, factor: float) -> KernelApproximateWasserstein:
        """The weight multiplied by a factor."""
        return replace(self, transport=factor * self.transport)

    def onsager(self, mesh: Cartesian, density: Array) -> SmoothedTransport:
        """K(mu) at one state."""
        return _smoothed(mesh, density, self.kernel, self.transport, self.flux, self.ridge, self.memory)


def _smoothed(
    mesh: Cartesian,
    density: Array,
    kernel: Kernel,
    transport: float,
    flux: Mobility | None,
    ridge: float | None,
    memory: RidgeMemory | None = None,
) -> SmoothedTransport:
    operator = operator_on(kernel, mesh, library_of(density))
    mobility = bounded_mobility(mesh, density, Bounded(flux))
    return SmoothedTransport(mesh, density, mobility, operator, transport, ridge, memory)


@dataclass(frozen=True, eq=False)
class SmoothedTransport:
    """K(mu) xi = -div(m v) with v = alpha S grad xi, S = K_mu (ridge None) or the ridge regression on mu.

    density: mu on cells, shape `mesh.shape`;   mobility: m on faces, shape (faces,)
    """

    mesh: Cartesian
    density: Array
    mobility: Array
    operator: KernelOperator
    transport: float
    ridge: float | None
    memory: RidgeMemory | None = None

    def velocity(self, xi: Array) -> Array:
        """v on faces, shape (faces,); the flow of an energy moves its mass with -v."""
        return self.transport * self._smooth(xi)

    def apply(self, xi: Array) -> Array:
        """-div(m v)."""
        return inflow(self.mesh, self._smooth(xi), self.mobility, self.transport)

    def _smooth(self, xi: Array) -> Array:
        """S grad xi."""
        if self.ridge is None:
            return self.operator.face_gram(momentum(self.mesh, xi, self.mobility, self.operator.face_volumes))
        slope = gradient(self.mesh, xi)
        if self.memory is None:
            return ridge(self.operator, self._masses, slope, self.ridge, on="faces").f
        return self.memory.solve(self.operator, self._masses, slope, self.ridge, on="faces").f

    def dual(self, xi: Array) -> tuple[float, ...]:
        """1/2 <grad xi, v>_mu on faces."""
        slope = gradient(self.mesh, xi)
        return (0.5 * float((self._masses * slope * self.velocity(xi)).sum()),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, phi> with K(mu) phi = u; infinite, and then not found, for rates that no smooth velocity makes."""
        phi = optimal_force(self, self.mesh, rate, guess, 0.0 if self.ridge is None else DEFECT)
        return (0.5 * integrate(self.mesh, rate * phi),)

    def diagonal(self) -> Array:
        """That of Wasserstein, alpha mu 2/h^2, times the share of S that stays on a face, with the cell's mass w:
        k(x, x) w / (that + lambda)."""
        mass = self.density * volumes(self.mesh, self.density)
        stays = mass if self.ridge is None else mass / (mass + self.ridge)
        return self.transport * self.density * stencil_of(self.mesh, self.density).stiffness * stays

    @cached_property
    def _masses(self) -> Array:
        return self.mobility * self.operator.face_volumes

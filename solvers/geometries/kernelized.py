"""Fisher-Rao geometries whose growth fields are smoothed by a kernel (Zhu and Mielke 2024, sections 3.1 and 3.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import count
from typing import ClassVar

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries.algebra import Composable, check_definite, positive, weighted
from mudot.solvers.geometries.force import optimal_force
from mudot.solvers.geometries.protocol import Reaction
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.operators import KernelOperator
from mudot.solvers.kernels.solves import DEFECT, ridge
from mudot.solvers.kernels.warm import RidgeMemory


@dataclass(frozen=True)
class KernelizedFisherRao(Composable):
    """beta times the force-kernelized Fisher-Rao geometry: K(mu) xi = mu K_mu xi, R* = beta/2 <xi, K_mu xi>_mu,
    R(u) = 1/(2 beta) |u/mu|^2 in the kernel's Hilbert space (Zhu and Mielke 2024, eqs. 3.1-3.5). Its flow of the
    reverse KL is the Fisher-Rao flow of MMD^2/2 (Lemma 6.11).

    kernel: positive definite
    """

    kernel: Kernel
    reaction: float = 1.0
    parts: ClassVar[tuple[str, ...]] = ("kernelized-fisher-rao",)
    multiplicative: ClassVar[bool] = True
    conserves_mass: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("reaction", self.reaction)
        check_definite(self.kernel)

    def __str__(self) -> str:
        return weighted(self.reaction, f"kernelized fisher-rao ({self.kernel.name})")

    def on(self, library: ArrayLibrary) -> KernelizedFisherRao:
        """Itself: it has no data."""
        return self

    def scaled(self, factor: float) -> KernelizedFisherRao:
        """The weight multiplied by a factor."""
        return replace(self, reaction=factor * self.reaction)

    def onsager(self, mesh: Cartesian, density: Array) -> SmoothedOnsager:
        """K(mu) at one state."""
        operator = operator_on(self.kernel, mesh, library_of(density))
        return SmoothedOnsager(mesh, density, operator, self.reaction, None)


@dataclass(frozen=True)
class KernelApproximateFisherRao(Composable):
    """beta times the ridge Fisher-Rao geometry: K(mu) xi = mu A xi with A = (K_mu + lambda)^-1 K_mu, the kernel ridge
    regression of xi on mu; R = R_FR + lambda R_kernelized (Zhu and Mielke 2024, eqs. 3.6-3.8, Prop. 3.3). Fisher-Rao
    for lambda to 0, kernelized Fisher-Rao at time t/lambda for lambda to infinity.

    kernel: positive definite;   ridge: lambda > 0
    memory: where solves at neighbouring states start from; see `with_memory`
    """

    kernel: Kernel
    ridge: float
    reaction: float = 1.0
    memory: RidgeMemory | None = field(default=None, compare=False, repr=False)
    parts: ClassVar[tuple[str, ...]] = ("kernel-approximate-fisher-rao",)
    multiplicative: ClassVar[bool] = True
    conserves_mass: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("reaction", self.reaction)
        positive("ridge", self.ridge)
        check_definite(self.kernel)

    def __str__(self) -> str:
        return weighted(self.reaction, f"kernel-approximate fisher-rao ({self.kernel.name}, ridge {self.ridge:g})")

    def on(self, library: ArrayLibrary) -> KernelApproximateFisherRao:
        """Itself: it has no data."""
        return self

    def scaled(self, factor: float) -> KernelApproximateFisherRao:
        """The weight multiplied by a factor."""
        return replace(self, reaction=factor * self.reaction)

    def onsager(self, mesh: Cartesian, density: Array) -> SmoothedOnsager:
        """K(mu) at one state."""
        operator = operator_on(self.kernel, mesh, library_of(density))
        return SmoothedOnsager(mesh, density, operator, self.reaction, self.ridge, self.memory)


@dataclass(frozen=True, eq=False)
class SmoothedOnsager(Reaction):
    """K(mu) xi = beta mu S xi with S = K_mu (ridge None) or the ridge regression on mu."""

    mesh: Cartesian
    density: Array
    operator: KernelOperator
    reaction: float
    ridge: float | None
    memory: RidgeMemory | None = None

    def growth(self, xi: Array) -> Array:
        """beta S xi."""
        if self.ridge is None:
            return self.reaction * self.operator.apply(self.density * xi)
        if self.memory is None:
            return self.reaction * ridge(self.operator, self._masses, xi, self.ridge).f
        return self.reaction * self.memory.solve(self.operator, self._masses, xi, self.ridge, next(self._slots)).f

    @cached_property
    def _slots(self) -> Iterator[int]:
        """The solves at one state are counted: each continues its like at the state before."""
        return count()

    def apply(self, xi: Array) -> Array:
        """beta mu S xi."""
        return self.density * self.growth(xi)

    def dual(self, xi: Array) -> tuple[float, ...]:
        """beta/2 <xi, S xi>_mu."""
        return (0.5 * integrate(self.mesh, xi * self.apply(xi)),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, phi> with K(mu) phi = u; infinite, and then not found, for rates that the kernel cannot make."""
        phi = optimal_force(self, self.mesh, rate, guess, 0.0 if self.ridge is None else DEFECT)
        return (0.5 * integrate(self.mesh, rate * phi),)

    def diagonal(self) -> Array:
        """beta mu times the share of S that stays in a cell, k(x, x) mu_i |K_i| / (that + lambda)."""
        stays = self._masses if self.ridge is None else self._masses / (self._masses + self.ridge)
        return self.reaction * self.density * stays

    @cached_property
    def _masses(self) -> Array:
        return self.density * volumes(self.mesh, self.density)

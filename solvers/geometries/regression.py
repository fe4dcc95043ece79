"""Local regression: growth and velocity fields that are kernel means of the force (Nadaraya-Watson; Zhu and Mielke
2024, Ex. 6.4 and 6.5).

    r(x) = int k(x, y) xi(y) dmu(y) / q(x),   q(x) = int k(x, y) dmu(y)

The operator xi -> mu r is not symmetric in L^2: there is no gradient structure, hence no R and R*. A run's ledger then
has 1/2 <xi, -u> in both columns, and its balance tests the chain rule alone. With k(x, y)/sqrt(q(x) q(y)) in place of
k(x, y)/q(x) the operator is symmetric and positive: a geometry with everything that belongs to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.geometries.algebra import Composable, positive, weighted
from mudot.solvers.geometries.force import optimal_force
from mudot.solvers.geometries.protocol import Reaction
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.operators import KernelOperator
from mudot.solvers.mobilities import Bounded, Mobility
from mudot.solvers.operators import stencil_of
from mudot.solvers.structured import bounded_mobility, divergence, gradient


@dataclass(frozen=True)
class LocalRegressionFisherRao(Composable):
    """beta times the Nadaraya-Watson growth field: mu' = -beta mu r. No gradient structure (see above).

    kernel: nonnegative, and on products of lines (gaussian; any in one dimension), for accuracy in the tails
    """

    kernel: Kernel
    reaction: float = 1.0
    parts: ClassVar[tuple[str, ...]] = ("local-regression-fisher-rao",)
    multiplicative: ClassVar[bool] = True
    conserves_mass: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("reaction", self.reaction)
        _check_nonnegative(self.kernel)

    def __str__(self) -> str:
        return weighted(self.reaction, f"local-regression fisher-rao ({self.kernel.name})")

    def on(self, library: ArrayLibrary) -> LocalRegressionFisherRao:
        """Itself: it has no data."""
        return self

    def scaled(self, factor: float) -> LocalRegressionFisherRao:
        """The weight multiplied by a factor."""
        return replace(self, reaction=factor * self.reaction)

    def onsager(self, mesh: Cartesian, density: Array) -> MeanReaction:
        """The operator at one state."""
        return MeanReaction(mesh, density, _operator(self.kernel, mesh, density), self.reaction)


@dataclass(frozen=True)
class SymmetrizedRegressionFisherRao(LocalRegressionFisherRao):
    """The same with k(x, y)/sqrt(q(x) q(y)): a geometry."""

    parts: ClassVar[tuple[str, ...]] = ("symmetrized-regression-fisher-rao",)

    def __str__(self) -> str:
        return weighted(self.reaction, f"symmetrized local-regression fisher-rao ({self.kernel.name})")

    def onsager(self, mesh: Cartesian, density: Array) -> MeanReaction:
        """K(mu) at one state."""
        return SymmetricReaction(mesh, density, _operator(self.kernel, mesh, density), self.reaction)


@dataclass(frozen=True)
class LocalRegressionWasserstein(Composable):
    """alpha times the Nadaraya-Watson velocity field: mu' = alpha div(mu v), v the kernel mean of grad xi. No gradient
    structure (see above).

    kernel: as for `LocalRegressionFisherRao`;   flux: as for `Wasserstein`
    """

    kernel: Kernel
    transport: float = 1.0
    flux: Mobility | None = None
    parts: ClassVar[tuple[str, ...]] = ("local-regression-wasserstein",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("transport", self.transport)
        _check_nonnegative(self.kernel)

    def __str__(self) -> str:
        return weighted(self.transport, f"local-regression wasserstein ({self.kernel.name})")

    def on(self, library: ArrayLibrary) -> LocalRegressionWasserstein:
        """The flux on another device."""
        return self if self.flux is None else replace(self, flux=self.flux.on(library))

    def scaled(self, factor: float) -> LocalRegressionWasserstein:
        """The weight multiplied by a factor."""
        return replace(self, transport=factor * self.transport)

    def onsager(self, mesh: Cartesian, density: Array) -> MeanTransport:
        """The operator at one state."""
        mobility = bounded_mobility(mesh, density, Bounded(self.flux))
        return MeanTransport(mesh, density, mobility, _operator(self.kernel, mesh, density), self.transport)


@dataclass(frozen=True)
class SymmetrizedRegressionWasserstein(LocalRegressionWasserstein):
    """The same with k(x, y)/sqrt(q(x) q(y)): a geometry."""

    parts: ClassVar[tuple[str, ...]] = ("symmetrized-regression-wasserstein",)

    def __str__(self) -> str:
        return weighted(self.transport, f"symmetrized local-regression wasserstein ({self.kernel.name})")

    def onsager(self, mesh: Cartesian, density: Array) -> MeanTransport:
        """K(mu) at one state."""
        mobility = bounded_mobility(mesh, density, Bounded(self.flux))
        return SymmetricTransport(mesh, density, mobility, _operator(self.kernel, mesh, density), self.transport)


@dataclass(frozen=True, eq=False)
class MeanReaction(Reaction):
    """xi -> beta mu r, r = K_mu xi / q."""

    mesh: Cartesian
    density: Array
    operator: KernelOperator
    reaction: float

    @cached_property
    def _near(self) -> Array:
        return _positive(self.operator.apply(self.density))

    def growth(self, xi: Array) -> Array:
        """beta r."""
        return self.reaction * self.operator.apply(self.density * xi) / self._near

    def apply(self, xi: Array) -> Array:
        """beta mu r."""
        return self.density * self.growth(xi)

    def dual(self, xi: Array) -> tuple[float, ...]:
        """1/2 <xi, beta mu r>: half of what the energy loses, of either sign."""
        return (0.5 * integrate(self.mesh, xi * self.apply(xi)),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, -xi>, with -xi given as the guess."""
        return (0.5 * integrate(self.mesh, rate * guess) if guess is not None else float("nan"),)

    def diagonal(self) -> Array:
        """beta mu times the share of the mean that stays in a cell."""
        return self.reaction * self.density * (self.density * volumes(self.mesh, self.density) / self._near)


@dataclass(frozen=True, eq=False)
class SymmetricReaction(MeanReaction):
    """xi -> beta mu q^-1/2 K(mu q^-1/2 xi)."""

    def growth(self, xi: Array) -> Array:
        """beta q^-1/2 K(mu q^-1/2 xi)."""
        root = array_module(xi).sqrt(self._near)
        return self.reaction * self.operator.apply(self.density * (xi / root)) / root

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, phi> with K(mu) phi = u."""
        phi = optimal_force(self, self.mesh, rate, guess)
        return (0.5 * integrate(self.mesh, rate * phi),)


@dataclass(frozen=True, eq=False)
class MeanTransport:
    """xi -> -div(m v), v = alpha K_mu grad xi / q on the faces of each orientation, m: mobility, shape (faces,)."""

    mesh: Cartesian
    density: Array
    mobility: Array
    operator: KernelOperator
    transport: float

    @cached_property
    def _masses(self) -> Array:
        return self.mobility * self.operator.face_volumes

    @cached_property
    def _near(self) -> Array:
        return _positive(self.operator.face_gram(self._masses))

    def velocity(self, xi: Array) -> Array:
        """v on faces, shape (faces,)."""
        return self.transport * self.operator.face_gram(self._masses * gradient(self.mesh, xi)) / self._near

    def apply(self, xi: Array) -> Array:
        """-div(m v)."""
        return -divergence(self.mesh, self.mobility * self.velocity(xi))

    def dual(self, xi: Array) -> tuple[float, ...]:
        """1/2 <grad xi, m v> on faces: half of what the energy loses, of either sign."""
        return (0.5 * float((self._masses * gradient(self.mesh, xi) * self.velocity(xi)).sum()),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, -xi>, with -xi given as the guess."""
        return (0.5 * integrate(self.mesh, rate * guess) if guess is not None else float("nan"),)

    def diagonal(self) -> Array:
        """About that of Wasserstein."""
        return self.transport * self.density * stencil_of(self.mesh, self.density).stiffness


@dataclass(frozen=True, eq=False)
class SymmetricTransport(MeanTransport):
    """xi -> -div(m v), v = alpha q^-1/2 K(m q^-1/2 grad xi)."""

    def velocity(self, xi: Array) -> Array:
        """v on faces, shape (faces,)."""
        root = array_module(xi).sqrt(self._near)
        return self.transport * self.operator.face_gram(self._masses * (gradient(self.mesh, xi) / root)) / root

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, phi> with K(mu) phi = u."""
        phi = optimal_force(self, self.mesh, rate, guess)
        return (0.5 * integrate(self.mesh, rate * phi),)


def _positive(values: Array) -> Array:
    """Where there is no mass near, there is none in the cell either, and no mean is taken."""
    return array_module(values).maximum(values, np.finfo(float).tiny)


def _operator(kernel: Kernel, mesh: Cartesian, density: Array) -> KernelOperator:
    operator = operator_on(kernel, mesh, library_of(density))
    if operator.path == "convolution":
        raise MudotError(
            f"kernel {kernel.name}: local regression divides by means that a convolution knows only to round-off of "
            "the largest one; use the gaussian kernel, or one axis"
        )
    return operator


def _check_nonnegative(kernel: Kernel) -> None:
    if kernel.finite_rank or not kernel.positive_definite:
        raise MudotError(f"kernel {kernel.name}: local regression needs a nonnegative kernel of distances")

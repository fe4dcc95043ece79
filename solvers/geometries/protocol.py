"""What a geometry is to the rest of the code."""

from __future__ import annotations

from typing import Protocol

from mudot.meshes.arrays import Array, ArrayLibrary
from mudot.meshes.cartesian import Cartesian


class Onsager(Protocol):
    """The Onsager operator K(mu) of a geometry at one state: symmetric and positive semidefinite in the inner product
    of the mesh. Potentials come as tuples with one entry per elementary part, in the order of `Geometry.parts`."""

    def apply(self, xi: Array) -> Array:
        """K(mu) xi, of the mesh's shape."""

    def dual(self, xi: Array) -> tuple[float, ...]:
        """R*(mu, xi) = 1/2 <xi, K xi>, by parts."""

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """R(mu, u) = sup_xi <xi, u> - R*(mu, xi), by parts of the optimal decomposition of the rate u.

        guess: a force whose image is close to the rate (for a flow, -xi); it saves iterations and decides nothing.
        Raises NotConverged where a linear solve does not reach its tolerance.
        """

    def diagonal(self) -> Array:
        """An approximation of the operator's diagonal, for preconditioning."""


class Reaction(Onsager, Protocol):
    """The Onsager operator of a multiplicative geometry, K(mu) xi = mu f: its flows are mu' = -mu f."""

    def growth(self, xi: Array) -> Array:
        """f, of the mesh's shape; defined also where mu vanishes."""


class Geometry(Protocol):
    """A gradient structure on measures; geometries add (`Wasserstein() + 0.5 * FisherRao()`)."""

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the elementary parts."""

    @property
    def multiplicative(self) -> bool:
        """Whether its Onsager operators are of the kind `Reaction`."""

    @property
    def conserves_mass(self) -> bool:
        """Whether <1, K(mu) xi> = 0 for every xi."""

    def onsager(self, mesh: Cartesian, density: Array) -> Onsager:
        """K(mu) at the measure with the given positive cell averages, shape `mesh.shape`."""

    def on(self, library: ArrayLibrary) -> Geometry:
        """The same geometry with its data, if it has any, on another device."""

    def scaled(self, factor: float) -> Geometry:
        """The geometry with K multiplied by a positive factor."""

"""What an energy is to the rest of the code."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mudot.meshes.arrays import Array, ArrayLibrary
from mudot.meshes.cartesian import Cartesian


class Energy(Protocol):
    """A functional F of measures given by cell averages."""

    @property
    def name(self) -> str:
        """The name in problem files and results."""

    def value(self, mesh: Cartesian, density: Array) -> float:
        """F(mu); inf where it is infinite."""

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """xi = dF/dmu, shape `mesh.shape`: (1/|K|) times the derivative of F by the average in cell K."""

    def on(self, library: ArrayLibrary) -> Energy:
        """The same energy with its data on another device."""


@runtime_checkable
class ChainRule(Energy, Protocol):
    """An energy with an exact chain rule between two densities."""

    @property
    def exponent(self) -> float:
        """m of the Stolarsky mobility that goes with it: its internal energy grows like r^m."""

    def mean_variation(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """xi_bar with <xi_bar, b - a> = F(b) - F(a), shape `mesh.shape`, for positive densities a, b; xi for a = b."""

    def mean_slope(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """d xi_bar / d log b, the part that stays in the cell."""


@runtime_checkable
class NonLocal(ChainRule, Protocol):
    """One whose mean variation may depend on the density far away."""

    @property
    def acts_at_a_distance(self) -> bool:
        """Whether it does."""

    def distant_slope(self, mesh: Cartesian, change: Array) -> Array:
        """What a change of b makes of xi_bar in all cells, besides `mean_slope`; linear."""


@runtime_checkable
class Pointwise(Energy, Protocol):
    """An energy int f(x, mu(x)) dx: its second variation is a number per cell."""

    def logarithmic_curvature(self, mesh: Cartesian, density: Array) -> Array:
        """dxi/dlog mu >= 0, shape `mesh.shape`, at positive densities."""

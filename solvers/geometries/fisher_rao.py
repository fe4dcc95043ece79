"""Fisher-Rao (Hellinger): growth and decay in place. K(mu) xi = mu xi."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from mudot.meshes.arrays import Array, ArrayLibrary
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries.algebra import Composable, positive, weighted


@dataclass(frozen=True)
class FisherRao(Composable):
    """beta times Fisher-Rao, beta = `reaction`: R* = beta/2 int xi^2 dmu, R(u) = 1/(2 beta) int u^2/mu.

    FR^2(mu, nu) = 4 int (sqrt mu - sqrt nu)^2 (Zhu and Mielke 2024, Ex. 2.3). Mass is not conserved; `Spherical`
    conserves it.
    """

    reaction: float = 1.0
    parts: ClassVar[tuple[str, ...]] = ("fisher-rao",)
    multiplicative: ClassVar[bool] = True
    conserves_mass: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("reaction", self.reaction)

    def __str__(self) -> str:
        return weighted(self.reaction, "fisher-rao")

    def on(self, library: ArrayLibrary) -> FisherRao:
        """Itself: it has no data."""
        return self

    def scaled(self, factor: float) -> FisherRao:
        """The weight multiplied by a factor."""
        return replace(self, reaction=factor * self.reaction)

    def onsager(self, mesh: Cartesian, density: Array) -> FisherRaoOnsager:
        """K(mu) at one state."""
        return FisherRaoOnsager(mesh, self.reaction * density, self.reaction)


@dataclass(frozen=True, eq=False)
class FisherRaoOnsager:
    """Multiplication by the mobility beta mu."""

    mesh: Cartesian
    mobility: Array
    reaction: float

    def growth(self, xi: Array) -> Array:
        """beta xi."""
        return self.reaction * xi

    def apply(self, xi: Array) -> Array:
        """beta mu xi."""
        return self.mobility * xi

    def dual(self, xi: Array) -> tuple[float, ...]:
        """beta/2 int xi^2 dmu."""
        return (0.5 * integrate(self.mesh, self.mobility * xi * xi),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/(2 beta) int u^2/mu."""
        return (0.5 * integrate(self.mesh, rate * (rate / self.mobility)),)

    def diagonal(self) -> Array:
        """beta mu."""
        return self.mobility

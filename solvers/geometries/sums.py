"""Sums of geometries: Onsager operators add, primal potentials are inf-convolved (Zhu and Mielke 2024, Lemma 5.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from mudot.meshes.arrays import Array, ArrayLibrary
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries.algebra import Composable
from mudot.solvers.geometries.force import optimal_force
from mudot.solvers.geometries.protocol import Geometry, Onsager, Reaction
from mudot.solvers.kernels.solves import DEFECT


@dataclass(frozen=True)
class Sum(Composable):
    """K = sum of the terms' K; made by `+`."""

    terms: tuple[Geometry, ...]

    def __str__(self) -> str:
        return " + ".join(map(str, self.terms))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of all terms."""
        return tuple(part for term in self.terms for part in term.parts)

    @property
    def multiplicative(self) -> bool:
        """Whether every term is."""
        return all(term.multiplicative for term in self.terms)

    @property
    def conserves_mass(self) -> bool:
        """Whether every term does."""
        return all(term.conserves_mass for term in self.terms)

    def on(self, library: ArrayLibrary) -> Sum:
        """Every term on another device."""
        return Sum(tuple(term.on(library) for term in self.terms))

    def scaled(self, factor: float) -> Sum:
        """Every weight multiplied by a factor."""
        return Sum(tuple(term.scaled(factor) for term in self.terms))

    def onsager(self, mesh: Cartesian, density: Array) -> SumOnsager:
        """K(mu) at one state."""
        return SumOnsager(mesh, tuple(term.onsager(mesh, density) for term in self.terms))


@dataclass(frozen=True, eq=False)
class SumOnsager:
    """The sum of Onsager operators."""

    mesh: Cartesian
    terms: tuple[Onsager, ...]

    def apply(self, xi: Array) -> Array:
        """Sum of the K_i xi."""
        total = self.terms[0].apply(xi)
        for term in self.terms[1:]:
            total = total + term.apply(xi)
        return total

    def growth(self, xi: Array) -> Array:
        """Sum of the growth fields, where every term has one."""
        fields = [cast(Reaction, term).growth(xi) for term in self.terms]
        return sum(fields[1:], start=fields[0])

    def dual(self, xi: Array) -> tuple[float, ...]:
        """R*_i(xi) of every part."""
        return tuple(value for term in self.terms for value in term.dual(xi))

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """R_i(u_i) for the optimal decomposition u = sum u_i: all parts share one force phi with K phi = u, so
        u_i = K_i phi. The total is 1/2 <u, phi>; its parts are in the proportion of R*_i(phi)."""
        phi = optimal_force(self, self.mesh, rate, guess, DEFECT)
        shares = tuple(value for term in self.terms for value in term.dual(phi))
        total, known = 0.5 * integrate(self.mesh, rate * phi), sum(shares)
        return tuple(share * (total / known) if known > 0 else 0.0 for share in shares)

    def diagonal(self) -> Array:
        """The sum of the diagonals."""
        total = self.terms[0].diagonal()
        for term in self.terms[1:]:
            total = total + term.diagonal()
        return total

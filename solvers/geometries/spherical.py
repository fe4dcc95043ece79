"""Mass-preserving versions of geometries, in the constrained (Schur) form that keeps K symmetric."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

from mudot.meshes.arrays import Array, ArrayLibrary, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries.algebra import Composable
from mudot.solvers.geometries.protocol import Geometry, Onsager, Reaction


@dataclass(frozen=True)
class Spherical(Composable):
    """R restricted to rates of zero mass; dually R*(xi) = min over constants c of R*_base(xi - c), so
    K xi = K_base (xi - c) with c = <1, K_base xi> / <1, K_base 1> (pattern of Gladin, Dvurechensky, Mielke and Zhu
    2024, Prop. 3.2; Laschos and Mielke 2019 for Fisher-Rao).

    base: a geometry that does not conserve mass by itself
    """

    base: Geometry

    def __str__(self) -> str:
        return f"spherical ({self.base})"

    @property
    def parts(self) -> tuple[str, ...]:
        """Those of the base."""
        return self.base.parts

    @property
    def multiplicative(self) -> bool:
        """As the base."""
        return self.base.multiplicative

    @property
    def conserves_mass(self) -> bool:
        """Yes."""
        return True

    def on(self, library: ArrayLibrary) -> Spherical:
        """The base on another device."""
        return Spherical(self.base.on(library))

    def scaled(self, factor: float) -> Spherical:
        """The base scaled."""
        return Spherical(self.base.scaled(factor))

    def onsager(self, mesh: Cartesian, density: Array) -> Onsager:
        """K(mu) at one state."""
        operator = self.base.onsager(mesh, density)
        return operator if self.base.conserves_mass else SphericalOnsager(mesh, operator)


@dataclass(frozen=True, eq=False)
class SphericalOnsager:
    """K_base after removing the constant that would change the mass."""

    mesh: Cartesian
    base: Onsager

    @cached_property
    def _of_ones(self) -> Array:
        diagonal = self.base.diagonal()
        return self.base.apply(array_module(diagonal).ones_like(diagonal))

    def centred(self, xi: Array) -> Array:
        """xi - c; where the base keeps the mass for this force, c = 0 and K 1, which need not exist, is not needed."""
        balanced = getattr(self.base, "balanced", None)
        if balanced is not None and balanced(xi):
            return xi
        return xi - integrate(self.mesh, self._of_ones * xi) / integrate(self.mesh, self._of_ones)

    def growth(self, xi: Array) -> Array:
        """The base's growth field at xi - c."""
        return cast(Reaction, self.base).growth(self.centred(xi))

    def apply(self, xi: Array) -> Array:
        """K_base (xi - c)."""
        return self.base.apply(self.centred(xi))

    def dual(self, xi: Array) -> tuple[float, ...]:
        """R*_base(xi - c)."""
        return self.base.dual(self.centred(xi))

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """R_base(u); the rate must have zero mass (R is infinite otherwise)."""
        return self.base.primal(rate, None if guess is None else self.centred(guess))

    def diagonal(self) -> Array:
        """That of the base."""
        return self.base.diagonal()

"""Free energies: internal energy of a power of the density, potential and interaction energy.

    F(mu) = D int U_m(mu) dx + int V dmu + 1/2 int int W(x - y) dmu(x) dmu(y),   U_m(r) = r^m/(m - 1), U_1(r) = r log r

Their Wasserstein flow is the aggregation-diffusion equation mu' = D div grad mu^m + div(mu grad (V + W * mu)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, moved
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.interactions import Interaction
from mudot.solvers.operators import across
from mudot.solvers.quotients import (
    entropy_quotient,
    entropy_quotient_slope,
    power_change,
    power_change_slope,
)
from mudot.solvers.reconstruction import one_sided, upwind


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """F with D = `diffusion` >= 0, m = `exponent` > 0, V = `potential` (the mesh's shape), W = `interaction`.

    Raises MudotError for numbers that are no diffusion or exponent.

    >>> import numpy as np
    >>> energy = FreeEnergy(exponent=2.0, potential=np.array([0.0, 1.0]))
    >>> energy.value(Cartesian(2, 0.0, 2.0), np.array([3.0, 1.0]))      # 9 + 1 + 1
    11.0
    """

    diffusion: float = 1.0
    exponent: float = 1.0
    potential: Array | None = None
    interaction: Interaction | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.diffusion < math.inf:
            raise MudotError(f"diffusion: expected a finite number of at least 0, got {self.diffusion}")
        if not 0 < self.exponent < math.inf:
            raise MudotError(f"exponent: expected a positive finite number, got {self.exponent}")

    def __str__(self) -> str:
        terms = [f"{self.diffusion:g} diffusion, exponent {self.exponent:g}"] if self.diffusion else []
        terms += ["potential"] if self.potential is not None else []
        terms += [f"interaction {self.interaction.name}"] if self.interaction is not None else []
        return f"free-energy ({'; '.join(terms) or 'zero'})"

    @property
    def name(self) -> str:
        """`free-energy`."""
        return "free-energy"

    def on(self, library: ArrayLibrary) -> FreeEnergy:
        """The same energy with its data on another device."""
        return self if self.potential is None else replace(self, potential=moved(self.potential, library))

    def value(self, mesh: Cartesian, density: Array) -> float:
        """F(mu)."""
        total = self.outer(mesh, density, 0.5)
        return self.diffusion * integrate(mesh, self._internal(density)) + integrate(mesh, density * total)

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """D U_m'(mu) + V + W * mu; -inf at zero density for m <= 1."""
        xp, m = array_module(density), self.exponent
        xi = self.outer(mesh, density, 1.0)
        if not self.diffusion:
            return xi
        if m > 1:
            return xi + self.diffusion * m / (m - 1) * density ** (m - 1)
        there = density > 0
        safe = xp.where(there, density, 1.0)
        slope = xp.log(safe) + 1 if m == 1 else m / (m - 1) * safe ** (m - 1)
        return xi + self.diffusion * xp.where(there, slope, -math.inf)

    def mean_variation(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """D (U_m(b) - U_m(a))/(b - a) + V + W * (a + b)/2."""
        xp, m = array_module(before), self.exponent
        l = xp.log(after / before)
        inside = xp.log(before) + entropy_quotient(l) if m == 1 else power_change(m, xp.log(before), l) / (m - 1)
        return self.diffusion * inside + self.outer(mesh, (before + after) / 2, 1.0)

    def mean_slope(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """Its derivative by log b, without that of W * b/2."""
        xp, m = array_module(before), self.exponent
        l = xp.log(after / before)
        if m == 1:
            return self.diffusion * entropy_quotient_slope(l)
        return self.diffusion * power_change_slope(m, xp.log(before), l) / (m - 1)

    @property
    def acts_at_a_distance(self) -> bool:
        """With an interaction."""
        return self.interaction is not None

    def distant_slope(self, mesh: Cartesian, change: Array) -> Array:
        """W * change/2."""
        return 0 * change if self.interaction is None else self.interaction.potential(mesh, change) / 2

    def mobility(self, mesh: Cartesian, density: Array) -> Array:
        """The density on the faces, shape (faces,): the second-order upwind one."""
        left, right = across(mesh, self.first_variation(mesh, density))
        return upwind(*one_sided(mesh, density), left - right)

    def _internal(self, density: Array) -> Array:
        xp, m = array_module(density), self.exponent
        if m == 1:
            return density * xp.log(xp.where(density > 0, density, 1.0))
        return density**m / (m - 1)

    def outer(self, mesh: Cartesian, density: Array, share: float) -> Array:
        """V + share W * mu."""
        total = array_module(density).zeros_like(density)
        if self.potential is not None:
            total = total + self.potential
        if self.interaction is not None:
            total = total + share * self.interaction.potential(mesh, density)
        return total

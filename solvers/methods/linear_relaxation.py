"""Linear relaxation towards the target, with or without diffusion: exact in time.

    mu' = alpha A mu - beta (mu - g),    g = pi, or pi scaled to the mass of mu

Since A pi = 0 the two parts commute: mu(t) = e^(-beta t) exp(t alpha A) mu_0 + (1 - e^(-beta t)) g. This one flow has
many names (Zhu and Mielke 2024; Gladin et al. 2024, Thm 3.6): the MMD flow of MMD^2/2, the Fisher-Rao flow of
KL(pi | mu), the flat Fisher-Rao flow of chi^2/2 with reference pi, and with A the flat Wasserstein-Fisher-Rao flow
of chi^2/2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mudot.meshes.arrays import Array
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.protocol import Advance, by_steps
from mudot.solvers.methods.semigroup import FokkerPlanck

_SAME = 1e-9


@dataclass(frozen=True, eq=False)
class Relaxation:
    """The flow above.

    target:    cell averages of pi, shape `mesh.shape`
    reaction:  beta >= 0;   transport: exp(t alpha A), None for alpha = 0
    scaled:    whether g is pi scaled to the mass of mu (spherical flat Fisher-Rao) or pi itself
    one_mass:  whether mu must have the mass of pi (spherical MMD geometry, where only then c = 0)
    """

    mesh: Cartesian
    target: Array
    reaction: float
    transport: FokkerPlanck | None = None
    scaled: bool = False
    one_mass: bool = False

    @property
    def description(self) -> str:
        """One line for logs and results."""
        with_diffusion = f" and [{self.transport.description}]" if self.transport else ""
        return f"exponential relaxation{with_diffusion}, no time error"

    def _goal(self, density: Array) -> Array:
        if not (self.scaled or self.one_mass):
            return self.target
        share = integrate(self.mesh, density) / integrate(self.mesh, self.target)
        if self.one_mass and abs(share - 1) > _SAME:
            raise NotConverged(
                f"the spherical mmd flow of mmd needs a start with the mass of the target, it has {share:.6g} of it"
            )
        return self.target * share

    def rate(self, density: Array) -> Array:
        """alpha A mu - beta (mu - g)."""
        pull = -self.reaction * (density - self._goal(density))
        return pull if self.transport is None else pull + self.transport.rate(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """The semigroup's trace, pulled towards the target."""
        goal = self._goal(density)
        moved = by_steps(self, density, durations, step, rtol)
        if self.transport is not None:
            moved = self.transport.trace(density, durations, step, rtol)
        for duration, advance in zip(durations, moved, strict=True):
            yield Advance(self._pulled(advance.density, goal, duration) if self.transport else advance.density, step)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """In one step."""
        moved = density
        if self.transport is not None:
            moved = self.transport.advance(density, duration, step, rtol).density
        return Advance(self._pulled(moved, self._goal(density), duration), step)

    def _pulled(self, moved: Array, goal: Array, duration: float) -> Array:
        left = math.exp(-self.reaction * duration)
        return left * moved + (-math.expm1(-self.reaction * duration)) * goal

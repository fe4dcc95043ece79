"""Ridge solves along a flow: warm starts, and a preconditioner kept for as long as it serves."""

from __future__ import annotations

from dataclasses import dataclass, field

from mudot.meshes.arrays import Array
from mudot.solvers.kernels.direct import markov_line
from mudot.solvers.kernels.nystrom import Nystrom
from mudot.solvers.kernels.operators import KernelOperator, Place
from mudot.solvers.kernels.solves import RidgeSolution, ridge, ridge_preconditioner

PLAIN_RIDGE = 1e-3
"""Conjugate gradients need no preconditioner for ridges above this share of the total mass."""


@dataclass
class RidgeSolver:
    """One ridge problem after another with slowly changing masses; `solve` is `ridge` with a memory.

    A preconditioner is made at the first solve and again when the iterations have doubled; where it cannot reach the
    ridge within its memory, plain conjugate gradients are faster and it is not used.
    """

    operator: KernelOperator
    ridge: float
    tolerance: float = 1e-10
    on: Place = "cells"
    _guess: Array | None = field(default=None, repr=False)
    _preconditioner: Nystrom | None = field(default=None, repr=False)
    _fresh: int = field(default=0, repr=False)
    _hopeless: bool = field(default=False, repr=False)

    def solve(self, masses: Array, xi: Array) -> RidgeSolution:
        """The ridge regression of xi, of the shape of the masses; raises as `ridge` does."""
        if self._preconditioner is None and self._worthwhile(masses):
            made = ridge_preconditioner(self.operator, masses, self.ridge, on=self.on)
            self._preconditioner, self._hopeless, self._fresh = made if made.reached else None, not made.reached, 0
        found = ridge(
            self.operator, masses, xi, self.ridge, self._guess, self.tolerance, self._preconditioner, on=self.on
        )
        self._guess = found.y
        self._fresh = self._fresh or max(found.iterations, 4)
        if found.iterations > 2 * self._fresh:
            self._preconditioner = None
        return found

    def _worthwhile(self, masses: Array) -> bool:
        if self._hopeless or markov_line(self.operator, self.on) is not None:
            return False
        return self.ridge < PLAIN_RIDGE * float(masses.sum())

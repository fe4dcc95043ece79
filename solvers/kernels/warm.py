"""Ridge solves along a flow: each starts from the best combination of the last solutions.

The solutions y of neighbouring densities span what the next one is close to: the combination that is nearest to it in
the norm of its own system costs one product for each and replaces many iterations (Fischer 1998).

For small ridges a Nystrom preconditioner is made at the first solve and again when the iterations have doubled; where
it cannot reach the ridge within its memory, plain conjugate gradients are faster and it is not used.

A memory belongs to one stretch of a run: whoever makes it at a state that can be stored, and starts it empty there,
gets the same bits after a restart as without one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.solvers.kernels.direct import markov_line
from mudot.solvers.kernels.nystrom import Nystrom
from mudot.solvers.kernels.operators import KernelOperator, Place
from mudot.solvers.kernels.solves import DEFECT, RidgeSolution, ridge, ridge_preconditioner

KEPT = 6
"""Solutions that are remembered of each sequence."""
PLAIN_RIDGE = 1e-3
"""Conjugate gradients need no preconditioner for ridges above this share of the total mass."""


@dataclass(eq=False)
class RidgeMemory:
    """Ridge problems one after another with slowly changing masses and fields; `solve` is `ridge` with a memory.

    Several sequences may alternate, numbered by `slot`: spherical geometries solve for the force and for ones.
    """

    _sequences: dict[tuple[int, Place, int], Sequence] = field(default_factory=dict, repr=False)

    def solve(
        self,
        operator: KernelOperator,
        masses: Array,
        xi: Array,
        regularization: float,
        slot: int = 0,
        on: Place = "cells",
        tolerance: float = DEFECT,
    ) -> RidgeSolution:
        """The ridge regression of xi, of the shape of the masses; raises as `ridge` does."""
        if operator.path == "features" or markov_line(operator, on) is not None:
            return ridge(operator, masses, xi, regularization, tolerance=tolerance, on=on)
        known = self._sequences.setdefault((id(operator), on, slot), Sequence())
        first = self._sequences[id(operator), on, 0] if slot else known
        precondition = first.preconditioner(operator, masses, regularization, on)
        guess = _combined(operator, masses, xi, regularization, on, known.last) if known.last else None
        found = ridge(operator, masses, xi, regularization, guess, tolerance, precondition, on)
        known.add(found)
        return found


@dataclass(eq=False)
class Sequence:
    """The last solutions and the preconditioner of one sequence of problems."""

    last: list[Array] = field(default_factory=list)
    _made: Nystrom | None = None
    _fresh: int = 0
    _hopeless: bool = False

    def preconditioner(
        self, operator: KernelOperator, masses: Array, regularization: float, on: Place
    ) -> Nystrom | None:
        """The preconditioner, made where there is none that serves, or None where none is worth it."""
        if self._made is None and not self._hopeless and regularization < PLAIN_RIDGE * float(masses.sum()):
            made = ridge_preconditioner(operator, masses, regularization, on=on)
            self._made, self._hopeless, self._fresh = made if made.reached else None, not made.reached, 0
        return self._made

    def add(self, found: RidgeSolution) -> None:
        """Remember a solution; forget a preconditioner with which iterations have doubled."""
        self.last.append(found.y)
        del self.last[:-KEPT]
        self._fresh = self._fresh or max(found.iterations, 4)
        if found.iterations > 2 * self._fresh:
            self._made = None


def _combined(
    operator: KernelOperator, masses: Array, xi: Array, regularization: float, on: Place, known: list[Array]
) -> Array:
    """The combination of known vectors that is nearest to the solution in the norm of S + lambda."""
    xp = array_module(masses)
    root = xp.sqrt(masses)
    right = root * xp.where(masses > 0, xi, 0.0)
    images = [root * operator.gram_on(on, root * y) + regularization * y for y in known]
    matrix = np.array([[float((y * image).sum()) for image in images] for y in known])
    load = np.array([float((y * right).sum()) for y in known])
    # Neighbours are almost dependent: what round-off makes of their differences is left out.
    weights = np.linalg.lstsq((matrix + matrix.T) / 2, load, rcond=1e-13)[0]
    total = float(weights[0]) * known[0]
    for weight, y in zip(weights[1:], known[1:], strict=True):
        total = total + float(weight) * y
    return total

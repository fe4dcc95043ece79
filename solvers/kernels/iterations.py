"""Conjugate gradients for (S + lambda) y = b, with any preconditioner, stopped by the plain norm of the residual.

That norm is the one which counts: with S = M G M, f = G M y and M = diag sqrt(w), a residual r moves f by at most |r|
in L2(mu).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.solvers.linear import LinearSolution, NotConverged

_EPSILON = float(np.finfo(float).eps)
_RUNS = 3


def shifted_gradients(
    apply: Callable[[Array], Array],
    shift: float,
    right: Array,
    guess: Array | None = None,
    tolerance: float = 1e-10,
    precondition: Callable[[Array], Array] | None = None,
    limit: int = 5000,
) -> LinearSolution:
    """Solve apply(y) + shift y = right; `apply` is symmetric and positive semidefinite in sum(f * g).

    The residual returned is |right - apply(y) - shift y| / |right|, computed afresh. Raises NotConverged where it does
    not fall below the tolerance, or to what round-off leaves of it, in `limit` iterations.
    """
    xp = array_module(right)
    scale = _length(right)
    if scale == 0:
        return LinearSolution(xp.zeros_like(right), 0.0, 0)
    y = xp.zeros_like(right) if guess is None else guess
    residual = right if guess is None else right - apply(y) - shift * y
    reached, count, enough = _length(residual) / scale, 0, tolerance
    for _ in range(_RUNS):
        if reached <= enough or count >= limit:
            break
        y, used = _run(apply, shift, y, residual, tolerance * scale, precondition, limit - count)
        count += used
        # The recursion of the residual drifts by round-off: what counts is the residual itself.
        residual = right - apply(y) - shift * y
        reached = _length(residual) / scale
        if reached > tolerance:
            largest = float((right * apply(right)).sum()) / scale**2
            enough = max(tolerance, 4 * _EPSILON * (largest + shift) * _length(y) / scale)
    if not reached <= enough:
        raise NotConverged(
            f"kernel solve: residual {reached:.1e} after {count} iterations, needed {enough:.1e}; "
            f"raise the regularisation {shift:g} or the tolerance, or use a preconditioner"
        )
    return LinearSolution(y, reached, count)


def _length(vector: Array) -> float:
    return math.sqrt(float((vector * vector).sum()))


def _run(
    apply: Callable[[Array], Array],
    shift: float,
    y: Array,
    residual: Array,
    enough: float,
    precondition: Callable[[Array], Array] | None,
    limit: int,
) -> tuple[Array, int]:
    """Iterate until the residual's recursion is below `enough`; two waits for the device an iteration."""
    z = residual if precondition is None else precondition(residual)
    direction, rho = z, float((residual * z).sum())
    for iteration in range(1, limit + 1):
        image = apply(direction) + shift * direction
        curvature = float((direction * image).sum())
        if not curvature > 0:
            return y, iteration
        step = rho / curvature
        y = y + step * direction
        residual = residual - step * image
        if precondition is None:
            new = norm = float((residual * residual).sum())
            z = residual
        else:
            z = precondition(residual)
            new, norm = float((residual * z).sum()), float((residual * residual).sum())
        if norm <= enough**2:
            return y, iteration
        direction = z + (new / rho) * direction
        rho = new
    return y, limit

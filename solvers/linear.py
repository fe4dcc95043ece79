"""Conjugate gradients on any device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mudot.meshes.arrays import Array, array_module

_VACUUM = 1e-290


class NotConverged(RuntimeError):
    """A linear solve that did not reach its tolerance; the message says how far it came."""


@dataclass(frozen=True)
class LinearSolution:
    """solution: of the shape of the right-hand side; residual: its norm over that of the right-hand side."""

    solution: Array
    residual: float
    iterations: int


def conjugate_gradients(
    apply: Callable[[Array], Array],
    right: Array,
    weight: Array,
    diagonal: Array,
    guess: Array | None = None,
    tolerance: float = 1e-10,
    floor: float = 1e-14,
    limit: int = 20000,
) -> LinearSolution:
    """Solve apply(x) = right; `apply` is symmetric and positive semidefinite in sum(weight * f * g).

    diagonal: an approximation of the operator's diagonal, used as preconditioner (zeros are taken as ones). A singular
    system must be consistent. Residuals that correspond to changes of the solution below `floor` (in the norm of
    the diagonal) are round-off and count as none. Raises NotConverged after `limit` iterations.
    """
    xp = array_module(right)
    # Where the diagonal all but underflows there is vacuum: nothing is sought there.
    regular = (diagonal > _VACUUM) | (diagonal == 0)
    inverse = xp.where(regular, 1 / xp.where(diagonal > _VACUUM, diagonal, 1.0), 0.0)
    x = xp.zeros_like(right) if guess is None else guess + 0
    residual = right - apply(x) if guess is not None else right + 0
    scale = float((weight * right * inverse * right).sum())
    enough = tolerance**2 * scale + floor**2 * float((weight * diagonal).sum())
    if scale == 0:
        return LinearSolution(xp.zeros_like(right), 0.0, 0)
    z = inverse * residual
    direction = z
    rho = float((weight * residual * z).sum())
    for iteration in range(limit + 1):
        if rho <= enough:
            return LinearSolution(x, (rho / scale) ** 0.5, iteration)
        if iteration == limit:
            break
        image = apply(direction)
        curvature = float((weight * direction * image).sum())
        if not curvature > 0:  # what is left of the residual lies in the kernel
            break
        step = rho / curvature
        x = x + step * direction
        residual = residual - step * image
        z = inverse * residual
        new = float((weight * residual * z).sum())
        direction = z + (new / rho) * direction
        rho = new
    reached = (rho / scale) ** 0.5
    raise NotConverged(
        f"conjugate gradients: residual {reached:.1e} after {iteration} iterations, needed {tolerance:.1e}"
    )

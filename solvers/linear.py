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
    residual = right - apply(guess) if guess is not None else right + 0
    scale = _product(weight, right, inverse, right)
    enough = tolerance**2 * scale + floor**2 * float((weight * diagonal).sum())
    if scale == 0:
        return LinearSolution(xp.zeros_like(right), 0.0, 0)
    direction = inverse * residual
    rho = _product(weight, residual, direction)
    for iteration in range(limit + 1):
        if rho <= enough:
            return LinearSolution(x, (rho / scale) ** 0.5, iteration)
        if iteration == limit:
            break
        image = apply(direction)
        curvature = _product(weight, direction, image)
        if not curvature > 0:  # what is left of the residual lies in the kernel
            break
        step = rho / curvature
        x += step * direction
        residual -= step * image
        image = inverse * residual
        new = _product(weight, residual, image)
        # A new array: the operator may remember what it was given.
        direction = (new / rho) * direction
        direction += image
        rho = new
    reached = (rho / scale) ** 0.5
    raise NotConverged(
        f"conjugate gradients: residual {reached:.1e} after {iteration} iterations, needed {tolerance:.1e}"
    )


def _product(weight: Array, *factors: Array) -> float:
    """The sum of the weight times the factors."""
    total = weight * factors[0]
    for factor in factors[1:]:
        total *= factor
    return float(total.sum())


def stabilised_biconjugate_gradients(
    apply: Callable[[Array], Array],
    precondition: Callable[[Array], Array],
    right: Array,
    tolerance: float = 1e-8,
    limit: int = 500,
) -> LinearSolution:
    """Solve apply(x) = right for an operator that need not be symmetric (van der Vorst 1992), preconditioned from the
    right, to a residual of `tolerance` in the Euclidean norm. Raises NotConverged after `limit` iterations of two
    products each, or where the method breaks down."""
    xp = array_module(right)
    x, residual = xp.zeros_like(right), right
    scale = float(xp.sqrt((right * right).sum()))
    if scale == 0:
        return LinearSolution(x, 0.0, 0)
    shadow, direction, image = right, xp.zeros_like(right), xp.zeros_like(right)
    rho = alpha = omega = 1.0
    reached = 1.0
    for iteration in range(1, limit + 1):
        new = float((shadow * residual).sum())
        if not abs(new) > _VACUUM or not abs(omega) > _VACUUM:
            break
        direction = residual + new / rho * alpha / omega * (direction - omega * image)
        rho, smooth = new, precondition(direction)
        image = apply(smooth)
        along = float((shadow * image).sum())
        if not abs(along) > _VACUUM:
            break
        alpha = rho / along
        x = x + alpha * smooth
        residual = residual - alpha * image
        smooth = precondition(residual)
        turned = apply(smooth)
        square = float((turned * turned).sum())
        omega = float((turned * residual).sum()) / square if square > 0 else 0.0
        x = x + omega * smooth
        residual = residual - omega * turned
        reached = float(xp.sqrt((residual * residual).sum())) / scale
        if reached <= tolerance:
            return LinearSolution(x, reached, iteration)
        if not reached < 1e100:
            break
    raise NotConverged(
        f"biconjugate gradients: residual {reached:.1e} after {iteration} iterations, needed {tolerance:.1e}"
    )

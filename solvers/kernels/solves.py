"""Kernel ridge regression f = (K_mu + lambda)^-1 K_mu xi and regularised inverses (K + epsilon)^-1 f.

Ridge solves use the symmetric form with masses w: M = diag sqrt(w), S = M G M, (S + lambda) y = M xi, and f = G M y,
which is smooth and accurate also where w is zero. Dividing M f by sqrt(w) instead would lose all digits in the tails.
For every xi, <xi, f>_mu = |f|_mu^2 + lambda |f|_H^2: the two halves of the dissipation.

Cell functions have the mesh's shape. Vector fields are given by their normal components on faces (`on="faces"`), each
orientation with its own Gram matrix; their masses are density times area times distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels.direct import direct_inverse, features_ridge, markov_line, nearly_inverse
from mudot.solvers.kernels.iterations import shifted_gradients
from mudot.solvers.kernels.markov import MarkovInverse
from mudot.solvers.kernels.nystrom import Nystrom, nystrom
from mudot.solvers.kernels.operators import KernelOperator, Place
from mudot.solvers.kernels.spectral import product_inverse
from mudot.solvers.linear import LinearSolution

DEFECT = 1e-10
"""Relative defect to which ridge problems are solved."""


@dataclass(frozen=True)
class RidgeSolution:
    """The kernel ridge regression f of a field xi.

    f:                  of the shape of xi
    y:                  of the shape of xi, f = G M y: the warm start of the next solve
    rkhs_norm_squared:  |f|_H^2
    residual:           |<xi,f>_mu - |f|_mu^2 - lambda |f|_H^2| / <xi,f>_mu: round-off
    iterations:         0 for direct solves
    defect:             |M xi - (S + lambda) y| / |M xi|: bounds the error of f in L2(mu), relative to xi; 0 for direct
                        solves, whose y is defined by it
    """

    f: Array
    y: Array
    rkhs_norm_squared: float
    residual: float
    iterations: int
    defect: float


def ridge(
    operator: KernelOperator,
    masses: Array,
    xi: Array,
    ridge: float,
    guess: Array | None = None,
    tolerance: float = DEFECT,
    preconditioner: Nystrom | None = None,
    on: Place = "cells",
) -> RidgeSolution:
    """(K_mu + ridge)^-1 K_mu xi.

    masses:         >= 0, of the shape of xi; where they are 0, xi does not matter (it may be infinite)
    guess:          the `y` of a similar problem
    preconditioner: of `ridge_preconditioner`, for the same place and similar masses
    In one dimension the Laplace kernel is solved directly, (mu + ridge K^-1) f = mu xi, and so are polynomial kernels,
    by the Gram matrix of their features, where round-off allows it. Raises MudotError for
    ridge <= 0, negative masses and kernels that are not positive; NotConverged, with the residual, where iterations
    fail.

    >>> import numpy as np
    >>> from mudot.meshes.arrays import numpy_library
    >>> from mudot.meshes.cartesian import Cartesian
    >>> from mudot.solvers.kernels.functions import GaussianKernel
    >>> from mudot.solvers.kernels.operators import kernel_operator
    >>> operator = kernel_operator(GaussianKernel(1.0), Cartesian(4, 0.0, 4.0), numpy_library())
    >>> ridge(operator, np.full(4, 0.25), np.array([0.0, 1.0, 1.0, 0.0]), 0.1).f.round(3)
    array([0.13 , 0.753, 0.753, 0.13 ])
    """
    _check(operator, ridge, masses)
    xp = array_module(masses)
    root = xp.sqrt(masses)
    right = root * xp.where(masses > 0, xi, 0.0)
    line = markov_line(operator, on)
    if line is not None:
        return _local_ridge(line, masses, right, ridge)
    small = features_ridge(operator, masses, xp.where(masses > 0, xi, 0.0), ridge, on)
    if small is not None:
        return _of_features(*small, root, right, ridge)
    found = shifted_gradients(
        lambda y: root * operator.gram_on(on, root * y), ridge, right, guess, tolerance, preconditioner
    )
    return _scaled(found, operator.gram_on(on, root * found.solution), root, right, ridge)


def _local_ridge(line: MarkovInverse, masses: Array, right: Array, ridge: float) -> RidgeSolution:
    """(W + ridge G^-1) f = W xi on the host; then y = M (xi - f) / ridge."""
    library, root = library_of(masses), array_module(masses).sqrt(masses)
    solved = line.solve(library.to_host(masses), ridge, library.to_host(root * right))
    f = library.to_device(solved)
    y = (right - root * f) / ridge
    norm_squared = line.norm_squared(solved)
    return RidgeSolution(f, y, norm_squared, _residual(right, root * f, ridge * norm_squared), 0, 0.0)


def _of_features(f: Array, norm_squared: float, root: Array, right: Array, ridge: float) -> RidgeSolution:
    """The best multiple, as in `_scaled`, of a solution by its coefficients."""
    image = root * f
    total, part = float((right * image).sum()), float((image * image).sum())
    factor = total / (part + ridge * norm_squared) if total > 0 else 1.0
    image, norm_squared = factor * image, factor**2 * norm_squared
    y = (right - image) / ridge
    return RidgeSolution(factor * f, y, norm_squared, _residual(right, image, ridge * norm_squared), 0, 0.0)


def _scaled(found: LinearSolution, f: Array, root: Array, right: Array, ridge: float) -> RidgeSolution:
    """The best multiple of an approximate solution: it splits the dissipation exactly, whatever the tolerance was.

    Along the ray of y, |f - xi|_mu^2 + ridge |f|_H^2 is smallest where <xi, f>_mu = |f|_mu^2 + ridge |f|_H^2.
    """
    image = root * f
    total, part = float((right * image).sum()), float((image * image).sum())
    norm_squared = float((found.solution * image).sum())
    factor = total / (part + ridge * norm_squared) if total > 0 else 1.0
    y, image, norm_squared = factor * found.solution, factor * image, factor**2 * norm_squared
    rest, scale = right - image - ridge * y, float((right * right).sum())
    defect = math.sqrt(float((rest * rest).sum()) / scale) if scale else 0.0
    identity = _residual(right, image, ridge * norm_squared)
    return RidgeSolution(factor * f, y, norm_squared, identity, found.iterations, defect)


def _residual(right: Array, image: Array, rest: float) -> float:
    total, part = float((right * image).sum()), float((image * image).sum())
    return abs(total - part - rest) / total if total > 0 else abs(part + rest)


def ridge_preconditioner(
    operator: KernelOperator,
    masses: Array,
    ridge: float,
    rank: int | None = None,
    seed: int = 0,
    on: Place = "cells",
) -> Nystrom:
    """The Nystrom preconditioner of a ridge problem with these masses: `rank` products, made once for many solves.

    By default the rank grows until the ridge is reached or the memory for it is used up; see `nystrom`.
    """
    _check(operator, ridge, masses)
    root = array_module(masses).sqrt(masses)
    return nystrom(lambda v: root * operator.gram_on(on, root * v), root, ridge, rank, seed)


def inverse(
    operator: KernelOperator,
    f: Array,
    epsilon: float,
    guess: Array | None = None,
    tolerance: float = 1e-10,
    preconditioner: Callable[[Array], Array] | None = None,
    on: Place = "cells",
) -> LinearSolution:
    """(K + epsilon)^-1 f for functions, with K f = G (weights f) and the weights of cells or faces.

    Direct on fully periodic uniform meshes (FFT), for polynomial kernels (features) and for the Laplace kernel in one
    dimension (tridiagonal); there epsilon may be 0 where K is well-conditioned. Else by conjugate gradients in the
    symmetric form, from `guess`, a similar solution, or from what the eigenvectors of a product kernel give, which
    leaves them nothing to do but for a tiny epsilon. The preconditioner is that of masses equal to the weights; by
    default, for convolutions on boxes with walls, that of their diagonal in cosines. With epsilon = 0 they converge for
    f in the range of K, and to what is then determined: <f, K^-1 f>. Raises MudotError for a singular K + epsilon and
    kernels that are not positive; NotConverged where iterations fail.

    >>> import numpy as np
    >>> from mudot.meshes.arrays import numpy_library
    >>> from mudot.meshes.cartesian import Cartesian
    >>> from mudot.solvers.kernels.functions import LaplaceKernel
    >>> from mudot.solvers.kernels.operators import kernel_operator
    >>> operator = kernel_operator(LaplaceKernel(1.0), Cartesian(4, 0.0, 4.0), numpy_library())
    >>> inverse(operator, operator.apply(np.array([0.0, 1.0, 2.0, 0.0])), 0.0).solution.round(6) + 0.0
    array([0., 1., 2., 0.])
    """
    _check_positive(operator, epsilon)
    weights = operator.weights(on)
    direct = direct_inverse(operator, f, epsilon, on)
    if direct is not None:
        rest = f - operator.gram_on(on, weights * direct) - epsilon * direct
        scale = float((weights * f * f).sum())
        return LinearSolution(direct, (float((weights * rest * rest).sum()) / scale) ** 0.5 if scale else 0.0, 0)
    root = array_module(f).sqrt(weights)
    near = product_inverse(operator, f, epsilon, on) if guess is None else guess
    start = None if near is None else root * near
    helper = preconditioner or nearly_inverse(operator, epsilon, on)
    found = shifted_gradients(
        lambda y: root * operator.gram_on(on, root * y), epsilon, root * f, start, tolerance, helper
    )
    return LinearSolution(found.solution / root, found.residual, found.iterations)


def _check(operator: KernelOperator, ridge: float, masses: Array) -> None:
    _check_positive(operator, ridge)
    if ridge == 0:
        raise MudotError("ridge: expected a positive number, got 0")
    if masses.size and bool((masses < 0).any()):
        raise MudotError("masses: expected numbers of at least 0; the density has become negative")


def _check_positive(operator: KernelOperator, shift: float) -> None:
    name = operator.kernel.name
    if not operator.kernel.positive_definite:
        raise MudotError(f"kernel {name}: is only conditionally positive; its operator has no ridge form or inverse")
    if not (math.isfinite(shift) and shift >= 0):
        raise MudotError(f"regularisation: expected a number of at least 0, got {shift!r}")

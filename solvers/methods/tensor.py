"""exp(t A) for separable potentials: one dense, nonnegative exponential per axis, applied by matrix products.

If V is a sum of functions of one coordinate each, A is a Kronecker sum and exp(t A) the product of one-dimensional
exponentials. Each is built by scaling and squaring without a single subtraction: a Poisson-weighted sum of powers of a
nonnegative band matrix, squared; columns are renormalised after every squaring, which keeps mass and pi to 1e-15.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, array_module

LARGEST_AXIS = 4096
_FLUSH = 1e-290


def squarings(rate_time: float) -> int:
    """How often the exponential is squared for Lambda t = `rate_time`."""
    return max(0, math.ceil(math.log2(max(rate_time, 1.0)))) + 2


def exponential(generator: Any, widths: Array, duration: float) -> Array:
    """exp(duration A) of one line, dense (n, n): nonnegative, with relative accuracy in every entry above 1e-290.

    generator: (n, n), off-diagonal entries nonnegative: sparse on the host, a dense array on a device
    widths:    cell widths, with widths @ generator = 0
    """
    xp, n = array_module(widths), widths.shape[0]
    exit_rate = float(-generator.min())  # the least entries stand on the diagonal
    if exit_rate <= 0:
        return xp.eye(n)
    count = squarings(exit_rate * duration)
    share = exit_rate * duration / 2**count
    result = _series(_step(generator, exit_rate), xp.eye(n), share, n / 2**count)
    for _ in range(count):
        result = result @ result
        # Subnormal entries would slow every later product a hundredfold.
        result[result < _FLUSH] = 0
        result *= (widths / (widths @ result))[None, :]
    return result


def _step(generator: Any, exit_rate: float) -> Any:
    """I + A/Lambda without the round-off below zero, sparse or dense as A is."""
    dense = not scipy.sparse.issparse(generator)
    if dense:
        xp = array_module(generator)
        return xp.maximum(xp.eye(generator.shape[0]) + generator / exit_rate, 0.0)
    step = (scipy.sparse.eye_array(generator.shape[0]) + generator / exit_rate).tocsr()
    step.data = np.maximum(step.data, 0)
    return step


def _series(step: Any, power: Array, share: float, reach: float) -> Array:
    """sum_k e^-share share^k / k! step^k with enough terms to reach every entry after the squarings; `power` is I."""
    weight = math.exp(-share)
    total = weight * power
    for k in range(1, math.ceil(reach) + 40):
        power = step @ power
        weight *= share / k
        if weight == 0:
            break
        total += weight * power
    return total


def apply_along(matrix: Array, density: Array, axis: int) -> Array:
    """The matrix applied to every line of the density along an axis."""
    xp = array_module(density)
    n = density.shape[axis]
    if axis == density.ndim - 1:
        return (density.reshape(-1, n) @ matrix.T).reshape(density.shape)
    lines = density.reshape(math.prod(density.shape[:axis]), n, -1)
    return xp.matmul(matrix, lines).reshape(density.shape)

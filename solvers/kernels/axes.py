"""Gram matrices of separable kernels: one small dense matrix per axis.

For nonnegative kernels and vectors every product is a sum of nonnegative terms: componentwise relative accuracy, also
in tails. A Toeplitz matrix of n points contains that of fewer, so that on uniform axes one matrix serves cells and
faces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module
from mudot.solvers.kernels.functions import RadialKernel
from mudot.solvers.kernels.images import on_axis
from mudot.solvers.kernels.points import Axis, Points

_FLUSH = 1e-290


@dataclass(frozen=True, eq=False)
class AxisProducts:
    """G = the Kronecker product of one symmetric matrix per axis.

    matrices: of shape (n, n) each
    """

    matrices: tuple[Array, ...]

    @property
    def bytes(self) -> int:
        """What the matrices take."""
        return sum(8 * int(matrix.size) for matrix in self.matrices)

    def apply(self, values: Array, out: Array | None = None) -> Array:
        """G times a vector given on the grid of points; of the same shape, in `out` where that is given."""
        for axis, matrix in enumerate(self.matrices):
            values = along(matrix, values, axis, out if axis == len(self.matrices) - 1 else None)
        return values


def axis_products(kernel: RadialKernel, points: Points, library: ArrayLibrary) -> AxisProducts:
    """The dense matrices of a kernel that is separable, or on one axis."""
    return AxisProducts(tuple(axis_matrix(kernel, axis, library) for axis in points))


def axis_matrix(kernel: RadialKernel, axis: Axis, library: ArrayLibrary) -> Array:
    """k(x_i, x_j) of the points of one axis, shape (n, n), on the device."""
    if axis.spacing is None:
        matrix = on_axis(kernel, axis.separations, axis.period)
    else:
        numbers = np.arange(axis.coordinates.size)
        line = on_axis(kernel, axis.spacing * numbers, axis.period)
        if axis.period is not None:
            line = (line + np.roll(line[::-1], 1)) / 2  # x - y and y - x go round the ring to the same sum
        matrix = line[np.abs(np.subtract.outer(numbers, numbers))]
    # Subnormal entries would slow every product a hundredfold.
    return library.to_device(np.where(np.abs(matrix) < _FLUSH, 0.0, matrix))


def restricted(products: AxisProducts, shape: Sequence[int]) -> AxisProducts:
    """The same kernel on the first points of every uniform axis; views, no copies."""
    return AxisProducts(tuple(matrix[:n, :n] for matrix, n in zip(products.matrices, shape, strict=True)))


def along(matrix: Array, values: Array, axis: int, out: Array | None = None) -> Array:
    """A matrix of shape (m, n) applied to every line along an axis of n points; out: for the last axis."""
    xp = array_module(values)
    before, after = values.shape[:axis], values.shape[axis + 1 :]
    shape = (*before, matrix.shape[0], *after)
    if not after:
        lines = values.reshape(-1, values.shape[axis])
        if out is None:
            return (lines @ matrix.T).reshape(shape)
        xp.matmul(lines, matrix.T, out=out.reshape(-1, matrix.shape[0]))
        return out
    return xp.matmul(matrix, values.reshape(math.prod(before), values.shape[axis], -1)).reshape(shape)

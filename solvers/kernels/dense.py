"""Gram matrices in full: radial kernels on small graded meshes in two and three dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary
from mudot.solvers.kernels.functions import RadialKernel
from mudot.solvers.kernels.images import periodised
from mudot.solvers.kernels.points import Points


@dataclass(frozen=True, eq=False)
class Dense:
    """G, shape (N, N)."""

    matrix: Array

    @property
    def bytes(self) -> int:
        """What the matrix takes."""
        return 8 * int(self.matrix.size)

    def apply(self, values: Array) -> Array:
        """G times a vector given on the grid of points; of the same shape."""
        return (self.matrix @ values.reshape(-1)).reshape(values.shape)


def dense(kernel: RadialKernel, points: Points, library: ArrayLibrary) -> Dense:
    """All of k(x_i, x_j)."""
    count, size = len(points), int(np.prod([axis.coordinates.size for axis in points]))
    lags = []
    for number, axis in enumerate(points):
        shape = [1] * (2 * count)
        shape[number] = shape[count + number] = axis.coordinates.size
        lags.append(axis.separations.reshape(shape))
    matrix = periodised(kernel, lags, [axis.period for axis in points])
    return Dense(library.to_device(np.ascontiguousarray(matrix.reshape(size, size))))

"""Preconditioners of convolutions on boxes with walls: their diagonal in cosines, and in waves along periodic axes.

A convolution with an even kernel on a box is not diagonal in cosines, but nearly so away from walls. With U the
orthonormal harmonics of one axis and W the spectrum on the padded torus, of N points, that a box is a part of,

    diag(U^T G U) = P W,    P = |FFT(U)|^2 / N    axis by axis,

positive wherever G is. For small shifts this takes half to a fifth of the iterations that the inverse on the torus
takes (Chan and Ng 1996), and no padding.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.solvers.kernels.axes import along
from mudot.solvers.kernels.convolution import Convolution
from mudot.solvers.kernels.spectral import LARGEST_PRODUCT, Basis

_SMALLEST = 1e-12
"""Of the largest eigenvalue: below it a preconditioner has nothing to say."""


def nearly_inverse_on(
    gram: Convolution, shape: tuple[int, ...], weight: float, shift: float
) -> Callable[[Array], Array]:
    """About (weight G + shift)^-1, symmetric and positive, on a grid of this shape; by the torus for long axes."""
    if max(shape) > LARGEST_PRODUCT:
        return lambda residual: gram.nearly_divided(residual, weight, shift)
    basis = _harmonics(gram, shape)
    symbol = weight * basis.values
    inverse = 1 / (symbol + max(shift, _SMALLEST * float(symbol.max())))
    return lambda residual: basis.multiplied(inverse, residual)


@lru_cache(maxsize=8)
def _harmonics(gram: Convolution, shape: tuple[int, ...]) -> Basis:
    """Cosines and waves, with what the convolution has on its diagonal in them."""
    library, values, vectors = library_of(gram.spectrum), gram.spectrum, []
    for axis, (n, length) in enumerate(zip(shape, gram.lengths, strict=True)):
        lines = _waves(n) if length == n else _cosines(n)
        power = np.abs(np.fft.fft(lines, length, axis=0)) ** 2 / length
        if axis == len(shape) - 1:  # a real transform keeps half of this axis
            half = power[: length // 2 + 1]
            half[1 : (length + 1) // 2] += power[: length // 2 : -1]
            power = half
        values = along(library.to_device(np.ascontiguousarray(power.T)), values, axis)
        vectors.append(library.to_device(lines))
    xp = array_module(values)
    return Basis(xp.maximum(values, 0.0), xp.ones(shape), tuple(vectors))


def _cosines(n: int) -> np.ndarray:
    """Orthonormal, in the columns: cos(pi m (i + 1/2)/n)."""
    lines = np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, np.arange(n)))
    lines[:, 0] /= np.sqrt(2)
    return np.ascontiguousarray(lines * np.sqrt(2 / n))


def _waves(n: int) -> np.ndarray:
    """Orthonormal, in the columns: cosines, then sines, of growing frequency."""
    angles = 2 * np.pi / n * np.outer(np.arange(n), np.arange(n // 2 + 1))
    lines = np.hstack([np.cos(angles), np.sin(angles[:, 1 : (n + 1) // 2])])
    return np.ascontiguousarray(lines / np.linalg.norm(lines, axis=0))

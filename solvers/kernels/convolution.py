"""Gram matrices of translation invariant kernels on uniform grids: convolutions by real FFT.

Periodic axes are transformed as they are, the others padded with zeros to twice their length. The accuracy is absolute
(round-off relative to the largest value), not componentwise. One spectrum serves cells and faces of all orientations:
the padding of n points holds that of n - 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.solvers.kernels.functions import RadialKernel
from mudot.solvers.kernels.images import periodised
from mudot.solvers.kernels.points import Points

_SMALLEST = 1e-12
"""Of the largest eigenvalue: below it a preconditioner has nothing to say."""


@dataclass(frozen=True, eq=False)
class Convolution:
    """G as a convolution.

    lengths:  of the transform along each axis
    spectrum: real transform of the kernel, itself real because kernels are even
    periodic: whether no axis is padded: then `spectrum` holds the eigenvalues of G
    """

    lengths: tuple[int, ...]
    spectrum: Array
    periodic: bool

    @property
    def bytes(self) -> int:
        """What the spectrum takes."""
        return 8 * int(self.spectrum.size)

    @property
    def working_bytes(self) -> int:
        """What a product takes while it runs: a padded array and two complex spectra."""
        return 32 * int(self.spectrum.size) + 8 * int(np.prod(self.lengths, dtype=np.int64))

    def apply(self, values: Array) -> Array:
        """G times a vector given on the grid of points; of the same shape."""
        fft = library_of(values).fft
        transformed = fft.rfftn(values, s=self.lengths) * self.spectrum
        full = fft.irfftn(transformed, s=self.lengths)
        return array_module(values).ascontiguousarray(full[tuple(slice(n) for n in values.shape)])

    def divided(self, values: Array, weight: float, shift: float) -> Array:
        """(weight G + shift)^-1 values; periodic axes only."""
        fft = library_of(values).fft
        transformed = fft.rfftn(values, s=self.lengths) / (weight * self.spectrum + shift)
        return fft.irfftn(transformed, s=self.lengths)

    def nearly_divided(self, values: Array, weight: float, shift: float) -> Array:
        """R (weight |C| + shift)^-1 R^T values, C the periodic operator that G is a block of and R the restriction to
        it: a symmetric positive preconditioner of weight G + shift (Chan and Ng 1996), exact but near walls."""
        library = library_of(values)
        fft, xp = library.fft, library.xp
        symbol = weight * xp.abs(self.spectrum)
        symbol = symbol + max(shift, _SMALLEST * float(symbol.max()))
        full = fft.irfftn(fft.rfftn(values, s=self.lengths) / symbol, s=self.lengths)
        return xp.ascontiguousarray(full[tuple(slice(n) for n in values.shape)])

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """Smallest and largest entry of the spectrum."""
        return float(self.spectrum.min()), float(self.spectrum.max())


def convolution(kernel: RadialKernel, points: Points, library: ArrayLibrary) -> Convolution:
    """The convolution with a kernel on the points of a uniform grid."""
    counts = [axis.coordinates.size for axis in points]
    lengths = tuple(
        n if axis.period is not None else scipy.fft.next_fast_len(2 * n - 1, real=True)
        for n, axis in zip(counts, points, strict=True)
    )
    # Lags up to half the length tell all: kernels are even along every axis.
    lags = [(axis.spacing or 0.0) * np.arange(m // 2 + 1) for axis, m in zip(points, lengths, strict=True)]
    quadrant = periodised(kernel, list(np.ix_(*lags)), [axis.period for axis in points])
    spectrum = scipy.fft.rfftn(quadrant[_folded(lengths)]).real
    periodic = all(axis.period is not None for axis in points)
    if periodic and kernel.positive_definite:
        spectrum = np.maximum(spectrum, 0.0)  # eigenvalues of a positive matrix: below zero is round-off
    return Convolution(lengths, library.to_device(np.ascontiguousarray(spectrum)), periodic)


def _folded(lengths: Sequence[int]) -> tuple[np.ndarray, ...]:
    return np.ix_(*(np.minimum(np.arange(m), m - np.arange(m)) for m in lengths))

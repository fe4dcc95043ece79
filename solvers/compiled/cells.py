"""The fused kernels of a device as functions of arrays: one pass over memory where array passes take several.

The text of the kernels is `cells.cuh`; who compiles and starts them is a `Launch`, of CuPy on a device and of a C++
compiler in the tests. What a kernel takes is read from its text, and every argument is checked against it: a wrong
type or a strided array would be read as garbage without a word.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary
from mudot.meshes.cartesian import Cartesian

LARGEST = 2**31 - 2**10
"""Entries from which the kernels' indices would overflow; larger arrays go through array passes."""
BATCH = 8
"""Vectors that `gather` takes at once."""
TERMS = 7
"""Arrays that `combination` takes."""

Launch = Callable[[str, int, tuple[Any, ...]], None]
"""(kernel, threads, arguments): start at least so many threads with arguments that fit the kernel's parameters."""


@cache
def source() -> str:
    """The text of all kernels, CUDA C++."""
    return Path(__file__).with_name("cells.cuh").read_text()


@cache
def parameters() -> dict[str, tuple[tuple[str, str], ...]]:
    """Type and name of the parameters of every kernel, as its text has them.

    >>> parameters()["logarithmic_mean"]
    (('int', 'faces'), ('const double*', 'a'), ('const double*', 'b'), ('double*', 'out'))
    """
    found = re.findall(r"^KERNEL (\w+)\(([^)]*)\)", source(), re.MULTILINE)
    return {name: tuple(_typed(part) for part in inside.split(",")) for name, inside in found}


def _typed(text: str) -> tuple[str, str]:
    kind, _, name = " ".join(text.split()).rpartition(" ")
    return kind, name


_SCALARS: dict[str, Callable[[Any], Any]] = {"int": np.int32, "double": np.float64}
_POINTERS = {"double*": np.float64, "int*": np.int32}


def arguments(kernel: str, given: Sequence[Any]) -> tuple[Any, ...]:
    """What a kernel is started with: numbers of the width that its text names, contiguous arrays as they are.

    Raises TypeError for arguments that do not fit.
    """
    wanted = parameters()[kernel]
    if len(given) != len(wanted):
        raise TypeError(f"{kernel}: expected {len(wanted)} arguments, got {len(given)}")
    return tuple(_fitting(f"{kernel}, {name}", kind, value) for (kind, name), value in zip(wanted, given, strict=True))


def _fitting(place: str, kind: str, value: Any) -> Any:
    if kind in _SCALARS:
        if not isinstance(value, bool | int | float | np.generic):
            raise TypeError(f"{place}: expected a number, got {type(value).__name__}")
        return _SCALARS[kind](value)
    dtype = _POINTERS[kind.removeprefix("const ")]
    if getattr(value, "dtype", None) != dtype or not value.flags.c_contiguous:
        raise TypeError(f"{place}: expected a contiguous array of {np.dtype(dtype)}, got {type(value).__name__}")
    return value


@dataclass(frozen=True, eq=False)
class Diagonals:
    """A square matrix of a few diagonals on a device.

    offsets: int32, increasing, shape (diagonals,);   first, last: int32, the rows from and below which each has entries
    values:  shape (diagonals, cells), values[d, i] = A[i, i + offsets[d]]
    """

    kernels: Kernels
    offsets: Array
    first: Array
    last: Array
    values: Array

    @property
    def shape(self) -> tuple[int, int]:
        """(cells, cells)."""
        return (self.values.shape[1], self.values.shape[1])

    def __matmul__(self, x: Array) -> Array:
        return self.kernels.call("banded_product", self.shape[0], *self._table, x, sizes=[self.shape[0]])

    def chebyshev_step(self, now: Array, before: Array) -> Array:
        """2 A now - before."""
        return self.kernels.call("chebyshev_step", self.shape[0], *self._table, now, before, sizes=[self.shape[0]] * 2)

    @property
    def _table(self) -> tuple[Any, ...]:
        return (self.offsets.shape[0], self.offsets, self.first, self.last, self.values)


@dataclass(frozen=True, eq=False)
class Grid:
    """A mesh as the kernels see it: three axes, periodic ones marked, and the widths of all axes on the device."""

    cells: tuple[int, int, int]
    periodic: tuple[bool, ...]
    widths: Array

    @property
    def size(self) -> int:
        """Cells."""
        return math.prod(self.cells)

    @property
    def faces(self) -> int:
        """Faces of all axes."""
        per_axis = [n if around else n - 1 for n, around in zip(self.cells, self.periodic, strict=True)]
        return sum(faces * self.size // n for faces, n in zip(per_axis, self.cells, strict=True))

    @classmethod
    def of(cls, mesh: Cartesian, library: ArrayLibrary) -> Grid:
        """The mesh on the device of a library."""
        n0, n1, n2 = (*mesh.shape, 1, 1)[:3]
        # An axis of one cell has no faces, whatever its boundary.
        periodic = [n > 1 and kind == "periodic" for n, kind in zip(mesh.shape, mesh.boundary, strict=True)]
        widths = np.concatenate([*mesh.widths, np.ones(3 - mesh.dimension)])
        return cls((n0, n1, n2), (*periodic, False, False)[:3], library.to_device(widths))


@dataclass(frozen=True, eq=False)
class Kernels:
    """The fused kernels on the device of a library. All arrays are float64 of that device and below `LARGEST`."""

    library: ArrayLibrary
    launch: Launch

    def call(self, kernel: str, threads: int, *given: Any, sizes: Sequence[int]) -> Array:
        """A new array of shape (threads,) from a kernel whose first parameter is the count, the last the result.

        sizes: entries that the kernel reads of the last arrays given: a device reads beyond an array without a word
        """
        out = self.library.xp.empty(threads)
        self._start(kernel, threads, *given, out, sizes=[*sizes, threads])
        return out

    def _start(self, kernel: str, threads: int, *given: Any, sizes: Sequence[int]) -> None:
        *read, written = given
        for array, size in zip(given[-len(sizes) :], sizes, strict=True):
            if array.size != size:
                raise TypeError(f"{kernel}: expected an array of {size} entries, got {array.size}")
        contiguous = self.library.xp.ascontiguousarray
        fitting = (contiguous(value) if hasattr(value, "shape") else value for value in read)
        if threads:
            self.launch(kernel, threads, arguments(kernel, (threads, *fitting, written)))

    def diagonals(self, matrix: Any, most: int) -> Diagonals | None:
        """A CSR matrix of the host by diagonals, or None where it has more than `most` of them."""
        rows = np.repeat(np.arange(matrix.shape[0], dtype=np.int32), np.diff(matrix.indptr))
        gaps = matrix.indices - rows
        offsets, which = np.unique(gaps, return_inverse=True)
        if offsets.size > most:
            return None
        values = np.zeros((offsets.size, matrix.shape[0]))
        values[which, rows] = matrix.data
        ends = [(rows[which == d].min(), rows[which == d].max() + 1) for d in range(offsets.size)]
        first, last = np.array(ends, dtype=np.int32).reshape(-1, 2).T
        send = self.library.to_device
        table = (offsets.astype(np.int32), np.ascontiguousarray(first), np.ascontiguousarray(last), values)
        return Diagonals(self, *map(send, table))

    def gather(self, total: Array, weights: Array, vectors: Sequence[Array]) -> None:
        """total[j] += sum_k weights[j, k] vector_k in place, for at most BATCH vectors; total: contiguous."""
        padded = [*vectors, *[vectors[0]] * (BATCH - len(vectors))]
        sums, cells = total.shape
        sizes = [sums * len(vectors), *[cells] * BATCH, sums * cells]
        self._start("gather", cells, sums, len(vectors), weights, *padded, total, sizes=sizes)

    def combination(self, weights: Sequence[float], slopes: Sequence[Array]) -> Array:
        """sum of weights times slopes; terms of weight zero, but the first, are left out. At most TERMS others."""
        kept = [(w, s) for k, (w, s) in enumerate(zip(weights, slopes, strict=True)) if w or not k]
        spare = TERMS - len(kept)
        factors, arrays = [w for w, _ in kept] + [0.0] * spare, [s for _, s in kept] + [kept[0][1]] * spare
        flat = [s.reshape(-1) for s in arrays]
        size = slopes[0].size
        return self.call("combination", size, len(kept), *factors, *flat, sizes=[size] * TERMS).reshape(slopes[0].shape)

    def logarithmic_mean(self, a: Array, b: Array) -> Array:
        """(a - b) / (log a - log b), entry by entry."""
        return self._pointwise("logarithmic_mean", a, b)

    def log_ratio(self, density: Array, target: Array, log_target: Array) -> Array:
        """log(density/target), without cancellation where both are close; -inf at zero density."""
        return self._pointwise("log_ratio", density, target, log_target)

    def integrand(
        self, p: float, moderate: float, largest: float, density: Array, target: Array, log_target: Array
    ) -> Array:
        """pi phi_p(density/target): without cancellation where |log s| is below `moderate`, elsewhere in logarithms,
        whose exponents count as infinite above `largest`."""
        return self._pointwise("integrand", density, target, log_target, numbers=(p, moderate, largest))

    def _pointwise(self, kernel: str, first: Array, *others: Array, numbers: tuple[float, ...] = ()) -> Array:
        """A function of arrays of one shape, entry by entry."""
        flat = [array.reshape(-1) for array in (first, *others)]
        return self.call(kernel, first.size, *numbers, *flat, sizes=[first.size] * len(flat)).reshape(first.shape)

    def divergence(self, grid: Grid, flux: Array) -> Array:
        """Net outflow per volume, shape (cells,), of fluxes of shape (faces,)."""
        given = (*grid.cells, *grid.periodic, grid.widths, flux)
        return self.call("flux_divergence", grid.size, *given, sizes=[grid.faces])

    def diffusion(self, grid: Grid, mobility: Array, f: Array) -> Array:
        """div (m grad f), shape (cells,), for m of shape (faces,) and f of shape (cells,)."""
        given = (*grid.cells, *grid.periodic, grid.widths, mobility, f)
        return self.call("diffusion", grid.size, *given, sizes=[grid.faces, grid.size])

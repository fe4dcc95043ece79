"""The fused kernels of a device as functions of arrays: one pass over memory where array passes take several.

The text of the kernels is `cells.cuh`; who compiles and starts them is a `Launch`, of CuPy on a device and of a C++
compiler in the tests. What a kernel takes is read from its text, and every argument is checked against it: a wrong
type or a strided array would be read as garbage without a word.
"""

from __future__ import annotations

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
        return self.kernels.call("banded_product", self.shape[0], *self._table, x)

    def chebyshev_step(self, now: Array, before: Array) -> Array:
        """2 A now - before."""
        return self.kernels.call("chebyshev_step", self.shape[0], *self._table, now, before)

    @property
    def _table(self) -> tuple[Any, ...]:
        return (self.offsets.shape[0], self.offsets, self.first, self.last, self.values)


@dataclass(frozen=True, eq=False)
class Grid:
    """A mesh as the kernels see it: three axes, periodic ones marked, and the widths of all axes on the device."""

    cells: tuple[int, int, int]
    periodic: tuple[bool, ...]
    widths: Array

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

    def call(self, kernel: str, threads: int, *given: Any) -> Array:
        """A new array of shape (threads,) from a kernel whose first parameter is the count, the last the result."""
        out = self.library.xp.empty(threads)
        self._start(kernel, threads, *given, out)
        return out

    def _start(self, kernel: str, threads: int, *given: Any) -> None:
        *read, written = given
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
        self._start("gather", total.shape[1], total.shape[0], len(vectors), weights, *padded, total)

    def combination(self, weights: Sequence[float], slopes: Sequence[Array]) -> Array:
        """sum of weights times slopes; terms of weight zero, but the first, are left out. At most TERMS others."""
        kept = [(w, s) for k, (w, s) in enumerate(zip(weights, slopes, strict=True)) if w or not k]
        spare = TERMS - len(kept)
        factors, arrays = [w for w, _ in kept] + [0.0] * spare, [s for _, s in kept] + [kept[0][1]] * spare
        flat = [s.reshape(-1) for s in arrays]
        return self.call("combination", flat[0].shape[0], len(kept), *factors, *flat).reshape(slopes[0].shape)

    def logarithmic_mean(self, a: Array, b: Array) -> Array:
        """(a - b) / (log a - log b), entry by entry."""
        return self.call("logarithmic_mean", a.size, a.reshape(-1), b.reshape(-1)).reshape(a.shape)

    def divergence(self, grid: Grid, flux: Array) -> Array:
        """Net outflow per volume, shape (cells,), of fluxes of shape (faces,)."""
        return self.call("flux_divergence", _size(grid), *grid.cells, *grid.periodic, grid.widths, flux)

    def diffusion(self, grid: Grid, mobility: Array, f: Array) -> Array:
        """div (m grad f), shape (cells,), for m of shape (faces,) and f of shape (cells,)."""
        return self.call("diffusion", _size(grid), *grid.cells, *grid.periodic, grid.widths, mobility, f)


def _size(grid: Grid) -> int:
    n0, n1, n2 = grid.cells
    return n0 * n1 * n2

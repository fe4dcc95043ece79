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


_NUMBERS: dict[str, Callable[[Any], Any]] = {"int": np.int32, "double": np.float64}
_ENTRIES = {"double*": np.dtype(np.float64), "int*": np.dtype(np.int32)}
_PLAIN = {int, float, bool, np.float64}


@cache
def _plan(kernel: str) -> tuple[tuple[str, Any, Any], ...]:
    """For every parameter its name, and either the type of a number or that of an array's entries."""
    kinds = [(name, kind.removeprefix("const ")) for kind, name in parameters()[kernel]]
    return tuple((name, _NUMBERS.get(kind), _ENTRIES.get(kind)) for name, kind in kinds)


def arguments(kernel: str, given: Sequence[Any]) -> list[Any]:
    """What a kernel is started with: numbers of the width that its text names, contiguous arrays as they are.

    Raises TypeError for arguments that do not fit.
    """
    plan = _plan(kernel)
    if len(given) != len(plan):
        raise TypeError(f"{kernel}: expected {len(plan)} arguments, got {len(given)}")
    ready: list[Any] = []
    for (name, number, entries), value in zip(plan, given, strict=True):
        if number is not None:
            if type(value) not in _PLAIN:
                raise TypeError(f"{kernel}, {name}: expected a number, got {type(value).__name__}")
            value = number(value)
        elif not hasattr(value, "dtype") or value.dtype != entries or not value.flags.c_contiguous:
            raise TypeError(f"{kernel}, {name}: expected a contiguous array of {entries}, got {type(value).__name__}")
        ready.append(value)
    return ready


@dataclass(frozen=True, eq=False)
class Diagonals:
    """A square matrix of a few diagonals on a device.

    offsets: int32, increasing, shape (diagonals,);   first, last: int32, the rows from and below which each has entries
    values:  shape (diagonals, cells), values[d, j] = A[j - offsets[d], j], as in SciPy's DIA format
    """

    kernels: Kernels
    offsets: Array
    first: Array
    last: Array
    values: Array

    def __matmul__(self, x: Array) -> Array:
        return self._by_rows("banded_product", (), x)

    def recurrence(
        self, shift: float, scale: float, back: float, losses: Array, now: Array, before: Array | None = None
    ) -> Array:
        """scale (A + shift - losses) now - back before."""
        return self._by_rows("recurrence", (shift, scale, back), losses, now, now if before is None else before)

    def _by_rows(self, kernel: str, numbers: tuple[float, ...], *vectors: Array) -> Array:
        """A kernel that goes through the rows."""
        cells = self.values.shape[1]
        given = (self.offsets.size, self.offsets, self.first, self.last, self.values, *numbers)
        flat = [self.kernels.flat(vector) for vector in vectors]
        return self.kernels.call(kernel, cells, *given, *flat, sizes=[cells] * len(flat))


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
        for array, size in zip(given[-len(sizes) :], sizes, strict=True):
            if array.size != size:
                raise TypeError(f"{kernel}: expected an array of {size} entries, got {array.size}")
        if threads:
            self.launch(kernel, threads, tuple(arguments(kernel, (threads, *given))))

    def diagonals(self, matrix: Any) -> Diagonals:
        """A square DIA matrix of the host, its offsets sorted."""
        cells = matrix.shape[0]
        order = np.argsort(matrix.offsets)
        offsets, values = matrix.offsets[order].astype(np.int32), np.ascontiguousarray(matrix.data[order][:, :cells])
        first, last = np.zeros((2, offsets.size), dtype=np.int32)
        for d, offset in enumerate(offsets):
            # Rows that the offset does not lead out of, less those without entries at either end.
            columns = np.flatnonzero(values[d, max(offset, 0) : min(cells, cells + offset)])
            if columns.size:
                first[d], last[d] = columns[[0, -1]] + max(-offset, 0) + np.array([0, 1])
        return Diagonals(self, *map(self.library.to_device, (offsets, first, last, values)))

    def gather(self, total: Array, weights: Array, vectors: Sequence[Array]) -> None:
        """total[j] += sum_k weights[j, k] vector_k in place, for at most BATCH vectors; total: contiguous."""
        flat = [self.flat(vector) for vector in vectors]
        padded = [*flat, *flat[:1] * (BATCH - len(flat))]
        sums, cells = total.shape
        sizes = [sums * len(vectors), *[cells] * BATCH, sums * cells]
        self._start("gather", cells, sums, len(vectors), weights, *padded, total, sizes=sizes)

    def combination(self, weights: Sequence[float], slopes: Sequence[Array]) -> Array:
        """sum of weights times slopes; terms of weight zero, but the first, are left out. At most TERMS others."""
        kept = [(w, s) for k, (w, s) in enumerate(zip(weights, slopes, strict=True)) if w or not k]
        spare = TERMS - len(kept)
        factors, arrays = [w for w, _ in kept] + [0.0] * spare, [s for _, s in kept] + [kept[0][1]] * spare
        flat = [self.flat(array) for array in arrays]
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

    def flat(self, array: Array) -> Array:
        """The entries in C order, without a copy where they stand so."""
        return self.library.xp.ascontiguousarray(array).reshape(-1)

    def _pointwise(self, kernel: str, first: Array, *others: Array, numbers: tuple[float, ...] = ()) -> Array:
        """A function of arrays of one shape, entry by entry."""
        flat = [self.flat(array) for array in (first, *others)]
        return self.call(kernel, first.size, *numbers, *flat, sizes=[first.size] * len(flat)).reshape(first.shape)

    def gradient(self, grid: Grid, f: Array) -> Array:
        """Difference quotients, shape (faces,), of f with one entry per cell."""
        given = (*grid.cells, *grid.periodic, grid.widths, self.flat(f))
        return self.call("gradient", grid.faces, *given, sizes=[grid.size])

    def divergence(self, grid: Grid, flux: Array) -> Array:
        """Net outflow per volume, shape (cells,), of fluxes of shape (faces,)."""
        given = (*grid.cells, *grid.periodic, grid.widths, self.flat(flux))
        return self.call("flux_divergence", grid.size, *given, sizes=[grid.faces])

    def diffusion(self, grid: Grid, mobility: Array, f: Array) -> Array:
        """div (m grad f), shape (cells,), for m of shape (faces,) and f of shape (cells,)."""
        given = (*grid.cells, *grid.periodic, grid.widths, self.flat(mobility), self.flat(f))
        return self.call("diffusion", grid.size, *given, sizes=[grid.faces, grid.size])

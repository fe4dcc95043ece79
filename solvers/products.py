"""Sparse matrix times vector, the loop that everything linear spends its time in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes import threads
from mudot.meshes.arrays import Array, to_host
from mudot.solvers import compiled
from mudot.solvers.compiled.cells import Diagonals

_WORTH_SHARING = 500_000
_WORTH_COMPILING = 2e8
"""Cells times steps from which the compiled loop saves more than the 0.4 s in which Numba is imported."""
_MOST_DIAGONALS = 13
"""A stencil in space has 7, and 2 more for every periodic axis."""
_LARGE = 240_000
"""Cells from which the memory announced for a run leaves room for Numba (100 MB) and the diagonals."""


@dataclass(frozen=True, eq=False)
class ByRows:
    """A host CSR matrix cut into blocks of rows, multiplied side by side; the same result as in one piece."""

    blocks: tuple[Any, ...]
    rows: tuple[slice, ...]

    def __matmul__(self, vector: np.ndarray) -> np.ndarray:
        result = np.empty(self.rows[-1].stop)
        threads.run([partial(self._one, i, vector, result) for i in range(len(self.blocks))])
        return result

    def _one(self, number: int, vector: np.ndarray, result: np.ndarray) -> None:
        result[self.rows[number]] = self.blocks[number] @ vector


def shared(matrix: Any) -> Any:
    """The matrix in a form whose product `@` uses the threads there are, or on a device one pass over its diagonals;
    small matrices as they are."""
    if not scipy.sparse.issparse(matrix):
        return on_device(matrix) or matrix
    if threads.count() == 1 or not isinstance(matrix, scipy.sparse.csr_array) or matrix.nnz < _WORTH_SHARING:
        return matrix
    rows = tuple(threads.pieces(matrix.shape[0]))
    return ByRows(tuple(matrix[piece] for piece in rows), rows)


def on_device(matrix: Any) -> Diagonals | None:
    """A CSR matrix of a device by diagonals, for products in one pass; None where there are no fused kernels, or more
    diagonals than pay: those of a periodic axis whose lines wrap are mostly empty, but are read."""
    kernels = compiled.fused(matrix.data)
    if kernels is None:
        return None
    parts = (to_host(matrix.data), to_host(matrix.indices), to_host(matrix.indptr))
    return kernels.diagonals(scipy.sparse.csr_array(parts, shape=matrix.shape), _MOST_DIAGONALS)


def recurrence(matrix: Any, steps: int) -> Callable[[Array, Array], Array]:
    """(now, before) -> 2 P now - before, to be used `steps` times: compiled for large stencils on the host where that
    is to be had, fused on a device, else by passes. All give the same bits, so neither choice nor threads show in a
    result."""
    if isinstance(matrix, Diagonals):
        return matrix.chebyshev_step
    whole = scipy.sparse.vstack(matrix.blocks, format="csr") if isinstance(matrix, ByRows) else matrix
    if isinstance(whole, scipy.sparse.csr_array) and whole.shape[0] >= max(_LARGE, _WORTH_COMPILING / steps):
        fused = fused_recurrence(whole)
        if fused is not None:
            return fused
    return partial(_by_passes, matrix)


def fused_recurrence(matrix: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray] | None:
    """The compiled form for a CSR matrix of 3, 5 or 7 diagonals; None for any other, or without Numba."""
    loops = compiled.banded()
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    gaps = matrix.indices - rows
    offsets = np.unique(gaps)
    if loops is None or offsets.size not in (3, 5, 7):
        return None
    values = np.zeros((offsets.size, matrix.shape[0]))
    values[np.searchsorted(offsets, gaps), rows] = matrix.data
    offsets = offsets.astype(np.int64)

    def step(now: np.ndarray, before: np.ndarray) -> np.ndarray:
        out = np.empty_like(now)
        loops.chebyshev_step(out, offsets, values, now, before)
        return out

    return step


def _by_passes(matrix: Any, now: Array, before: Array) -> Array:
    after = matrix @ now
    after *= 2
    after -= before
    return after

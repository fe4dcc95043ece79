"""Sparse matrix times vector, the loop that everything linear spends its time in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes import threads
from mudot.meshes.arrays import Array
from mudot.solvers import compiled

_WORTH_SHARING = 500_000
_WORTH_COMPILING = 2e8
"""Cells times steps from which the compiled loop saves more than the 0.4 s in which Numba is imported."""
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
    """The matrix in a form whose product `@` uses the threads there are; small and device matrices as they are."""
    if threads.count() == 1 or not isinstance(matrix, scipy.sparse.csr_array) or matrix.nnz < _WORTH_SHARING:
        return matrix
    rows = tuple(threads.pieces(matrix.shape[0]))
    return ByRows(tuple(matrix[piece] for piece in rows), rows)


def recurrence(matrix: Any, steps: int) -> Callable[[Array, Array], Array]:
    """(now, before) -> 2 P now - before, to be used `steps` times: compiled for large stencils on the host where that
    is to be had, else by passes. Both give the same bits, so neither choice nor threads show in a result."""
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

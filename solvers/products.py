"""Sparse matrix times vector, the loop that everything linear spends its time in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes import threads

_WORTH_SHARING = 500_000


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

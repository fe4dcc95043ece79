"""Many weighted sums of one sequence of vectors, gathered batch by batch with one matrix product each."""

from __future__ import annotations

from functools import partial

import numpy as np

from mudot.meshes import threads
from mudot.meshes.arrays import Array, array_module, library_of
from mudot.solvers.compiled import fused

BATCH = 8
_SLICE = 1 << 14


class Gathered:
    """total[j] = sum_k table[j, k] vector_k, for vectors that come one by one.

    table: host array (sums, terms);   like: an array of the vectors' length and device
    """

    def __init__(self, table: np.ndarray, like: Array) -> None:
        self._weights = library_of(like).to_device(table)
        self._batch: list[Array] = []
        self._done = 0
        self.total = array_module(like).zeros((table.shape[0], like.shape[0]))

    def add(self, vector: Array) -> bool:
        """Take the next vector; True when a batch has just gone into the totals."""
        self._batch.append(vector)
        return len(self._batch) == BATCH and self.flush()

    def flush(self) -> bool:
        """Bring the totals up to date."""
        if self._batch:
            xp = array_module(self.total)
            stop = self._done + len(self._batch)
            weights = xp.ascontiguousarray(self._weights[:, self._done : stop])
            kernels = fused(self.total)
            if isinstance(self.total, np.ndarray):
                _add_in_slices(self.total, weights, self._batch)
            elif kernels is not None:
                kernels.gather(self.total, weights, self._batch)
            else:
                self.total += weights @ xp.stack(self._batch)
            self._done, self._batch = stop, []
        return True


def _add_in_slices(total: np.ndarray, weights: np.ndarray, batch: list[np.ndarray]) -> None:
    """total += weights @ batch on the host, in slices that stay in cache."""

    def work(part: slice) -> None:
        for start in range(part.start, part.stop, _SLICE):
            piece = slice(start, min(start + _SLICE, part.stop))
            total[:, piece] += weights @ np.stack([vector[piece] for vector in batch])

    threads.run([partial(work, part) for part in threads.pieces(total.shape[1])])

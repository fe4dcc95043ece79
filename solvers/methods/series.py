"""Many weighted sums of one sequence of vectors, gathered batch by batch with one matrix product each."""

from __future__ import annotations

from functools import partial

import numpy as np

from mudot.meshes import threads
from mudot.meshes.arrays import Array, array_module, library_of

BATCH = 8
_SLICE = 1 << 14


class Gathered:
    """total[j] = sum_k table[j, k] vector_k, for vectors that come one by one.

    table: host array (sums, terms);   like: an array of the vectors' length and device
    """

    def __init__(self, table: np.ndarray, like: Array) -> None:
        self._table = table
        self._batch: list[Array] = []
        self._done = 0
        self.total = array_module(like).zeros((table.shape[0], like.shape[0]))

    def add(self, vector: Array) -> bool:
        """Take the next vector; True when a batch has just gone into the totals."""
        self._batch.append(vector)
        return len(self._batch) == BATCH and self.flush()

    def flush(self) -> bool:
        """Bring the totals up to date; in slices, so that they stay in cache."""
        if self._batch:
            xp, send = array_module(self.total), library_of(self.total).to_device
            stop = self._done + len(self._batch)
            weights = send(np.ascontiguousarray(self._table[:, self._done : stop]))
            batch, total = self._batch, self.total

            def work(part: slice) -> None:
                for start in range(part.start, part.stop, _SLICE):
                    piece = slice(start, min(start + _SLICE, part.stop))
                    total[:, piece] += weights @ xp.stack([vector[piece] for vector in batch])

            threads.run([partial(work, part) for part in threads.pieces(total.shape[1])])
            self._done, self._batch = stop, []
        return True

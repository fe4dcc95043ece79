"""Weighted sums of the terms of a three-term recurrence, gathered while the terms are made.

    v_0 = rho,   v_1 = P v_0,   v_(k+1) = 2 P v_k - v_(k-1)  (Chebyshev)   or   v_(k+1) = P v_k  (powers),
    total_j = sum_k table_jk v_k,                            P = I + A/Lambda.

Everything linear in time is such a sum. On the host large meshes go through a compiled sweep that makes several terms
in one pass through memory; smaller ones, and arrays of a device, through one product per term.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

import numpy as np
import scipy.sparse

from mudot.meshes import threads
from mudot.meshes.arrays import Array, array_module, library_of
from mudot.solvers import compiled
from mudot.solvers.products import FusedStep, Rates

BATCH = 8
_SLICE = 1 << 14
COMPILED_CELLS = 1 << 14
"""Cells from which sums go through the compiled sweep: there a run saves more than the 0.4 s it takes to import Numba.
It depends on nothing else, so that a resumed run takes the same path."""


class Series(Protocol):
    """Sums of the terms so far: `total`, shape (sums, cells), after `extend`ing; `last` is the newest term."""

    total: Array

    @property
    def last(self) -> Array: ...

    def extend(self, count: int) -> None:
        """Make so many more terms (no more than the table has) and bring the totals up to date."""


def series(rates: Rates, rate: float, start: Array, table: np.ndarray, doubled: bool, spare: bool = False) -> Series:
    """The sums that a table asks for; so far they hold the term v_0.

    rate:    Lambda;   start: flat, shape (cells,);   table: host array (sums, terms)
    doubled: Chebyshev polynomials of P if True, powers of P if False;   spare: whether `start` may be written over
    """
    loops = compiled.banded() if start.size >= COMPILED_CELLS and isinstance(start, np.ndarray) else None
    if loops is not None and isinstance(rates.exchange, scipy.sparse.dia_array):
        return Swept(loops, rates, rate, start if spare else np.array(start), table, doubled)
    return Stepped(rates, rate, start, table, doubled)


class Swept:
    """By the compiled sweep, `depth` terms in chunks of about `chunk` cells: the fastest over 128^2 to 1024^2 cells.
    The start is written over."""

    def __init__(
        self,
        loops: Any,
        rates: Rates,
        rate: float,
        start: np.ndarray,
        table: np.ndarray,
        doubled: bool,
        chunk: int = 1024,
        depth: int = 8,
    ) -> None:
        self._sweep, self._rates, self._rate, self._doubled = loops.sweep, rates, rate, doubled
        self._table, self._done = table, 1
        self._offsets: np.ndarray = np.asarray(rates.exchange.offsets, dtype=np.int64)
        reach = int(max(abs(self._offsets)))
        self._chunk = reach * max(1, chunk // reach)
        chunks = -(-start.size // self._chunk)
        self._depth = min(depth, chunks)
        self._before, self._now = np.zeros(start.size), start
        self._scratch = np.zeros(loops.window(start.size, self._depth, self._chunk))
        self.total = table[:, :1] * start

    @property
    def last(self) -> np.ndarray:
        return self._now

    def extend(self, count: int) -> None:
        stop = self._done + count
        while self._done < stop:
            depth = min(self._depth, stop - self._done)
            scale = np.full(depth, (2 if self._doubled else 1) / self._rate)
            back = np.full(depth, 1.0 if self._doubled else 0.0)
            if self._done == 1:
                scale[0], back[0] = 1 / self._rate, 0.0
            weights = np.ascontiguousarray(self._table[:, self._done : self._done + depth])
            self._sweep(
                *(self._before, self._now, self._scratch, self._offsets, self._rates.exchange.data),
                *(self._rates.losses, self._rate, scale, back, weights, self.total, self._chunk),
            )
            if depth == 1:
                self._before, self._now = self._now, self._before
            self._done += depth


class Stepped:
    """By one product per term; the sums batch by batch with one matrix product each."""

    def __init__(self, rates: Rates, rate: float, start: Array, table: np.ndarray, doubled: bool) -> None:
        self._step, self._doubled = rates.step(rate), doubled
        self._weights, self._added = library_of(start).to_device(table), 0
        self._batch: list[Array] = [start]
        self._before: Array | None = None
        self.last = start
        self.total = array_module(start).zeros((table.shape[0], start.shape[0]))

    def extend(self, count: int) -> None:
        for _ in range(count):
            self._before, self.last = self.last, self._next()
            self._batch.append(self.last)
            if len(self._batch) == BATCH:
                self._flush()
        self._flush()

    def _next(self) -> Array:
        if not self._doubled or self._before is None:
            return self._step @ self.last
        if isinstance(self._step, FusedStep):
            return self._step.doubled(self.last, self._before)
        term = self._step @ self.last
        term *= 2
        term -= self._before
        return term

    def _flush(self) -> None:
        if not self._batch:
            return
        xp = array_module(self.total)
        stop = self._added + len(self._batch)
        weights = xp.ascontiguousarray(self._weights[:, self._added : stop])
        kernels = compiled.fused(self.total)
        if isinstance(self.total, np.ndarray):
            _add_in_slices(self.total, weights, self._batch)
        elif kernels is not None:
            kernels.gather(self.total, weights, self._batch)
        else:
            self.total += weights @ xp.stack(self._batch)
        self._added, self._batch = stop, []


def _add_in_slices(total: np.ndarray, weights: np.ndarray, batch: list[np.ndarray]) -> None:
    """total += weights @ batch on the host, in slices that stay in cache."""

    def work(part: slice) -> None:
        for start in range(part.start, part.stop, _SLICE):
            piece = slice(start, min(start + _SLICE, part.stop))
            total[:, piece] += weights @ np.stack([vector[piece] for vector in batch])

    threads.run([partial(work, part) for part in threads.pieces(total.shape[1])])

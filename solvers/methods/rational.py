"""exp(t A) along lines by a rational approximation: the work does not depend on t, nor on how stiff A is.

Along a line A is tridiagonal. With a parabola z(u) = mu (i u + 1)^2 around the spectrum (Weideman and Trefethen 2007,
Math. Comp. 76, 1341)

    exp(t A) = 1/(2 pi i) int exp(z) (z - t A)^-1 dz = sum_k y_k,    y_k = w_k (z_k - t A)^-1,

by midpoints u = (k + 1/2) h, each of which costs one sweep along the line and one back, in which nothing cancels:
`compiled.resolvents`, or `eliminations` where these are not worth loading. Two things go wrong in a cell, and both are
seen there. Round-off is a share of the sizes of what is added. The rule itself converges like exp(-2 pi a / h), with a
the room between the parabola and the spectrum, or what takes its part where steep slopes carry mass far: every second
midpoint alone errs by exp(-pi a / h), a share of the sizes whose square is the error of all. Together they are an
`Enclosure`, cell by cell.

What the tails of the data leave behind is a round-off of the *data*; half the time further it is one of what is left.
So the exponential is made in two halves, and the bound of the first goes through the second. Where the enclosure is
narrow the result is positive; where it is not, nobody uses it. Mass is exact to round-off, and pi stays: only what
differs from pi is moved.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes import threads
from mudot.solvers import compiled
from mudot.solvers.methods import eliminations
from mudot.solvers.methods.tails import Enclosure

SHIFTS = 24
"""In the upper half plane; those in the lower one are their conjugates. A multiple of four."""
_SCALE, _GAP = 3.2, 0.145
"""mu, which keeps the sizes below exp(mu), and the distance h of the midpoints: the last weights are 4e-16, and where
there is all the room the rule errs by 1e-19, every second midpoint by 3e-7. Two thirds of the shifts would be enough if
nobody had to see what is wrong."""
STEPS = 2
_ROUND_OFF = 4e-15
"""Over the sizes of the summands. At most 1.1e-15 was seen over 400 random problems of 5 to 900 cells."""
_SAFETY = 4.0
"""Of the estimate of what the rule errs by."""
_SPLIT = 4e-16
"""Round-off of the split into what stays and what moves."""
_DENSE = 64
"""Cells up to which a dense matrix costs less than a sparse one."""
_SIDE_BY_SIDE = 8
"""Lines from which on they are solved beside each other."""
_BLOCK = 64
_LONG = 1 << 14
"""Cells of lines from which on shifts are taken four at a time, which needs less memory and more factors."""
_KEPT = 8


@dataclass(frozen=True, eq=False)
class Line:
    """The generator along one axis, on masses: A e_i = right_i e_(i+1) + left_i e_(i-1) - (right_i + left_i) e_i.

    right, left: shape (n,); between two walls right[-1] = left[0] = 0, on a circle they lead around
    widths, logs: of the cells, and log of the averages of pi up to a constant, shape (n,)
    """

    right: np.ndarray
    left: np.ndarray
    widths: np.ndarray
    logs: np.ndarray
    _pivots: OrderedDict[tuple[str, float, int], np.ndarray] = field(default_factory=OrderedDict, repr=False)

    @classmethod
    def of(
        cls, widths: np.ndarray, gaps: np.ndarray, logs: np.ndarray, forward: np.ndarray, backward: np.ndarray
    ) -> Line:
        """From the distance of centres and the two numbers of every face, shape (n - 1,), or (n,) on a circle, where
        the last face closes it."""
        n, faces = widths.size, forward.size
        right, left = np.zeros(n), np.zeros(n)
        if n > 1:
            right[:faces] = forward / (widths[:faces] * gaps)
            left[(np.arange(faces) + 1) % n] = backward / (np.roll(widths, -1)[:faces] * gaps)
        return cls(right, left, widths, logs)

    @property
    def walls(self) -> bool:
        """Whether the line has two ends."""
        return bool(self.right[-1] == 0 and self.left[0] == 0)

    @cached_property
    def exit_rate(self) -> float:
        """The largest rate at which a cell is left."""
        return float((self.right + self.left).max())

    @cached_property
    def radius(self) -> float:
        """The spectrum lies in [-radius, 0]; as in `Rates`."""
        both = np.sqrt(self.right * np.roll(self.left, -1))
        return min(float((self.right + self.left + both + np.roll(both, 1)).max()), 2 * self.exit_rate)

    def generator(self) -> Any:
        """A on densities, (n, n): dense if it is small, else sparse."""
        n = self.widths.size
        here = np.arange(n)
        rates = np.concatenate([self.right, self.left, -(self.right + self.left)])
        rows, columns = np.concatenate([(here + 1) % n, (here - 1) % n, here]), np.concatenate([here] * 3)
        entries = rates * self.widths[columns] / self.widths[rows]
        if n > _DENSE:
            return scipy.sparse.coo_array((entries, (rows, columns)), shape=(n, n)).tocsr()
        matrix = np.zeros((n, n))
        np.add.at(matrix, (rows, columns), entries)
        return matrix

    def pivots(self, loops: Any, duration: float, part: slice) -> np.ndarray:
        """Of the factors of z_k/duration - A for some of the shifts; those of all shifts are kept for a while."""
        key = (loops.__name__, duration, part.start)
        if key in self._pivots:
            return self._pivots[key]
        shifts = np.array([_SHIFT[part].real, _SHIFT[part].imag]) / duration
        found = np.empty((2, self.right.size, shifts.shape[1]))
        loops.factor(self.right, self.left, shifts, found)
        if shifts.shape[1] == SHIFTS:
            self._pivots[key] = found
            if len(self._pivots) > _KEPT:
                self._pivots.popitem(last=False)
        return found


_NODES = 1 + 1j * _GAP * (np.arange(SHIFTS) + 0.5)
_SHIFT = _SCALE * _NODES**2
_WEIGHT = 2 * _GAP * _SCALE * _NODES / np.pi * np.exp(_SHIFT)


def available(line: Line) -> bool:
    """Whether this way can be gone: between walls."""
    return line.walls and line.widths.size > 1


def compilable() -> bool:
    """Whether compiled loops are to be had. It loads them."""
    return compiled.along_lines() is not None


def along(line: Line, density: np.ndarray, axis: int, duration: float, loaded: bool = True) -> Enclosure:
    """exp(duration A) of every line of `density` along an axis, cell by cell within what is known of it; by compiled
    loops where they are to be had and `loaded`."""
    loops = _loops(loaded)
    before, n = math.prod(density.shape[:axis]), density.shape[axis]
    lines = density.reshape(before, n, -1)
    after, rows = lines.shape[2], before >= lines.shape[2]
    middle, half = np.empty_like(lines), np.empty_like(lines)
    step = max(1, _BLOCK // min(before, after))
    if n < _LONG:
        line.pivots(loops, duration / STEPS, slice(0, SHIFTS))  # before threads ask for them all at once

    def work(first: int) -> None:
        # A block of lines goes all the way: whatever it needs besides stays small.
        part = slice(first, first + step)
        index = (part,) if rows else (slice(None), slice(None), part)
        given = np.ascontiguousarray(np.moveaxis(lines[index], 1, 0))
        found = enclosed(line, given.reshape(n, -1), duration, loaded)
        for result, values in ((middle, found.middle), (half, found.half)):
            result[index] = np.moveaxis(values.reshape(given.shape), 0, 1)

    threads.run([partial(work, first) for first in range(0, before if rows else after, step)])
    return Enclosure(middle.reshape(density.shape), half.reshape(density.shape))


def _loops(loaded: bool) -> Any:
    return (compiled.along_lines() if loaded else None) or eliminations


def enclosed(line: Line, density: np.ndarray, duration: float, loaded: bool = True) -> Enclosure:
    """The same for the columns of `density`, shape (n, lines)."""
    weight = np.exp(line.logs - line.logs.max()) * line.widths
    moves = line.widths[:, None] * density
    stays = weight[:, None] * (moves.sum(axis=0) / weight.sum())
    unknown = _SPLIT * (moves + stays)
    moves -= stays
    count, loops = density.shape[1], _loops(loaded)
    for _ in range(STEPS):
        sums, error = _step(line, loops, np.concatenate([moves, unknown], axis=1), duration / STEPS)
        moves, unknown = sums[:, :count], np.maximum(sums[:, count:], 0) + error[:, :count] + error[:, count:]
    unknown += _SPLIT * (stays + np.abs(moves))
    return Enclosure((stays + moves) / line.widths[:, None], unknown / line.widths[:, None])


def _step(line: Line, loops: Any, masses: np.ndarray, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """The approximation, and what it may be wrong by."""
    n = line.right.size
    weights = np.array([_WEIGHT.real, _WEIGHT.imag]) / duration
    found = np.zeros((3, *masses.shape))
    group = SHIFTS if n < _LONG else 4
    for first in range(0, SHIFTS, group):
        part = slice(first, first + group)
        solve = loops.few if masses.shape[1] < _SIDE_BY_SIDE else partial(loops.many, block=_BLOCK)
        solve(
            line.right,
            line.left,
            line.pivots(loops, duration, part),
            np.ascontiguousarray(weights[:, part]),
            masses,
            found,
        )
    sums, gap, sizes = found
    # The gap oscillates along the line: what counts is the largest nearby, over the larger of both sizes, since at a
    # node of what moves there is next to nothing to take a share of.
    gap, floor = np.abs(gap), np.maximum(sizes, 1e-300)
    share = gap / floor
    for reach in (1, 2):
        larger = np.maximum(floor[reach:], floor[:-reach])
        np.maximum(share[:-reach], gap[reach:] / larger, out=share[:-reach])
        np.maximum(share[reach:], gap[:-reach] / larger, out=share[reach:])
    return sums, (_ROUND_OFF + _SAFETY * share**2) * sizes

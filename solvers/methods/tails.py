"""What the Chebyshev series knows of a density, cell by cell: an enclosure, wide in the tails.

The generator is self-adjoint in L2(1/pi), so the series is wrong by a share of the norm there: in cell K by at most
eps |rho_0 - c pi| sqrt(pi_K / |K|), where c pi is the part that does not move. By the maximum principle rho/pi stays
between its least and its largest value at the start, which is the better bound where pi is tiny.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, array_module, blocks, in_blocks
from mudot.meshes.averages import volumes
from mudot.meshes.cartesian import Cartesian

TAIL_ERROR = 1e-6
"""Relative error allowed in a cell, of all cells the worst."""
MEAN_ERROR = 1e-12
"""Relative error allowed in L1."""
THIN = 0.1
"""Share of cells without a digit from which on they are no thin tails that forget fast."""
_ROUND_OFF = 4e-15
"""Error in the norm of L2(1/pi), so in any one cell of unit weight, relative to the norm of the data. At most 9e-16 was
seen over 150 random problems on meshes of a few cells to a few thousand; the more cells, the smaller in each."""
_SLACK = 1e-12
"""Round-off of log pi, up to 1e3 in size, in the maximum principle."""
FLOOR = 1e-3
"""Share of its error that a cell out of reach is given at least, so that densities are positive."""
_LARGEST = 690.0
"""Larger numbers are cut to exp(690), where nothing is certain."""


@dataclass(frozen=True, eq=False)
class Enclosure:
    """Flat densities with middle - half <= rho <= middle + half in every cell, both >= 0."""

    middle: Array
    half: Array

    def settled(self, tolerance: float) -> bool:
        """Whether every cell is right to a relative error of `tolerance`."""
        return bool(array_module(self.half).all(self.half <= tolerance * self.middle))

    @property
    def doubtful(self) -> float:
        """The share of cells of which not even the first digit is known."""
        return float((self.half > 0.1 * self.middle).sum()) / float(self.half.size)


@dataclass(frozen=True, eq=False)
class Tails:
    """A density before it moves: what of it moves, and what no cell can leave. Holds numbers only, no further arrays.

    error:    what the series may be wrong by in L1, relative to the mass (Cauchy-Schwarz)
    part:     the density is `part` pi, which stays, and a rest
    norm:     log of the norm of that rest in L2(1/pi);   bounds: of log(rho/pi);   pi = exp(log_target - top)
    """

    flat: Array
    log_target: Array
    sizes: Array
    top: float
    error: float
    part: float
    norm: float
    bounds: tuple[float, float]

    @classmethod
    def of(cls, mesh: Cartesian, log_target: Array, flat: Array) -> Tails:
        """The tails of a flat density."""
        top = float(log_target.max())
        sizes, logs = volumes(mesh, flat).reshape(-1), log_target.reshape(-1)
        found = np.array([_sums(flat[b], logs[b] - top, sizes[b]) for b in blocks(flat)])
        mass, mass_of_pi, roots = (math.fsum(column) for column in found[:, :3].T)
        part = mass / mass_of_pi
        norms = np.array([_log_norm(flat[b], logs[b] - top, sizes[b], part) for b in blocks(flat)])
        norm = float(norms.max())
        if norm > -math.inf:
            norm += 0.5 * math.log(math.fsum(np.exp(2 * (norms - norm))))
        widest = math.sqrt(mass_of_pi) + FLOOR * roots
        error = _ROUND_OFF * math.exp(min(norm, _LARGEST)) * widest / mass
        bounds = float(found[:, 3].min()), float(found[:, 4].max())
        return cls(flat, logs, sizes, top, error, part, norm, bounds)

    @property
    def change(self) -> Array:
        """What moves: the density less its part along pi."""
        xp = array_module(self.flat)
        return in_blocks(lambda f, l: f - self.part * xp.exp(l - self.top), self.flat, self.log_target)

    def enclosed(self, moved: Array) -> Enclosure:
        """The density that the series makes of `change`, with what it does not know; `moved` is used up."""
        middle = in_blocks(self._middle, moved, self.log_target, self.sizes)
        return Enclosure(middle, in_blocks(self._half, moved, self.log_target, self.sizes, middle, over=moved))

    def middle(self, moved: Array) -> Array:
        """The middle of the enclosure, positive; written over `moved`."""
        return in_blocks(self._middle, moved, self.log_target, self.sizes, over=moved)

    def _middle(self, moved: Array, log_target: Array, sizes: Array) -> Array:
        xp = array_module(moved)
        result, error, low, high = self._ends(moved, log_target, sizes)
        return xp.minimum(xp.maximum(result, xp.maximum(low, FLOOR * error)), high)

    def _half(self, moved: Array, log_target: Array, sizes: Array, middle: Array) -> Array:
        _, _, low, high = self._ends(moved, log_target, sizes)
        return array_module(moved).maximum(high - middle, middle - low)

    def _ends(self, moved: Array, log_target: Array, sizes: Array) -> tuple[Array, Array, Array, Array]:
        """The result of the series, its error, and the ends of the enclosure."""
        xp = array_module(moved)
        logs = log_target - self.top
        result = self.part * xp.exp(logs) + moved
        scale = (logs - xp.log(sizes)) / 2
        error = xp.exp(xp.minimum(scale + (self.norm + math.log(_ROUND_OFF)), _LARGEST))
        least, largest = (
            xp.exp(xp.minimum(logs + bound, _LARGEST)) for bound in (self.bounds[0] - _SLACK, self.bounds[1] + _SLACK)
        )
        low = xp.maximum(result - error, least)
        return result, error, low, xp.maximum(low, xp.minimum(result + error, largest))

    def forgetting(self, decay: Array) -> float:
        """How long it takes, about, until cells out of reach of the series have forgotten what was in them: 0 if there
        are none, inf where they may hold it. Supposes that the density comes near to pi.

        decay: see `Rates`
        """
        slowest = min(self._slowest(block, decay) for block in blocks(self.flat))
        return -0.75 * math.log(TAIL_ERROR) / slowest if slowest > 0 else math.inf

    def _slowest(self, block: slice, decay: Array) -> float:
        """The smallest decay in the cells of a block that are out of reach."""
        xp, logs, sizes = array_module(decay), self.log_target[block], self.sizes[block]
        nothing = 0 * logs
        middle = self._middle(nothing, logs, sizes)
        out = self._half(nothing, logs, sizes, middle) > TAIL_ERROR * middle
        return float(xp.where(out, decay[block], math.inf).min())


def _sums(flat: Array, logs: Array, sizes: Array) -> tuple[float, float, float, float, float]:
    """Of a block: the masses of rho and of pi, sum_K sqrt(|K| pi_K), and the least and largest log(rho/pi)."""
    xp, tiny = array_module(flat), np.finfo(float).tiny
    weights = sizes * xp.exp(logs)
    ratios = xp.log(xp.maximum(flat, tiny)) - logs
    least = float(ratios.min()) if bool((flat > tiny).all()) else -math.inf
    sums = (sizes * flat).sum(), weights.sum(), xp.sqrt(weights).sum(), ratios.max()
    mass, mass_of_pi, roots, largest = map(float, sums)
    return mass, mass_of_pi, roots, least, largest


def _log_norm(flat: Array, logs: Array, sizes: Array, part: float) -> float:
    """log of sqrt(sum_K |K|/pi_K change_K^2) of a block, change = rho - part pi; -inf for zero."""
    xp = array_module(flat)
    size = xp.abs(flat - part * xp.exp(logs))
    logs = (xp.log(sizes) - logs) / 2
    logs = xp.where(size > 0, xp.log(xp.maximum(size, np.finfo(float).tiny)) + logs, -math.inf)
    top = float(logs.max())
    return top + 0.5 * math.log(float(xp.exp(2 * (logs - top)).sum())) if top > -math.inf else top

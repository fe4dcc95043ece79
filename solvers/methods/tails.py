"""What the Chebyshev series knows of a density, cell by cell: an enclosure, wide in the tails.

The generator is self-adjoint in L2(1/pi), so the series is wrong by a share of the norm there: in cell K by at most
eps |rho_0 - c pi| sqrt(pi_K / |K|), where c pi is the part that does not move. By the maximum principle rho/pi stays
between its least and its largest value at the start, which is the better bound where pi is tiny.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, array_module, in_blocks
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
        xp, tiny = array_module(flat), np.finfo(float).tiny
        top = float(log_target.max())
        sizes = volumes(mesh, flat).reshape(-1)
        logs = log_target.reshape(-1) - top
        pi = xp.exp(logs)
        mass, mass_of_pi = float((sizes * flat).sum()), float((sizes * pi).sum())
        part = mass / mass_of_pi
        pi *= -part
        pi += flat
        norm = _log_norm(pi, (logs - xp.log(sizes)) / 2)
        ratios = xp.log(xp.maximum(flat, tiny)) - logs
        least = float(ratios.min()) if bool((flat > tiny).all()) else -math.inf
        bounds = least, float(ratios.max())
        widest = math.sqrt(mass_of_pi) + FLOOR * float(xp.sqrt(sizes * xp.exp(logs)).sum())
        error = _ROUND_OFF * math.exp(min(norm, _LARGEST)) * widest / mass
        return cls(flat, log_target.reshape(-1), sizes, top, error, part, norm, bounds)

    @property
    def change(self) -> Array:
        """What moves: the density less its part along pi."""
        xp = array_module(self.flat)
        return self.flat - self.part * xp.exp(self.log_target - self.top)

    def enclosed(self, moved: Array) -> Enclosure:
        """The density that the series makes of `change`, with what it does not know."""
        middle = self.middle(moved)
        return Enclosure(middle, in_blocks(self._half, moved, self.log_target, self.sizes, middle))

    def middle(self, moved: Array) -> Array:
        """The middle of the enclosure, positive."""
        return in_blocks(self._middle, moved, self.log_target, self.sizes)

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
        out = self.enclosed(0 * self.log_target)
        xp = array_module(decay)
        slowest = float(xp.where(out.half > TAIL_ERROR * out.middle, decay, math.inf).min())
        return -0.6 * math.log(TAIL_ERROR) / slowest if slowest > 0 else math.inf


def _log_norm(change: Array, log_scale: Array) -> float:
    """log of sqrt(sum_K |K|/pi_K change_K^2); -inf for zero."""
    xp = array_module(change)
    size = xp.abs(change)
    logs = xp.where(size > 0, xp.log(xp.maximum(size, np.finfo(float).tiny)) - log_scale, -math.inf)
    top = float(logs.max())
    return top + 0.5 * math.log(float(xp.exp(2 * (logs - top)).sum())) if top > -math.inf else top

"""Steps of the Runge-Kutta-Legendre scheme of order 2 (Meyer, Balsara and Aslam 2014), with what they may be wrong by.

    Y_1 = y + tilde mu_1 tau f(y),
    Y_j = mu_j Y_(j-1) + nu_j Y_(j-2) + (1 - mu_j - nu_j) y + tilde mu_j tau f(Y_(j-1)) + tilde gamma_j tau f(y)

with any number of stages: by array passes for any equation, compiled for the porous medium on uniform meshes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from mudot.meshes import threads
from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.averages import integrate
from mudot.solvers import compiled
from mudot.solvers.methods.porous_medium import PorousMedium
from mudot.solvers.methods.semidiscrete import Explicit

_TINY = float(np.finfo(float).tiny)
_WORTH_THREADS = 1 << 13
"""Cells from which on a step is made in slabs side by side."""


@dataclass(frozen=True, eq=False)
class Step:
    """density, rate: at the end;   error, moved: L1 norms of the estimate and of the rate at the end."""

    density: Array
    rate: Array
    error: float
    moved: float


Stepper = Callable[[Array, Array, float, int], Step | None]
"""Density, its rate, the length and the number of stages give a step, or None where it or a stage is negative."""


def stepper(system: Explicit, density: Array) -> Stepper:
    """The quickest one for arrays like this. It may write over what it gave the time before last."""
    if isinstance(system, PorousMedium) and system.mesh.uniform and isinstance(density, np.ndarray):
        loops = compiled.polynomials()
        if loops is not None:
            return _Fused(loops, system).take
    return partial(_by_passes, system)


@cache
def coefficients(stages: int) -> np.ndarray:
    """mu_j, nu_j, tilde mu_j, tilde gamma_j for j = 1, ..., stages (Meyer et al. 2014, eqs. 16 and 17), shape
    (stages, 4)."""
    b = [1 / 3, 1 / 3, 1 / 3, *((j * j + j - 2) / (2 * j * (j + 1)) for j in range(3, stages + 1))]
    w = 4 / (stages**2 + stages - 2)
    table = [(0.0, 0.0, b[1] * w, 0.0)]
    for j in range(2, stages + 1):
        mu = (2 * j - 1) / j * b[j] / b[j - 1]
        nu = -(j - 1) / j * b[j] / b[j - 2]
        table.append((mu, nu, mu * w, -(1 - b[j - 1]) * mu * w))
    return np.array(table)


def _by_passes(system: Explicit, density: Array, rate: Array, tau: float, stages: int) -> Step | None:
    """On a box around the mass where the equation knows one."""
    new = _boxed(system, density, rate, tau, stages)
    if new is None:
        return None
    xp, after = array_module(density), system.rate(new)
    # Sommeijer, Shampine and Verwer 1998, section 3: of third order in tau.
    gap = 0.8 * (density - new) + 0.4 * tau * (rate + after)
    return Step(new, after, integrate(system.mesh, xp.abs(gap)), integrate(system.mesh, xp.abs(after)))


def _boxed(system: Explicit, density: Array, rate: Array, tau: float, stages: int) -> Array | None:
    if not isinstance(system, PorousMedium):
        return legendre_step(system, density, rate, tau, stages)
    box = system.around(density, stages + 1)
    part = legendre_step(system.within(box), density[box], rate[box], tau, stages)
    if part is None:
        return None
    new = array_module(density).zeros_like(density)
    new[box] = part
    return new


def legendre_step(system: Explicit, density: Array, rate: Array, tau: float, stages: int) -> Array | None:
    """The density after a step by array passes: the linear combination of every stage is one product with the stacked
    arrays."""
    xp, table = array_module(density), coefficients(stages).tolist()
    stack = xp.stack([density, rate, density, density]).reshape(4, -1)
    now = density + table[0][2] * tau * rate
    mixes = [[1 - mu - nu, back * tau, nu, mu] for mu, nu, _, back in table[1:]]
    weights = library_of(density).to_device(np.array(mixes))
    for number, (_, _, gain, _) in enumerate(table[1:]):
        flushed = _flushed(now)
        if flushed is None:
            return None
        stack[3] = flushed.reshape(-1)
        new = (weights[number] @ stack).reshape(density.shape)
        system.add_rate(new, flushed, gain * tau)
        stack[2], now = stack[3], new
    return _flushed(now)


def _flushed(density: Array) -> Array | None:
    """The density with what lies below the smallest normal number, of either sign, set to zero: at the far end of a
    front, sums of such numbers have no digits. None where a cell is negative."""
    least = float(density.min())
    if not least > -_TINY:
        return None
    return density if least >= 0 else array_module(density).maximum(density, 0.0)


class _Fused:
    """Compiled: one pass per stage, over what mass may have reached; slabs side by side where there are threads."""

    def __init__(self, loops: Any, system: PorousMedium) -> None:
        mesh, missing = system.mesh, 3 - system.mesh.dimension
        self._loops, self._exponent, self._shape = loops, system.exponent, mesh.shape
        # Missing axes come second: slabs are cut across the first, rows run along the last.
        place = 1 if mesh.dimension == 2 else 0

        def three(given: list[float], other: float) -> tuple[float, ...]:
            return (*given[:place], *[other] * missing, *given[place:])

        self._cube = tuple(int(n) for n in three(list(mesh.shape), 1))
        self._factors = three([system.weight / float(w[0]) ** 2 for w in mesh.widths], 0.0)
        self._periodic = tuple(bool(x) for x in three([b == "periodic" for b in mesh.boundary], False))
        self._volume = math.prod(float(w[0]) for w in mesh.widths)
        self._made = [np.zeros((2, *self._cube)) for _ in range(2)]
        self._scratch: dict[int, np.ndarray] = {}

    def take(self, density: np.ndarray, rate: np.ndarray, tau: float, stages: int) -> Step | None:
        """One step."""
        made = self._made[1 if np.shares_memory(self._made[0], density) else 0]
        start, slope = (np.ascontiguousarray(array).reshape(self._cube) for array in (density, rate))
        spans, sums, table = self._loops.occupied(start), np.empty((*self._cube[:2], 2)), coefficients(stages)
        fine = []

        def work(number: int, slab: tuple[int, int]) -> None:
            planes = min(slab[1] + stages + 1, self._cube[0]) - max(slab[0] - stages - 1, 0)
            fine.append(
                self._loops.legendre_step(
                    *(self._parts(number, planes), spans, start, slope, made[0], made[1], sums, slab, tau, table),
                    *(self._exponent, self._factors, self._periodic, _TINY),
                )
            )

        threads.run([partial(work, i, slab) for i, slab in enumerate(self._slabs(spans, stages + 1))])
        if not all(fine):
            return None
        error, moved = self._volume * sums.sum(axis=(0, 1))
        return Step(made[0].reshape(self._shape), made[1].reshape(self._shape), float(error), float(moved))

    def _parts(self, number: int, planes: int) -> np.ndarray:
        """Scratch of a slab: two arrays, or three where powers are kept."""
        count = 2 if self._exponent == 2 else 3
        rows = (count, planes, self._cube[1], self._cube[2] + 2)
        size = math.prod(rows)
        kept = self._scratch.get(number)
        if kept is None or kept.size < size:
            kept = self._scratch[number] = np.empty(size)
        return kept[:size].reshape(rows)

    def _slabs(self, spans: np.ndarray, margin: int) -> list[tuple[int, int]]:
        """Planes with equal shares of what is swept, one slab per thread; the margin beyond every cut is done twice, so
        that thin slabs are not worth their while."""
        planes, count = self._cube[0], threads.count()
        held = np.maximum(spans[..., 1] - spans[..., 0], 0).sum(axis=1)
        small = held.sum() < _WORTH_THREADS or np.count_nonzero(held) < 2 * count * margin
        if count == 1 or self._periodic[0] or small:
            return [(0, planes)]
        cuts = np.searchsorted(np.cumsum(held), held.sum() * np.arange(1, count) / count).tolist()
        return list(pairwise([0, *cuts, planes]))

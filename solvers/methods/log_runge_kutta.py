"""Reaction flows without a closed form: an embedded Runge-Kutta pair for log mu.

mu' = -mu f(mu) is l' = -f for l = log mu: positivity and vacuum are structural, and rates do not depend on the mesh.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.geometries import Geometry, Reaction
from mudot.solvers.geometries.dress import with_memory
from mudot.solvers.methods.dormand_prince import (
    ERROR,
    STAGES,
    after_rejection,
    after_success,
    combined,
    interpolation,
)
from mudot.solvers.methods.filling import with_mass
from mudot.solvers.methods.protocol import Advance, by_interpolation

_SHARE = 0.1
_ROUND_OFF = 1e-14
_SHORTEST = 1e-15
_LARGEST = 50.0


@dataclass(frozen=True, eq=False)
class Step:
    """One accepted step of length `length` from `density` with the growth fields of all stages; `new` is its end and
    `suggestion` the length to try next."""

    density: Array
    new: Array
    fields: list[Array]
    length: float
    suggestion: float

    def within(self, share: float) -> Array:
        """The density at a share of the step, by the pair's own interpolant of order 4 (Shampine 1986)."""
        moved = combined([float(w) for w in interpolation(share)], self.fields)
        return self.density * array_module(self.density).exp(-self.length * moved)


@dataclass(frozen=True, eq=False)
class LogRungeKutta:
    """The flow of an energy in a geometry of reaction type: one whose Onsager operators have a `growth`."""

    mesh: Cartesian
    energy: Energy
    geometry: Geometry

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "Runge-Kutta pair of order 5(4) for the logarithm of the density, error controlled"

    def growth(self, density: Array, geometry: Geometry | None = None) -> Array:
        """f in mu' = -mu f, at zero density taken as at the smallest normal number; geometry: one with a memory."""
        positive = array_module(density).maximum(density, np.finfo(float).tiny)
        onsager = cast(Reaction, (geometry or self.geometry).onsager(self.mesh, positive))
        return onsager.growth(self.energy.first_variation(self.mesh, positive))

    def rate(self, density: Array) -> Array:
        """-mu f."""
        return -density * self.growth(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """Steps end at the last duration only; densities on the way are interpolated to the order of the error."""
        mass = integrate(self.mesh, density)
        for moved in by_interpolation(self._steps(density, durations[-1], step, rtol), durations):
            yield Advance(with_mass(self.mesh, self.geometry, moved.density, mass), moved.step)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over."""
        return next(self.trace(density, [duration], step, rtol))

    def _steps(self, density: Array, duration: float, step: float, rtol: float) -> Iterator[Step]:
        """The error of each step, int |d log mu| dmu over the mass, stays below rtol/10 times what log mu moves."""
        # The memory lives from one storable state to the next: a run that is resumed has the same bits.
        geometry = with_memory(self.geometry)
        left, first, before = duration, self.growth(density, geometry), 1.0
        while left > 0:
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            fields, new, error, change = self._step(density, first, tau, geometry)
            ratio = max(error / (_SHARE * rtol * min(1.0, change) + _ROUND_OFF), 1e-10)
            if ratio > 1 and tau > _SHORTEST * duration:
                step = tau * after_rejection(ratio)
                continue
            left = left - tau if tau < left else 0.0
            grown = tau * after_success(ratio, before)
            step, before = (max(step, grown) if grown >= tau else grown), ratio
            yield Step(density, new, fields, tau, step)
            density, first = new, fields[-1]

    def _step(
        self, density: Array, first: Array, tau: float, geometry: Geometry
    ) -> tuple[list[Array], Array, float, float]:
        """One step: growth fields, new density, error, and how much log mu moved (both averages under mu). A step that
        would multiply a cell by more than exp(50) has an infinite error: growth out of thin tails is that fast."""
        xp = array_module(density)
        fields, new = [first], density
        for weights in STAGES:
            moved = -tau * combined(weights, fields)
            if float(moved.max()) > _LARGEST:
                return fields, density, math.inf, 0.0
            new = density * xp.exp(moved)
            fields.append(self.growth(new, geometry))
        mass = integrate(self.mesh, density)
        error = tau * integrate(self.mesh, density * xp.abs(combined(ERROR, fields))) / mass
        change = tau * integrate(self.mesh, density * xp.abs(first)) / mass
        return fields, new, error, change

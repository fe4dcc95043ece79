"""Reaction flows without a closed form: an embedded Runge-Kutta pair for log mu.

mu' = -mu f(mu) is l' = -f for l = log mu: positivity and vacuum are structural, and rates do not depend on the mesh.
The pair is that of Dormand and Prince 1980, order 5(4), with first-same-as-last stages, local extrapolation and a
proportional-integral step control (Gustafsson 1991).
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
from mudot.solvers.methods.protocol import Advance, by_steps

_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_ORDER = 5
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 4.0
_ROUND_OFF = 1e-14
_SHORTEST = 1e-15
_LARGEST = 50.0


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

    def growth(self, density: Array) -> Array:
        """f in mu' = -mu f, at zero density taken as at the smallest normal number."""
        positive = array_module(density).maximum(density, np.finfo(float).tiny)
        onsager = cast(Reaction, self.geometry.onsager(self.mesh, positive))
        return onsager.growth(self.energy.first_variation(self.mesh, positive))

    def rate(self, density: Array) -> Array:
        """-mu f."""
        return -density * self.growth(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over; the error of each, int |d log mu| dmu over the mass, stays below rtol times
        the step (in units of the growth field's own time)."""
        mass = integrate(self.mesh, density)
        left, first, before = duration, self.growth(density), 1.0
        while left > 0:
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            new, last, error, change = self._step(density, first, tau)
            tolerance = rtol * min(1.0, change) + _ROUND_OFF
            ratio = max(error / tolerance, 1e-10)
            if ratio > 1 and tau > _SHORTEST * duration:
                step = tau * max(_SHRINK, _SAFETY * ratio ** (-1 / _ORDER))
                continue
            density, first = new, last
            left = left - tau if tau < left else 0.0
            grown = tau * min(_GROW, max(_SHRINK, _SAFETY * ratio ** (-0.7 / _ORDER) * before ** (0.4 / _ORDER)))
            step, before = (max(step, grown) if grown >= tau else grown), ratio
        if self.geometry.conserves_mass:
            density = density * (mass / integrate(self.mesh, density))
        return Advance(density, step)

    def _step(self, density: Array, first: Array, tau: float) -> tuple[Array, Array, float, float]:
        """One step: new density, its growth field, error, and how much log mu moved (both averages under mu). A step
        that would multiply a cell by more than exp(50) has an infinite error: growth out of thin tails is that fast."""
        xp = array_module(density)
        fields, new = [first], density
        for weights in _STAGES:
            moved = -tau * _combined(weights, fields)
            if float(moved.max()) > _LARGEST:
                return density, first, math.inf, 0.0
            new = density * xp.exp(moved)
            fields.append(self.growth(new))
        mass = integrate(self.mesh, density)
        error = tau * integrate(self.mesh, density * xp.abs(_combined(_ERROR, fields))) / mass
        change = tau * integrate(self.mesh, density * xp.abs(first)) / mass
        return new, fields[-1], error, change


def _combined(weights: Sequence[float], fields: Sequence[Array]) -> Array:
    total = weights[0] * fields[0]
    for weight, field in zip(weights[1:], fields[1:], strict=True):
        if weight:
            total = total + weight * field
    return total

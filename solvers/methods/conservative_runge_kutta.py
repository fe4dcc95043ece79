"""Flows with kernel-smoothed transport, which are not stiff: an embedded Runge-Kutta pair for mu itself.

mu' = -K(mu) DF(mu) with K(mu) xi = -div(m v): every stage moves mass across faces, so that mass is kept to round-off.
Positivity is a condition on the step: one with a negative cell, at its end or in a stage, is halved. Short steps are
positive where a cell loses mass at a rate bounded by a multiple of its density, as with the mobilities of the Stein
geometries and with reactions mu' = -mu f; so halving ends. Such mobilities vanish beside empty cells: for mass to get
there, cells that are zero at the start are filled up to 1e-12 of the largest one, and the whole is scaled to the mass
it had.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.geometries import Geometry
from mudot.solvers.geometries.dress import with_memory
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.dormand_prince import ERROR, STAGES, after_rejection, after_success, combined
from mudot.solvers.methods.filling import filled, with_mass
from mudot.solvers.methods.protocol import Advance, by_steps
from mudot.solvers.methods.semidiscrete import steepest_descent

_ROUND_OFF = 1e-14
_SHORTEST = 1e-13
_LEAST = 1e-290
"""Cells that are drained stay above this: zeros are the start's alone, and every run fills them once."""


@dataclass(frozen=True, eq=False)
class ConservativeRungeKutta:
    """The flow of an energy in a geometry of smoothed transport, alone or with reactions: one whose rates do not grow
    like 1/h^2. Mass is kept where the geometry keeps it."""

    mesh: Cartesian
    energy: Energy
    geometry: Geometry

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "Runge-Kutta pair of order 5(4) in conservation form, steps kept positive, error controlled"

    def rate(self, density: Array) -> Array:
        """-K(mu) DF(mu), at zero density taken as at the smallest normal number."""
        return steepest_descent(self.mesh, self.energy, self.geometry, density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other. Ridge solves remember those before: from one storable state to the next, so that a run
        that is resumed has the same bits."""
        return by_steps(replace(self, geometry=with_memory(self.geometry)), density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over; the error of each, in L1 over the mass, stays below rtol times the mass
        moved. Raises NotConverged where positive steps become too short to go on."""
        density, mass = filled(self.mesh, density), integrate(self.mesh, density)
        left, first, before, refused = duration, self.rate(density), 1.0, False
        while left > 0:
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            result = self._step(density, first, tau, rtol)
            if result is None or result[2] > 1:
                if tau <= _SHORTEST * duration:
                    raise NotConverged(_too_short(tau, result is None))
                step = tau * (0.5 if result is None else after_rejection(result[2]))
                refused = True
                continue
            density, first, ratio = result
            left = left - tau if tau < left else 0.0
            # Right after a refusal a longer step would be refused again.
            grown = tau * min(after_success(ratio, before), 1.0 if refused else math.inf)
            step, before, refused = (max(step, grown) if grown >= tau else grown), ratio, False
        # Fluxes keep the mass by themselves; the constraint of a spherical reaction only as well as it is solved.
        return Advance(with_mass(self.mesh, self.geometry, density, mass), step)

    def _step(self, density: Array, first: Array, tau: float, rtol: float) -> tuple[Array, Array, float] | None:
        """One step: new density, its rate, and error over tolerance; None where a stage has a negative cell."""
        xp = array_module(density)
        rates, new = [first], density
        for weights in STAGES:
            new = density + tau * combined(weights, rates)
            if not float(new.min()) >= 0:
                return None
            new = xp.maximum(new, _LEAST)
            rates.append(self.rate(new))
        mass = integrate(self.mesh, density)
        error = tau * integrate(self.mesh, xp.abs(combined(ERROR, rates))) / mass
        change = tau * integrate(self.mesh, xp.abs(first)) / mass
        return new, rates[-1], max(error / (rtol * min(1.0, change) + _ROUND_OFF), 1e-10)


def _too_short(tau: float, negative: bool) -> str:
    if negative:
        return f"the density becomes negative within steps of {tau:.1e}: this flow does not keep it positive from here"
    return f"Runge-Kutta steps of {tau:.1e} still fail; refine the mesh or raise rtol"

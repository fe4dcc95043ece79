"""Discrete-gradient steps with error control: the energy-dissipation balance holds at every step, whatever its size.

A step is taken twice at half its length; the difference to the whole step, a third of which estimates the error, steers
its length. Where the equation of a step has no solution, shorter ones are tried.

Not for fronts into exact vacuum at the highest accuracy: zeros of the start are lifted (see `filled`), and a front
moves into what is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import ChainRule
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.discrete_gradient import Attempt, DiscreteGradient
from mudot.solvers.methods.filling import filled
from mudot.solvers.methods.protocol import Advance, Booked, Progress, by_steps

_SHORTEST = 1e-14
_ROUND_OFF = 1e-14
_REFUSED, _LEAST = 4.0, 0.2
_SAFETY, _GROW = 0.85, 3.0
_FAR = 2.0
"""A cell that changed by less than this factor is expected to do so again."""


@dataclass(frozen=True, eq=False)
class BalancedSteps:
    """The Wasserstein flow of an energy, alone or with Fisher-Rao, solved jointly.

    equation: of one step;   parts: names of the parts in the geometry's order
    """

    equation: DiscreteGradient
    parts: tuple[str, ...] = ("wasserstein",)

    @property
    def mesh(self) -> Cartesian:
        """The mesh."""
        return self.equation.mesh

    @property
    def energy(self) -> ChainRule:
        """The energy."""
        return self.equation.energy

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "discrete gradient, logarithmic mean in time, exact balance at every step, order 2, error controlled"

    def rate(self, density: Array) -> Array:
        """-K(mu) xi."""
        return self.equation.rate(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over."""
        left = duration
        while left > 0:
            taken = self.booked(density, left, step, rtol)
            density, step = taken.density, taken.step
            left = left - taken.length if taken.length < left else 0.0
        return Advance(density, step)

    def booked(self, density: Array, duration: float, step: float, rtol: float) -> Booked:
        """One accepted step of at most `duration`: two halves with a common error estimate in L1 over the mass. Raises
        NotConverged where steps become too short to go on."""
        density = filled(self.mesh, density)
        mass = integrate(self.mesh, density)
        while True:
            tau = duration / max(1, math.ceil(duration / step * (1 - 1e-9)))
            halves = self._halves(density, tau)
            whole = self.equation.solve(density, tau, halves[1].density) if halves is not None else None
            if halves is not None and whole is not None:
                xp = array_module(density)
                change = integrate(self.mesh, xp.abs(whole.density - density)) / mass
                gap = integrate(self.mesh, xp.abs(halves[1].density - whole.density)) / 3
                ratio = max(gap / mass / (rtol * min(1.0, change) + _ROUND_OFF), 1e-9)
                factor = _SAFETY * ratio ** (-1 / 3)
                if ratio <= 1:
                    grown = tau * min(_GROW, factor)
                    return self._booked(halves, mass, tau, max(grown, step) if grown >= tau else grown)
                step = tau * max(_LEAST, factor)
            else:
                step = tau / _REFUSED
            if step <= _SHORTEST * duration:
                raise NotConverged(
                    f"discrete-gradient steps of {step:.1e} still fail: the density is too singular for this mesh; "
                    "refine it, raise rtol, or use an explicit upwind method"
                )

    def march(self, density: Array, duration: float, steps: int) -> tuple[Array, Progress]:
        """The density after equal steps, for convergence studies; where the equation of one has no solution, after
        halves and halves of them, which double again with every step found at once. `dissipated` is the sum of
        2 tau R*, `unrelaxed` that of the gaps of the balance."""
        density, now, tau = filled(self.mesh, density), Progress(), duration / steps
        length = tau
        while now.time < duration * (1 - 1e-14):
            length = min(length, tau, duration - now.time)
            taken, trials = self.equation.solve(density, length), 0
            while taken is None:
                length, trials, now = length / 2, trials + 1, replace(now, rejected=now.rejected + 1)
                if length <= _SHORTEST * duration:
                    raise NotConverged(f"discrete gradient: no convergence for steps down to {length:.1e}")
                taken = self.equation.solve(density, length)
            new, lost = self._scaled(taken.density, integrate(self.mesh, density)), length * taken.power
            gap = abs(self.energy.value(self.mesh, new) - self.energy.value(self.mesh, density) + lost)
            now = replace(
                now,
                time=now.time + length,
                steps=now.steps + 1,
                dissipated=now.dissipated + lost,
                unrelaxed=now.unrelaxed + gap,
            )
            density, length = new, length if trials else 2 * length
        return density, now

    def _booked(self, halves: tuple[Attempt, Attempt], mass: float, tau: float, step: float) -> Booked:
        """R* from the forces and R from what the density did, over both halves."""
        slope, rate = np.zeros(len(self.parts)), np.zeros(len(self.parts))
        for half in halves:
            shares = np.array([half.transported if part == "wasserstein" else half.reacted for part in self.parts])
            slope += tau / 4 * shares
            if half.power > 0:
                rate += half.dropped / 2 * shares / half.power
        density = self._scaled(halves[1].density, mass)
        return Booked(density, step, tau, tuple(map(float, rate)), tuple(map(float, slope)))

    def _scaled(self, density: Array, mass: float) -> Array:
        """Fluxes keep the mass; what is left of Newton's residual does not accumulate."""
        kept = self.equation.spherical or not self.equation.reaction
        return density * (mass / integrate(self.mesh, density)) if kept else density

    def _halves(self, density: Array, tau: float) -> tuple[Attempt, Attempt] | None:
        first = self.equation.solve(density, tau / 2)
        if first is None:
            return None
        growth = first.density / density
        # As it went on, if no cell went far; else from backward Euler.
        near = float(growth.max()) < _FAR and float(growth.min()) > 1 / _FAR
        second = self.equation.solve(first.density, tau / 2, first.density * growth if near else None)
        return None if second is None else (first, second)

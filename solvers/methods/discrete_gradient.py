"""One step of a discrete gradient: an energy-dissipation balance that holds by identity, whatever the step.

A step a -> b with the mean variation xi_bar of the energy (exact chain rule) and the logarithmic mean in time rho:

    (b - a)/tau = -K(rho) xi_bar,   rho = Lambda(a, b),   F(b) - F(a) = <xi_bar, b - a> = -tau <xi_bar, K(rho) xi_bar>

(own design; the arithmetic mean in time, which is the averaged vector field, has no solution for KL and larger steps).
As a cell of b tends to zero so does rho there, and with it what could drain the cell. With a reaction the same force
drives both parts, and their joint balance is exact: Wasserstein-Fisher-Rao unsplit.

The equation is solved by Newton's method, which keeps b positive, with the Jacobian of everything that acts between
neighbours; what acts at a distance (interactions, data) enters as products of a Krylov method. For steps that are far
too long the solution ceases to exist: some log b runs off to minus infinity. Then shorter steps are the remedy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import ChainRule, NonLocal
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.frozen import frozen_flux
from mudot.solvers.operators import across, divergence, gradient, stencil_of
from mudot.solvers.quotients import logarithmic_growth, logarithmic_growth_slope
from mudot.solvers.stencils import from_faces

_NEWTON, _HALVINGS = 60, 12
_BOUNDARY, _CAREFUL = 1e-2, 2.0
"""Share of b that an iteration leaves at least; and how far log b may go where that led nowhere."""
_SOLVED, _BALANCED = 1e-13, 1e-14
"""Residual of a step over the mass, in L1, and what its balance lacks, <xi_bar, residual>, over <|xi_bar|, a + b>."""
_ROUND_OFF = 20
"""Times `_SOLVED` below which a residual that no step lowers is round-off."""
_FORCING = 1e-5
"""Residual of the linear systems over that of the step."""
_EMPTY = 1e-11
"""Over the fullest cell: a face between two cells with less is in vacuum. There a drift drains by factors of
1e30, where a mean lets cells fill the faster the fuller they are: matrices that no iteration solves."""
_LEAST = 1e-6
"""Change of xi per change of b, over that in the fullest cell, below which changes of b are sought instead."""
_FREEZES, _NEWS = 12, 4.0
"""For fast diffusion: how often coefficients are frozen at most, and growth of a cell that calls for another time."""
Move = Callable[[Array, float], Array]
"""What b is multiplied by, for a change of log b and the length of the step."""
_TINY, _HUGE = 1e-300, 1e60
"""The least density, well above what floats can tell apart, times a volume too; and where curvatures are cut off."""


class StepRule(Protocol):
    """A choice of the mobility for every step."""

    def at(self, mesh: Cartesian, middle: Array) -> StepMobility:
        """That of a step about a density; always the same object where it does not look at the density."""


class StepMobility(Protocol):
    """mu on faces within a step, with its derivatives."""

    def __call__(self, mesh: Cartesian, density: Array, drop: Array) -> Array:
        """The mobility, shape (faces,), at cell averages and the drop of the potential from left to right."""

    def slopes(self, mesh: Cartesian, density: Array, drop: Array) -> tuple[Array, Array]:
        """Its derivatives by the logarithms of the density left and right of every face."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """A solved step: the new density, 2 R* of transport and of reaction, and what the energy lost, -<xi_bar, b - a>."""

    density: Array
    transported: float
    reacted: float
    dropped: float

    @property
    def power(self) -> float:
        """2 R* of both."""
        return self.transported + self.reacted


@dataclass(frozen=True, eq=False)
class _State:
    """An iterate b, with xi_bar, rho, the residual b - a + tau K(rho) xi_bar, its size in L1, and what the balance
    lacks over the size of its terms."""

    after: Array
    xi: Array
    mean: Array
    residual: Array
    size: float
    missing: float


@dataclass(frozen=True, eq=False)
class DiscreteGradient:
    """The step of the Wasserstein flow of an energy, alone or with Fisher-Rao.

    mobility: mu on faces;   transport, reaction: the weights (0: none);   spherical: the reaction keeps the mass
    """

    mesh: Cartesian
    energy: ChainRule
    mobility: StepRule
    transport: float = 1.0
    reaction: float = 0.0
    spherical: bool = False

    @cached_property
    def _distant(self) -> bool:
        """Whether the energy acts at a distance; looking through a protocol takes as long as a solve on a line."""
        return isinstance(self.energy, NonLocal) and self.energy.acts_at_a_distance

    def rate(self, density: Array) -> Array:
        """-K(mu) xi, what steps tend to as they become short."""
        positive = array_module(density).maximum(density, _TINY)
        xi = self.energy.first_variation(self.mesh, positive)
        return self._flow(self.mobility.at(self.mesh, positive), positive, xi)

    def solve(self, before: Array, tau: float, guess: Array | None = None) -> Attempt | None:
        """b of one step from positive a, or None where Newton's method does not find it.

        guess: where to start; by default backward Euler with frozen coefficients.

        A mobility that looks at the density (limited slopes, momentary drifts) is taken at (a + b)/2 with the b of a
        first pass, whose mobility is that of a: books are exact with any mobility, order 2 wants a centred one."""
        mobility = self.mobility.at(self.mesh, before)
        found = self._found(mobility, before, tau, guess)
        if found is None:
            return None
        centred = self.mobility.at(self.mesh, (before + found.after) / 2)
        if centred is not mobility:
            mobility, found = centred, self._found(centred, before, tau, found.after)
        return None if found is None else self._attempt(mobility, before, found)

    def _found(self, mobility: StepMobility, before: Array, tau: float, guess: Array | None) -> _State | None:
        """By bold Newton steps from the guess, else from backward Euler, and by careful ones if these lead nowhere."""
        found = None if guess is None else self._newton(mobility, before, tau, guess, _boldly)
        if found is None:
            guess = self._frozen_step(before, tau)
            for move in (_boldly, _carefully):
                found = self._newton(mobility, before, tau, guess, move) if found is None else found
        return found

    def _newton(self, mobility: StepMobility, before: Array, tau: float, guess: Array, move: Move) -> _State | None:
        """Damped Newton iterations, every cell held back by itself."""
        xp, mass = array_module(before), integrate(self.mesh, before)
        now = self._state(mobility, before, guess, tau)
        for _ in range(_NEWTON):
            if now.size <= _SOLVED * mass and now.missing <= _BALANCED:
                return now
            if not np.isfinite(now.size):
                return None
            try:
                change = self._change(mobility, before, now, tau)
            except NotConverged:
                return None
            if not bool(xp.isfinite(change).all()):
                return None
            length, trial = 1.0, now
            for _ in range(_HALVINGS):
                after = xp.clip(now.after * move(change, length), _TINY, _HUGE)
                trial = self._state(mobility, before, after, tau)
                if trial.size <= (1 - 1e-4 * length) * now.size:
                    break
                if trial.size <= _SOLVED * mass and trial.missing <= now.missing / 2:
                    break
                length /= 2
            else:
                # Round-off: no step of any length gets closer.
                near = now.size <= _ROUND_OFF * _SOLVED * mass and now.missing <= _ROUND_OFF * _BALANCED
                return now if near else None
            now = trial
        return None

    def _state(self, mobility: StepMobility, before: Array, after: Array, tau: float) -> _State:
        xp = array_module(before)
        mean = before * logarithmic_growth(xp.log(after / before))
        xi = self.energy.mean_variation(self.mesh, before, after)
        residual = after - before - tau * self._flow(mobility, mean, xi)
        terms = integrate(self.mesh, xp.abs(xi) * (before + after))
        missing = abs(integrate(self.mesh, xi * residual)) / terms if terms > 0 else 0.0
        return _State(after, xi, mean, residual, integrate(self.mesh, xp.abs(residual)), missing)

    def _flow(self, mobility: StepMobility, mean: Array, xi: Array) -> Array:
        """-K(rho) xi."""
        slope = gradient(self.mesh, xi)
        flow = self.transport * divergence(self.mesh, mobility(self.mesh, mean, -slope) * slope)
        return flow if not self.reaction else flow - self.reaction * mean * self._centred(mean, xi)

    def _centred(self, mean: Array, xi: Array) -> Array:
        return xi - integrate(self.mesh, mean * xi) / integrate(self.mesh, mean) if self.spherical else xi

    def _attempt(self, mobility: StepMobility, before: Array, found: _State) -> Attempt:
        slope, places = gradient(self.mesh, found.xi), stencil_of(self.mesh, before)
        moved = mobility(self.mesh, found.mean, -slope) * slope * slope * places.area * places.distance
        centred = self._centred(found.mean, found.xi)
        reacted = self.reaction * integrate(self.mesh, found.mean * centred * centred)
        dropped = -integrate(self.mesh, found.xi * (found.after - before))
        return Attempt(found.after, self.transport * float(moved.sum()), reacted, dropped)

    def _change(self, mobility: StepMobility, before: Array, now: _State, tau: float) -> Array:
        """The Newton step of log b. Sought is that of xi, which is smooth where log b is not."""
        mesh, xp = self.mesh, array_module(before)
        volume, places = volumes(mesh, before), stencil_of(mesh, before)
        l = xp.log(now.after / before)
        growth = logarithmic_growth_slope(l) / logarithmic_growth(l)  # d log rho / d log b
        curve = self.energy.mean_slope(mesh, before, now.after)
        fullest, place = float(now.after.max()), int(now.after.argmax())
        least = _LEAST * min(float(curve.reshape(-1)[place]), _HUGE) / fullest
        scale = xp.minimum(xp.maximum(curve, least * now.after), _HUGE) if least > 0 else xp.ones_like(curve)
        mass = volume * now.after
        if self.reaction:
            mass = mass + tau * self.reaction * volume * now.mean * (growth * self._centred(now.mean, now.xi) + curve)
        left, right = across(mesh, now.xi)
        jump = left - right
        by_left, by_right = mobility.slopes(mesh, now.mean, jump)
        here = mobility(mesh, now.mean, jump)
        weight = tau * self.transport * places.area / places.distance
        along, bend = across(mesh, growth / scale), across(mesh, curve / scale)
        out = weight * (by_left * along[0] * jump + here * bend[0])
        back = weight * (by_right * along[1] * jump - here * bend[1])
        # There Newton's method goes without what would make the matrix none of a flow: it moves no mass to speak of.
        empty = xp.maximum(*across(mesh, before + now.after)) < _EMPTY * fullest
        out, back = xp.where(empty, xp.maximum(out, 0.0), out), xp.where(empty, xp.minimum(back, 0.0), back)
        matrix = from_faces(mesh, mass / scale, out, back)

        def beyond(x: Array) -> Array:
            shift = self.energy.distant_slope(mesh, now.after * (x / scale))  # type: ignore[attr-defined]
            return -tau * volume * self._flow(_Fixed(here), now.mean, shift)

        return matrix.solve(-volume * now.residual, _FORCING, beyond if self._distant else None).solution / scale

    def _frozen_step(self, before: Array, tau: float) -> Array:
        """Backward Euler with frozen coefficients, those of a first: positive, and every cell of a tail comes near its
        size. Fast diffusion is the faster the emptier a cell: there it takes those of what was found until that is no
        news any more."""
        xp, places = array_module(before), stencil_of(self.mesh, before)
        weight, volume, now = tau * self.transport * places.area / places.distance, volumes(self.mesh, before), before
        for _ in range(_FREEZES):
            flux = frozen_flux(self.mesh, self.energy, now)
            if flux is None:
                return before
            matrix = from_faces(self.mesh, volume, weight * flux.forward, -weight * flux.backward)
            try:
                found = matrix.solve(volume * before, 1e-8).solution
            except NotConverged:
                return now
            last, now = now, xp.where(found > _TINY, found, now)  # so for NaN
            if self.energy.exponent >= 1 or float((now / last).max()) < _NEWS:
                break
        return now


def _boldly(change: Array, length: float) -> Array:
    """b over its old value after a Newton step in b: where the flux is linear, as far out in a tail, that is exact."""
    return array_module(change).maximum(1 + length * change, _BOUNDARY)


def _carefully(change: Array, length: float) -> Array:
    """The same after one in log b, which does not go far."""
    xp = array_module(change)
    return xp.exp(length * xp.clip(change, -_CAREFUL, _CAREFUL))


@dataclass(frozen=True, eq=False)
class _Fixed:
    """A mobility that is what it is."""

    values: Array

    def __call__(self, mesh: Cartesian, density: Array, drop: Array) -> Array:
        return self.values

    def slopes(self, mesh: Cartesian, density: Array, drop: Array) -> tuple[Array, Array]:
        return 0 * self.values, 0 * self.values

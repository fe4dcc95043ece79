"""Wasserstein-Fisher-Rao flows by symmetric splitting of two exact flows, extrapolated in the logarithm.

Strang's splitting FR(tau/2) W(tau) FR(tau/2) is positive and has an error expansion in even powers of tau. With
n = 1, 2, 3 substeps over one step, Richardson extrapolation of log rho gives order 6 and keeps the density positive:
positive steps alone cannot pass order 2 (Sheng 1989; Suzuki 1991), and extrapolating rho itself would lose the sign.
The last two columns differ by an order-4 error that controls the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.methods.protocol import Advance, Method, by_steps
from mudot.solvers.methods.semigroup import FokkerPlanck

_ORDER = 4
_ROUND_OFF = 2e-14
_INNER = 1e-3
"""Share of the tolerance that a part without a closed form gets."""
_SHORTEST = 1e-9
_SAFETY, _SHRINK, _GROW = 0.8, 0.2, 3.0


@dataclass(frozen=True, eq=False)
class SymmetricSplitting:
    """mu' = (transport part) + (reaction part), each solved exactly.

    transport, reaction: the two flows, each solved exactly or to a small part of the tolerance
    speed:               the rate of the reaction; its inverse is the time scale of the error control
    keeps_mass:          whether the mass is put back after every step
    """

    mesh: Cartesian
    transport: FokkerPlanck
    reaction: Method
    speed: float
    keeps_mass: bool

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return (
            f"symmetric splitting, extrapolated to order 6 in the logarithm, error controlled, of "
            f"[{self.transport.description}] and [{self.reaction.description}]"
        )

    def rate(self, density: Array) -> Array:
        """Sum of both rates."""
        return self.transport.rate(density) + self.reaction.rate(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over. The error of a step is bounded by rtol times the share of the reaction's
        time scale that it covers, so that it does not pile up: the flow itself contracts at that rate."""
        left = duration
        while left > 0:
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            new, error = self.extrapolated(density, tau, _INNER * rtol)
            tolerance = rtol * min(1.0, self.speed * tau) + _ROUND_OFF
            factor = _SAFETY * (tolerance / max(error, 1e-300)) ** (1 / (_ORDER + 1))
            if error > tolerance and tau > _SHORTEST * duration:
                step = tau * min(0.9, max(_SHRINK, factor))
                continue
            density, left = new, left - tau if tau < left else 0.0
            # Cutting a step to meet the end says nothing against longer ones.
            step = max(step, tau * min(_GROW, factor)) if factor >= 1 else tau * max(_SHRINK, factor)
        return Advance(density, step)

    def strang(self, density: Array, duration: float, steps: int = 1, inner: float = _ROUND_OFF) -> Array:
        """FR(tau/2) W(tau) FR(tau) W(tau) ... W(tau) FR(tau/2): order 2; every substep lowers the energy."""
        tau = duration / steps
        density = self.reaction.advance(density, tau / 2, tau / 2, inner).density
        for step in range(steps):
            density = self.transport.advance(density, tau, tau, 0.0).density
            half = tau / 2 if step == steps - 1 else tau
            density = self.reaction.advance(density, half, half, inner).density
        return density

    def extrapolated(self, density: Array, duration: float, inner: float = _ROUND_OFF) -> tuple[Array, float]:
        """One step of order 6, and the relative L1 size of its order-4 error estimate."""
        xp = array_module(density)
        levels = [self.strang(density, duration, n, inner) for n in (1, 2, 3)]
        logs = [xp.log(xp.maximum(level, np.finfo(float).tiny)) for level in levels]
        second = (4 * logs[1] - logs[0]) / 3
        third = (9 * logs[2] - 4 * logs[1]) / 5
        sixth = (9 * third - second) / 8
        # Far out in a tail the expansion may not have set in; there the finest splitting stands.
        trusted = (xp.abs(logs[2] - logs[1]) < 1) & (levels[2] > np.finfo(float).tiny)
        result = xp.where(trusted, xp.exp(xp.where(trusted, sixth, 0.0)), levels[2])
        check = xp.where(trusted, xp.exp(xp.where(trusted, third, 0.0)), levels[1])
        mass = integrate(self.mesh, result)
        error = integrate(self.mesh, xp.abs(result - check)) / mass
        if self.keeps_mass:
            result = result * (integrate(self.mesh, density) / mass)
        return result, error

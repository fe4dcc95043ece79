"""Explicit steps with the strong-stability-preserving scheme of order 3 and an energy balance made exact by relaxation.

Every stage is a convex combination of forward Euler steps (Shu and Osher 1988), so that what forward Euler keeps
positive stays positive. The cross-check of implicit methods: another mechanism of error, no nonlinear solver.
Not for stiff problems: steps are of the size h^2 where there is diffusion.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.protocol import Progress
from mudot.solvers.methods.relaxation import relaxation_factor
from mudot.solvers.methods.semidiscrete import Semidiscrete

_SHORTEST = 1e-13
_ROUND_OFF = 1e-14
_LANDINGS = 6
_RENEWED = 25
"""Steps between two estimates of the spectral radius."""


@dataclass(frozen=True, eq=False)
class StrongStability:
    """SSP-RK3 steps of a semidiscrete flow, relaxed unless told otherwise."""

    system: Semidiscrete
    relaxed: bool = True
    courant: float = 1.0
    """Steps are at most this over the spectral radius (real stability ends at 2.5, positivity mostly before)."""
    _pace: dict[str, object] = field(default_factory=dict, repr=False)

    @property
    def description(self) -> str:
        """One line for logs and results."""
        balance = "balance exact by relaxation" if self.relaxed else "no relaxation"
        return f"strong-stability-preserving Runge-Kutta of order 3, steps kept positive, {balance}"

    def march(
        self, density: Array, duration: float, rtol: float = 1e-3, step: float = math.inf
    ) -> tuple[Array, Progress]:
        """The density after a duration and how it got there. Steps are as long as stability, positivity and the error
        (in L1, relative to what moves) allow; the last one is chosen so that its relaxed length is what is left.
        Raises NotConverged where positive steps become too short to go on."""
        now, largest, direction, limit = Progress(), step, None, math.inf
        while now.time < duration:
            if now.steps % _RENEWED == 0:
                radius, direction = self.system.spectral_radius(density, direction)
                limit = self.courant / radius if radius > 0 else math.inf
            left = duration - now.time
            tau = left / max(1, math.ceil(left / min(limit, largest) * (1 - 1e-9)))
            landing = tau >= left
            taken = self._landed(density, left) if landing else self._step(density, tau)
            if taken is None or taken.error > rtol * min(1.0, taken.moved) + _ROUND_OFF:
                if tau <= _SHORTEST * duration:
                    raise NotConverged(f"explicit steps of {tau:.1e} still fail; refine the mesh or raise rtol")
                largest, now = tau / 2, replace(now, rejected=now.rejected + 1)
                continue
            density = taken.density
            largest = 1.5 * max(largest, tau)
            now = Progress(
                duration if landing else now.time + taken.length,
                now.steps + 1,
                now.rejected,
                now.dissipated + taken.dissipated,
                now.unrelaxed + taken.unrelaxed,
            )
        return density, now

    def _landed(self, density: Array, left: float) -> _Taken | None:
        """A step whose relaxed length is `left` to round-off."""
        tau = left
        for _ in range(_LANDINGS):
            taken = self._step(density, tau)
            if taken is None or abs(taken.length - left) <= 1e-15 * left:
                return taken
            tau *= left / taken.length
        return taken

    def _step(self, density: Array, tau: float) -> _Taken | None:
        """One step; None where a stage is negative."""
        system, xp = self.system, array_module(density)
        stages, rates = [density], []
        for keep, go in ((0.0, 1.0), (0.75, 0.25), (1 / 3, 2 / 3)):
            rates.append(system.rate(stages[-1]))
            new = keep * density + go * (stages[-1] + tau * rates[-1])
            if not float(new.min()) >= 0:
                return None
            stages.append(new)
        lost = [system.dissipation(y, k) for y, k in zip(stages, rates, strict=False)]
        dissipated = tau * (lost[0] + lost[1] + 4 * lost[2]) / 6
        mass = integrate(system.mesh, density)
        second_order = density + tau / 2 * (rates[0] + rates[1])
        error = integrate(system.mesh, xp.abs(new - second_order)) / mass
        moved = tau * integrate(system.mesh, xp.abs(rates[0])) / mass
        gamma = relaxation_factor(system, density, new - density, dissipated) if self.relaxed else None
        if gamma is None:
            gap = abs(system.value(new) - system.value(density) + dissipated)
            return _Taken(new, tau, dissipated, gap, error, moved)
        return _Taken(density + gamma * (new - density), gamma * tau, gamma * dissipated, 0.0, error, moved)


@dataclass(frozen=True, eq=False)
class _Taken:
    """A step: its end, length, exact dissipation, gap of the balance if not relaxed, error and movement in L1."""

    density: Array
    length: float
    dissipated: float
    unrelaxed: float
    error: float
    moved: float

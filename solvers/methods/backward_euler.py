"""Backward Euler: first order, positive and mass-exact for every step, with an energy that never rises.

For mu' = A(mu) mu one step solves b = a + tau A(b) b. Each iteration b <- (1 - w) b + w (1 - tau A(b))^-1 a solves a
system with an M-matrix: all iterates are positive and have the mass of a. For the flux of rho^m the undamped iteration
multiplies errors by -(m - 1) X/(1 + X), X >= 0, so that w = 2/(m + 1) contracts by (m - 1)/(m + 1) at least. For convex
energies <xi(b), b - a> >= F(b) - F(a): the energy falls by at least tau times the dissipation at the new density, the
inequality of the minimising movements that linearised transport distances make of one step (Cances, Gallouet and
Todeschi 2020, there with upstream mobility).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.fluxes import generator
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.protocol import Progress
from mudot.solvers.methods.semidiscrete import Semidiscrete

_TOLERANCE = 1e-13
_LIMIT = 400
_ROUND_OFF = 1e-12


@dataclass(frozen=True, eq=False)
class BackwardEuler:
    """Backward Euler steps of a semidiscrete flow with a frozen form; the linear systems are factored on the host.

    damping: w, 2/(m + 1) for the flux of rho^m, one where the coefficients hardly depend on the density
    Raises MudotError without a frozen form.
    """

    system: Semidiscrete
    damping: float = 2 / 3

    def __post_init__(self) -> None:
        if self.system.frozen is None:
            raise MudotError("backward Euler: the flux needs a form that is linear with frozen coefficients")

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "backward Euler, order 1, positive, mass-exact, energy inequality"

    def march(
        self, density: Array, duration: float, rtol: float = 1e-3, step: float = math.inf
    ) -> tuple[Array, Progress]:
        """The density after a duration: each step is taken twice at half its length, and the difference to the whole
        one, which estimates the error in L1 over the mass, stays below rtol times what moves. Of first order: for small
        rtol that takes many steps. Raises NotConverged."""
        mesh, xp, now = self.system.mesh, array_module(density), Progress()
        mass = integrate(mesh, density)
        while now.time < duration:
            left = duration - now.time
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            (halves, progress), whole = self.fixed(density, tau, 2), self._step(density, tau)
            error = integrate(mesh, xp.abs(halves - whole)) / mass
            bound = rtol * min(1.0, integrate(mesh, xp.abs(halves - density)) / mass) + _ROUND_OFF
            factor = 0.8 * bound / max(error, 1e-300)
            if error > bound and tau > 1e-13 * duration:
                step, now = tau * max(0.2, min(0.9, factor)), replace(now, rejected=now.rejected + 1)
                continue
            density, step = halves, tau * min(3.0, max(0.2, factor))
            now = replace(
                now,
                time=duration if tau >= left else now.time + tau,
                steps=now.steps + 2,
                dissipated=now.dissipated + progress.dissipated,
            )
        return density, now

    def fixed(self, density: Array, duration: float, steps: int) -> tuple[Array, Progress]:
        """The density after equal steps; `dissipated` is the sum of tau times the dissipation at every new density,
        which the energy falls by at least. Raises NotConverged."""
        tau, total = duration / steps, 0.0
        for _ in range(steps):
            density = self._step(density, tau)
            total += tau * self.system.dissipation(density, self.system.rate(density))
        return density, Progress(duration, steps, 0, total)

    def _step(self, density: Array, tau: float) -> Array:
        mesh = self.system.mesh
        assert self.system.frozen is not None
        mass = integrate(mesh, density)
        identity = scipy.sparse.eye_array(mesh.size, format="csc")
        flat = density.reshape(-1)
        now = density
        for _ in range(_LIMIT):
            matrix = generator(mesh, self.system.frozen(now))
            target = scipy.sparse.linalg.spsolve(identity - tau * matrix.tocsc(), flat).reshape(mesh.shape)
            gap = integrate(mesh, abs(target - now)) / mass
            now = (1 - self.damping) * now + self.damping * target
            if gap <= _TOLERANCE:
                return now * (mass / integrate(mesh, now))
        raise NotConverged(f"backward Euler: change of {gap:.1e} after {_LIMIT} iterations; take shorter steps")

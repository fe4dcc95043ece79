"""Exponential midpoint steps: positive, mass-exact and of second order without a nonlinear solver.

For mu' = A(mu) mu with a matrix that moves mass and makes none, the Magnus integrator

    mu_half = exp(tau/2 A(mu)) mu,       mu_new = exp(tau A(mu_half)) mu

(Blanes, Iserles and Macnamara 2022, Positivity-preserving methods for ordinary differential equations) keeps positivity
and mass for every tau, since exponentials of such matrices have nonnegative entries and columns that sum to one. The
exponentials are by uniformization. Its error is that of freezing the coefficients, another than that of implicit or of
explicit steps, and none at all where the equation is linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.fluxes import generator
from mudot.solvers.methods import uniformization
from mudot.solvers.methods.protocol import Progress
from mudot.solvers.methods.semidiscrete import Semidiscrete
from mudot.solvers.products import Rates

_SAFETY, _SHRINK, _GROW = 0.8, 0.2, 3.0
_SHORTEST = 1e-13
_ROUND_OFF = 2e-14


@dataclass(frozen=True, eq=False)
class ExponentialMidpoint:
    """Exponential midpoint steps of a semidiscrete flow with a frozen form. Raises MudotError without one."""

    system: Semidiscrete

    def __post_init__(self) -> None:
        if self.system.frozen is None:
            raise MudotError("exponential midpoint: the flux needs a form that is linear with frozen coefficients")

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "exponential midpoint (Magnus) steps of order 2, positive and mass-exact, error controlled"

    def march(
        self, density: Array, duration: float, rtol: float = 1e-3, step: float = math.inf
    ) -> tuple[Array, Progress]:
        """The density after a duration and the steps taken: the error of each, in L1 over the mass, is estimated by the
        difference to the trapezoidal variant and stays below rtol times what moves."""
        mesh, xp, time, steps, rejected = self.system.mesh, array_module(density), 0.0, 0, 0
        mass = integrate(mesh, density)
        while time < duration:
            left = duration - time
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            new, other = self._step(density, tau)
            error = integrate(mesh, xp.abs(new - other)) / mass
            moved = integrate(mesh, xp.abs(new - density)) / mass
            bound = rtol * min(1.0, moved) + _ROUND_OFF
            factor = _SAFETY * math.sqrt(bound / max(error, 1e-300))
            if error > bound and tau > _SHORTEST * duration:
                step, rejected = tau * max(_SHRINK, min(0.9, factor)), rejected + 1
                continue
            density = new * (mass / integrate(mesh, new))
            steps, time = steps + 1, duration if tau >= left else time + tau
            step = tau * min(_GROW, max(_SHRINK, factor))
        return density, Progress(time, steps, rejected)

    def fixed(self, density: Array, duration: float, steps: int) -> Array:
        """The density after a given number of equal steps, for convergence studies."""
        for _ in range(steps):
            density = self._step(density, duration / steps)[0]
        return density

    def _step(self, density: Array, tau: float) -> tuple[Array, Array]:
        """The midpoint step and the one with the mean of the matrices at both ends."""
        first = self._matrix(density)
        half, whole = self._exponentials(first, density, [tau / 2, tau])
        middle = self._exponentials(self._matrix(half), density, [tau])[0]
        both = (first + self._matrix(whole)) * 0.5
        return middle, self._exponentials(both, density, [tau])[0]

    def _matrix(self, density: Array) -> Any:
        assert self.system.frozen is not None
        return generator(self.system.mesh, self.system.frozen(density))

    def _exponentials(self, matrix: Any, density: Array, durations: list[float]) -> list[Array]:
        mesh, rates = self.system.mesh, Rates.of(matrix)
        pace = rates.exit_rate
        if not pace > 0:
            return [density] * len(durations)
        if not math.isfinite(pace):
            raise MudotError("exponential midpoint: coefficients of the flux are not finite")
        flat = density.reshape(-1)
        found = uniformization.apply_exponentials(rates, pace, flat, durations, sum(mesh.shape))
        return [result.reshape(mesh.shape) for result in found]

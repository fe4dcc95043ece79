"""Backward Euler: first order, positive and mass-exact for every step, with an energy that never rises.

For mu' = A(mu) mu one step solves b = a + tau A(b) b. Each iteration b <- (1 - w) b + w (1 - tau A(b))^-1 a solves a
system with an M-matrix: all iterates are positive and have the mass of a. For the flux of rho^m the undamped iteration
multiplies errors by -(m - 1) X/(1 + X), X >= 0, so that w = 2/(m + 1) contracts by (m - 1)/(m + 1) at least. For convex
energies <xi(b), b - a> >= F(b) - F(a): the energy falls by at least tau times the dissipation at the new density, the
inequality of the minimising movements that linearised transport distances make of one step (Cances, Gallouet and
Todeschi 2020, there with upstream mobility).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, library_of
from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.fluxes import generator
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.protocol import Advance, Progress, by_steps
from mudot.solvers.methods.semidiscrete import Semidiscrete

_TOLERANCE = 1e-13
_LIMIT = 400


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

    def rate(self, density: Array) -> Array:
        """mu' of the semidiscrete flow."""
        return self.system.rate(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Equal steps of about `step`; the scheme has no control of its error, `rtol` says nothing."""
        steps = max(1, round(duration / step))
        return Advance(self.march(density, duration, steps)[0], step)

    def march(self, density: Array, duration: float, steps: int) -> tuple[Array, Progress]:
        """The density after equal steps; `dissipated` is the sum of tau times the dissipation at every new density,
        which the energy falls by at least. Raises NotConverged."""
        tau, total = duration / steps, 0.0
        for _ in range(steps):
            density = self._step(density, tau)
            total += tau * self.system.dissipation(density, self.system.rate(density))
        return density, Progress(duration, steps, 0, total)

    def _step(self, density: Array, tau: float) -> Array:
        mesh, library = self.system.mesh, library_of(density)
        assert self.system.frozen is not None
        mass = integrate(mesh, density)
        identity = scipy.sparse.eye_array(mesh.size, format="csc")
        flat = library.to_host(density).reshape(-1)
        now = density
        for _ in range(_LIMIT):
            matrix: Any = generator(mesh, self.system.frozen(now))
            matrix = matrix if scipy.sparse.issparse(matrix) else matrix.get()
            solved = scipy.sparse.linalg.spsolve(identity - tau * matrix.tocsc(), flat)
            target = library.to_device(solved).reshape(mesh.shape)
            gap = integrate(mesh, abs(target - now)) / mass
            now = (1 - self.damping) * now + self.damping * target
            if gap <= _TOLERANCE:
                return now * (mass / integrate(mesh, now))
        raise NotConverged(f"backward Euler: change of {gap:.1e} after {_LIMIT} iterations; take shorter steps")

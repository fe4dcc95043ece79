"""A discrete-gradient integrator: the energy-dissipation balance holds at every step, whatever its size.

One step a -> b with the mean variation xi_bar of the energy (exact chain rule) and the logarithmic mean in time rho:

    (b - a)/tau = -K(rho) xi_bar,   rho = Lambda(a, b),   F(b) - F(a) = <xi_bar, b - a> = -tau <xi_bar, K(rho) xi_bar>

(own design; the arithmetic mean in time, which is the averaged vector field, has no solution for KL and larger steps).
As a cell of b tends to zero so does rho there, and with it what could drain the cell. The equation is solved for
log b by Newton's method with the analytic Jacobian of everything that acts between neighbours. A step is taken twice
at half its length; the difference to the whole step, a third of which estimates the error, steers its length.

Not for fronts into exact vacuum at the highest accuracy: zeros of the start are lifted (see `filled`), and a front
moves into what is there.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import ChainRule
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.conservative_runge_kutta import filled
from mudot.solvers.methods.protocol import Booked
from mudot.solvers.operators import divergence, gradient
from mudot.solvers.quotients import logarithmic_growth, logarithmic_growth_slope
from mudot.solvers.stolarsky import Stolarsky

_SHORTEST = 1e-10
_ROUND_OFF = 1e-14
_NEWTON, _UP, _DOWN = 40, 3.0, 20.0
_SOLVED = 1e-13
"""Residual of a step over the mass, in L1: what its balance can be off."""
_DIRECT = 40_000
"""Cells up to which the Jacobian of a plane is factored; beyond, and in space, stabilised biconjugate gradients."""


@dataclass(frozen=True, eq=False)
class Attempt:
    """A solved step: the new density, 2 R* of transport and of reaction, and what the energy lost, -<xi_bar, b - a>."""

    density: Array
    transported: float
    reacted: float
    dropped: float


@dataclass(frozen=True, eq=False)
class BalancedSteps:
    """The Wasserstein flow of an energy with a discrete gradient, alone or with Fisher-Rao, solved jointly.

    mobility: mu on faces from a density;   transport, reaction: the weights (0: none)
    spherical: whether the reaction keeps the mass;   parts: names of the parts in the geometry's order
    """

    mesh: Cartesian
    energy: ChainRule
    mobility: Stolarsky
    transport: float
    reaction: float = 0.0
    spherical: bool = False
    parts: tuple[str, ...] = ("wasserstein",)

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "discrete gradient, logarithmic mean in time, exact balance at every step, order 2, error controlled"

    def rate(self, density: Array) -> Array:
        """-K(mu) xi."""
        positive = array_module(density).maximum(density, np.finfo(float).tiny)
        xi = self.energy.mean_variation(self.mesh, positive, positive)
        return self._flow(positive, xi)

    def booked(self, density: Array, duration: float, step: float, rtol: float) -> Booked:
        """One accepted step of at most `duration`: two halves with a common error estimate in L1 over the mass."""
        density = filled(self.mesh, density)
        mass = integrate(self.mesh, density)
        while True:
            tau = duration / max(1, math.ceil(duration / step * (1 - 1e-9)))
            halves = self._halves(density, tau)
            whole = self._solved(density, tau) if halves is not None else None
            if halves is not None and whole is not None:
                change = integrate(self.mesh, abs(whole.density - density)) / mass
                gap = integrate(self.mesh, array_module(density).abs(halves[1].density - whole.density)) / 3
                ratio = max(gap / mass / (rtol * min(1.0, change) + _ROUND_OFF), 1e-9)
                if ratio <= 1:
                    grown = tau * min(3.0, 0.85 * ratio ** (-1 / 3))
                    return self._booked(halves, mass, tau, max(grown, step) if grown >= tau else grown)
                step = tau * max(0.2, 0.85 * ratio ** (-1 / 3))
            else:
                step = tau / 4
            if step <= _SHORTEST * duration:
                raise NotConverged(
                    f"discrete-gradient steps of {step:.1e} still fail: the density is too singular for this mesh; "
                    "refine it, raise rtol, or use an explicit upwind method"
                )

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Any]:
        """The densities after increasing durations."""
        now = 0.0
        for duration in durations:
            moved = self.advance(density, duration - now, step, rtol)
            density, step, now = moved.density, moved.step, duration
            yield moved

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Any:
        """Steps until the duration is over."""
        left, taken = duration, None
        while left > 0:
            taken = self.booked(density, left, step, rtol)
            density, step = taken.density, taken.step
            left = left - taken.length if taken.length < left else 0.0
        return taken

    def _booked(self, halves: tuple[Attempt, Attempt], mass: float, tau: float, step: float) -> Booked:
        """R* from the forces and R from what the density did, over both halves."""
        slope = np.array([0.0] * len(self.parts))
        rate = np.array([0.0] * len(self.parts))
        for half in halves:
            shares = np.array([half.transported if part == "wasserstein" else half.reacted for part in self.parts])
            slope += tau / 4 * shares
            total = float(shares.sum())
            if total > 0:
                rate += half.dropped / 2 * shares / total
        density = halves[1].density
        if self.spherical or not self.reaction:
            # Fluxes keep the mass; what is left of Newton's residual does not accumulate.
            density = density * (mass / integrate(self.mesh, density))
        return Booked(density, step, tau, tuple(map(float, rate)), tuple(map(float, slope)))

    def _halves(self, density: Array, tau: float) -> tuple[Attempt, Attempt] | None:
        first = self._solved(density, tau / 2)
        second = self._solved(first.density, tau / 2) if first is not None else None
        return (first, second) if first is not None and second is not None else None

    def _solved(self, before: Array, tau: float) -> Attempt | None:
        """b of one step, or None where Newton's method does not get there."""
        mesh, mass = self.mesh, integrate(self.mesh, before)
        after, residual, xi, mean = self._state(before, before, tau)
        size = integrate(mesh, abs(residual))
        for _ in range(_NEWTON):
            if size <= _SOLVED * mass:
                return self._attempt(before, after, mean, xi)
            try:
                step = self._newton(before, after, residual, xi, mean, tau)
            except (RuntimeError, NotConverged):
                return None
            if not np.all(np.isfinite(step)):
                return None
            step, length = np.clip(step, -_DOWN, _UP), 1.0
            for _ in range(12):
                trial = np.maximum(after * np.exp(length * step), np.finfo(float).tiny)
                found = self._state(before, trial, tau)
                new = integrate(mesh, abs(found[1]))
                if new <= (1 - 1e-4 * length) * size or new <= _SOLVED * mass:
                    break
                length /= 2
            else:
                # Round-off: no step of any length gets closer.
                return self._attempt(before, after, mean, xi) if size <= 20 * _SOLVED * mass else None
            after, residual, xi, mean = found
            size = new
        return None

    def _state(self, before: Array, after: Array, tau: float) -> tuple[Array, Array, Array, Array]:
        """after, b - a + tau K(rho) xi_bar, xi_bar and rho."""
        mean = before * logarithmic_growth(np.log(after / before))
        xi = self.energy.mean_variation(self.mesh, before, after)
        return after, after - before - tau * self._flow(mean, xi), xi, mean

    def _flow(self, mean: Array, xi: Array) -> Array:
        """-K(rho) xi."""
        flow = 0 * mean
        if self.transport:
            slope = gradient(self.mesh, xi)
            flow = self.transport * divergence(self.mesh, self.mobility(self.mesh, mean, -slope) * slope)
        if self.reaction:
            flow = flow - self.reaction * mean * (xi - self._centre(mean, xi))
        return flow

    def _centre(self, mean: Array, xi: Array) -> float:
        return integrate(self.mesh, mean * xi) / integrate(self.mesh, mean) if self.spherical else 0.0

    def _attempt(self, before: Array, after: Array, mean: Array, xi: Array) -> Attempt:
        slope = gradient(self.mesh, xi)
        faces = self.mesh.faces
        moved = self.transport * self.mobility(self.mesh, mean, -slope) * slope * slope * faces.area * faces.distance
        centred = xi - self._centre(mean, xi)
        reacted = self.reaction * integrate(self.mesh, mean * centred * centred)
        dropped = -integrate(self.mesh, xi * (after - before))
        return Attempt(after, float(moved.sum()), reacted, dropped)

    def _newton(self, before: Array, after: Array, residual: Array, xi: Array, mean: Array, tau: float) -> Array:
        """The step of log b: the Jacobian of what acts within cells and between neighbours."""
        mesh, faces = self.mesh, self.mesh.faces
        volume = volumes(mesh, before)
        l = np.log(after / before)
        growth = logarithmic_growth_slope(l) / logarithmic_growth(l)  # d log rho / d log b
        curve = self.energy.mean_slope(mesh, before, after)
        diagonal = volume * after
        if self.reaction:
            centred = xi - self._centre(mean, xi)
            diagonal = diagonal + tau * self.reaction * volume * mean * (growth * centred + curve)
        left, right = faces.left, faces.right
        flat, rows, columns, entries = diagonal.reshape(-1), [np.arange(mesh.size)], [np.arange(mesh.size)], []
        entries.append(flat)
        if self.transport:
            jump = xi.reshape(-1)[left] - xi.reshape(-1)[right]
            by_left, by_right = self.mobility.slopes(mesh, mean, jump)
            here = self.mobility(mesh, mean, jump)
            weight = tau * self.transport * faces.transmissibility
            along = growth.reshape(-1)
            bend = curve.reshape(-1)
            from_left = weight * (by_left * along[left] * jump + here * bend[left])
            from_right = weight * (by_right * along[right] * jump - here * bend[right])
            rows += [left, left, right, right]
            columns += [left, right, left, right]
            entries += [from_left, from_right, -from_left, -from_right]
        matrix = scipy.sparse.coo_array(
            (np.concatenate(entries), (np.concatenate(rows), np.concatenate(columns))), shape=(mesh.size, mesh.size)
        ).tocsc()
        return self._linear(matrix, -(volume * residual).reshape(-1)).reshape(mesh.shape)

    def _linear(self, matrix: Any, right: Array) -> Array:
        if not np.all(np.isfinite(matrix.data)):
            raise NotConverged("discrete gradient: the Jacobian overflows")
        if self.mesh.dimension == 1 or (self.mesh.dimension == 2 and self.mesh.size <= _DIRECT):
            return np.asarray(scipy.sparse.linalg.spsolve(matrix, right))
        inverse = 1 / matrix.diagonal()
        precondition = scipy.sparse.linalg.LinearOperator(matrix.shape, lambda v: inverse * v, dtype=float)
        solution, info = scipy.sparse.linalg.bicgstab(
            matrix.tocsr(), right, rtol=1e-6, atol=0.0, maxiter=500, M=precondition
        )
        if info > 0:
            raise NotConverged("discrete gradient: the linear solve did not converge")
        return np.asarray(solution)

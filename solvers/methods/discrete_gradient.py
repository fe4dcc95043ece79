"""Implicit steps whose energy balance holds by identity: discrete gradient with log-mean-in-time mobility.

One step from a to b solves, with G the face differences and M the mobility of the faces,

    b - a = tau div(M(r) grad xi),     r = Lambda(a, b),     <xi, b - a> = F(b) - F(a) exactly,

so that F(b) - F(a) = -tau int M |grad xi|^2 whatever tau is. The discrete gradient of D int r^m/(m-1) is the difference
quotient in every cell, that of a potential V, of interactions W * (a + b)/2. The logarithmic mean r vanishes
with b: a cell cannot be emptied. On faces stands the Stolarsky mean of r, with which M grad xi of D r^m/(m-1) is the
difference quotient of D r^m; for m = 1 the mean of the Scharfetter-Gummel flux of V/D; or, first order and robust at
vacuum fronts and in aggregation, the upwind value. With a reaction beta the same step solves Wasserstein-Fisher-Rao
unsplit: -tau beta r xi is added, and tau beta int r xi^2 is dissipated besides.

Newton's method runs in log b with line search, with the Jacobian of all that is local; interactions and the constraint
of a spherical reaction enter through the residual alone. Where it does not converge the step is halved.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, library_of
from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.fluxes import TwoPointFlux, generator, scharfetter_gummel
from mudot.solvers.linear import NotConverged
from mudot.solvers.means import bernoulli, logarithmic_mean
from mudot.solvers.methods.protocol import Advance, by_steps
from mudot.solvers.methods.strong_stability import Progress
from mudot.solvers.operators import across, divergence, gradient, stencil_of
from mudot.solvers.reconstruction import upwind

_TOLERANCE = 1e-13
_ROUND_OFF, _SHORTEST = 1e-12, 1e-13
_SAFETY, _SHRINK, _GROW = 0.8, 0.2, 3.0
_ITERATIONS = 40
_FARTHEST = 20.0
_BACKGROUND, _EMPTY = 1e-13, 1e-290
_HALVINGS = 30
_BACKTRACKS = 8
_NUDGE = 1e-6
"""Relative step of the central differences that differentiate means: functions of two numbers, without cancellation."""
_CLOSE = 1e-3
_STEEPEST = 10.0


def stolarsky_mean(x: Array, y: Array, exponent: float) -> Array:
    """(m - 1)/m (x^m - y^m)/(x^(m-1) - y^(m-1)): the logarithmic mean for m = 1, the arithmetic one for m = 2.

    >>> stolarsky_mean(np.array([1.0]), np.array([3.0]), 2.0)
    array([2.])
    """
    m = exponent
    if m == 1:
        return logarithmic_mean(x, y)
    if m == 2:
        return (x + y) / 2
    low, high = np.minimum(x, y), np.maximum(x, y)
    ratio = low / high
    far = np.log(np.maximum(ratio, np.finfo(float).tiny))
    near = np.abs(far) < _CLOSE
    safe = np.where(near, -1.0, far)
    quotient = (m - 1) / m * np.expm1(m * safe) / np.expm1((m - 1) * safe)
    # The same quotient as exp(l/2) times one of hyperbolic sines, up to O(l^4).
    series = np.exp(far / 2) * (1 + (2 * m - 1) / 24 * far**2)
    return high * np.where(near, series, quotient)


@dataclass(frozen=True, eq=False)
class DiscreteGradient:
    """The Wasserstein(-Fisher-Rao) flow of a free energy by steps with an exact balance; on the host.

    transport, reaction: weights alpha and beta;   spherical: whether the reaction keeps the mass
    upwind:              the upwind mobility instead of the Stolarsky mean
    Raises MudotError for arrays that are not on the host.
    """

    mesh: Cartesian
    energy: FreeEnergy
    transport: float = 1.0
    reaction: float = 0.0
    spherical: bool = False
    upwind: bool = False

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "discrete gradient with log-mean mobility in time, order 2, energy balance exact, error controlled"

    def rate(self, density: Array) -> Array:
        """mu' of the semidiscrete flow."""
        positive = np.maximum(density, np.finfo(float).tiny)
        xi = self.energy.first_variation(self.mesh, positive)
        slope = gradient(self.mesh, xi)
        moved = divergence(self.mesh, self._mobility(*across(self.mesh, positive), slope) * slope)
        return moved - self.reaction * positive * self._centred(positive, xi) if self.reaction else moved

    def mobility(self, mesh: Cartesian, density: Array) -> Array:
        """The density on the faces of the semidiscrete flow, shape (faces,), without the weight."""
        positive = np.maximum(density, np.finfo(float).tiny)
        slope = gradient(mesh, self.energy.first_variation(mesh, positive))
        return self._mobility(*across(mesh, positive), slope) / self.transport

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Pairs of steps until the duration is over. A third of their difference to one step of twice the length is the
        error, in L1 over the mass; it stays below rtol times what moves. Raises NotConverged."""
        density, left, mass = self._filled(density), duration, integrate(self.mesh, density)
        while left > 0:
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            coarse, fine = (self.march(density, tau, n)[0] for n in (1, 2))
            error = norm(self.mesh, fine - coarse) / 3 / mass
            bound = rtol * min(1.0, norm(self.mesh, fine - density) / mass) + _ROUND_OFF
            factor = _SAFETY * math.sqrt(bound / max(error, 1e-300))
            if error > bound and tau > _SHORTEST * duration:
                step = tau * max(_SHRINK, min(0.9, factor))
                continue
            density, left = fine, left - tau if tau < left else 0.0
            grown = tau * min(_GROW, max(_SHRINK, factor))
            step = max(step, grown) if grown >= tau else grown
        return Advance(density, step)

    def march(self, density: Array, duration: float, steps: int) -> tuple[Array, Progress]:
        """The density after equal steps, or halves of them where Newton's method fails. Cells without mass are filled
        up to 1e-13 of the largest one first, the mass being kept. `dissipated` is the sum of tau int M |grad xi|^2,
        `unrelaxed` that of the gaps of the balance. Raises NotConverged."""
        if library_of(density).name != "numpy":
            raise MudotError("discrete gradient: expected arrays on the host")
        density, now = self._filled(density), Progress()
        tau = duration / steps
        while now.time < duration * (1 - 1e-14):
            length = min(tau, duration - now.time)
            found = None
            for halving in range(_HALVINGS):
                found = self._solve(density, length / 2**halving)
                if found is not None:
                    break
            if found is None:
                raise NotConverged(f"discrete gradient: no convergence for steps down to {length / 2**halving:.1e}")
            new, lost = found
            gap = abs(self.energy.value(self.mesh, new) - self.energy.value(self.mesh, density) + lost)
            now = replace(
                now,
                time=now.time + length / 2**halving,
                steps=now.steps + 1,
                rejected=now.rejected + halving,
                dissipated=now.dissipated + lost,
                unrelaxed=now.unrelaxed + gap,
            )
            density = new
        return density, now

    @property
    def _exponent(self) -> float:
        return self.energy.exponent if self.energy.diffusion else 1.0

    def _filled(self, density: np.ndarray) -> np.ndarray:
        filled = np.where(density > _EMPTY, density, _BACKGROUND * density.max())
        return np.asarray(filled * (integrate(self.mesh, density) / integrate(self.mesh, filled)))

    def _local(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """The difference quotient of the internal energy in every cell."""
        m, high = self._exponent, np.maximum(before, after)
        fall = np.abs(np.log(after) - np.log(before))
        if m == 1:
            return np.asarray(self.energy.diffusion * (np.log(high) + bernoulli(fall)[0]))
        # With l = log(low/high) = -fall: high^(m-1) (1 - e^(m l))/(1 - e^l), near l = 0 as for the Stolarsky mean.
        flat = fall < _CLOSE
        small, large = np.where(flat, -fall, 0.0), np.where(flat, -1.0, -fall)
        series = m * np.exp((m - 1) / 2 * small) * (1 + (m * m - 1) / 24 * small**2)
        quotient = np.where(flat, series, np.expm1(m * large) / np.expm1(large))
        return np.asarray(self.energy.diffusion / (m - 1) * high ** (m - 1) * quotient)

    def _solve(self, before: np.ndarray, tau: float) -> tuple[np.ndarray, float] | None:
        """The new density and what was dissipated; None where Newton's method does not converge."""
        now, best = self._state(before, self._guess(before, tau), tau), math.inf
        if not math.isfinite(now.size):
            now = self._state(before, before, tau)
        for _ in range(_ITERATIONS):
            if now.size <= _TOLERANCE or (best <= now.size <= 20 * _TOLERANCE):
                # The update that fluxes and growth make: its mass is exact, and its energy that of the balance.
                new = before + now.update
                return (new if float(new.min()) > 0 else now.after), now.dissipated
            best = min(best, now.size)
            try:
                factors = scipy.sparse.linalg.splu(self._jacobian(before, now, tau))
            except RuntimeError:  # singular
                return None
            change = factors.solve(-now.residual).reshape(self.mesh.shape)
            # Far out in a tail the first changes are huge: every cell is held back by itself.
            share = 1.0 if np.all(np.isfinite(change)) else 0.0
            change = np.clip(change, -_FARTHEST, _FARTHEST)
            trial = None
            for _ in range(_BACKTRACKS):
                trial = self._moved(before, now, share * change, tau) if share else None
                if trial is not None and trial.size < (1 - 1e-4 * share) * now.size:
                    break
                share /= 2
            if trial is None:
                return None
            # A step that no longer lowers the residual is round-off, or the end.
            if trial.size >= now.size and now.size > 20 * _TOLERANCE:
                return None
            now = trial
        return None

    def _guess(self, before: np.ndarray, tau: float) -> np.ndarray:
        """Where to start: backward Euler of the diffusion with frozen coefficients, which brings every cell of a tail
        to its size; with the potential where the flux is fitted to it."""
        energy, m = self.energy, self._exponent
        if not energy.diffusion:
            return before
        if m == 1:
            ones = np.ones(self.mesh.faces.left.size)
            flux = self._fitted if self._fitted is not None else TwoPointFlux(ones, ones)
        else:
            powers = before ** (m - 1) * (1.0 if m > 1 else m)
            flux = TwoPointFlux(*across(self.mesh, powers))
        matrix = _diagonal(np.ones(self.mesh.shape)) - tau * self.transport * energy.diffusion * generator(
            self.mesh, flux
        )
        found = scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(matrix), before.reshape(-1))
        return np.maximum(found.reshape(self.mesh.shape), _EMPTY)

    def _moved(self, before: np.ndarray, now: _State, change: np.ndarray, tau: float) -> _State | None:
        logs = np.log(now.after) + change
        if float(logs.max()) > 600 or float(logs.min()) < -690:
            return None
        trial = self._state(before, np.exp(logs), tau)
        return trial if math.isfinite(trial.size) else None

    def _state(self, before: np.ndarray, after: np.ndarray, tau: float) -> _State:
        mesh, places = self.mesh, stencil_of(self.mesh, before)
        mean = logarithmic_mean(before, after)
        xi = self.energy.outer(mesh, (before + after) / 2, 1.0)
        if self.energy.diffusion:
            xi = xi + self._local(before, after)
        left, right = across(mesh, mean)
        slope = gradient(mesh, xi)
        flux = self._mobility(left, right, slope) * slope
        update = tau * divergence(mesh, flux)
        dissipated = tau * float((flux * slope * places.area * places.distance).sum())
        force = xi
        if self.reaction:
            force = self._centred(mean, xi)
            update = update - tau * self.reaction * mean * force
            dissipated += tau * self.reaction * integrate(mesh, mean * force * force)
        residual = (after - before - update).reshape(-1)
        size = float((places.volumes * np.abs(residual)).sum()) / integrate(mesh, before)
        return _State(after, mean, force, left, right, slope, update, residual, size, dissipated)

    def _centred(self, weight: np.ndarray, xi: np.ndarray) -> np.ndarray:
        return xi - integrate(self.mesh, weight * xi) / integrate(self.mesh, weight) if self.spherical else xi

    @cached_property
    def _fitted(self) -> TwoPointFlux | None:
        """The Scharfetter-Gummel flux of V/D, for linear diffusion in a potential."""
        energy = self.energy
        if energy.potential is None or not energy.diffusion or energy.exponent != 1:
            return None
        return scharfetter_gummel(self.mesh, -energy.potential / energy.diffusion)

    def _mobility(self, left: np.ndarray, right: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """alpha M of the densities beside the faces; mass goes down the slope."""
        if self._fitted is not None and not self.upwind:
            return np.asarray(self.transport * self._fitted.mobility(left, right))
        donor = upwind(left, right, -slope)
        if self.upwind:
            return np.asarray(self.transport * donor)
        # A cell much emptier than its neighbour gives no more than in proportion to what it holds; in diffusion the
        # fuller cell gives, and the bound is idle.
        mean = stolarsky_mean(left, right, self._exponent)
        return np.asarray(self.transport * np.minimum(mean, _STEEPEST * donor))

    def _jacobian(self, before: np.ndarray, now: _State, tau: float) -> scipy.sparse.csc_array:
        """Of the residual by log b, without interaction and constraint."""
        places, mesh = stencil_of(self.mesh, before), self.mesh
        up, down = now.after * (1 + _NUDGE), now.after * (1 - _NUDGE)
        mean_slope = (logarithmic_mean(before, up) - logarithmic_mean(before, down)) / (2 * _NUDGE)
        force_slope = np.zeros(mesh.shape)
        if self.energy.diffusion:
            force_slope = (self._local(before, up) - self._local(before, down)) / (2 * _NUDGE)
        mobility = self._mobility(now.left, now.right, now.slope)
        moved = scipy.sparse.diags_array(mobility) @ places.gradient @ _diagonal(force_slope)
        moved = moved + self._by_density(now) @ _diagonal(mean_slope)
        diagonal = now.after
        if self.reaction:
            growth = mean_slope * now.force + now.mean * force_slope
            diagonal = diagonal + tau * self.reaction * growth
        return scipy.sparse.csc_array(_diagonal(diagonal) - tau * (places.divergence @ moved))

    def _by_density(self, now: _State) -> scipy.sparse.csr_array:
        """d(M grad xi)/dr at fixed xi, sparse (faces, cells)."""
        places, count = stencil_of(self.mesh, now.after), now.left.size
        more, less = 1 + _NUDGE, 1 - _NUDGE
        by_left = self._mobility(now.left * more, now.right, now.slope)
        by_left = by_left - self._mobility(now.left * less, now.right, now.slope)
        by_right = self._mobility(now.left, now.right * more, now.slope)
        by_right = by_right - self._mobility(now.left, now.right * less, now.slope)
        values = [d / (2 * _NUDGE * r) * now.slope for d, r in ((by_left, now.left), (by_right, now.right))]
        rows = np.tile(np.arange(count), 2)
        columns = np.concatenate([places.left, places.right])
        return scipy.sparse.csr_array((np.concatenate(values), (rows, columns)), shape=(count, self.mesh.size))


def _diagonal(values: np.ndarray) -> scipy.sparse.dia_array:
    return scipy.sparse.diags_array(values.reshape(-1))


@dataclass(frozen=True, eq=False)
class _State:
    """One iterate: b, the mean r in time, the force of the reaction, r and the slope of xi beside and on the faces, the
    update of a, the residual with its size over the mass, and what is dissipated."""

    after: np.ndarray
    mean: np.ndarray
    force: np.ndarray
    left: np.ndarray
    right: np.ndarray
    slope: np.ndarray
    update: np.ndarray
    residual: np.ndarray
    size: float
    dissipated: float

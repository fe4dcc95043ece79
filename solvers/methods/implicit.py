"""Flat flows that are stiff: mu' = -K xi(mu) with a fixed K and a pointwise energy, by an implicit Runge-Kutta method.

The method is SDIRK4 of Hairer and Wanner (1996, Table IV.6.5): five stages with one diagonal coefficient, order 4 with
an embedded one of order 3, L-stable and stiffly accurate. Every stage solves b - r + c K xi(b) = 0 for log b, so that
what comes out is positive; the last stage is the new density. A stage's rate is (b - r)/c: K itself is never applied.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Pointwise
from mudot.solvers.geometries import Geometry
from mudot.solvers.geometries.dekernelized import InverseOnsager
from mudot.solvers.geometries.spherical import SphericalOnsager
from mudot.solvers.kernels.iterations import shifted_gradients
from mudot.solvers.linear import NotConverged, conjugate_gradients
from mudot.solvers.methods.dormand_prince import combined
from mudot.solvers.methods.filling import filled, with_mass
from mudot.solvers.methods.newton_stages import by_basis, by_diffusion
from mudot.solvers.methods.protocol import Advance, by_interpolation
from mudot.solvers.methods.semidiscrete import steepest_descent

DIAGONAL = 1 / 4
STAGES = (
    (),
    (1 / 2,),
    (17 / 50, -1 / 25),
    (371 / 1360, -137 / 2720, 15 / 544),
    (25 / 24, -49 / 48, 125 / 16, -85 / 12),
)
"""Coefficients left of the diagonal; the last row, with the diagonal, is also the quadrature."""
PREDICTED = ((), (1.0,), (2 / 5, 3 / 5), (0.0, -1 / 4, 5 / 4), (0.0, 2.0, 0.0, -1.0))
"""Weights of the rates so far in the first guess of the next one: linear in time, through the two stages beside it."""
ERROR = (-3 / 16, -27 / 32, 25 / 32, 0.0, 1 / 4)
"""The quadrature minus the embedded one of order 3."""
MIDDLE = (121 / 144, -43 / 96, 3125 / 864, -85 / 24, 7 / 216)
QUARTER = (461 / 768, 403 / 1536, 875 / 1536, -425 / 384, -29 / 384)
"""The quadratures up to the middle and up to a quarter of the step, of order 3 (Hairer and Wanner 1996, IV.6.17)."""

_ORDER = 4
_ROUND_OFF = 1e-14
_SHORTEST = 1e-8
_NEWTON, _UP, _DOWN = 30, 3.0, 50.0
"""Iterations, and how far log b may go in one of them: far down is safe, for there the equation is linear in it."""
_ENOUGH, _ALIKE = 1e-13, 1e-6
"""Newton's method ends where its next step would move less than this share of the mass, and no cell by more than this
share of itself."""
_SHARE, _SHARE_OF_CELLS, _NOISE = 1e-4, 0.1, 1e-9
"""Instead of these, the first and second share of rtol will do. Steps below the third that no longer shrink are
round-off, which the inverse of a smooth kernel makes larger."""
_LOOSE, _TIGHT = 1e-3, 1e-5
"""Residuals that linear solves leave: as much as the Newton step will miss by itself (Eisenstat and Walker 1996)."""
_STEEPEST, _BEYOND = 3.0, 1.5
"""Slopes up to this multiple of the mean one make a monotone cubic (Fritsch and Carlson 1980); the factor by which the
middle may lie beyond both ends."""
_LAYER = 1e-2
"""Starts that do not fit the flow have a layer in which every step, however short, errs by what it moves: there the
error is relative to this share of the mass."""


@dataclass(frozen=True, eq=False)
class Step:
    """One step of length `length` from `density` to `new`, with the rates mu' at both ends and the density in the
    middle (the first one is None where nothing is interpolated); `ratio` is its error over the tolerance, `suggestion`
    the length to try next."""

    density: Array
    new: Array
    first: Array | None
    last: Array
    middle: Array
    length: float
    ratio: float = math.inf
    suggestion: float = 0.0

    def within(self, share: float) -> Array:
        """The density at a share of the step: log mu by the quartic with its values and rates at both ends and its
        value in the middle, whose error is of the order of the one that controls the step. Rates that a step leaves
        behind, as in layers, are cut: the quartic then stays near its ends."""
        xp, rest = array_module(self.density), 1 - share
        moved = xp.log(self.new) - xp.log(self.density)
        bound = _STEEPEST * xp.abs(moved) + 1

        def slope(rate: Array, density: Array) -> Array:
            return xp.clip(self.length * rate, -bound * density, bound * density) / density

        first, last = slope(self.first, self.density), slope(self.last, self.new)
        cubic = share**2 * (3 - 2 * share) * moved + share * rest * (rest * first - share * last)
        least, most = xp.minimum(self.density, self.new) / _BEYOND, xp.maximum(self.density, self.new) * _BEYOND
        bend = xp.log(xp.clip(self.middle, least, most) / self.density) - moved / 2 - (first - last) / 8
        return self.density * xp.exp(cubic + (4 * share * rest) ** 2 * bend)


class StageSolver(Protocol):
    """Newton's method for b - r + c K xi(b) = 0 in log b."""

    def change(self, density: Array, right: Array, factor: float, forcing: float) -> Array:
        """The Newton step of log b at b = `density`; right: r, factor: c, forcing: residual that the linear solve may
        leave, over its right-hand side."""


@dataclass(frozen=True, eq=False)
class ByOperator:
    """For any fixed K: with p = dxi/dlog b, [b/p + c K] v = -(b - r + c K xi), dlog b = v/p."""

    mesh: Cartesian
    energy: Pointwise
    geometry: Geometry

    def change(self, density: Array, right: Array, factor: float, forcing: float) -> Array:
        """One solve by conjugate gradients in the inner product of the mesh."""
        onsager = self.geometry.onsager(self.mesh, density)
        share = self.energy.logarithmic_curvature(self.mesh, density)
        weight = density / share
        rest = density - right + factor * onsager.apply(self.energy.first_variation(self.mesh, density))
        solved = conjugate_gradients(
            lambda v: weight * v + factor * onsager.apply(v),
            -rest,
            volumes(self.mesh, density),
            weight + factor * onsager.diagonal(),
            tolerance=forcing,
            floor=1e-16,
        )
        return solved.solution / share


@dataclass(frozen=True, eq=False)
class ByKernel:
    """For the MMD geometry, in the dual form that needs no inverse: with T = (K + epsilon)/(beta c),

        T (b - r) + xi(b) = const,     [T b/p + 1] v = -(T (b - r) + xi) + const,     dlog b = v/p,

    solved for z = sqrt(b/p) v, where the operator is symmetric and at least 1. The constant is 0, or in the spherical
    geometry the one that keeps the mass.
    """

    mesh: Cartesian
    energy: Pointwise
    onsager: InverseOnsager
    spherical: bool

    def change(self, density: Array, right: Array, factor: float, forcing: float) -> Array:
        """One solve, to the accuracy that its dual form needs whatever the forcing; two where the mass is kept."""
        share = self.energy.logarithmic_curvature(self.mesh, density)
        rest = self.onsager.smoothed(density - right) / factor + self.energy.first_variation(self.mesh, density)
        if self.spherical:
            # Near the solution only the constant is left of the rest: taken out first, it costs no digits.
            rest = rest - integrate(self.mesh, density * rest) / integrate(self.mesh, density)
            step = self._solved(density, share, -rest, factor) / share
            ones = array_module(density).ones_like(density)
            shift = self._solved(density, share, ones, factor) / share
            missing = integrate(self.mesh, right - density) - integrate(self.mesh, density * step)
            return step + missing / integrate(self.mesh, density * shift) * shift
        return self._solved(density, share, -rest, factor) / share

    def _solved(self, density: Array, share: Array, right: Array, factor: float) -> Array:
        """v with [T b/p + 1] v = right."""
        xp = array_module(density)
        root = xp.sqrt(volumes(self.mesh, density))
        inner = xp.sqrt(density / share)

        def apply(z: Array) -> Array:
            return root * inner * self.onsager.smoothed(inner * z / root) / factor

        z = shifted_gradients(apply, 1.0, root * inner * right, tolerance=1e-11).solution
        # Not z / (root * inner): that has no digits where the density has none.
        return right - self.onsager.smoothed(inner * z / root) / factor


@dataclass(frozen=True, eq=False)
class DiagonallyImplicit:
    """The flow of a pointwise energy in a flat geometry, in Wasserstein, or in a sum of Wasserstein and the former.

    geometry: one whose Onsager operator does not depend on the density but for a Wasserstein part, whose mobility makes
    the flux linear in a function of mu/pi: a two-point flux for KL, that of the energy for others
    """

    mesh: Cartesian
    energy: Pointwise
    geometry: Geometry

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "L-stable implicit Runge-Kutta pair of order 4(3), Newton in log mu, positive, error controlled"

    def rate(self, density: Array) -> Array:
        """-K xi."""
        return steepest_descent(self.mesh, self.energy, self.geometry, density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """Steps end at the last duration only; densities on the way are interpolated to the order of the error."""
        density = filled(self.mesh, density)
        mass, first = integrate(self.mesh, density), self.rate(density)
        for moved in by_interpolation(self._steps(density, first, durations[-1], step, rtol), durations):
            yield Advance(with_mass(self.mesh, self.geometry, moved.density, mass), moved.step)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over."""
        density = filled(self.mesh, density)
        mass = integrate(self.mesh, density)
        moved = next(by_interpolation(self._steps(density, None, duration, step, rtol), [duration]))
        return Advance(with_mass(self.mesh, self.geometry, moved.density, mass), moved.step)

    def stepped(self, density: Array, duration: float, step: float, rtol: float) -> Step:
        """The first one of these steps."""
        density = filled(self.mesh, density)
        done = next(self._steps(density, self.rate(density), duration, step, rtol))
        return replace(done, new=with_mass(self.mesh, self.geometry, done.new, integrate(self.mesh, density)))

    def _steps(self, density: Array, first: Array | None, duration: float, step: float, rtol: float) -> Iterator[Step]:
        """The error of each step, in L1 over the mass, stays below rtol times the mass moved (or a hundredth). Raises
        NotConverged where steps become too short to go on."""
        left, refused = duration, None
        while left > 0:
            tau = left / max(1, math.ceil(left / step * (1 - 1e-9)))
            done = self._step(density, first, tau, rtol)
            if done is None or not done.ratio <= 1:
                if tau <= _SHORTEST * duration:
                    raise NotConverged(
                        f"implicit steps of {tau:.1e} still fail: the density all but vanishes somewhere; "
                        "start nearer to the target, raise rtol, or raise the regularization"
                    )
                step = tau * (0.25 if done is None else _shorter(done, refused))
                refused = done
                continue
            density, first, refused = done.new, done.last, None
            left = left - tau if tau < left else 0.0
            grown = tau * min(3.0, max(0.3, 0.8 * done.ratio ** (-1 / _ORDER)))
            step = max(step, grown) if grown >= tau else grown
            yield replace(done, suggestion=step)

    def _step(self, density: Array, first: Array | None, tau: float, rtol: float) -> Step | None:
        """One step, with what is known of the rate at its start; None where Newton's method does not
        converge."""
        xp, factor = array_module(density), DIAGONAL * tau
        rates: list[Array] = []
        new = density
        for row, predicted in zip(STAGES, PREDICTED, strict=True):
            right = guess = density
            if rates:
                right = density + tau * combined(row, rates)
                guess = xp.clip(right + factor * combined(predicted, rates), new / 2, 2 * new)
            found = self._stage(guess, right, factor, rtol)
            if found is None:
                return None
            new = found
            rates.append((new - right) / factor)
        mass = integrate(self.mesh, density)
        error = tau * integrate(self.mesh, xp.abs(combined(ERROR, rates))) / mass
        change = integrate(self.mesh, xp.abs(new - density)) / mass
        done = Step(density, new, first, rates[-1], density + tau * combined(MIDDLE, rates), tau)
        if first is not None:
            # The interpolant may err no more than the step does.
            quarter = density + tau * combined(QUARTER, rates)
            error = max(error, integrate(self.mesh, xp.abs(done.within(0.25) - quarter)) / mass)
        ratio = max(error / (rtol * min(1.0, change + _LAYER) + _ROUND_OFF), 1e-10)
        return replace(done, ratio=ratio)

    def _stage(self, guess: Array, right: Array, factor: float, rtol: float) -> Array | None:
        """b > 0 with b - r + c K xi(b) = 0, from a guess, to a share of rtol or to what round-off leaves."""
        enough, similar = max(_ENOUGH, _SHARE * rtol), max(_ALIKE, _SHARE_OF_CELLS * rtol)
        xp, now, forcing, before = array_module(guess), guess, _LOOSE, (np.inf, np.inf)
        for _ in range(_NEWTON):
            try:
                step = self._solver.change(now, right, factor, forcing)
            except NotConverged:
                return None
            if not bool(xp.isfinite(step).all()):
                return None
            now = xp.maximum(now * xp.exp(xp.clip(step, -_DOWN, _UP)), np.finfo(float).tiny)
            moved = integrate(self.mesh, now * xp.abs(step)) / integrate(self.mesh, now)
            largest = float(xp.abs(step).max())
            # Newton's method squares what is missing, the linear solve leaves its share; what was seen counts too.
            left, alike = (
                size * max(forcing, largest, size / last) for size, last in zip((moved, largest), before, strict=True)
            )
            if (left <= enough or _NOISE >= moved >= before[0] / 2) and alike <= similar:
                return now
            forcing, before = min(_LOOSE, max(_TIGHT, alike, 0.3 * enough / left)), (moved, largest)
        return None

    @cached_property
    def _solver(self) -> StageSolver:
        found = by_basis(self.mesh, self.energy, self.geometry) or by_diffusion(self.mesh, self.energy, self.geometry)
        if found is not None:
            return found
        onsager = self.geometry.onsager(self.mesh, self.energy_target)
        if isinstance(onsager, SphericalOnsager) and isinstance(onsager.base, InverseOnsager):
            return ByKernel(self.mesh, self.energy, onsager.base, True)
        if isinstance(onsager, InverseOnsager):
            return ByKernel(self.mesh, self.energy, onsager, False)
        return ByOperator(self.mesh, self.energy, self.geometry)

    @cached_property
    def energy_target(self) -> Array:
        """Any density on the device of the flow: K does not look at it."""
        return self.energy.target  # type: ignore[attr-defined]


def _shorter(refused: Step, before: Step | None) -> float:
    """The factor after a step that errs too much: by the order of the method or, if one before it did so too, by the
    order that shows between them, which is lower in layers (Gustafsson 1994)."""
    order = float(_ORDER)
    if before is not None:
        seen = math.log(before.ratio / refused.ratio) / math.log(before.length / refused.length)
        order = min(order, max(1.0, seen))
    return max(0.05, 0.8 * math.pow(refused.ratio, -1 / order))

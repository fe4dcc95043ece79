"""The energy-dissipation ledger: int (R + R*) ds along a run, by adaptive quadrature of the computed flow.

    F(mu(t)) + int_0^t [R(mu, mu') + R*(mu, -xi)] ds = F(mu_0)            (Zhu and Mielke 2024, eq. 2.2; Mielke 2023)

R* is evaluated from the first variation; R from its own definition, at the rate mu' that the *method* reports: a linear
solve where the geometry needs one. The two agree on solutions only, so the balance tests flow, energy, geometry and
quadrature at once. A run goes in panels: the flow passes through the 9 Gauss-Kronrod nodes of a panel, whose embedded
4-point rule says whether it was short enough. Where a method knows the way of its steps, panels lie along these, and
shorter ones cost no solves. The balance itself steers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.geometries import Geometry, Onsager
from mudot.solvers.geometries.dress import with_memory
from mudot.solvers.methods.protocol import Bookkeeper, Method, Stepper

# Gauss-Kronrod 4-9 (Kronrod 1965): nodes >= 0, ends first, with both weights; odd positions are the Gauss nodes.
_NODES = (
    0.976560250737573111534505359369920,
    0.861136311594052575223946488892810,
    0.640286217496309982404689023157492,
    0.339981043584856264802665759103245,
    0.0,
)
_KRONROD = (
    0.062977373665473014765492488552819,
    0.170053605335722726802738853296207,
    0.266798340452284448032770628417856,
    0.326949189601451629558459465617319,
    0.346442981890136361681077128231540,
)
_GAUSS = (0.0, 0.347854845137453857373063949221999, 0.0, 0.652145154862546142626936050778001, 0.0)
NODES = np.array([*(-x for x in _NODES), *_NODES[-2::-1]])
KRONROD = np.array([*_KRONROD, *_KRONROD[-2::-1]])
GAUSS = np.array([*_GAUSS, *_GAUSS[-2::-1]])

_SHARE = 0.1
"""Share of rtol given to the quadrature of one panel."""
_FIRST = 0.1
"""Before this share of the initial energy is dissipated, the tolerance is relative to the share, not to less."""
_SHORTEST, _NARROWEST = 1e-14, 2.0**-10
"""Panels that are not cut further: over the end of the run, and over the step along which they lie."""


@dataclass(frozen=True)
class Account:
    """R and R* of every part of the geometry at one moment."""

    rate: tuple[float, ...]
    slope: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class State:
    """What marches through time: see `Frame` for the fields; the density is on the device of the flow, and
    `first` is F(mu_0)."""

    time: float
    density: Array
    rate: tuple[float, ...]
    slope: tuple[float, ...]
    step: float
    substep: float
    steps: int
    first: float

    @property
    def dissipation(self) -> float:
        """int_0^t (R + R*) ds over all parts."""
        return float(sum(self.rate) + sum(self.slope))


@dataclass(frozen=True, eq=False)
class Ledger:
    """Everything needed to march a state and keep its books."""

    mesh: Cartesian
    energy: Energy
    geometry: Geometry
    method: Method
    rtol: float

    def account(self, density: Array, geometry: Geometry | None = None) -> Account:
        """R and R* at one moment of the flow; geometry: one with a memory for its solves."""
        onsager, xi = self._duality(density, geometry or self.geometry)
        return Account(onsager.primal(self.method.rate(density), guess=-xi), onsager.dual(xi))

    def _duality(self, density: Array, geometry: Geometry) -> tuple[Onsager, Array]:
        """K(mu) and xi. Zeros are lifted to the smallest normal number, where xi is finite."""
        positive = array_module(density).maximum(density, np.finfo(float).tiny)
        return geometry.onsager(self.mesh, positive), self.energy.first_variation(self.mesh, positive)

    def start(self, density: Array) -> State:
        """The state at time zero. The first panel is as long as the energy lasts at its first rate of decay."""
        zeros = (0.0,) * len(self.geometry.parts)
        energy = self.energy.value(self.mesh, density)
        step = np.inf
        if np.isfinite(energy):
            onsager, xi = self._duality(density, self.geometry)
            decay = 2 * sum(onsager.dual(xi))
            step = energy / decay if np.isfinite(decay) and decay > 0 and energy > 0 else np.inf
        return State(0.0, density, zeros, zeros, float(step), float(step), 0, energy)

    def panel(self, state: State, stop: float) -> State:
        """One accepted panel, ending at `stop` or before: shorter ones are tried until the quadrature is right. A
        method that keeps its own books goes one step instead, and so does one that knows the way of its steps."""
        if isinstance(self.method, Bookkeeper):
            return self._booked(state, self.method, stop)
        if isinstance(self.method, Stepper):
            return self._along(state, self.method, stop)
        step = state.step
        while True:
            left = stop - state.time
            length = left / max(1, int(np.ceil(left / step * (1 - 1e-9)))) if np.isfinite(step) else left
            end = stop if length >= left else state.time + length
            trial, error = self._try(state, length, end)
            scale = max(trial.dissipation, _FIRST * state.first)
            tolerance = _SHARE * self.rtol * scale + 1e-15 * integrate(self.mesh, trial.density)
            ratio = tolerance / max(error, 1e-300)
            factor = 0.8 * ratio ** (1 / 9)
            if error <= tolerance or length <= _SHORTEST * stop:
                grown = length * min(4.0, max(0.25, factor))
                return replace(trial, step=max(state.step, grown) if factor >= 1 else grown)
            # A kink at time zero (vacuum, rough data) makes the error fall only with the length: then shrink faster.
            step = length * min(0.7, max(0.05, 0.8 * ratio ** (1 / 6)))

    def _booked(self, state: State, method: Bookkeeper, stop: float) -> State:
        """One step of the method, its R and R* added to the sums."""
        left = stop - state.time
        moved = method.booked(state.density, left, self._substep(state, stop), self.rtol)
        end = stop if moved.length >= left * (1 - 1e-12) else state.time + moved.length
        rate, slope = (
            tuple(map(float, np.add(a, b))) for a, b in ((state.rate, moved.rate), (state.slope, moved.slope))
        )
        return State(end, moved.density, rate, slope, state.step, moved.step, state.steps + 1, state.first)

    def _along(self, state: State, method: Stepper, stop: float) -> State:
        """One step of the method. Where the quadrature along it is not right, it is halved, not the step."""
        left = stop - state.time
        done = method.stepped(state.density, left, self._substep(state, stop), self.rtol)
        geometry, scale = with_memory(self.geometry), _FIRST * state.first
        rate, slope = np.array(state.rate), np.array(state.slope)
        begin, width = 0.0, 1.0
        while begin < 1:
            accounts = [self.account(done.within(begin + width * (1 + x) / 2), geometry) for x in NODES]
            half = done.length * width / 2
            parts, error = _sums(accounts, half)
            tolerance = _SHARE * self.rtol * max(rate.sum() + slope.sum() + sum(map(np.sum, parts)), scale)
            if error > tolerance + 1e-15 * integrate(self.mesh, done.new) and width > _NARROWEST:
                width /= 2
                continue
            rate, slope = rate + parts[0], slope + parts[1]
            begin += width
        end = stop if done.length >= left * (1 - 1e-12) else state.time + done.length
        rates, slopes = tuple(map(float, rate)), tuple(map(float, slope))
        return State(end, done.new, rates, slopes, state.step, done.suggestion, state.steps + 1, state.first)

    def skip(self, state: State, stop: float) -> State:
        """To `stop` without books, where the initial energy is infinite: its dissipation is NaN."""
        moved = self.method.advance(state.density, stop - state.time, self._substep(state, stop), self.rtol)
        lost = (float("nan"),) * len(state.rate)
        return replace(
            state,
            time=stop,
            density=moved.density,
            rate=lost,
            slope=lost,
            substep=moved.step,
            steps=state.steps + 1,
        )

    def _substep(self, state: State, stop: float) -> float:
        return state.substep if np.isfinite(state.substep) else stop - state.time

    def _try(self, state: State, length: float, end: float) -> tuple[State, float]:
        """March through the nodes of a panel; returns its end and the error of its quadrature."""
        durations = [*map(float, length * (1 + NODES) / 2), end - state.time]
        trace = self.method.trace(state.density, durations, self._substep(state, end), self.rtol)
        geometry = with_memory(self.geometry)
        accounts = [self.account(moved.density, geometry) for moved in islice(trace, len(NODES))]
        last = next(trace)
        (rate, slope), error = _sums(accounts, length / 2)
        trial = State(
            end,
            last.density,
            tuple(map(float, np.add(state.rate, rate))),
            tuple(map(float, np.add(state.slope, slope))),
            state.step,
            last.step,
            state.steps + 1,
            state.first,
        )
        return trial, error


def _sums(accounts: list[Account], half: float) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """The integrals of R and R* by parts over a panel of half this length, and the error of both together."""
    rate, slope = np.array([a.rate for a in accounts]), np.array([a.slope for a in accounts])
    return (half * KRONROD @ rate, half * KRONROD @ slope), half * _quadrature_error((rate + slope).sum(axis=1))


def _quadrature_error(values: np.ndarray) -> float:
    """The Kronrod rule's error on [-1, 1] from its difference to the Gauss rule. For analytic integrands the two errors
    fall like r^-8 and r^-14, so the gap is taken to the power 7/4; the factor 10 makes rough integrands safe too."""
    if not np.all(np.isfinite(values)):
        return float("inf")
    kronrod, gauss = float(KRONROD @ values), float(GAUSS @ values)
    spread = float(KRONROD @ np.abs(values - kronrod / 2))
    gap = abs(kronrod - gauss)
    return spread * min(1.0, 10 * (gap / spread) ** 1.75) if spread > 0 else gap

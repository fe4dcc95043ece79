"""The energy-dissipation ledger: int (R + R*) ds along a run, by adaptive quadrature of the computed flow.

    F(mu(t)) + int_0^t [R(mu, mu') + R*(mu, -xi)] ds = F(mu_0)            (Zhu and Mielke 2024, eq. 2.2; Mielke 2023)

R* is evaluated from the first variation; R from its own definition, at the rate mu' that the *method* reports: a linear
solve where the geometry needs one. The two agree on solutions only, so the balance tests flow, energy, geometry and
quadrature at once. A run goes in panels: the flow passes through the 15 Gauss-Kronrod nodes of a panel, whose embedded
7-point rule says whether it was short enough. The balance itself steers nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.geometries import Geometry
from mudot.solvers.methods.protocol import Method

# Gauss-Kronrod 7-15 (QUADPACK, Piessens et al. 1983): nodes >= 0 with both weights; even positions are Gauss nodes.
_HALF_NODES = (
    0.991455371120812639206854697526329,
    0.949107912342758524526189684047851,
    0.864864423359769072789712788640926,
    0.741531185599394439863864773280788,
    0.586087235467691130294144691693013,
    0.405845151377397166906606412076961,
    0.207784955007898467600689403773245,
    0.0,
)
_HALF_KRONROD = (
    0.022935322010529224963732008058970,
    0.063092092629978553290700663189204,
    0.104790010322250183839876322541518,
    0.140653259715525918745189590510238,
    0.169004726639267902826583426598550,
    0.190350578064785409913256402421014,
    0.204432940075298892414161999234649,
    0.209482141084727828012999174891714,
)
_HALF_GAUSS = (
    0.129484966168869693270611432679082,
    0.279705391489276667901467771423780,
    0.381830050505118944950369775488975,
    0.417959183673469387755102040816327,
)
NODES = np.array([*(-x for x in _HALF_NODES), *_HALF_NODES[-2::-1]])
KRONROD = np.array([*_HALF_KRONROD, *_HALF_KRONROD[-2::-1]])
GAUSS = np.zeros(15)
GAUSS[1::2] = [*_HALF_GAUSS, *_HALF_GAUSS[-2::-1]]

_SHARE = 0.05
"""Share of rtol given to the quadrature of one panel."""
_FIRST = 0.1
"""Before this share of the initial energy is dissipated, the tolerance is relative to the share, not to less."""
_SHORTEST = 1e-14


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

    def account(self, density: Array) -> Account:
        """R and R* at one moment of the flow; zeros are lifted to the smallest normal number, where xi is finite."""
        xp = array_module(density)
        positive = xp.maximum(density, np.finfo(float).tiny)
        xi = self.energy.first_variation(self.mesh, positive)
        onsager = self.geometry.onsager(self.mesh, positive)
        return Account(onsager.primal(self.method.rate(density), guess=-xi), onsager.dual(xi))

    def start(self, density: Array) -> State:
        """The state at time zero. The first panel is as long as the energy lasts at its first rate of decay."""
        zeros = (0.0,) * len(self.geometry.parts)
        energy = self.energy.value(self.mesh, density)
        step = np.inf
        if np.isfinite(energy):
            account = self.account(density)
            decay = sum(account.rate) + sum(account.slope)
            step = energy / decay if np.isfinite(decay) and decay > 0 and energy > 0 else np.inf
        return State(0.0, density, zeros, zeros, float(step), float(step), 0, energy)

    def panel(self, state: State, stop: float) -> State:
        """One accepted panel, ending at `stop` or before: shorter ones are tried until the quadrature is right."""
        step = state.step
        while True:
            left = stop - state.time
            length = left / max(1, int(np.ceil(left / step * (1 - 1e-9)))) if np.isfinite(step) else left
            end = stop if length >= left else state.time + length
            trial, error = self._try(state, length, end)
            scale = max(trial.dissipation, _FIRST * state.first)
            tolerance = _SHARE * self.rtol * scale + 1e-15 * integrate(self.mesh, trial.density)
            ratio = tolerance / max(error, 1e-300)
            factor = 0.8 * ratio ** (1 / 12)
            if error <= tolerance or length <= _SHORTEST * stop:
                grown = length * min(4.0, max(0.25, factor))
                return replace(trial, step=max(state.step, grown) if factor >= 1 else grown)
            # A kink at time zero (vacuum, rough data) makes the error fall only with the length: then shrink faster.
            step = length * min(0.7, max(0.05, 0.8 * ratio ** (1 / 6)))

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
        times = state.time + length * (1 + NODES) / 2
        density, substep, now = state.density, self._substep(state, end), state.time
        accounts = []
        for time in (*times, end):
            moved = self.method.advance(density, float(time - now), substep, self.rtol)
            density, substep, now = moved.density, moved.step, time
            if time != end:
                accounts.append(self.account(density))
        rate, slope = np.array([a.rate for a in accounts]), np.array([a.slope for a in accounts])
        half = length / 2
        trial = State(
            end,
            density,
            tuple(map(float, np.add(state.rate, half * KRONROD @ rate))),
            tuple(map(float, np.add(state.slope, half * KRONROD @ slope))),
            state.step,
            substep,
            state.steps + 1,
            state.first,
        )
        return trial, half * _quadrature_error((rate + slope).sum(axis=1))


def _quadrature_error(values: np.ndarray) -> float:
    """QUADPACK's estimate of the Kronrod rule's error from its difference to the Gauss rule, on [-1, 1]."""
    if not np.all(np.isfinite(values)):
        return float("inf")
    kronrod, gauss = float(KRONROD @ values), float(GAUSS @ values)
    spread = float(KRONROD @ np.abs(values - kronrod / 2))
    gap = abs(kronrod - gauss)
    return spread * min(1.0, (200 * gap / spread) ** 1.5) if spread > 0 else gap

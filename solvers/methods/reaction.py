"""Closed forms for the Fisher-Rao flow of every power divergence: no time error, positive, mass-exact if spherical.

With s = mu/pi the flow s' = -beta s phi_p'(s) is linear in w = s^(1-p), w' = beta (1 - w), for every p; for p = 1,
log s decays like exp(-beta t) (derived; Zhu and Mielke 2024, Rem. 6.6, for zero density).
Everything is done in log s, so that s from 1e-280 to 1e280 and powers of it never overflow.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.methods.protocol import Advance, by_steps

Vacuum = Literal["fills", "stays"]
_FORGOTTEN = 4000.0
"""Units of time after which the spherical flow of a power has lost all memory of its start."""


@dataclass(frozen=True, eq=False)
class PowerReaction:
    """Fisher-Rao flow of D_phi_p at rate beta = `reaction`, plain or spherical (constant mass).

    vacuum: what happens to cells of zero density for p < 1, where the equation has two solutions if 0 < p < 1:
      'fills' (default) is the limit of small positive data and the curve of maximal slope for p <= 1/2; 'stays' keeps
      zero. For p >= 1 zero stays zero; for p <= 0 it fills in any case.
    """

    mesh: Cartesian
    energy: PowerDivergence
    reaction: float = 1.0
    spherical: bool = False
    vacuum: Vacuum = "fills"

    @property
    def description(self) -> str:
        """One line for logs and results."""
        kind = "spherical Fisher-Rao" if self.spherical else "Fisher-Rao"
        return f"{kind} flow in closed form, no time error"

    def rate(self, density: Array) -> Array:
        """-beta mu (xi - c), written with w: phi_p'(s) = (1/w - 1)/(p - 1), so no first variation is called."""
        xp = array_module(density)
        p, ratio = self.energy.power, self._log_ratio(density)
        force = ratio if p == 1 else xp.expm1((p - 1) * ratio) / (p - 1)
        if self.spherical:
            force = force - integrate(self.mesh, density * force) / integrate(self.mesh, density)
        return -self.reaction * density * force

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """The exact flow over the duration."""
        if self.spherical:
            return Advance(self._spherical(density, duration), step)
        return Advance(self._plain(density, duration), step)

    def _log_ratio(self, density: Array) -> Array:
        """log s with zero density lifted to the smallest normal number: finite everywhere."""
        xp = array_module(density)
        return self.energy.log_ratio(xp.maximum(density, np.finfo(float).tiny))

    def _plain(self, density: Array, duration: float) -> Array:
        """s(t) = [1 + (s0^(1-p) - 1) e]^(1/(1-p)), s0^e for p = 1, e = exp(-beta t)."""
        xp = array_module(density)
        decay, p = math.exp(-self.reaction * duration), self.energy.power
        ratio = self._log_ratio(density)
        log_decay = -self.reaction * duration
        new = decay * ratio if p == 1 else _log_relaxed((1 - p) * ratio, log_decay) / (1 - p)
        result = xp.exp(self.energy.log_target + new)
        return self._vacuum(density, result, math.log(-math.expm1(log_decay)) if duration > 0 else -math.inf)

    def _vacuum(self, density: Array, result: Array, log_filled: float) -> Array:
        """Cells of zero density: zero, or s = (1 - e)^(1/(1-p)) where the flow fills them."""
        xp = array_module(density)
        p = self.energy.power
        if not self._fills:
            return xp.where(density > 0, result, 0.0)
        return xp.where(density > 0, result, xp.exp(self.energy.log_target + log_filled / (1 - p)))

    @property
    def _fills(self) -> bool:
        p = self.energy.power
        return p <= 0 or (p < 1 and self.vacuum == "fills")

    def _spherical(self, density: Array, duration: float) -> Array:
        """The spherical flow at constant mass z: for p = 1 the plain one normalised; else w(t) = E (w0 + B) with the
        same two numbers in all cells, B' = beta (S/z)^(1-p), S(B) = int (w0 + B)^(1/(1-p)) dpi, and E restores z."""
        xp = array_module(density)
        mass = integrate(self.mesh, density)
        p = self.energy.power
        if p == 1:
            grown = self._plain(density, duration)
        else:
            log_w = (1 - p) * self._log_ratio(density)
            weight = self.energy.log_target
            if p < 1 and self._fills:
                log_w = xp.where(density > 0, log_w, -np.inf)
            if not self._fills:
                weight = xp.where(density > 0, weight, -np.inf)
            shape = _Shape(volumes(self.mesh, density), log_w, weight, p)
            exponent = shape.exponent(self._log_shift(shape, mass, duration))
            grown = xp.exp(exponent - exponent.max())
        return grown * (mass / integrate(self.mesh, grown))

    def _log_shift(self, shape: _Shape, mass: float, duration: float) -> float:
        """log B after the duration, from the scalar equation for theta = log(1 + B/b), b = (mass/target mass)^(1-p):
        theta grows linearly in the end, where B grows exponentially."""
        q = 1 - self.energy.power
        log_b = q * (math.log(mass) - shape.log_mass)

        def log_shift(theta: float) -> float:
            return log_b + theta + math.log(-math.expm1(-theta)) if theta > 0 else -math.inf

        def slope(_: float, theta: np.ndarray) -> list[float]:
            value = float(theta[0])
            shift = log_shift(value)
            growth = shape.log_one(shift) + q * (shape.log_integral(shift) - math.log(mass))
            return [math.exp(growth - value)]

        # In units of b/beta, in which theta grows at speed one first and last.
        rate_time = self.reaction * duration
        span = math.exp(min(math.log(rate_time) - log_b, math.log(_FORGOTTEN))) if rate_time > 0 else 0.0
        from scipy.integrate import solve_ivp  # a tenth of a second that few runs need

        path = solve_ivp(slope, (0.0, span), [0.0], method="DOP853", rtol=1e-13, atol=1e-14)
        return log_shift(float(path.y[0, -1]))


@dataclass(frozen=True, eq=False)
class _Shape:
    """pi (w0 + B)^(1/(1-p)) as a function of the shift B, in logarithms.

    volume, log_w, weight: cell volumes, log w0, log pi (-inf in cells that stay empty), all of the mesh's shape
    """

    volume: Array
    log_w: Array
    weight: Array
    power: float

    @staticmethod
    def log_one(log_shift: float) -> float:
        """log(1 + B): what w0 = 1 has become."""
        return float(np.logaddexp(0.0, log_shift))

    def exponent(self, log_shift: float) -> Array:
        """Its logarithm at log B = `log_shift`, less log(1 + B)/(1 - p): digits survive where p is close to 1."""
        xp = array_module(self.log_w)
        one = self.log_one(log_shift)
        near = xp.abs(self.log_w) < 1
        close = xp.log1p(xp.expm1(xp.where(near, self.log_w, 0.0)) * math.exp(-one))
        far = self.log_w if log_shift == -math.inf else xp.logaddexp(self.log_w, log_shift + 0 * self.volume)
        return xp.where(near, close, far - one) / (1 - self.power) + self.weight

    def log_integral(self, log_shift: float) -> float:
        """log S(B), less the same."""
        return self._log_sum(self.exponent(log_shift))

    @property
    def log_mass(self) -> float:
        """log of the target's mass on the cells that take part."""
        return self._log_sum(self.weight)

    def _log_sum(self, exponent: Array) -> float:
        top = float(exponent.max())
        return top + math.log(float((self.volume * array_module(exponent).exp(exponent - top)).sum()))


def _log_relaxed(log_w: Array, log_decay: float) -> Array:
    """log(1 + (w - 1) e) for given log w and log e, without overflow, and without cancellation near w = 1."""
    xp = array_module(log_w)
    decay = math.exp(log_decay)
    near = xp.abs(log_w) < 1
    close = xp.log1p(decay * xp.expm1(xp.where(near, log_w, 0.0)))
    rest = math.log(-math.expm1(log_decay)) if log_decay < 0 else -math.inf
    return xp.where(near, close, xp.logaddexp(log_w + log_decay, rest + 0 * log_w))

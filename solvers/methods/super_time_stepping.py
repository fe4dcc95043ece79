"""Super-time-stepping: explicit steps with s stages that are stable over about s^2/4 steps of forward Euler.

The Runge-Kutta-Legendre scheme of order 2 (Meyer, Balsara and Aslam 2014): shifted Legendre polynomials keep every
stage inside the stability interval of a diffusion operator, and the scheme is monotone for smooth data. The number of
stages follows from the spectral radius, the step from an embedded error estimate. Zero cells stay zero until mass
arrives: one stage moves it by one cell. A step or stage with a negative cell is rejected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.averages import integrate
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.porous_medium import PorousMedium
from mudot.solvers.methods.protocol import Progress
from mudot.solvers.methods.semidiscrete import Explicit

_SAFETY, _SHRINK, _GROW = 0.8, 0.3, 2.0
_SHORTEST = 1e-13
_ROUND_OFF = 1e-14
_RENEWED = 10
_TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True, eq=False)
class SuperTimeStepping:
    """RKL2 steps of a semidiscrete diffusion, with at most `stages` stages each."""

    system: Explicit
    stages: int = 61

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return "Runge-Kutta-Legendre super-time-stepping of order 2, steps kept positive, error controlled"

    def march(
        self, density: Array, duration: float, rtol: float = 1e-3, step: float = math.inf
    ) -> tuple[Array, Progress]:
        """The density after a duration and the steps taken: each with an error, in L1 over the mass, below rtol times
        what moves. Raises NotConverged where positive steps become too short to go on."""
        system, xp = self.system, array_module(density)
        time, steps, rejected = 0.0, 0, 0
        rate, radius, direction = system.rate(density), 0.0, None
        mass = integrate(system.mesh, density)
        while time < duration:
            if steps % _RENEWED == 0:
                radius, direction = system.spectral_radius(density, direction)
            longest = 2 * _reach(self.stages) / radius if radius > 0 else math.inf
            left = duration - time
            tau = left / max(1, math.ceil(left / min(step, longest) * (1 - 1e-9)))
            new = self._step(density, rate, tau, stages_for(tau * radius))
            if new is None:
                error, bound = math.inf, 1.0
            else:
                after = system.rate(new)
                # The estimate of Sommeijer, Shampine and Verwer 1998, section 3, of third order in tau.
                gap = 0.8 * (density - new) + 0.4 * tau * (rate + after)
                error = integrate(system.mesh, xp.abs(gap)) / mass
                bound = rtol * min(1.0, tau * integrate(system.mesh, xp.abs(rate)) / mass) + _ROUND_OFF
            factor = _SAFETY * math.sqrt(bound / max(error, 1e-300))
            if new is None or error > bound:
                if tau <= _SHORTEST * duration:
                    raise NotConverged(f"explicit steps of {tau:.1e} still fail; refine the mesh or raise rtol")
                step, rejected = tau * max(_SHRINK, min(0.7, factor)), rejected + 1
                continue
            density, rate, steps = new, after, steps + 1
            time = duration if tau >= left else time + tau
            step = tau * min(_GROW, max(_SHRINK, factor))
        return density, Progress(time, steps, rejected)

    def _step(self, density: Array, rate: Array, tau: float, stages: int) -> Array | None:
        """One step, on a box around the mass where the equation knows one; None where it is negative."""
        if not isinstance(self.system, PorousMedium):
            return legendre_step(self.system, density, rate, tau, stages)
        box = self.system.around(density, stages + 1)
        part = legendre_step(self.system.within(box), density[box], rate[box], tau, stages)
        if part is None:
            return None
        new = array_module(density).zeros_like(density)
        new[box] = part
        return new


def _reach(stages: int) -> float:
    """Steps of forward Euler (of length 2 over the spectral radius) in one stable step (Meyer et al. 2014, eq. 21)."""
    return (stages**2 + stages - 2) / 4


def stages_for(stiffness: float) -> int:
    """The least odd number of stages, at least 3, that is stable for tau times the spectral radius.

    >>> stages_for(2.0), stages_for(64.0)
    (3, 11)
    """
    stages = 3
    while 2 * _reach(stages) < stiffness:
        stages += 2
    return stages


def _coefficients(stages: int) -> list[tuple[float, float, float, float]]:
    """mu_j, nu_j, tilde mu_j, tilde gamma_j for j = 1, ..., stages (Meyer et al. 2014, eqs. 16 and 17)."""
    b = [1 / 3, 1 / 3, 1 / 3, *((j * j + j - 2) / (2 * j * (j + 1)) for j in range(3, stages + 1))]
    w = 4 / (stages**2 + stages - 2)
    table = [(0.0, 0.0, b[1] * w, 0.0)]
    for j in range(2, stages + 1):
        mu = (2 * j - 1) / j * b[j] / b[j - 1]
        nu = -(j - 1) / j * b[j] / b[j - 2]
        table.append((mu, nu, mu * w, -(1 - b[j - 1]) * mu * w))
    return table


def legendre_step(system: Explicit, density: Array, rate: Array, tau: float, stages: int) -> Array | None:
    """One step of RKL2 from a density and its rate; None where it or a stage is negative.

    The linear combination of every stage is one product with the stacked arrays, or compiled where that is to be had.
    """
    xp, table = array_module(density), _coefficients(stages)
    if isinstance(system, PorousMedium) and system.fuses(density):
        return system.fused_step(density, rate, tau, np.array(table), _TINY)
    stack = xp.stack([density, rate, density, density]).reshape(4, -1)
    now = density + table[0][2] * tau * rate
    mixes = [[1 - mu - nu, back * tau, nu, mu] for mu, nu, _, back in table[1:]]
    weights = library_of(density).to_device(np.array(mixes))
    for number, (_, _, gain, _) in enumerate(table[1:]):
        flushed = _flushed(now)
        if flushed is None:
            return None
        stack[3] = flushed.reshape(-1)
        new = (weights[number] @ stack).reshape(density.shape)
        system.add_rate(new, flushed, gain * tau)
        stack[2], now = stack[3], new
    return _flushed(now)


def _flushed(density: Array) -> Array | None:
    """The density with what lies below the smallest normal number, of either sign, set to zero: at the far end of a
    front, sums of such numbers have no digits. None where a cell is negative."""
    least = float(density.min())
    if not least > -_TINY:
        return None
    return density if least >= 0 else array_module(density).maximum(density, 0.0)

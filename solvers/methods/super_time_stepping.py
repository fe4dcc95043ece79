"""Super-time-stepping: explicit steps with s stages that are stable over about s^2/4 steps of forward Euler.

The Runge-Kutta-Legendre scheme of order 2 (Meyer, Balsara and Aslam 2014): shifted Legendre polynomials keep every
stage inside the stability interval of a diffusion operator, and the scheme is monotone for smooth data. The number of
stages follows from the spectral radius, the step from an embedded error estimate. Zero cells stay zero until mass
arrives: one stage moves it by one cell. A step or stage with a negative cell is rejected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.legendre_steps import stepper
from mudot.solvers.methods.protocol import Progress
from mudot.solvers.methods.semidiscrete import Explicit

_SAFETY, _SHRINK, _GROW = 0.8, 0.3, 2.0
_SHORTEST = 1e-13
_ROUND_OFF = 1e-14
_RENEWED = 10


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
        system, xp, take = self.system, array_module(density), stepper(self.system, density)
        time, steps, rejected = 0.0, 0, 0
        rate, radius, direction = system.rate(density), 0.0, None
        mass, moved = integrate(system.mesh, density), integrate(system.mesh, xp.abs(rate))
        while time < duration:
            if steps % _RENEWED == 0:
                radius, direction = system.spectral_radius(density, direction)
                if steps == 0 and radius > 0:
                    step = min(step, self._first(density, rate, moved, radius, rtol))
            longest = 2 * _reach(self.stages) / radius if radius > 0 else math.inf
            left = duration - time
            tau = left / max(1, math.ceil(left / min(step, longest) * (1 - 1e-9)))
            taken = take(density, rate, tau, stages_for(tau * radius))
            error = math.inf if taken is None else taken.error / mass
            bound = rtol * min(1.0, tau * moved / mass) + _ROUND_OFF
            factor = _SAFETY * math.sqrt(bound / max(error, 1e-300))
            if taken is None or error > bound:
                if tau <= _SHORTEST * duration:
                    raise NotConverged(f"explicit steps of {tau:.1e} still fail; refine the mesh or raise rtol")
                step, rejected = tau * max(_SHRINK, min(0.7, factor)), rejected + 1
                continue
            density, rate, moved, steps = taken.density, taken.rate, taken.moved, steps + 1
            time = duration if tau >= left else time + tau
            step = tau * min(_GROW, max(_SHRINK, factor))
        return density, Progress(time, steps, rejected)

    def _first(self, density: Array, rate: Array, moved: float, radius: float, rtol: float) -> float:
        """The length of the first step: if rates change by themselves in a time theta, the estimate is tau^3/15 times
        their size over theta^2."""
        xp, probe = array_module(density), 0.5 / radius
        ahead = xp.maximum(density + probe * rate, 0.0)
        change = integrate(self.system.mesh, xp.abs(self.system.rate(ahead) - rate))
        return _SAFETY * math.sqrt(15 * rtol) * probe * moved / change if moved > 0 and change > 0 else math.inf


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

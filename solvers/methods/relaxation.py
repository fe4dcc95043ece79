"""Relaxation: the update of a Runge-Kutta step scaled so that its energy balance is exact.

With stages y_i, weights b_i >= 0, update d and dissipations D_i, find gamma near one with

    F(mu + gamma d) - F(mu) + gamma tau sum_i b_i D_i = 0,       mu <- mu + gamma d,   t <- t + gamma tau

(Ketcheson 2019; Ranocha, Sayyari, Dalcin, Parsani and Ketcheson 2020, eq. 2.9). The order of the method is kept, and so
are mass and, since gamma is close to one, positivity. Near equilibrium the root is ill-conditioned: there is none then.
"""

from __future__ import annotations

from mudot.meshes.arrays import Array
from mudot.meshes.averages import integrate
from mudot.solvers.methods.semidiscrete import Semidiscrete

_SMALLEST_DROP = 1e-10
_FARTHEST = 0.1
_ROUND_OFF = 4e-16
_ITERATIONS = 12


def relaxation_factor(system: Semidiscrete, density: Array, update: Array, dissipated: float) -> float | None:
    """gamma, by Newton's method; None where the energy drops by less than 1e-10 of itself, or where no root lies within
    0.1 of one.

    dissipated: tau sum_i b_i D_i
    """
    before = system.value(density)
    if dissipated < _SMALLEST_DROP * abs(before):
        return None
    gamma = 1.0
    for _ in range(_ITERATIONS):
        there = density + gamma * update
        if not float(there.min()) >= 0:
            return None
        after = system.value(there)
        residual = after - before + gamma * dissipated
        if abs(residual) <= _ROUND_OFF * (abs(before) + abs(after)):
            return gamma
        slope = integrate(system.mesh, system.force(there) * update) + dissipated
        step = residual / slope if slope else float("inf")
        if not abs(gamma - step - 1) <= _FARTHEST:
            return None
        gamma -= step
        if abs(step) < _ROUND_OFF:
            return gamma
    return gamma

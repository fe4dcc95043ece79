"""Nonlinear fluxes with frozen coefficients: J = forward rho_K - backward rho_L with nonnegative forward, backward.

So written, mu' = A(mu) mu with matrices that move mass and never make it negative: implicit and exponential steps with
frozen A are positive and mass-exact (Chang and Cooper 1970; Scharfetter and Gummel 1969 with a diffusion that depends
on the density, in the manner of Bessemoulin-Chatard 2012).

    linear diffusion in a potential, against a target:  the Scharfetter-Gummel flux of the momentary potential
    D rho^m, without a potential:                       D (rho_K^(m-1) rho_K - rho_L^(m-1) rho_L), exactly
    phi_p(rho/pi), p > 0:                               m (s_K^p - s_L^p)/p, exactly, with the mean m of that flux
    D rho^m in a potential:                             either side fitted to its own diffusion; not stationary exactly

All but the last are the fluxes of the Stolarsky mobility.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, FreeEnergy, PowerDivergence, ShallowNetwork
from mudot.solvers.fluxes import TwoPointFlux, scharfetter_gummel
from mudot.solvers.means import bernoulli
from mudot.solvers.operators import across
from mudot.solvers.stolarsky import Stolarsky

_LEAST = 1e-200
"""Diffusion below which a flux is upwind."""


def frozen_flux(mesh: Cartesian, energy: Energy, density: Array) -> TwoPointFlux | None:
    """The coefficients at positive cell averages, shape (faces,), for mobility one; None for energies without."""
    if isinstance(energy, PowerDivergence):
        return _relative(mesh, energy, density)
    if isinstance(energy, ShallowNetwork):
        return _fitted(mesh, energy.drift_potential(mesh, density), energy.entropy + 0 * density)
    if isinstance(energy, FreeEnergy):
        own = energy.diffusion * density ** (energy.exponent - 1)
        if energy.potential is None and energy.interaction is None:
            return TwoPointFlux(*across(mesh, own))
        return _fitted(mesh, energy.outer(mesh, density, 1.0), own)
    return None


@dataclass(frozen=True, eq=False)
class MomentaryFit:
    """For the steps of a discrete gradient: the mobility of the flux that is fitted to what neurons are drawn by at a
    density. Books are exact with any mobility; this one keeps equilibria, and steep drifts from oscillating."""

    energy: ShallowNetwork

    def at(self, mesh: Cartesian, middle: Array) -> Stolarsky:
        """That of a step about a density."""
        drift = self.energy.drift_potential(mesh, middle)
        return Stolarsky(1.0, scharfetter_gummel(mesh, -drift / self.energy.entropy))


def is_exact(energy: Energy) -> bool:
    """Whether the frozen flux at the density itself is that of the Stolarsky mobility."""
    if isinstance(energy, PowerDivergence):
        return energy.power > 0
    if isinstance(energy, FreeEnergy):
        return energy.exponent == 1 or (energy.potential is None and energy.interaction is None)
    return isinstance(energy, ShallowNetwork) and energy.entropy > 0


def _relative(mesh: Cartesian, energy: PowerDivergence, density: Array) -> TwoPointFlux:
    flux, p = scharfetter_gummel(mesh, energy.log_target), energy.power
    left, right = across(mesh, energy.logarithmic_curvature(mesh, density))
    if p <= 0:  # s^p/p falls: only differences of logarithms keep the sign
        left = right = (left + right) / 2
        p = 1.0
    return TwoPointFlux(flux.forward * left / p, flux.backward * right / p)


def _fitted(mesh: Cartesian, potential: Array, diffusion: Array) -> TwoPointFlux:
    """d B(-drop/d) of either side's diffusion d: mass goes where the potential drops."""
    xp = array_module(diffusion)
    left, right = across(mesh, xp.maximum(diffusion, _LEAST))
    start, end = across(mesh, potential)
    drop = xp.clip(start - end, -1 / np.finfo(float).eps ** 4, 1 / np.finfo(float).eps ** 4)
    return TwoPointFlux(left * bernoulli(-drop / left)[0], right * bernoulli(drop / right)[0])

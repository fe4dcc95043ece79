"""Transport equations cut into cells: what the cross-check integrators of this folder step in time.

A rule for the flux across faces makes mu' = -div J(mu) and, with the energy, the dissipation -dF/dt. Several rules and
several integrators for one flow, with errors of different origin, are worth more than one of each: where they agree,
the agreement is the claim.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.geometries import Geometry
from mudot.solvers.operators import across, divergence, stencil_of
from mudot.solvers.reconstruction import one_sided, upwind

FaceFlux = Callable[[Array], Array]
"""Mass per area and time from left to right across every face, shape (faces,), for cell averages."""
FrozenFlux = Callable[[Array], TwoPointFlux]
"""Nonnegative numbers forward, backward of every face: the flux is (forward rho_K - backward rho_L)/d, so that the
equation reads mu' = A(mu) mu with a matrix that moves mass and never makes it negative."""

_POWER_STEPS = 30
_SURE = 1.1


@dataclass(frozen=True, eq=False)
class Semidiscrete:
    """mu' = -div J(mu) for an energy F.

    flux:   J
    frozen: J written as a linear flux with coefficients that depend on the density, where it can be
    """

    mesh: Cartesian
    energy: Energy
    flux: FaceFlux
    frozen: FrozenFlux | None = None

    def rate(self, density: Array) -> Array:
        """mu', of the mesh's shape."""
        return -divergence(self.mesh, self.flux(density))

    def add_rate(self, out: Array, density: Array, factor: float) -> None:
        """out += factor * mu'."""
        out += factor * self.rate(density)

    def value(self, density: Array) -> float:
        """F(mu)."""
        return self.energy.value(self.mesh, density)

    def force(self, density: Array) -> Array:
        """The first variation, at zero density taken as at the smallest normal number."""
        return self.energy.first_variation(self.mesh, array_module(density).maximum(density, np.finfo(float).tiny))

    def dissipation(self, density: Array, rate: Array) -> float:
        """-dF/dt = -<xi, mu'>."""
        return -integrate(self.mesh, self.force(density) * rate)

    def spectral_radius(self, density: Array, guess: Array | None = None) -> tuple[float, Array]:
        """An upper estimate of the largest |eigenvalue| of d rate/d mu, by nonlinear power iteration with differences
        (Sommeijer, Shampine and Verwer 1998, section 3), and the direction to start the next one from."""
        xp = array_module(density)
        rate = self.rate(density)
        direction = _alternating(self.mesh, density) if guess is None else guess
        size = float(xp.abs(density).max())
        found = 0.0
        for _ in range(_POWER_STEPS):
            # Only where there is mass: steps into vacuum would make densities negative.
            shift = 1e-6 * size * direction / float(xp.abs(direction).max())
            shift = xp.where(density > 1e-3 * size, xp.maximum(shift, -density / 2), 0.0)
            change = self.rate(density + shift) - rate
            before, found = found, float(xp.sqrt((change**2).sum() / (shift**2).sum()))
            direction = change
            if found == 0 or abs(found - before) < 0.01 * found:
                break
        return _SURE * found, direction


def steepest_descent(mesh: Cartesian, energy: Energy, geometry: Geometry, density: Array) -> Array:
    """-K(mu) DF(mu), of the mesh's shape, at zero density taken as at the smallest normal number."""
    positive = array_module(density).maximum(density, np.finfo(float).tiny)
    return -geometry.onsager(mesh, positive).apply(energy.first_variation(mesh, positive))


def _alternating(mesh: Cartesian, density: Array) -> Array:
    """Signs like a chequerboard, the roughest function on the mesh, times the density."""
    parity: np.ndarray = sum(np.ix_(*(np.arange(n) for n in mesh.shape)), np.zeros(mesh.shape))
    return density * library_of(density).to_device(np.asarray(1.0 - 2.0 * (parity % 2)))


def upwind_transport(mesh: Cartesian, energy: Energy, weight: float = 1.0) -> Semidiscrete:
    """The Wasserstein flow by second-order upwind fluxes, weight times rho u with u = -grad xi (Carrillo, Chertock and
    Huang 2015): positive under a condition on the step, robust at vacuum fronts and in aggregation."""

    def flux(density: Array) -> Array:
        left, right = across(mesh, energy.first_variation(mesh, density))
        drop = left - right
        distance = stencil_of(mesh, density).distance
        return weight * upwind(*one_sided(mesh, density), drop) * drop / distance

    return Semidiscrete(mesh, energy, flux)


class Explicit(Protocol):
    """What explicit schemes need to know of an equation."""

    @property
    def mesh(self) -> Cartesian:
        """The mesh."""

    def rate(self, density: Array) -> Array:
        """mu', of the mesh's shape."""

    def add_rate(self, out: Array, density: Array, factor: float) -> None:
        """out += factor * mu'."""

    def spectral_radius(self, density: Array, guess: Array | None = None) -> tuple[float, Array | None]:
        """An upper estimate for d rate/d mu, and what makes the next one cheaper."""


def frozen_transport(mesh: Cartesian, energy: Energy, frozen: FrozenFlux) -> Semidiscrete:
    """The flow whose flux is linear with coefficients that depend on the density."""

    def flux(density: Array) -> Array:
        coefficients = frozen(density)
        left, right = across(mesh, density)
        distance = stencil_of(mesh, density).distance
        return (coefficients.forward * left - coefficients.backward * right) / distance

    return Semidiscrete(mesh, energy, flux, frozen)

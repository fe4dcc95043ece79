"""Integrators with errors of another kind, as witnesses: each solves Wasserstein flows that have a method of choice.

    relaxed-ssp           explicit, order 3, steps of the size of h^2; balance exact by relaxation
    super-time-stepping   explicit, order 2, steps of many stages
    backward-euler        implicit, order 1, positive for every step, energy inequality
    exponential-midpoint  exponentials of frozen matrices, order 2, positive for every step

They march a semidiscrete flow whose mobility is declared, so that the ledger closes for them as for any other method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol, get_args

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import Energy, FreeEnergy, PowerDivergence, ShallowNetwork
from mudot.solvers.fluxes import TwoPointFlux, scharfetter_gummel
from mudot.solvers.geometries import Geometry, Wasserstein
from mudot.solvers.methods.backward_euler import BackwardEuler
from mudot.solvers.methods.exponential_midpoint import ExponentialMidpoint
from mudot.solvers.methods.filling import filled
from mudot.solvers.methods.frozen import frozen_flux, is_exact
from mudot.solvers.methods.porous_medium import PorousMedium
from mudot.solvers.methods.protocol import Advance, Booked, Progress, by_steps
from mudot.solvers.methods.semidiscrete import Explicit, Semidiscrete
from mudot.solvers.methods.strong_stability import StrongStability
from mudot.solvers.methods.super_time_stepping import SuperTimeStepping
from mudot.solvers.operators import across, stencil_of
from mudot.solvers.stolarsky import stolarsky_mean

Name = Literal["relaxed-ssp", "super-time-stepping", "backward-euler", "exponential-midpoint"]
NAMES: tuple[Name, ...] = get_args(Name)
ON_THE_HOST: frozenset[str] = frozenset({"exponential-midpoint", "backward-euler"})
"""Witnesses that assemble a sparse matrix for every step, which a device would have to wait for."""
_TINY = float(np.finfo(float).tiny)
_AT_ONCE = 64
"""Steps that are booked together."""


class Integrator(Protocol):
    """Marches a semidiscrete flow."""

    @property
    def description(self) -> str:
        """One line for logs and results."""

    @property
    def system(self) -> Explicit:
        """The flow."""

    def march(self, density: Array, duration: float, rtol: float, step: float) -> tuple[Array, Progress]:
        """The density after a duration, and how it got there."""


FaceMobility = Callable[[Cartesian, Array], Array]


@dataclass(frozen=True, eq=False)
class Witness:
    """An integrator as a method like any other.

    mobility: mu on faces of its semidiscrete flow;   lifted: whether zeros are (see `filled`)
    """

    integrator: Integrator
    mobility: FaceMobility | None = None
    lifted: bool = False

    @property
    def description(self) -> str:
        """One line for logs and results."""
        return self.integrator.description

    def rate(self, density: Array) -> Array:
        """mu' of the semidiscrete flow."""
        return self.integrator.system.rate(density)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """One after the other."""
        return by_steps(self, density, durations, step, rtol)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """Steps until the duration is over."""
        return Advance(*self.marched(density, duration, step, rtol)[:2])

    def marched(self, density: Array, duration: float, step: float, rtol: float) -> tuple[Array, float, Progress]:
        """The density, the mean step, and how it got there."""
        start = filled(self.integrator.system.mesh, density) if self.lifted else density
        density, progress = self.integrator.march(start, duration, rtol, step)
        return density, duration / max(1, progress.steps), progress


@dataclass(frozen=True, eq=False)
class BalancedWitness:
    """One whose steps balance exactly: the ledger takes its word."""

    witness: Witness

    description = property(lambda self: self.witness.description, doc="One line for logs and results.")
    mobility = property(lambda self: self.witness.mobility, doc="mu on faces of the semidiscrete flow.")
    rate = property(lambda self: self.witness.rate, doc="mu' of the semidiscrete flow.")
    trace = property(lambda self: self.witness.trace, doc="As of the witness.")
    advance = property(lambda self: self.witness.advance, doc="As of the witness.")

    def booked(self, density: Array, duration: float, step: float, rtol: float) -> Booked:
        """Some steps, what they dissipated in equal parts R and R*."""
        length = min(duration, _AT_ONCE * step)
        density, mean, progress = self.witness.marched(density, length, step, rtol)
        return Booked(density, mean, length, (progress.dissipated / 2,), (progress.dissipated / 2,))


def witness_for(name: Name, mesh: Cartesian, energy: Energy, geometry: Geometry) -> Witness | BalancedWitness:
    """The integrator of a name for a flow. Raises MudotError where it has none, saying why."""
    if not isinstance(geometry, Wasserstein):
        raise MudotError(f"method {name!r}: expected the geometry 'wasserstein', got {geometry}")
    if not isinstance(energy, PowerDivergence | FreeEnergy | ShallowNetwork):
        raise MudotError(
            f"method {name!r}: expected a power divergence, 'free-energy' or 'shallow-network', got {energy.name}"
        )
    weight = geometry.transport
    lifted = not (isinstance(energy, FreeEnergy) and (energy.exponent > 1 or not energy.diffusion))
    if name == "relaxed-ssp":
        mobility = energy.mobility if not isinstance(energy, PowerDivergence) else partial(_centred, energy)
        system = _transport(mesh, energy, weight, mobility)
        return BalancedWitness(Witness(StrongStability(system), mobility, lifted))
    if not is_exact(energy):
        raise MudotError(
            f"method {name!r}: the flux of this energy is not linear with nonnegative frozen coefficients; it is for "
            "power divergences with p > 0, diffusion without a potential or with exponent 1, and networks with "
            "entropy; use 'relaxed-ssp' or 'discrete-gradient'"
        )
    centred = partial(_centred, energy)
    if name == "super-time-stepping":
        explicit: Explicit = _transport(mesh, energy, weight, centred)
        if isinstance(energy, FreeEnergy) and energy.exponent > 1:
            explicit = PorousMedium(mesh, energy.exponent, weight * energy.diffusion)
        return Witness(SuperTimeStepping(explicit), centred, lifted)
    system = _frozen(mesh, energy, weight)
    if name == "exponential-midpoint":
        return Witness(ExponentialMidpoint(system), centred, lifted)
    power = energy.power if isinstance(energy, PowerDivergence) else energy.exponent
    return Witness(BackwardEuler(system, min(1.0, 2 / (power + 1))), centred, lifted)


def _transport(mesh: Cartesian, energy: Energy, weight: float, mobility: FaceMobility) -> Semidiscrete:
    """The flow with a mobility."""

    def flux(density: Array) -> Array:
        positive = array_module(density).maximum(density, _TINY)
        left, right = across(mesh, energy.first_variation(mesh, positive))
        return weight * mobility(mesh, density) * (left - right) / stencil_of(mesh, density).distance

    return Semidiscrete(mesh, energy, flux)


def _frozen(mesh: Cartesian, energy: Energy, weight: float) -> Semidiscrete:
    """The flow with the frozen flux of the energy."""

    def coefficients(density: Array) -> TwoPointFlux:
        found = frozen_flux(mesh, energy, density)
        assert found is not None
        return TwoPointFlux(weight * found.forward, weight * found.backward)

    def flux(density: Array) -> Array:
        now, (left, right) = coefficients(density), across(mesh, density)
        return (now.forward * left - now.backward * right) / stencil_of(mesh, density).distance

    return Semidiscrete(mesh, energy, flux, coefficients)


def _centred(energy: PowerDivergence | FreeEnergy | ShallowNetwork, mesh: Cartesian, density: Array) -> Array:
    """The Stolarsky mobility, with the Scharfetter-Gummel weights of the target or of the momentary potential."""
    positive = array_module(density).maximum(density, _TINY)
    left, right = across(mesh, positive)
    log_target = _log_target(energy, mesh, positive)
    if log_target is not None:
        flux = scharfetter_gummel(mesh, log_target)
        left, right = left * flux.forward, right * flux.backward
    return stolarsky_mean(energy.exponent, left, right)


def _log_target(energy: PowerDivergence | FreeEnergy | ShallowNetwork, mesh: Cartesian, density: Array) -> Array | None:
    if isinstance(energy, PowerDivergence):
        return energy.log_target
    if isinstance(energy, ShallowNetwork):
        return -energy.drift_potential(mesh, density) / energy.entropy
    if energy.potential is None and energy.interaction is None:
        return None
    return -energy.outer(mesh, density, 1.0) / energy.diffusion

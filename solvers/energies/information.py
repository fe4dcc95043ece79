"""Two more divergences of information theory: Jensen-Shannon and Renyi."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, in_blocks
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies.divergences import PowerDivergence, finite_logs, integrand, log_ratio, retargeted
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.operators import across


@dataclass(frozen=True, eq=False)
class JensenShannon:
    """1/2 KL(mu | m) + 1/2 KL(pi | m) with m = (mu + pi)/2: at most log 2 for probability measures. phi''(1) = 1/4, so
    that everything near pi happens four times slower than for the power divergences.

    target, log_target: as for `PowerDivergence`

    >>> import numpy as np
    >>> energy = JensenShannon(np.array([1.0, 1e-300]))
    >>> round(energy.value(Cartesian(2, 0.0, 2.0), np.array([1e-300, 1.0])), 12) == round(math.log(2), 12)
    True
    """

    target: Array
    log_target: Array = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_target", finite_logs(self.target, self.log_target))

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """`jensen-shannon`."""
        return "jensen-shannon"

    def on(self, library: ArrayLibrary) -> JensenShannon:
        """The same energy with its data on another device."""
        return retargeted(self, library)

    def value(self, mesh: Cartesian, density: Array) -> float:
        """JS(mu, pi): two relative entropies to the mean, each without cancellation."""
        return integrate(mesh, in_blocks(_jensen_shannon, density, self.target, self.log_target))

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """1/2 log(mu/m); -inf at zero density."""
        return in_blocks(_half_log_ratio, density, self.target, self.log_target)

    def logarithmic_curvature(self, mesh: Cartesian, density: Array) -> Array:
        """dxi/dlog mu = pi / (2 (mu + pi)), shape `mesh.shape`."""
        return 0.5 * array_module(density).exp(self.log_target - _log_mean(density, self.log_target)) / 2

    def diffusive_mobility(self, flux: TwoPointFlux, mesh: Cartesian, density: Array) -> Array:
        """mu on faces for which the Wasserstein flow is 1/2 div(pi grad log(1 + s)), with the two-point flux of pi: the
        quotient of the jumps of that logarithm and of xi, s for equal s."""
        left, right = across(mesh, self.log_target)
        a, b = across(mesh, density)
        xp = array_module(a)
        one, two = xp.exp(xp.log(a) - left), xp.exp(xp.log(b) - right)
        low, high = xp.minimum(one, two), xp.maximum(one, two)
        up = xp.log1p((high - low) / (1 + low))
        down = xp.log1p((high - low) / (low * (1 + high)))
        mean = xp.where(high > low, up / xp.where(high > low, down, 1.0), low)
        return mean * (a * flux.forward / one)


def _log_mean(density: Array, log_target: Array) -> Array:
    """log m; finite wherever log pi is."""
    xp = array_module(density)
    positive = density > 0
    log_density = xp.log(xp.where(positive, density, 1.0))
    return xp.where(positive, xp.logaddexp(log_density, log_target), log_target) - math.log(2)


def _jensen_shannon(density: Array, target: Array, log_target: Array) -> Array:
    mean, log_mean = (density + target) / 2, _log_mean(density, log_target)
    return (integrand(1.0, density, mean, log_mean) + integrand(1.0, target, mean, log_mean)) / 2


def _half_log_ratio(density: Array, target: Array, log_target: Array) -> Array:
    return log_ratio(density, (density + target) / 2, _log_mean(density, log_target)) / 2


@dataclass(frozen=True, eq=False)
class Renyi:
    """(1/(a - 1)) log int s^a dpi for probability measures, a = `order` > 0, a != 1.

    It is a function of the power divergence of the same order, so its flow is that of D_phi_a at another speed:
    int s^a dpi = 1 + a (a - 1) D_phi_a(mu | pi). Raises MudotError for an order that is not positive or one.
    """

    order: float
    target: Array
    log_target: Array = None

    def __post_init__(self) -> None:
        if not (0 < self.order < math.inf and self.order != 1):
            raise MudotError(f"energy: renyi needs a positive alpha other than 1, got {self.order}; alpha = 1 is kl")
        object.__setattr__(self, "log_target", self._power.log_target)

    @cached_property
    def _power(self) -> PowerDivergence:
        return PowerDivergence(self.order, self.target, self.log_target)

    def __str__(self) -> str:
        return f"renyi (alpha = {self.order:g})"

    @property
    def name(self) -> str:
        """`renyi`."""
        return "renyi"

    def on(self, library: ArrayLibrary) -> Renyi:
        """The same energy with its data on another device."""
        return retargeted(self, library)

    def _log_moment(self, mesh: Cartesian, density: Array) -> float:
        """log int s^a dpi, without cancellation near pi."""
        a = self.order
        mass, whole = integrate(mesh, density), integrate(mesh, self.target)
        return math.log1p(a * (a - 1) * self._power.value(mesh, density) + a * (mass - whole) + (whole - 1))

    def value(self, mesh: Cartesian, density: Array) -> float:
        """The Renyi divergence of order a; both measures should have mass one."""
        return self._log_moment(mesh, density) / (self.order - 1)

    def logarithmic_curvature(self, mesh: Cartesian, density: Array) -> Array:
        """dxi/dlog mu at a fixed integral, shape `mesh.shape`: what stays in the cell. The rest has rank one."""
        share = self.order * math.exp(-self._log_moment(mesh, density))
        return share * self._power.logarithmic_curvature(mesh, density)

    def diffusive_mobility(self, flux: TwoPointFlux, mesh: Cartesian, density: Array) -> Array:
        """That of the power divergence."""
        return self._power.diffusive_mobility(flux, mesh, density)

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """a s^(a-1) / ((a - 1) int s^a dpi), up to a constant: here it is zero at s = 1."""
        return self.order * self._power.first_variation(mesh, density) * math.exp(-self._log_moment(mesh, density))

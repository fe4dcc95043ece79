"""The power divergences D_phi_p(mu | pi) = int phi_p(s) dpi, s = dmu/dpi, for every real p.

phi_p(s) = (s^p - p (s - 1) - 1) / (p (p - 1)), phi_1 = s log s - s + 1, phi_0 = s - 1 - log s; phi_p(1) = phi_p'(1) = 0
and phi_p''(1) = 1 (Liero, Mielke and Savare 2018; Zhu and Mielke 2024, eq. 1.15).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, in_blocks, moved
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.compiled import fused
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.operators import across
from mudot.solvers.quotients import (
    entropy_quotient,
    entropy_quotient_slope,
    exp_below,
    logarithm_quotient,
    logarithm_quotient_slope,
    power_change,
    power_change_slope,
)
from mudot.solvers.stolarsky import stolarsky_mean

NAMED: dict[str, float] = {"kl": 1.0, "reverse-kl": 0.0, "chi2": 2.0, "hellinger": 0.5}
"""The powers that have a name: KL(mu|pi), KL(pi|mu), half of chi^2(mu|pi), 2 int (sqrt mu - sqrt pi)^2."""

_E = TypeVar("_E")
_MODERATE = 300.0
_LARGEST_EXPONENT = 709.0
_SMALL = 1e-140


@dataclass(frozen=True, eq=False)
class PowerDivergence:
    """D_phi_p(. | target), p = `power`.

    target:     cell averages of pi, positive, the mesh's shape
    log_target: their logarithms; needed only where the averages underflow
    Raises MudotError for a power that is not finite and for a target that is not positive.

    >>> from mudot.meshes.cartesian import Cartesian
    >>> energy = PowerDivergence(1, np.ones(4))
    >>> round(energy.value(Cartesian(4, 0.0, 1.0), 2 * np.ones(4)), 12)   # 2 log 2 - 1
    0.38629436112
    """

    power: float
    target: Array
    log_target: Array = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.power):
            raise MudotError(f"energy: the power p must be a finite number, got {self.power}")
        xp = array_module(self.target)
        if self.log_target is None:
            if not bool((self.target > 0).all()):
                raise MudotError("target: expected positive cell averages; the energy needs log pi in every cell")
            object.__setattr__(self, "log_target", xp.log(self.target))
        if not bool(xp.isfinite(self.log_target).all()):
            raise MudotError("target: expected finite logarithms of the cell averages")

    def __str__(self) -> str:
        return self.name if self.name != "power" else f"power (p = {self.power:g})"

    @property
    def name(self) -> str:
        """`kl`, `reverse-kl`, `chi2`, `hellinger`, or `power`."""
        return next((name for name, p in NAMED.items() if p == self.power), "power")

    def on(self, library: ArrayLibrary) -> PowerDivergence:
        """The same energy with its data on another device."""
        return retargeted(self, library)

    def log_ratio(self, density: Array) -> Array:
        """log s = log(mu/pi), shape `mesh.shape`; -inf in cells of zero density."""
        return in_blocks(log_ratio, density, self.target, self.log_target)

    def value(self, mesh: Cartesian, density: Array) -> float:
        """D_phi_p(mu | pi); inf where mu vanishes on a cell and p <= 0."""
        return integrate(mesh, in_blocks(partial(integrand, self.power), density, self.target, self.log_target))

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """phi_p'(s): log s for p = 1, else (s^(p-1) - 1)/(p - 1); -inf at zero density for p <= 1, inf is possible
        for p > 1 where s^(p-1) overflows."""
        xp = array_module(density)
        p, ratio = self.power, self.log_ratio(density)
        if p == 1:
            return ratio
        exponent = (p - 1) * ratio
        largest = _LARGEST_EXPONENT + min(0.0, math.log(abs(p - 1)))
        small = xp.expm1(xp.minimum(exponent, largest)) / (p - 1)
        return xp.where(exponent > largest, math.copysign(np.inf, p - 1), small)

    @property
    def exponent(self) -> float:
        """p: the power of the Stolarsky mobility, for which the Wasserstein flow is d(pi s)/dt = div(pi grad s^p)/p."""
        return self.power

    def mean_variation(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """(phi_p(s_b) - phi_p(s_a))/(s_b - s_a), from logarithms."""
        xp, p = array_module(before), self.power
        start = xp.log(before) - self.log_target
        l = xp.log(after / before)
        if p == 1:
            return start + entropy_quotient(l) - 1
        if p == 0:
            return 1 - exp_below(_LARGEST_EXPONENT, -start) * logarithm_quotient(l)
        return (power_change(p, start, l) / p - 1) / (p - 1)

    def mean_slope(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """Its derivative by log b."""
        xp, p = array_module(before), self.power
        start = xp.log(before) - self.log_target
        l = xp.log(after / before)
        if p == 1:
            return entropy_quotient_slope(l)
        if p == 0:
            return -exp_below(_LARGEST_EXPONENT, -start) * logarithm_quotient_slope(l)
        return power_change_slope(p, start, l) / (p * (p - 1))

    def diffusive_mobility(self, flux: TwoPointFlux, mesh: Cartesian, density: Array) -> Array:
        """mu on faces for which the Wasserstein flow is div(pi grad s^p)/p with the two-point flux of pi: the Stolarsky
        mean of order p."""
        left, right = across(mesh, density)
        return stolarsky_mean(self.power, left * flux.forward, right * flux.backward)

    def logarithmic_curvature(self, mesh: Cartesian, density: Array) -> Array:
        """dxi/dlog mu = s phi_p''(s) = s^(p-1), shape `mesh.shape`."""
        return exp_below(_LARGEST_EXPONENT, (self.power - 1) * self.log_ratio(density))


def _near(density: Array, target: Array) -> Array:
    """Cells where |s - 1| <= 1/2: there functions of s are evaluated through s - 1, without cancellation."""
    gap = array_module(density).abs(density - target)
    return (target > np.finfo(float).tiny) & (gap <= target / 2)


def _excess(near: Array, density: Array, target: Array) -> Array:
    """s - 1 in the given cells, zero elsewhere."""
    xp = array_module(density)
    return xp.where(near, density - target, 0.0) / xp.where(near, target, 1.0)


def log_ratio(density: Array, target: Array, log_target: Array) -> Array:
    """log s."""
    kernels = fused(density)
    if kernels is not None:
        return kernels.log_ratio(density, target, log_target)
    xp = array_module(density)
    if isinstance(density, np.ndarray) and _ordinary(density, target):
        return _log_of_ordinary(density, target)
    near, positive = _near(density, target), density > 0
    close = xp.log1p(_excess(near, density, target))
    far = xp.log(xp.where(positive, density, 1.0)) - log_target
    return xp.where(near, close, xp.where(positive, far, -np.inf))


def _ordinary(density: np.ndarray, target: np.ndarray) -> bool:
    """Whether no quotient of the two comes near the ends of the range."""
    low, least = float(density.min()), float(target.min())
    return low > _SMALL and least > _SMALL and float(density.max()) < 1 / _SMALL and float(target.max()) < 1 / _SMALL


def _log_of_ordinary(density: np.ndarray, target: np.ndarray) -> np.ndarray:
    """log r + (s - 1 - (r - 1))/max(r, 1) for the rounded quotient r: the second term is what rounding lost, which
    counts where s is close to 1. Half the passes of the general form."""
    ratio = density / target
    lost = density - target
    lost /= target
    lost -= ratio - 1
    lost /= np.maximum(ratio, 1.0)
    return np.asarray(np.log(ratio) + lost)


def integrand(p: float, density: Array, target: Array, log_target: Array) -> Array:
    """pi phi_p(s)."""
    kernels, bound = fused(density), _MODERATE / max(1.0, abs(p))
    if kernels is not None:
        return kernels.integrand(p, bound, _LARGEST_EXPONENT, density, target, log_target)
    xp = array_module(density)
    ratio = log_ratio(density, target, log_target)
    moderate = (xp.abs(ratio) < bound) & (target > np.finfo(float).tiny)
    close = _without_cancellation(p, density, target, xp.where(moderate, ratio, 0.0))
    if bool(moderate.all()):
        return close
    return xp.where(moderate, close, _by_formula(p, density, target, log_target))


def _without_cancellation(p: float, density: Array, target: Array, ratio: Array) -> Array:
    """With E(x) = (e^x - 1 - x)/x^2 and l = log s, phi_p(s) = l^2 (E(l) - p E(p l))/(1 - p): no cancellation for
    p <= 1/2; the other powers by phi_p(s) = s phi_(1-p)(1/s)."""
    if p > 0.5:
        return _without_cancellation(1 - p, target, density, -ratio)
    return target * ratio * ratio * (_second_tail(ratio) - p * _second_tail(p * ratio)) / (1 - p)


def _second_tail(x: Array) -> Array:
    """(e^x - 1 - x)/x^2, by its series for |x| < 1."""
    xp = array_module(x)
    small = xp.abs(x) < 1
    inner, outer = xp.where(small, x, 0.0), xp.where(small, 1.0, x)
    series = 1 + inner / 19
    for k in range(18, 2, -1):
        series = 1 + series * inner / k
    return xp.where(small, series / 2, (xp.expm1(outer) - outer) / (outer * outer))


def _by_formula(p: float, density: Array, target: Array, log_target: Array) -> Array:
    """pi phi_p(s) in logarithms, so that neither s nor s^p is ever formed."""
    xp = array_module(density)
    ratio = log_ratio(density, target, log_target)
    if p == 1:
        return density * xp.where(density > 0, ratio, 0.0) - density + target
    if p == 0:
        return density - target - target * ratio
    power = exp_below(_LARGEST_EXPONENT, p * ratio + log_target)
    return (power - p * density + (p - 1) * target) / (p * (p - 1))


def finite_logs(target: Array, log_target: Array | None) -> Array:
    """log pi for energies of a target, checked as `PowerDivergence` does."""
    return PowerDivergence(1.0, target, log_target).log_target


def retargeted(energy: _E, library: ArrayLibrary, **others: Any) -> _E:
    """A copy of an energy with `target` and `log_target` on another device and other fields as given."""
    old: Any = energy
    new = replace(old, target=moved(old.target, library), log_target=moved(old.log_target, library), **others)
    return cast(_E, new)


def KullbackLeibler(target: Array, log_target: Array | None = None) -> PowerDivergence:
    """KL(mu | pi), p = 1."""
    return PowerDivergence(1.0, target, log_target)


def ReverseKullbackLeibler(target: Array, log_target: Array | None = None) -> PowerDivergence:
    """KL(pi | mu), p = 0; "inclusive" or "forward" KL in statistics."""
    return PowerDivergence(0.0, target, log_target)


def Hellinger(target: Array, log_target: Array | None = None) -> PowerDivergence:
    """2 int (sqrt mu - sqrt pi)^2 = FR^2/2, p = 1/2 (Zhu and Mielke 2024, section 6.1)."""
    return PowerDivergence(0.5, target, log_target)


def chi_squared(target: Array, log_target: Array | None = None) -> PowerDivergence:
    """Half of chi^2(mu | pi), p = 2."""
    return PowerDivergence(2.0, target, log_target)

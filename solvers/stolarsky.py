"""Stolarsky means on faces: mobilities with an exact discrete chain rule.

For the energy density U with U' = m/(m - 1) r^(m - 1) the mobility

    S_m(a, b) = (m - 1)/m (a^m - b^m)/(a^(m - 1) - b^(m - 1))

makes S_m times the jump of U' the jump of r^m: the flux of the porous-medium equation, exactly. S_2 is the arithmetic
mean, S_1 the logarithmic, S_0 its harmonic twin (Stolarsky 1975; as weights on faces Heida, Kantner and Stephan 2020;
as mobility our own design). With a two-point flux, a = m/pi_K rho_K and b = m/pi_L rho_L: for m = 1 the flux itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, moved
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.mobilities import STEEPEST, smooth_minimum
from mudot.solvers.operators import across
from mudot.solvers.quotients import (
    logarithm_quotient,
    logarithm_quotient_slope,
    logarithmic_growth,
    logarithmic_growth_slope,
    power_quotient,
    power_quotient_slope,
)


def stolarsky_mean(m: float, a: Array, b: Array) -> Array:
    """S_m(a, b) for positive arrays of one shape.

    >>> import numpy as np
    >>> [float(stolarsky_mean(m, np.array([1.0]), np.array([3.0])).round(6)[0]) for m in (0.0, 1.0, 2.0)]
    [1.647918, 1.820478, 2.0]
    """
    xp = array_module(a)
    high = xp.maximum(a, b)
    return high * _share(m, xp.log(xp.minimum(a, b) / high))


def stolarsky_slopes(m: float, a: Array, b: Array) -> tuple[Array, Array]:
    """Derivatives of S_m(a, b) by log a and log b; they add up to S_m."""
    xp = array_module(a)
    low, high = xp.minimum(a, b), xp.maximum(a, b)
    l = xp.log(low / high)
    by_low = high * _share_slope(m, l)
    by_high = high * _share(m, l) - by_low
    return xp.where(a < b, by_low, by_high), xp.where(a < b, by_high, by_low)


def _share(m: float, l: Array) -> Array:
    """S_m(e^l, 1)."""
    if m == 1:
        return logarithmic_growth(l)
    if m == 0:
        return logarithm_quotient(-l)
    return (m - 1) / m * power_quotient(m, l) / power_quotient(m - 1, l)


def _share_slope(m: float, l: Array) -> Array:
    if m == 1:
        return logarithmic_growth_slope(l)
    if m == 0:
        return -logarithm_quotient_slope(-l)
    one, other = power_quotient(m, l), power_quotient(m - 1, l)
    slope = power_quotient_slope(m, l) - one * power_quotient_slope(m - 1, l) / other
    return (m - 1) / m * slope / other


@dataclass(frozen=True, eq=False)
class Stolarsky:
    """mu on faces for energies of the power m, with the weights of a two-point flux where there is a target.

    A potential may pull mass out of a cell that is all but empty into a full one: there the mean would drain it in
    finite time, and the mobility is at most `STEEPEST` times what the cell holds that the mass leaves. Flows from full
    to empty, fronts among them, and flows between cells that are alike do not feel it.
    """

    m: float
    flux: TwoPointFlux | None = None

    def at(self, mesh: Cartesian, middle: Array) -> Stolarsky:
        """Itself: it is the same for every step."""
        return self

    def __call__(self, mesh: Cartesian, density: Array, drop: Array) -> Array:
        """The mobility, shape (faces,), for positive cell averages of the mesh's shape and the drop of the potential
        from left to right of every face, shape (faces,)."""
        a, b = self._weighted(mesh, density)
        return smooth_minimum(stolarsky_mean(self.m, a, b), STEEPEST * array_module(a).where(drop > 0, a, b))

    def slopes(self, mesh: Cartesian, density: Array, drop: Array) -> tuple[Array, Array]:
        """Derivatives by the logarithms of the density left and right of every face, each of shape (faces,)."""
        a, b = self._weighted(mesh, density)
        xp = array_module(a)
        mean, bound = stolarsky_mean(self.m, a, b), STEEPEST * xp.where(drop > 0, a, b)
        whole = smooth_minimum(mean, bound)
        by_mean, by_bound = (whole / mean) ** 9, (whole / bound) ** 9 * bound
        left, right = stolarsky_slopes(self.m, a, b)
        return by_mean * left + xp.where(drop > 0, by_bound, 0.0), by_mean * right + xp.where(drop > 0, 0.0, by_bound)

    def on(self, library: ArrayLibrary) -> Stolarsky:
        """The flux on another device."""
        if self.flux is None:
            return self
        return Stolarsky(self.m, TwoPointFlux(moved(self.flux.forward, library), moved(self.flux.backward, library)))

    def _weighted(self, mesh: Cartesian, density: Array) -> tuple[Array, Array]:
        left, right = across(mesh, density)
        return (left, right) if self.flux is None else (left * self.flux.forward, right * self.flux.backward)

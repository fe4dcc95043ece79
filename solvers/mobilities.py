"""Mobilities: mu on faces, from its values in the two cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from mudot.meshes.arrays import Array, ArrayLibrary, array_module
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.means import logarithmic_mean
from mudot.solvers.operators import across
from mudot.solvers.reconstruction import one_sided, upwind

STEEPEST = 30.0
"""Bound of the mobility of a face over the smaller one of its two densities, where velocities are smooth."""


class Mobility(Protocol):
    """A rule for mu on faces; a two-point flux has one of its own."""

    def mobility(self, left: Array, right: Array) -> Array:
        """mu on faces from the cell averages left and right of them, all of shape (faces,)."""

    def on(self, library: ArrayLibrary) -> Mobility:
        """The same rule with its data, if it has any, on another device."""


@dataclass(frozen=True)
class Bounded:
    """A mobility, the logarithmic mean if none is given, but at most `STEEPEST` times the smaller neighbour.

    The plain mean of a and b falls only like b/log(b/a) when a does: a smooth velocity, which unlike grad log mu does
    not turn round at an empty cell, would empty it in finite time. With the bound a cell loses mass at a finite rate
    and stays positive. It matters where neighbours differ by a factor of 150 or more. Fronts as steep as exp(30) from
    cell to cell keep their speed, steeper ones lag: they need a background of some 1e-12 to run over.
    """

    base: Mobility | None = None

    def mobility(self, left: Array, right: Array) -> Array:
        """The smooth minimum of both."""
        mean = logarithmic_mean(left, right) if self.base is None else self.base.mobility(left, right)
        return smooth_minimum(mean, STEEPEST * array_module(left).minimum(left, right))

    def __call__(self, mesh: Cartesian, density: Array) -> Array:
        """mu on faces, shape (faces,), from cell averages of the mesh's shape."""
        return self.mobility(*across(mesh, density))

    def on(self, library: ArrayLibrary) -> Bounded:
        """The base on another device."""
        return self if self.base is None else Bounded(self.base.on(library))


@dataclass(frozen=True, eq=False)
class Upwind:
    """Within an implicit step, the density of the cell that mass leaves; of second order where `ratios`, shape
    (faces,), say what stands on either side of the face over the cell averages (see `one_sided`). Robust at vacuum and
    in aggregation; its derivative jumps where the velocity turns."""

    limited: bool = True
    ratios: tuple[Array, Array] | None = None

    def at(self, mesh: Cartesian, middle: Array) -> Upwind:
        """With the limited slopes of a density: within the step they are fixed, for their limiter has kinks."""
        if not self.limited:
            return self
        sides = zip(one_sided(mesh, middle), across(mesh, middle), strict=True)
        return Upwind(True, tuple(face / cell for face, cell in sides))

    def __call__(self, mesh: Cartesian, density: Array, drop: Array) -> Array:
        """The mobility, shape (faces,), for the drop of the potential from left to right."""
        return upwind(*self._sides(mesh, density), drop)

    def slopes(self, mesh: Cartesian, density: Array, drop: Array) -> tuple[Array, Array]:
        """Its derivatives by the logarithms of the density left and right of every face."""
        left, right = self._sides(mesh, density)
        return upwind(left, 0 * right, drop), upwind(0 * left, right, drop)

    def on(self, library: ArrayLibrary) -> Upwind:
        """Itself: it has no data."""
        return self

    def _sides(self, mesh: Cartesian, density: Array) -> tuple[Array, Array]:
        left, right = across(mesh, density)
        return (left, right) if self.ratios is None else (left * self.ratios[0], right * self.ratios[1])


def smooth_minimum(a: Array, b: Array) -> Array:
    """(a^-8 + b^-8)^(-1/8): a kink where the bound sets in would cost steps and quadrature nodes. Where neighbours
    are alike, a is 30 times smaller than b and loses 2e-13 of itself."""
    xp = array_module(a)
    low, high = xp.minimum(a, b), xp.maximum(a, b)
    return low / (1 + (low / high) ** 8) ** 0.125

"""Wasserstein (Otto): transport along gradients. K(mu) xi = -div(mu grad xi)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar

from mudot.meshes.arrays import Array, ArrayLibrary, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.geometries.algebra import Composable, positive, weighted
from mudot.solvers.geometries.force import optimal_force
from mudot.solvers.means import logarithmic_mean
from mudot.solvers.operators import across, gradient, stencil_of
from mudot.solvers.structured import diffusion

FaceMobility = Callable[[Cartesian, Array], Array]
"""The density that stands on the faces, shape (faces,), for cell averages of the mesh's shape."""


@dataclass(frozen=True)
class Wasserstein(Composable):
    """alpha times the Wasserstein geometry, alpha = `transport`: R* = alpha/2 int |grad xi|^2 dmu, and
    R(u) = 1/(2 alpha) int |v|^2 dmu for the gradient field v with u = -div(mu v) (Otto 2001; Zhu and Mielke, Ex. 2.2).

    flux: the two-point flux whose mobility stands on the faces; with it the flow of KL is that flux exactly. None is
    the logarithmic mean of mu (a flux for a constant target); `GradientFlow` puts the energy's own flux there.
    mobility: instead of a flux, any rule for the density on the faces, such as the one that an energy declares.
    """

    transport: float = 1.0
    flux: TwoPointFlux | None = None
    mobility: FaceMobility | None = None
    parts: ClassVar[tuple[str, ...]] = ("wasserstein",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("transport", self.transport)

    def __str__(self) -> str:
        return weighted(self.transport, "wasserstein")

    def on(self, library: ArrayLibrary) -> Wasserstein:
        """The flux on another device; a rule for the density goes where its energy goes."""
        return self if self.flux is None else replace(self, flux=self.flux.on(library))

    def scaled(self, factor: float) -> Wasserstein:
        """The weight multiplied by a factor."""
        return replace(self, transport=factor * self.transport)

    def onsager(self, mesh: Cartesian, density: Array) -> WassersteinOnsager:
        """K(mu) at one state."""
        if self.mobility is not None:
            mobility = self.mobility(mesh, density)
        else:
            mean = logarithmic_mean if self.flux is None else self.flux.mobility
            mobility = mean(*across(mesh, density))
        scale = density * (self.transport * stencil_of(mesh, density).stiffness)
        return WassersteinOnsager(mesh, mobility if self.transport == 1 else self.transport * mobility, scale)


@dataclass(frozen=True, eq=False)
class WassersteinOnsager:
    """-div(m grad .) with the mobility m = alpha mu on faces, shape (faces,); scale: about the diagonal, on cells."""

    mesh: Cartesian
    mobility: Array
    scale: Array

    def apply(self, xi: Array) -> Array:
        """-div(m grad xi)."""
        return -diffusion(self.mesh, self.mobility, xi)

    def dual(self, xi: Array) -> tuple[float, ...]:
        """1/2 sum over faces of |e| d_e m (grad xi)^2."""
        slope = gradient(self.mesh, xi)
        slope *= slope
        slope *= self.mobility
        return (0.5 * stencil_of(self.mesh, slope).total(slope),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 |u|^2 in H^-1(mu), from K phi = u; in 1D, without a guess, from the flux that sums the rate.

        Both are as good as the rate: an imbalance of round-off size between two places that only vacuum connects has,
        strictly speaking, a huge action. The solve stops above that; summing cannot.
        """
        if self.mesh.dimension == 1 and guess is None:
            return (self._primal_1d(rate.reshape(-1)),)
        phi = optimal_force(self, self.mesh, rate, guess)
        return (0.5 * integrate(self.mesh, rate * phi),)

    def _primal_1d(self, rate: Array) -> float:
        """The flux J with -div J = u is unique up to a constant: zero at a wall; on a circle the one that makes
        J/m a gradient, sum J d/m = 0. Each J is summed from the side where less has been added: tails stay exact."""
        xp = array_module(rate)
        places = stencil_of(self.mesh, rate)
        mass = rate * places.volumes
        count = self.mobility.shape[0]
        from_left = -xp.cumsum(mass)[:count]
        from_right = xp.flip(xp.cumsum(xp.flip(mass)))
        from_right = xp.concatenate([from_right[1:], 0 * from_right[:1]])[:count]
        moved = xp.cumsum(xp.abs(mass))[:count]
        flux = xp.where(moved < xp.abs(mass).sum() / 2, from_left, from_right)
        resistance = places.distance / self.mobility
        if self.mesh.boundary[0] == "periodic":
            flux = flux - (flux * resistance).sum() / resistance.sum()
        return 0.5 * float((flux * resistance * flux).sum())

    def diagonal(self) -> Array:
        """alpha mu times the sum over axes of 2/h^2: the diagonal where mu varies little from cell to cell."""
        return self.scale

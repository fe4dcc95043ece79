"""Flat geometries: the mobility of Fisher-Rao or Wasserstein frozen at a fixed measure omega (Zhu and Mielke 2024,
eqs. 3.13-3.15 and 4.10-4.12; section 5.3). K does not depend on mu: flows of quadratic energies are linear, and
nothing in the geometry keeps a density from becoming negative.

omega = pi:  flat Wasserstein of chi^2/2 is the Fokker-Planck equation (Sobolev discrepancy, Mroueh, Sercu and Raj 2019)
omega = 1:   L^2 and H^-1, the geometries of Allen-Cahn and Cahn-Hilliard
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, moved
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.fluxes import TwoPointFlux, scharfetter_gummel
from mudot.solvers.geometries.algebra import Composable, positive, weighted
from mudot.solvers.geometries.dekernelized import DeKernelizedFisherRao
from mudot.solvers.geometries.fisher_rao import FisherRaoOnsager
from mudot.solvers.geometries.sums import Sum
from mudot.solvers.geometries.wasserstein import WassersteinOnsager
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.operators import across, stencil_of


@dataclass(frozen=True, eq=False)
class FlatFisherRao(Composable):
    """beta times K xi = omega xi, R* = beta/2 int xi^2 domega, R = 1/(2 beta) int u^2/omega.

    reference: cell averages of omega, positive, the mesh's shape
    """

    reference: Array
    reaction: float = 1.0
    parts: ClassVar[tuple[str, ...]] = ("flat-fisher-rao",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("reaction", self.reaction)
        _check_reference(self.reference)

    def __str__(self) -> str:
        return weighted(self.reaction, "flat fisher-rao")

    def on(self, library: ArrayLibrary) -> FlatFisherRao:
        """The reference on another device."""
        return replace(self, reference=moved(self.reference, library))

    def scaled(self, factor: float) -> FlatFisherRao:
        """The weight multiplied by a factor."""
        return replace(self, reaction=factor * self.reaction)

    def onsager(self, mesh: Cartesian, density: Array) -> FisherRaoOnsager:
        """K, the same at every state."""
        return FisherRaoOnsager(mesh, self.reaction * self.reference, self.reaction)


@dataclass(frozen=True, eq=False)
class FlatWasserstein(Composable):
    """alpha times K xi = -div(omega grad xi), R* = alpha/2 int |grad xi|^2 domega.

    On faces omega is the mean 1/Lambda(1/a, 1/b) of its neighbours a, b: with omega = pi the flow of chi^2/2 is the
    Scharfetter-Gummel flux exactly.

    reference: cell averages of omega, positive, the mesh's shape
    """

    reference: Array
    transport: float = 1.0
    _known: dict[Cartesian, Array] = field(default_factory=dict, init=False, repr=False)
    parts: ClassVar[tuple[str, ...]] = ("flat-wasserstein",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("transport", self.transport)
        _check_reference(self.reference)

    def __str__(self) -> str:
        return weighted(self.transport, "flat wasserstein")

    def on(self, library: ArrayLibrary) -> FlatWasserstein:
        """The reference on another device."""
        return replace(self, reference=moved(self.reference, library))

    def scaled(self, factor: float) -> FlatWasserstein:
        """The weight multiplied by a factor."""
        return replace(self, transport=factor * self.transport)

    def onsager(self, mesh: Cartesian, density: Array) -> WassersteinOnsager:
        """K, the same at every state."""
        scale = self.transport * self.reference * stencil_of(mesh, density).stiffness
        return WassersteinOnsager(mesh, self.transport * self.mobility(mesh), scale)

    def mobility(self, mesh: Cartesian) -> Array:
        """omega on faces, shape (faces,): the same at every state, so computed once."""
        if mesh not in self._known:
            left, _ = across(mesh, self.reference)
            self._known[mesh] = left * scharfetter_gummel(mesh, array_module(left).log(self.reference)).forward
        return self._known[mesh]

    def flux(self, mesh: Cartesian, log_target: Array) -> TwoPointFlux:
        """The two-point flux omega (s_K - s_L), s = rho/pi, that is the flow of chi^2/2: of the detailed-balance
        family whatever omega is."""
        left, right = across(mesh, log_target)
        xp, mobility = array_module(left), self.mobility(mesh)
        return TwoPointFlux(mobility * xp.exp(-left), mobility * xp.exp(-right))


def kernel_sobolev_fisher(kernel: Kernel, reference: Array, weight: float = 1.0, regularization: float = 0.0) -> Sum:
    """The kernel-Sobolev-Fisher geometry K xi = -div(nu grad xi) + nu xi + 2 a K^-1 xi, a = `weight`, with
    K + regularization for K (Mroueh and Rigotti 2020; Zhu and Mielke 2024, Ex. 5.2, constants derived)."""
    inverse = DeKernelizedFisherRao(kernel, regularization, 2 * weight)
    return Sum((FlatWasserstein(reference), FlatFisherRao(reference), inverse))


def _check_reference(reference: Array) -> None:
    if not bool((reference > 0).all()):
        raise MudotError("reference: expected cell averages above zero everywhere")

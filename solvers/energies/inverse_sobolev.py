"""The squared distance to pi in H^-1(pi): its Wasserstein flow is LAWGD.

    F(mu) = 1/2 <mu - pi, psi>,  -div(pi grad psi) = mu - pi

is half the squared flat Wasserstein distance with reference pi. Its Wasserstein flow mu' = div(mu grad psi) is the
Laplacian-adjusted Wasserstein gradient descent of Chewi, Le Gouic, Lu, Maunu and Rigollet 2020 (derived): every mode
decays at rate 1, and d/dt KL(mu | pi) = -chi^2(mu | pi).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies.divergences import finite_logs, retargeted
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.linear import NotConverged
from mudot.solvers.operators import across, stencil_of
from mudot.solvers.weighted_poisson import weighted_poisson

_SAME = 1e-2
_FACTORED = 200_000
"""Cells of a plane up to which the matrix, which does not change, is factored once."""


@dataclass(frozen=True, eq=False)
class InverseSobolev:
    """1/2 |mu - pi|^2 in H^-1(pi), for measures of one mass.

    target, log_target: as for `PowerDivergence`. On faces pi is 1/Lambda(1/a, 1/b), as in the Scharfetter-Gummel flux.
    Raises NotConverged for measures whose mass is not that of pi.
    """

    target: Array
    log_target: Array = None
    _solvers: dict[tuple[Cartesian, str], Callable[[Array], Array]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_target", finite_logs(self.target, self.log_target))

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """`lawgd`."""
        return "lawgd"

    def on(self, library: ArrayLibrary) -> InverseSobolev:
        """The same energy with its data on another device."""
        return retargeted(self, library, _solvers={})

    def value(self, mesh: Cartesian, density: Array) -> float:
        """1/2 <mu - pi, psi>."""
        return 0.5 * integrate(mesh, self._gap(mesh, density) * self.first_variation(mesh, density))

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """psi, up to a constant."""
        gap = self._gap(mesh, density)
        key = (mesh, library_of(density).name)
        if key not in self._solvers:
            self._solvers[key] = self._solver(mesh, density)
        return self._solvers[key](gap)

    def _gap(self, mesh: Cartesian, density: Array) -> Array:
        """mu - pi, with pi scaled to the mass of mu: the stages of a step may miss it by a little."""
        share = integrate(mesh, density) / integrate(mesh, self.target)
        if abs(share - 1) > _SAME:
            raise NotConverged("lawgd: the measure has not the mass of the target; their H^-1 distance is infinite")
        return density - share * self.target

    def _solver(self, mesh: Cartesian, density: Array) -> Callable[[Array], Array]:
        """gap -> psi: in one sweep, by factors, or by conjugate gradients."""
        left, _ = across(mesh, self.target)
        mobility = left * scharfetter_gummel(mesh, self.log_target).forward
        if mesh.dimension == 1 and mesh.boundary[0] == "no-flux":
            return lambda gap: _summed(mesh, mobility, gap)
        if mesh.dimension <= 2 and mesh.size <= _FACTORED and isinstance(density, np.ndarray):
            return _factored(mesh, mobility, self.target)
        return weighted_poisson(mesh, self.log_target)


def _summed(mesh: Cartesian, mobility: Array, gap: Array) -> Array:
    """On a line with walls the flux is a sum of the gap, from the nearer side, and psi a sum of flux over mobility."""
    xp, places = array_module(gap), stencil_of(mesh, gap)
    mass = gap * places.volumes
    from_left, from_right = xp.cumsum(mass)[:-1], xp.flip(xp.cumsum(xp.flip(mass)))[1:]
    moved = xp.cumsum(xp.abs(mass))[:-1]
    flux = xp.where(moved < xp.abs(mass).sum() / 2, -from_left, from_right)
    steps = flux * places.distance / (mobility * places.area)
    return xp.concatenate([0 * gap[:1], xp.cumsum(steps)])


def _factored(mesh: Cartesian, mobility: Array, target: Array) -> Callable[[Array], Array]:
    """Factors of the matrix with psi fixed at the mode of pi, where most mass is."""
    faces, volume = mesh.faces, mesh.volumes.reshape(-1)
    weight = faces.transmissibility * mobility
    rows = np.concatenate([faces.left, faces.right, faces.left, faces.right])
    columns = np.concatenate([faces.right, faces.left, faces.left, faces.right])
    matrix = scipy.sparse.coo_array((np.concatenate([-weight, -weight, weight, weight]), (rows, columns)))
    pin, size = int(np.argmax(target)), mesh.size
    pinned = scipy.sparse.coo_array(([float(weight.max())], ([pin], [pin])), shape=(size, size))
    options = {"SymmetricMode": True, "DiagPivotThresh": 0.0}
    factors = scipy.sparse.linalg.splu(
        (matrix + pinned).tocsc(), "MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options
    )
    return lambda gap: factors.solve(volume * gap.reshape(-1)).reshape(mesh.shape)

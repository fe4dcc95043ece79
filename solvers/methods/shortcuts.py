"""Rates that are known without going through energy and geometry: the inverse of a kernel undoes the kernel."""

from __future__ import annotations

from collections.abc import Callable

from mudot.meshes.arrays import Array
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, MaximumMeanDiscrepancy
from mudot.solvers.geometries import DeKernelizedFisherRao, Geometry, Spherical, Sum
from mudot.solvers.linear import NotConverged

_SAME = 1e-9


def undone_kernel(mesh: Cartesian, energy: Energy, geometry: Geometry) -> Callable[[Array], Array] | None:
    """mu -> mu' for MMD^2/2 in a sum with the MMD geometry of the same kernel, unregularised:
    -beta K^-1 K(mu - pi) = -beta (mu - pi). None for everything else."""
    if not isinstance(energy, MaximumMeanDiscrepancy):
        return None
    plain = geometry.base if isinstance(geometry, Spherical) else geometry
    terms = plain.terms if isinstance(plain, Sum) else (plain,)
    bare = [_bare(term) for term in terms]
    own = [
        t for t in bare if isinstance(t, DeKernelizedFisherRao) and (t.kernel, t.regularization) == (energy.kernel, 0)
    ]
    others = tuple(term for term, inner in zip(terms, bare, strict=True) if inner not in own)
    if not own or not others:
        return None
    weight, rest = sum(term.reaction for term in own), Sum(others)
    spherical = any(isinstance(g, Spherical) for g in (geometry, *terms))

    def rate(density: Array) -> Array:
        gap = density - energy.target
        if spherical and abs(integrate(mesh, gap)) > _SAME * integrate(mesh, energy.target):
            raise NotConverged("the spherical mmd geometry of mmd needs a start with the mass of the target")
        return -rest.onsager(mesh, density).apply(energy.first_variation(mesh, density)) - weight * gap

    return rate


def _bare(geometry: Geometry) -> Geometry:
    return geometry.base if isinstance(geometry, Spherical) else geometry

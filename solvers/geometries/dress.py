"""Geometries completed by what an energy brings along; everything else stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mudot.meshes.arrays import Array
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.geometries.dekernelized import DeKernelizedFisherRao
from mudot.solvers.geometries.kernelized import KernelApproximateFisherRao
from mudot.solvers.geometries.protocol import Geometry
from mudot.solvers.geometries.spherical import Spherical
from mudot.solvers.geometries.stein import KernelApproximateWasserstein
from mudot.solvers.geometries.sums import Sum
from mudot.solvers.geometries.wasserstein import FaceMobility, Wasserstein
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.warm import RidgeMemory


def everywhere(geometry: Geometry, change: Callable[[Geometry], Geometry]) -> Geometry:
    """The geometry with a change made to each of its elementary parts."""
    if isinstance(geometry, Sum):
        return Sum(tuple(everywhere(term, change) for term in geometry.terms))
    if isinstance(geometry, Spherical):
        return Spherical(everywhere(geometry.base, change))
    return change(geometry)


def with_flux(geometry: Geometry, flux: TwoPointFlux) -> Geometry:
    """A two-point flux in Wasserstein parts that have none."""

    def change(part: Geometry) -> Geometry:
        return replace(part, flux=flux) if isinstance(part, Wasserstein) and part.flux is None else part

    return everywhere(geometry, change)


def with_mobility(geometry: Geometry, mobility: FaceMobility) -> Geometry:
    """A rule for the density on faces in Wasserstein parts that have no flux."""

    def change(part: Geometry) -> Geometry:
        return replace(part, mobility=mobility) if isinstance(part, Wasserstein) and part.flux is None else part

    return everywhere(geometry, change)


def with_origin(geometry: Geometry, kernel: Kernel, origin: Array) -> Geometry:
    """The measure at which forces vanish in MMD parts with this kernel."""

    def change(part: Geometry) -> Geometry:
        own = isinstance(part, DeKernelizedFisherRao) and part.kernel == kernel
        return replace(part, origin=origin) if own else part  # type: ignore[type-var]

    return everywhere(geometry, change)


def with_memory(geometry: Geometry) -> Geometry:
    """A fresh memory in ridge parts: for a stretch of a run whose solves start from those before."""

    def change(part: Geometry) -> Geometry:
        ridge = isinstance(part, KernelApproximateFisherRao | KernelApproximateWasserstein)
        return replace(part, memory=RidgeMemory()) if ridge else part  # type: ignore[type-var]

    return everywhere(geometry, change)

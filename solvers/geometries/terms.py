"""Sums of geometries taken apart into elementary terms."""

from __future__ import annotations

from dataclasses import dataclass

from mudot.solvers.geometries.protocol import Geometry
from mudot.solvers.geometries.spherical import Spherical
from mudot.solvers.geometries.sums import Sum


@dataclass(frozen=True)
class Term:
    """An elementary part of a geometry, and whether it stands under `Spherical`."""

    geometry: Geometry
    spherical: bool


def terms(geometry: Geometry, spherical: bool = False) -> tuple[Term, ...]:
    """The elementary parts of a geometry; transport conserves mass by itself."""
    if isinstance(geometry, Spherical):
        return terms(geometry.base, True)
    if isinstance(geometry, Sum):
        return tuple(found for term in geometry.terms for found in terms(term, spherical))
    return (Term(geometry, spherical and not geometry.conserves_mass),)

"""Geometries: Onsager operators K(mu), their dual potentials R* and primal potentials R."""

from mudot.solvers.geometries.fisher_rao import FisherRao
from mudot.solvers.geometries.protocol import Geometry, Onsager
from mudot.solvers.geometries.spherical import Spherical
from mudot.solvers.geometries.sums import Sum
from mudot.solvers.geometries.wasserstein import Wasserstein

__all__ = ["FisherRao", "Geometry", "Onsager", "Spherical", "Sum", "Wasserstein"]

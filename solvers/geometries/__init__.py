"""Geometries: Onsager operators K(mu), their dual potentials R* and primal potentials R."""

from mudot.solvers.geometries.dekernelized import DeKernelizedFisherRao, DeStein
from mudot.solvers.geometries.fisher_rao import FisherRao
from mudot.solvers.geometries.flat import FlatFisherRao, FlatWasserstein, kernel_sobolev_fisher
from mudot.solvers.geometries.kernelized import KernelApproximateFisherRao, KernelizedFisherRao
from mudot.solvers.geometries.protocol import Geometry, Onsager, Reaction
from mudot.solvers.geometries.regression import (
    LocalRegressionFisherRao,
    LocalRegressionWasserstein,
    SymmetrizedRegressionFisherRao,
    SymmetrizedRegressionWasserstein,
)
from mudot.solvers.geometries.spherical import Spherical
from mudot.solvers.geometries.stein import KernelApproximateWasserstein, Stein
from mudot.solvers.geometries.sums import Sum
from mudot.solvers.geometries.wasserstein import Wasserstein

__all__ = [
    "DeKernelizedFisherRao",
    "DeStein",
    "FisherRao",
    "FlatFisherRao",
    "FlatWasserstein",
    "Geometry",
    "KernelApproximateFisherRao",
    "KernelApproximateWasserstein",
    "KernelizedFisherRao",
    "LocalRegressionFisherRao",
    "LocalRegressionWasserstein",
    "Onsager",
    "Reaction",
    "Spherical",
    "Stein",
    "Sum",
    "SymmetrizedRegressionFisherRao",
    "SymmetrizedRegressionWasserstein",
    "Wasserstein",
    "kernel_sobolev_fisher",
]

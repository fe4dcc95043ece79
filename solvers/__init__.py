"""Gradient flows of measures: energy x geometry = flow."""

from mudot.solvers.energies import (
    Hellinger,
    KullbackLeibler,
    PowerDivergence,
    ReverseKullbackLeibler,
    chi_squared,
)
from mudot.solvers.flows import GradientFlow, Solution, solve
from mudot.solvers.geometries import FisherRao, Spherical, Sum, Wasserstein

__all__ = [
    "FisherRao",
    "GradientFlow",
    "Hellinger",
    "KullbackLeibler",
    "PowerDivergence",
    "ReverseKullbackLeibler",
    "Solution",
    "Spherical",
    "Sum",
    "Wasserstein",
    "chi_squared",
    "solve",
]

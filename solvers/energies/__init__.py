"""Energies F(mu): their values and first variations."""

from mudot.solvers.energies.discrepancies import MaximumMeanDiscrepancy
from mudot.solvers.energies.divergences import (
    NAMED,
    Hellinger,
    KullbackLeibler,
    PowerDivergence,
    ReverseKullbackLeibler,
    chi_squared,
)
from mudot.solvers.energies.information import JensenShannon, Renyi
from mudot.solvers.energies.protocol import Energy

__all__ = [
    "NAMED",
    "Energy",
    "Hellinger",
    "JensenShannon",
    "KullbackLeibler",
    "MaximumMeanDiscrepancy",
    "PowerDivergence",
    "Renyi",
    "ReverseKullbackLeibler",
    "chi_squared",
]

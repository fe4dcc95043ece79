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
from mudot.solvers.energies.free import FreeEnergy
from mudot.solvers.energies.information import JensenShannon, Renyi
from mudot.solvers.energies.inverse_sobolev import InverseSobolev
from mudot.solvers.energies.network import ShallowNetwork
from mudot.solvers.energies.neurons import Neurons
from mudot.solvers.energies.protocol import ChainRule, Energy, NonLocal, Pointwise
from mudot.solvers.energies.regularized import DeRegularizedMMD, Kale, Moreau
from mudot.solvers.energies.stein_discrepancy import KernelSteinDiscrepancy

__all__ = [
    "NAMED",
    "ChainRule",
    "DeRegularizedMMD",
    "Energy",
    "FreeEnergy",
    "Hellinger",
    "InverseSobolev",
    "JensenShannon",
    "Kale",
    "KernelSteinDiscrepancy",
    "KullbackLeibler",
    "MaximumMeanDiscrepancy",
    "Moreau",
    "Neurons",
    "NonLocal",
    "Pointwise",
    "PowerDivergence",
    "Renyi",
    "ReverseKullbackLeibler",
    "ShallowNetwork",
    "chi_squared",
]

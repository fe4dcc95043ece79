"""Kernels, their integral operators on cells and faces, ridge regression and regularised inverses."""

from mudot.solvers.kernels.functions import (
    EnergyDistanceKernel,
    GaussianKernel,
    InverseMultiquadricKernel,
    Kernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
)
from mudot.solvers.kernels.operators import KernelOperator, kernel_operator
from mudot.solvers.kernels.solves import RidgeSolution, inverse, ridge, ridge_preconditioner
from mudot.solvers.kernels.warm import RidgeMemory

__all__ = [
    "EnergyDistanceKernel",
    "GaussianKernel",
    "InverseMultiquadricKernel",
    "Kernel",
    "KernelOperator",
    "LaplaceKernel",
    "MaternKernel",
    "PolynomialKernel",
    "RidgeMemory",
    "RidgeSolution",
    "inverse",
    "kernel_operator",
    "ridge",
    "ridge_preconditioner",
]

"""Kernel operators are built once per kernel, mesh and device."""

from __future__ import annotations

from functools import lru_cache

from mudot.meshes.arrays import ArrayLibrary
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.operators import KernelOperator, kernel_operator


@lru_cache(maxsize=8)
def operator_on(kernel: Kernel, mesh: Cartesian, library: ArrayLibrary) -> KernelOperator:
    """`kernel_operator`, remembered. Raises MudotError as it does."""
    return kernel_operator(kernel, mesh, library)

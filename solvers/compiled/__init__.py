"""Compiled loops: the one place of them. Each has a twin in array passes, which is its fallback and its oracle.

With Numba (`pip install 'mudot[fast]'`) arrays of the host on uniform meshes go through these; everything else, and
everything without Numba, through the passes. One thread each, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def stencils() -> Any:
    """The compiled loops, or None without Numba."""
    try:
        from mudot.solvers.compiled import loops
    except ImportError:
        return None
    return loops


@cache
def banded() -> Any:
    """The compiled products with matrices of a few diagonals, or None without Numba."""
    try:
        from mudot.solvers.compiled import diagonals as loops
    except ImportError:
        return None
    return loops


@cache
def polynomials() -> Any:
    """The compiled steps of super-time-stepping, or None without Numba."""
    try:
        from mudot.solvers.compiled import legendre
    except ImportError:
        return None
    return legendre

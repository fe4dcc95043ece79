"""Compiled loops: the one place of them. Each has a twin in array passes, which is its fallback and its oracle.

On a device: the fused CUDA kernels of `cells.cuh`, through `fused`. On the host:

With Numba (`pip install 'mudot[fast]'`) arrays of the host on uniform meshes go through these; everything else, and
everything without Numba, through the passes. One thread each, so that results do not depend on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.solvers.compiled.cells import LARGEST, Kernels

_makers: dict[str, Callable[[], Kernels | None]] = {}


def register(library: str, maker: Callable[[], Kernels | None]) -> None:
    """Make the fused kernels for the arrays of a library, by its name, known to `fused`."""
    _makers[library] = maker


def fused_on(library: ArrayLibrary) -> Kernels | None:
    """The fused kernels on the device of a library, or None on the host."""
    maker = _makers.get(library.name)
    return None if maker is None else maker()


def fused(array: Array) -> Kernels | None:
    """The fused kernels for arrays like this one, or None: on the host, and for arrays that they do not take."""
    kernels = fused_on(library_of(array))
    return kernels if kernels is not None and array.dtype == float and array.size < LARGEST else None


def _of_cupy() -> Kernels:
    from mudot.solvers.compiled import cuda

    return cuda.kernels()


register("cupy", _of_cupy)


@cache
def _loops(name: str) -> Any:
    """A module of compiled loops, or None without Numba."""
    try:
        return import_module(f"{__name__}.{name}")
    except ImportError:
        return None


def stencils() -> Any:
    """The compiled differences of powers, or None without Numba."""
    return _loops("loops")


def banded() -> Any:
    """The compiled products with matrices of a few diagonals, or None without Numba."""
    return _loops("diagonals")


def polynomials() -> Any:
    """The compiled steps of super-time-stepping, or None without Numba."""
    return _loops("legendre")


def on_faces() -> Any:
    """The compiled passes over faces, or None without Numba."""
    return _loops("faces")


def along_lines() -> Any:
    """The compiled resolvents along lines, or None without Numba."""
    return _loops("resolvents")

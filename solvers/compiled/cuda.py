"""The fused kernels compiled by CuPy and started on its device."""

from __future__ import annotations

from functools import cache
from typing import Any

from mudot.meshes.arrays import cupy_library
from mudot.solvers.compiled.cells import Kernels, source

OPTIONS = ("--fmad=false",)
"""Products and sums are not contracted, so that they round as on the host; nothing here is bound by arithmetic."""
THREADS = 256


@cache
def kernels() -> Kernels:
    """The kernels of the current device. CuPy compiles them when the first is started, and keeps them on disk."""
    import cupy  # type: ignore[import-not-found, import-untyped, unused-ignore]

    module = cupy.RawModule(code=source(), options=OPTIONS)
    functions: dict[str, Any] = {}

    def launch(kernel: str, threads: int, given: tuple[Any, ...]) -> None:
        if kernel not in functions:
            functions[kernel] = module.get_function(kernel)
        functions[kernel]((-(-threads // THREADS),), (THREADS,), given)

    return Kernels(cupy_library(), launch)

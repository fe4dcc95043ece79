"""The text of the CUDA kernels compiled by a C++ compiler of the host, and run there: no device, no CUDA.

A prelude gives the words of CUDA a meaning on the host; the text itself is not touched. Threads are gone through one
by one, in any order, so indices, guards and launch sizes are those of a device. What this cannot show: a device's exp
and log (other last digits), speed; that threads cannot race is read from the text (`test_races`).
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from mudot.meshes.arrays import ArrayLibrary, numpy_library
from mudot.solvers.compiled.cells import Kernels, Launch, parameters, source

PRELUDE = """
#include <cmath>
using std::log; using std::log1p; using std::exp;
#define __global__
#define __device__
#define __forceinline__ inline
#define __launch_bounds__(threads)
struct Index { unsigned x; };
static Index blockIdx, threadIdx, blockDim, gridDim;
"""
FLAGS = (
    *("-O2", "-std=c++17", "-ffp-contract=off", "-fPIC", "-shared"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"),
)
"""No contraction and no unsafe mathematics: the meaning of --fmad=false. Every warning is an error."""
Order = Literal["forwards", "backwards", "shuffled"]
COMPILERS = ("c++", "g++", "clang++")
_TYPES = {"int": ctypes.c_int, "double": ctypes.c_double}


def compiler() -> str | None:
    """A C++ compiler of this machine, or None."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def starter(kernel: str) -> str:
    """A function of the host that runs all threads of a kernel, every `stride`-th one of all blocks, round and round:
    a stride without a factor in common with their number meets each once."""
    given = parameters()[kernel]
    declared = ", ".join(f"{kind} p{number}" for number, (kind, _) in enumerate(given))
    passed = ", ".join(f"p{number}" for number in range(len(given)))
    return f"""
extern "C" void start_{kernel}(unsigned blocks, unsigned threads, unsigned stride, {declared})
{{
    gridDim.x = blocks; blockDim.x = threads;
    const unsigned long long count = (unsigned long long)blocks * threads;
    for (unsigned long long k = 0; k < count; ++k) {{
        const unsigned long long number = k * stride % count;
        blockIdx.x = (unsigned)(number / threads);
        threadIdx.x = (unsigned)(number % threads);
        {kernel}({passed});
    }}
}}"""


def _stride(order: Order, count: int) -> int:
    """Backwards is by all but one; a shuffle goes by about the golden section, so that neighbours are far apart."""
    if order != "shuffled" or count < 3:
        return 1 if order == "forwards" else max(1, count - 1)
    return next(s for s in range(int(0.618 * count), count) if math.gcd(s, count) == 1)


def library() -> ctypes.CDLL:
    """All kernels. Skips the test that asks where there is no compiler; fails it where the text does not compile."""
    found = compiler()
    if found is None:
        pytest.skip(f"no C++ compiler on this machine (looked for {', '.join(COMPILERS)})")
    made = _built(found)
    assert not isinstance(made, str), made
    return made


@cache
def _built(found: str) -> ctypes.CDLL | str:
    """The text compiled, once for every text, or what the compiler said."""
    text = "\n".join([PRELUDE, source(), *map(starter, parameters())])
    key = hashlib.sha256(f"{found} {FLAGS} {text}".encode()).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"mudot-kernels-{os.getuid()}-{key}.so"
    if not built.exists():
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "kernels.so"
            (Path(folder) / "kernels.cpp").write_text(text)
            command = [found, *FLAGS, "kernels.cpp", "-o", made.name]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                return done.stderr
            # Another process may build the same: whoever is last replaces equal by equal.
            kept = built.with_suffix(f".{os.getpid()}")
            shutil.copy(made, kept)
            kept.replace(built)
    return ctypes.CDLL(str(built))


GUARD = 64
"""Entries of NaN on either side of every array in a guarded start: a read beyond an array shows in the result, a write
in the guard."""


class _Guarded:
    """A copy of an array between guards."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.fence = np.full(2 * GUARD + array.size, np.nan if array.dtype == float else -1, array.dtype)
        self.inside = slice(GUARD, GUARD + array.size)
        self.fence[self.inside] = array.reshape(-1)

    def give_back(self) -> None:
        """Copy the values back. Raises AssertionError where something was written outside."""
        self.array.reshape(-1)[:] = self.fence[self.inside]
        self.fence[self.inside] = self.fence[0]
        assert np.array_equal(self.fence, np.full_like(self.fence, self.fence[0]), equal_nan=True), "wrote outside"


def launch(
    values: Callable[[Any], np.ndarray] = lambda array: array,
    threads: int = 256,
    order: Order = "forwards",
    guarded: bool = False,
    seen: list[str] | None = None,
) -> Launch:
    """Start kernels on the host. values: the memory behind an array; order: of the threads; guarded: work on copies
    between guards; seen: a list that gets their names."""
    functions = library()

    def start(kernel: str, count: int, given: tuple[Any, ...]) -> None:
        if seen is not None:
            seen.append(kernel)
        numbers: list[Any] = []
        fences: list[_Guarded] = []
        for (kind, _), value in zip(parameters()[kernel], given, strict=True):
            if kind in _TYPES:
                numbers.append(_TYPES[kind](value))
            elif guarded:
                fences.append(_Guarded(values(value)))
                numbers.append(ctypes.c_void_p(fences[-1].fence[GUARD:].ctypes.data))
            else:
                numbers.append(ctypes.c_void_p(values(value).ctypes.data))
        function = getattr(functions, f"start_{kernel}")
        blocks = -(-count // threads)
        function(*map(ctypes.c_uint, (blocks, threads, _stride(order, blocks * threads))), *numbers)
        for fence in fences:
            fence.give_back()

    return start


def on_host(**options: Any) -> Kernels:
    """The kernels for arrays of NumPy."""
    return Kernels(numpy_library(), launch(**options))


def on(device: ArrayLibrary, values: Callable[[Any], np.ndarray], **options: Any) -> Kernels:
    """The kernels for arrays of a stand-in, whose values lie in memory of the host."""
    return Kernels(device, launch(values, **options))

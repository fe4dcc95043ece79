"""What a run will need, said before it starts, and a refusal where it cannot fit."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from mudot.meshes import threads
from mudot.meshes.arrays import ArrayLibrary
from mudot.meshes.errors import MudotError
from mudot.solvers.methods.newton_stages import FACTORED

_INTERPRETER = 135e6
_FACTORS = 256e6
_LOOPS, _LARGE = 110e6, 1 << 14
"""What compiled loops take, and the cells from which they are used."""


@dataclass(frozen=True)
class Needs:
    """Bytes of memory and disk that a run needs, and what there is of them; the memory is that of the device."""

    memory: float
    disk: float
    memory_available: float
    disk_available: float
    device: str = "cpu"

    def __str__(self) -> str:
        return (
            f"{in_bytes(self.memory)} of memory ({in_bytes(self.memory_available)} available on the {self.device}), "
            f"{in_bytes(self.disk)} of disk ({in_bytes(self.disk_available)} available)"
        )

    def check(self) -> None:
        """Raise MudotError where the run cannot fit."""
        if self.memory > self.memory_available:
            raise MudotError(
                f"[mesh] cells: the run needs {in_bytes(self.memory)} of memory, {in_bytes(self.memory_available)} "
                f"are available on the {self.device}; use fewer cells"
            )
        if self.disk > self.disk_available:
            raise MudotError(
                f"[time] outputs: the result needs {in_bytes(self.disk)} of disk, {in_bytes(self.disk_available)} "
                "are available; store fewer times"
            )


def memory(cells: tuple[int, ...], transport: bool, kernel: bool = False, linear: bool = False) -> float:
    """Peak memory of a run in bytes, above what is measured on meshes of every dimension by up to a third, for a linear
    flow by up to a tenth.

    Pointwise flows hold a dozen arrays; with a kernel, Runge-Kutta stages and padded transforms besides. A linear flow
    (Wasserstein of KL, with a reaction or without) holds its data, the densities at ten nodes, a matrix of 2d
    diagonals, the flux over d faces a cell and a linear solve, and four arrays more where two threads make both ends of
    an enclosure; other transport Jacobians and multigrid besides, and in the plane, up to a number of cells, factors of
    14 log2(cells) arrays. Dense factors of separable potentials are kept within a fixed number of bytes.
    """
    size = float(math.prod(cells))
    squares = float(sum(n**2 for n in cells))
    if kernel:
        padded = float(6 * 2 ** len(cells))
        faces = 25 * len(cells) if transport else 0
        return _INTERPRETER + 8 * size * (30 + padded + faces) + 24 * squares
    if not transport:
        return _INTERPRETER + 8 * size * 18
    loops = _LOOPS if size >= _LARGE else 0.0
    if linear:
        arrays = 30.0 + 5 * len(cells) + (4 if threads.count() > 1 else 0)
    else:
        plane = sum(n > 1 for n in cells) == 2 and size <= FACTORED
        arrays = 28.0 + 30 * len(cells) + (14 * math.log2(size) if plane else 0)
    return _INTERPRETER + loops + float(min(_FACTORS, 192 * squares)) + 8 * size * arrays


def needs(
    cells: tuple[int, ...],
    transport: bool,
    kernel: bool,
    disk: float,
    folder: Path,
    library: ArrayLibrary,
    linear: bool = False,
) -> Needs:
    """Needs of a run on the device of a library that writes a result of `disk` bytes into a folder."""
    free = float(shutil.disk_usage(folder).free)
    return Needs(memory(cells, transport, kernel, linear), disk, library.free(), free, library.device)


def in_bytes(number: float) -> str:
    """A number of bytes as a person reads it.

    >>> in_bytes(1536), in_bytes(2.5e9)
    ('1.54 kB', '2.5 GB')
    """
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000 or unit == "TB":
            break
        number /= 1000
    return f"{number:.3g} {unit}" if number < 100 else f"{number:.0f} {unit}"

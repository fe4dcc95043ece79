"""What a run is said to need is enough for it, and what cannot fit is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mudot.meshes import threads
from mudot.meshes.arrays import numpy_library
from mudot.meshes.errors import MudotError
from mudot.solvers.resources import Needs, memory, needs

RUN = """
import sys
import numpy as np
import mudot.solvers.commands
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import *
from mudot.solvers.energies import JensenShannon
from mudot.solvers.geometries import KernelApproximateFisherRao
from mudot.solvers.kernels.functions import InverseMultiquadricKernel
mesh = Cartesian(tuple(map(int, sys.argv[2:])), (-4.0,) * len(sys.argv[2:]), (4.0,) * len(sys.argv[2:]))
x = mesh.coordinates
log_target = -sum(a**2 for a in x) / 2 - 0.3 * x[0] * x[-1]
start = np.exp(-sum((a - 0.5) ** 2 for a in x))
energy = KullbackLeibler(np.exp(log_target), log_target)
if sys.argv[1].startswith("implicit"):
    energy = JensenShannon(np.exp(log_target))
geometry = {
    "reaction": FisherRao(),
    "transport": Wasserstein(),
    "both": Spherical(Wasserstein() + FisherRao()),
    "implicit": Wasserstein(),
    "implicit both": Wasserstein() + FisherRao(),
    "kernel": KernelApproximateFisherRao(InverseMultiquadricKernel(1.0), 1e3),
}[sys.argv[1]]
flow = GradientFlow(mesh, energy, geometry)
assert solve(flow, start, [0.0, 0.01], rtol=1e-2).status == "complete"
from mudot.validation.cases.books import peak_memory
print(peak_memory())
"""


CASES = [
    *((kind, cells) for kind in ("reaction", "transport", "both") for cells in ((300, 280), (40, 44, 48))),
    *(("kernel", cells) for cells in ((160, 150), (24, 28, 26))),
    *(("implicit", cells) for cells in ((96, 90), (34, 32, 30))),
    ("implicit both", (140, 130)),
    pytest.param("implicit", (260, 240), marks=pytest.mark.slow),
]
FACTORS = {"transport": 0.75, "both": 0.75, "reaction": 0.4, "kernel": 0.4, "implicit": 0.7, "implicit both": 0.7}
"""What a run takes at least of what is announced."""


@pytest.mark.parametrize(("kind", "cells"), CASES)
def test_the_announced_memory_suffices_and_is_not_absurd(kind: str, cells: tuple[int, ...]) -> None:
    assert FACTORS[kind] * announced(kind, cells) < peak(kind, cells, threads.count()) < announced(kind, cells)


def test_two_threads_hold_what_is_announced_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = (300, 280)
    monkeypatch.setattr(threads, "count", lambda: 2)
    two = announced("transport", cells)
    assert 0.75 * two < peak("transport", cells, 2) < two
    monkeypatch.setattr(threads, "count", lambda: 1)
    assert two - announced("transport", cells) == 4 * 8 * 300 * 280


def announced(kind: str, cells: tuple[int, ...]) -> float:
    linear, kernel = kind in ("transport", "both"), kind == "kernel"
    return memory(cells, transport=linear or kind.startswith("implicit"), kernel=kernel, linear=linear)


def peak(kind: str, cells: tuple[int, ...], count: int) -> float:
    """Bytes that a run in a process of its own took, on so many threads."""
    command = [sys.executable, "-c", RUN, kind, *map(str, cells)]
    allowed = os.environ | {"OMP_NUM_THREADS": str(count)}
    return float(subprocess.run(command, capture_output=True, text=True, check=True, env=allowed).stdout)


def test_needs_that_exceed_memory_or_disk_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MudotError, match=r"cells.*use fewer cells"):
        Needs(memory=2e9, disk=0.0, memory_available=1e9, disk_available=1e9).check()
    with pytest.raises(MudotError, match=r"outputs.*store fewer times"):
        Needs(memory=0.0, disk=2e9, memory_available=1e9, disk_available=1e9).check()
    with pytest.raises(MudotError, match="memory"):
        needs((4096, 4096, 4096), True, False, 0.0, tmp_path, numpy_library()).check()
    needs((64,), True, True, 0.0, tmp_path, numpy_library()).check()

"""What a run is said to need is enough for it, and what cannot fit is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mudot.meshes.arrays import numpy_library
from mudot.meshes.errors import MudotError
from mudot.solvers.resources import Needs, memory, needs

RUN = """
import sys
import numpy as np
import mudot.solvers.commands
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import *
from mudot.solvers.geometries import KernelApproximateFisherRao
from mudot.solvers.kernels.functions import InverseMultiquadricKernel
mesh = Cartesian(tuple(map(int, sys.argv[2:])), (-4.0,) * len(sys.argv[2:]), (4.0,) * len(sys.argv[2:]))
x = mesh.coordinates
log_target = -sum(a**2 for a in x) / 2 - 0.3 * x[0] * x[-1]
start = np.exp(-sum((a - 0.5) ** 2 for a in x))
geometry = {
    "reaction": FisherRao(),
    "transport": Wasserstein(),
    "both": Spherical(Wasserstein() + FisherRao()),
    "kernel": KernelApproximateFisherRao(InverseMultiquadricKernel(1.0), 1e3),
}[sys.argv[1]]
flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_target), log_target), geometry)
assert solve(flow, start, [0.0, 0.01], rtol=1e-2).status == "complete"
from mudot.validation.cases.books import peak_memory
print(peak_memory())
"""


CASES = [
    *((kind, cells) for kind in ("reaction", "transport", "both") for cells in ((300, 280), (40, 44, 48))),
    *(("kernel", cells) for cells in ((160, 150), (24, 28, 26))),
]


@pytest.mark.parametrize(("kind", "cells"), CASES)
def test_the_announced_memory_suffices_and_is_not_absurd(kind: str, cells: tuple[int, ...]) -> None:
    command = [sys.executable, "-c", RUN, kind, *map(str, cells)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak = float(done.stdout)
    linear = kind in ("transport", "both")
    announced = memory(cells, transport=linear, kernel=kind == "kernel", linear=linear)
    assert (0.75 if linear else 0.4) * announced < peak < announced


def test_needs_that_exceed_memory_or_disk_are_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(MudotError, match=r"cells.*use fewer cells"):
        Needs(memory=2e9, disk=0.0, memory_available=1e9, disk_available=1e9).check()
    with pytest.raises(MudotError, match=r"outputs.*store fewer times"):
        Needs(memory=0.0, disk=2e9, memory_available=1e9, disk_available=1e9).check()
    with pytest.raises(MudotError, match="memory"):
        needs((4096, 4096, 4096), True, False, 0.0, tmp_path, numpy_library()).check()
    needs((64,), True, True, 0.0, tmp_path, numpy_library()).check()

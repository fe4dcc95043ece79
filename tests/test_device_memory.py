"""Memory on a device: a run takes no more than was announced, and says in one line where there is none left."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes import arrays
from mudot.meshes.arrays import ArrayLibrary
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import FisherRao, GradientFlow, KullbackLeibler, Wasserstein, solve
from mudot.solvers.geometries import Geometry, KernelApproximateFisherRao
from mudot.solvers.kernels.functions import InverseMultiquadricKernel
from mudot.solvers.resources import memory
from mudot.validation.cli import main
from tests import device
from tests.devices import everywhere, library_at
from tests.test_device_runs import PROBLEM

SIZES = {
    "stand-in": {"reaction": (60, 50), "transport": (60, 50), "kernel": (40, 30)},
    "gpu": {"reaction": (2048, 2048), "transport": (128, 128, 128), "kernel": (128, 128, 128)},
}
GEOMETRIES: dict[str, Geometry] = {
    "reaction": FisherRao(),
    "transport": Wasserstein() + FisherRao(),
    "kernel": KernelApproximateFisherRao(InverseMultiquadricKernel(1.0), 1e3),
}


@contextmanager
def peak(library: ArrayLibrary) -> Iterator[Callable[[], float]]:
    """The most bytes that arrays took in the block, asked for at its end: those of CuPy's pool, which gives nothing
    back by itself; or for the stand-in, whose arrays are NumPy's, those that Python saw."""
    if library is device.library():
        tracemalloc.start()
        try:
            yield lambda: float(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    else:
        pool = library.xp.get_default_memory_pool()
        pool.free_all_blocks()
        before = pool.total_bytes()
        yield lambda: float(pool.total_bytes() - before)


@everywhere
@pytest.mark.parametrize("kind", GEOMETRIES)
def test_a_run_takes_no_more_memory_than_was_announced(kind: str, where: str) -> None:
    library, cells = library_at(where), SIZES[where][kind]
    mesh = Cartesian(cells, (-4.0,) * len(cells), (4.0,) * len(cells))
    x = mesh.coordinates
    log_target = -sum((a**2 for a in x), np.zeros(cells)) / 2 - 0.3 * x[0] * x[-1]
    start = np.exp(-sum(((a - 0.5) ** 2 for a in x), np.zeros(cells)))
    flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_target), log_target), GEOMETRIES[kind])
    with peak(library) as most:
        assert solve(flow, library.to_device(start), [0.0, 0.01], rtol=1e-2).status == "complete"
        used = most()
    linear = kind == "transport"
    assert 1e5 < used < memory(cells, transport=linear, kernel=kind == "kernel", linear=linear)


@pytest.mark.gpu
def test_a_gpu_without_memory_left_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """CuPy's own exception, from a pool with a limit; what the stand-in shows of this is in `test_device_runs`."""
    library = library_at("gpu")
    problem = tmp_path / "problem.toml"
    problem.write_text(PROBLEM.replace("cells = [12, 10]", "cells = [512, 512]"))
    pool = library.xp.get_default_memory_pool()
    monkeypatch.setitem(arrays._DEVICES, "gpu", lambda: library)
    pool.free_all_blocks()
    # Room for the data and not for the run.
    pool.set_limit(size=int(pool.total_bytes() + 60 * 8 * 512**2))
    try:
        status = main(["run", str(problem), "--output", str(tmp_path / "result.h5"), "--device", "gpu"])
    finally:
        pool.set_limit(size=0)
        pool.free_all_blocks()
    said = capsys.readouterr()
    assert status == 1
    assert "no memory left on the gpu" in said.out and "Traceback" not in said.out + said.err

"""A linear flow holds few arrays of the mesh's size: counted, beside the data that it is given."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from mudot.meshes import threads
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import FisherRao, GradientFlow, KullbackLeibler, Wasserstein, flows, solve
from mudot.solvers.geometries import Geometry
from mudot.solvers.methods.semigroup import FokkerPlanck

PLANE = (280, 260)
SPACE = (56, 52, 48)


def data(cells: tuple[int, ...]) -> tuple[Cartesian, np.ndarray, np.ndarray]:
    """A mesh, log pi of a coupled double well, and a start."""
    mesh = Cartesian(cells, (-3.0,) * len(cells), (3.0,) * len(cells))
    x, *rest = mesh.coordinates
    wells = (x**2 - 1) ** 2 + sum(y**2 for y in rest) / 2
    start = np.exp(-((x + 0.6) ** 2 + sum((y - 0.8) ** 2 for y in rest)) / 0.18)
    return mesh, -wells - 0.4 * x * rest[0] + np.zeros(cells), start + np.zeros(cells)


def arrays_at_most(run: Callable[[], object], size: int) -> float:
    """The largest number of arrays of so many cells at once."""
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1] / (8 * size)
    finally:
        tracemalloc.stop()


@pytest.fixture(autouse=True)
def one_thread_and_loops_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Numba and the C library take for themselves is not counted."""
    pytest.importorskip("numba")
    monkeypatch.setattr(threads, "count", lambda: 1)
    monkeypatch.setattr(flows, "keep_freed", lambda: None)
    compile_all()


@cache
def compile_all() -> None:
    """Every loop that the runs below go through: compiling one, where no cache has it, would count as arrays."""
    mesh, log_target, start = data((130, 130))
    FokkerPlanck(mesh, log_target).advance(start, 1e-4, 1.0, 1e-6)
    flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_target), log_target), Wasserstein())
    solve(flow, start, [0.0, 1e-3], rtol=1e-2)


@pytest.mark.parametrize("cells", [PLANE, SPACE])
@pytest.mark.parametrize("duration", [0.002, 0.3])
def test_an_exponential_needs_at_most_twelve_arrays(cells: tuple[int, ...], duration: float) -> None:
    """From the set-up to the result, by uniformization alone and by the series."""
    mesh, log_target, start = data(cells)
    most = arrays_at_most(lambda: FokkerPlanck(mesh, log_target).advance(start, duration, 1.0, 1e-6), mesh.size)
    assert 8 < most < 12


LEDGER = {"wasserstein": (Wasserstein(), 35, 41), "both": (Wasserstein() + FisherRao(), 27, 33)}
"""A geometry, and arrays in the plane and in space: the densities at the ten nodes of a panel, the matrix, the flux on
the faces, and a linear solve for R."""


@pytest.mark.parametrize("name", LEDGER)
@pytest.mark.parametrize("cells", [PLANE, SPACE])
def test_a_run_with_its_ledger_needs_few_arrays_more(cells: tuple[int, ...], name: str) -> None:
    mesh, log_target, start = data(cells)
    geometry: Geometry = LEDGER[name][0]
    flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_target), log_target), geometry)
    most = arrays_at_most(lambda: solve(flow, start, [0.0, 1e-3], rtol=1e-2), mesh.size)
    assert most < LEDGER[name][len(cells) - 1]

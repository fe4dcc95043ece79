"""A linear flow holds few arrays of the mesh's size: counted, beside the data it is given."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from mudot.meshes import threads
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.methods.semigroup import FokkerPlanck


def arrays_at_most(mesh: Cartesian, duration: float) -> float:
    """The largest number of arrays of the mesh's size at once, from the set-up to the result."""
    axes = mesh.coordinates
    wells = (axes[0] ** 2 - 1) ** 2 + sum(x**2 for x in axes[1:]) / 2
    log_target = -wells - 0.4 * axes[0] * axes[1] + np.zeros(mesh.shape)
    start = np.exp(-sum((x - 0.5) ** 2 for x in axes) / 0.3) + np.zeros(mesh.shape)
    FokkerPlanck(mesh, log_target, separable=False).advance(start, duration / 1000, 1.0, 1e-6)
    tracemalloc.start()
    FokkerPlanck(mesh, log_target, separable=False).advance(start, duration, 1.0, 1e-6)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / (8 * mesh.size)


@pytest.mark.parametrize("duration", [0.002, 0.5])
def test_a_linear_flow_in_the_plane_needs_at_most_fourteen_arrays(
    duration: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threads, "count", lambda: 1)
    pytest.importorskip("numba")
    assert arrays_at_most(Cartesian((260, 250), (-3.0, -3.0), (3.0, 3.0)), duration) < 14


def test_a_linear_flow_in_space_has_two_more_diagonals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "count", lambda: 1)
    pytest.importorskip("numba")
    assert arrays_at_most(Cartesian((44, 42, 40), (-3.0,) * 3, (3.0,) * 3), 0.3) < 16

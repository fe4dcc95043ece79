"""Limited reconstruction: second order, exact for linear functions, never draining a cell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.operators import across
from mudot.solvers.reconstruction import one_sided, upwind

GRADED = Cartesian.graded([[0.0, 0.1, 0.4, 0.5, 1.1, 1.3], [-1.0, -0.5, 0.5, 0.6]])


def test_linear_functions_are_met_on_faces_away_from_walls() -> None:
    for axis, slope in ((0, 2.0), (1, -3.0)):
        density = 20 + slope * np.broadcast_to(GRADED.coordinates[axis], GRADED.shape)
        number = GRADED.faces.per_axis
        part = slice(0, number[0]) if axis == 0 else slice(number[0], None)
        shape = (4, 3) if axis == 0 else (5, 2)
        edges = GRADED.edges[axis][1:-1].reshape((-1, 1) if axis == 0 else (1, -1))
        exact = np.broadcast_to(20 + slope * edges, shape)
        left, right = (side[part].reshape(shape) for side in one_sided(GRADED, density))
        inner = (slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))
        outer = (slice(None, -1), slice(None)) if axis == 0 else (slice(None), slice(None, -1))
        # The limiter may cut the slope of cells beside much wider ones; never beyond twice the one-sided slopes.
        assert np.abs(left[inner] - exact[inner]).max() < 1e-12
        assert np.abs(right[outer] - exact[outer]).max() < 1e-12


@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 300))
def test_face_values_lie_between_zero_and_twice_the_average(boundary: str, seed: int, spread: float) -> None:
    mesh = Cartesian((6, 1, 5), (0, 0, 0), (1, 2, 1), boundary)
    density = np.exp(-spread * np.random.default_rng(seed).random(mesh.shape))
    left, right = across(mesh, density)
    for cell, face in zip((left, right), one_sided(mesh, density), strict=True):
        assert np.all(face >= 0) and np.all(face <= 2 * cell)


def test_smooth_periodic_functions_are_met_with_second_order() -> None:
    errors = []
    for n in (40, 80):
        mesh = Cartesian(n, 0.0, 2 * np.pi, "periodic")
        left, _ = one_sided(mesh, average(mesh, lambda x: 2 + np.sin(x)))
        errors.append(np.abs(left - (2 + np.sin(mesh.edges[0][1:]))).mean())
    assert np.log2(errors[0] / errors[1]) > 1.9


def test_upwind_takes_the_side_that_mass_leaves() -> None:
    left, right = np.array([1.0, 1.0, 1.0]), np.array([3.0, 3.0, 3.0])
    assert upwind(left, right, np.array([1.0, -1.0, 0.0])).tolist() == [1.0, 3.0, 2.0]

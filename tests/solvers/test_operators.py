"""Gradient and divergence: adjoint to round-off, conservative, exact on linear functions, on every mesh."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.operators import across, divergence, gradient, stencil, stencil_of
from tests.sparse import divergence_matrix, gradient_matrix


@st.composite
def meshes(draw: st.DrawFn) -> Cartesian:
    """Graded meshes in one to three dimensions with mixed boundaries; a single cell on an axis is allowed."""
    dimension = draw(st.integers(1, 3))
    widths = st.lists(st.floats(0.01, 10), min_size=1, max_size=7 if dimension < 3 else 4)
    faces = [np.cumsum([draw(st.floats(-5, 5)), *draw(widths)]) for _ in range(dimension)]
    boundary = tuple(draw(st.sampled_from(["no-flux", "periodic"])) for _ in range(dimension))
    return Cartesian.graded(faces, boundary)


@given(mesh=meshes(), seed=st.integers(0, 10_000))
def test_summation_by_parts_holds_to_round_off(mesh: Cartesian, seed: int) -> None:
    """<divergence(u), f> on cells = -<u, gradient(f)> on faces weighted by area times distance."""
    rng = np.random.default_rng(seed)
    f, u = rng.normal(size=mesh.shape), rng.normal(size=mesh.faces.left.size)
    weight = mesh.faces.area * mesh.faces.distance
    cells = divergence(mesh, u) * f * mesh.volumes
    faces = weight * u * gradient(mesh, f)
    size = np.abs(cells).sum() + np.abs(faces).sum()
    assert abs(cells.sum() + faces.sum()) <= 4e-15 * max(size, 1e-300)


@given(mesh=meshes(), constant=st.floats(-100, 100))
def test_constants_have_no_gradient(mesh: Cartesian, constant: float) -> None:
    assert np.all(gradient(mesh, np.full(mesh.shape, constant)) == 0)


@given(mesh=meshes(), seed=st.integers(0, 10_000))
def test_divergence_has_no_mass(mesh: Cartesian, seed: int) -> None:
    u = np.random.default_rng(seed).normal(size=mesh.faces.left.size)
    change = divergence(mesh, u)
    assert abs(integrate(mesh, change)) <= 4e-15 * max(integrate(mesh, np.abs(change)), 1e-300)


@given(mesh=meshes())
def test_gradient_of_a_linear_function_is_its_slope_inside(mesh: Cartesian) -> None:
    slopes = (1.5, -0.7, 0.3)[: mesh.dimension]
    f = sum(s * x for s, x in zip(slopes, mesh.coordinates, strict=True)) + np.zeros(mesh.shape)
    found = gradient(mesh, f)
    numbers = np.repeat(np.arange(mesh.dimension), mesh.faces.per_axis)
    # A face is inside where the right cell lies to the right: seams are not.
    inside = mesh.faces.right > mesh.faces.left
    narrow = min(float(w.min()) for w in mesh.widths)
    assert np.abs(found - np.array(slopes)[numbers])[inside].max(initial=0) < 1e-13 * 100 / narrow


@given(mesh=meshes(), seed=st.integers(0, 1000))
def test_across_gives_the_neighbours(mesh: Cartesian, seed: int) -> None:
    f = np.random.default_rng(seed).normal(size=mesh.shape)
    left, right = across(mesh, f)
    assert gradient(mesh, f) == pytest.approx((right - left) / mesh.faces.distance, rel=1e-13, abs=1e-13)


def test_seam_is_a_face_like_any_other() -> None:
    """Rotating the data of a uniform circle rotates gradients and divergences."""
    mesh = Cartesian(9, 0.0, 3.0, "periodic")
    f, u = np.random.default_rng(0).normal(size=(2, 9))
    assert gradient(mesh, np.roll(f, 4)) == pytest.approx(np.roll(gradient(mesh, f), 4), rel=1e-14)
    assert divergence(mesh, np.roll(u, 4)) == pytest.approx(np.roll(divergence(mesh, u), 4), rel=1e-13)


def test_two_cells_on_a_circle_meet_twice() -> None:
    mesh = Cartesian(2, 0.0, 2.0, "periodic")
    assert gradient(mesh, np.array([1.0, 4.0])).tolist() == [3.0, -3.0]


@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
def test_second_difference_converges_at_order_two(boundary: str) -> None:
    errors = []
    for n in (32, 64, 128):
        mesh = Cartesian((n, 8), (0.0, 0.0), (2.0, 1.0), (boundary, "no-flux"))
        x = mesh.coordinates[0] + np.zeros(mesh.shape)
        found = divergence(mesh, gradient(mesh, np.cos(np.pi * x)))
        errors.append(np.abs(found + np.pi**2 * np.cos(np.pi * x)).max())
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


@given(mesh=meshes(), seed=st.integers(0, 1000))
def test_array_passes_are_the_products_with_sparse_matrices(mesh: Cartesian, seed: int) -> None:
    rng = np.random.default_rng(seed)
    f, u = rng.normal(size=mesh.size), rng.normal(size=mesh.faces.left.size)
    for found, matrix, x in (
        (gradient(mesh, f.reshape(mesh.shape)), gradient_matrix(mesh), f),
        (divergence(mesh, u).reshape(-1), divergence_matrix(mesh), u),
    ):
        assert np.all(np.abs(found - matrix @ x) <= 8 * 2.0**-52 * (abs(matrix) @ np.abs(x)))


@given(mesh=meshes(), seed=st.integers(0, 1000))
def test_total_over_faces_weighs_by_area_times_distance(mesh: Cartesian, seed: int) -> None:
    u = np.random.default_rng(seed).random(mesh.faces.left.size)
    expected = float((mesh.faces.area * mesh.faces.distance * u).sum())
    assert stencil_of(mesh, u).total(u) == pytest.approx(expected, rel=1e-13, abs=0)


def test_stencil_is_built_once_per_mesh() -> None:
    mesh, same = Cartesian(5, 0.0, 1.0), Cartesian(5, 0.0, 1.0)
    assert stencil(mesh, numpy_library()) is stencil_of(same, np.ones(5))


def test_single_cell_has_no_faces() -> None:
    mesh = Cartesian((1, 1), (0.0, 0.0), (1.0, 1.0), "periodic")
    assert gradient(mesh, np.ones((1, 1))).shape == (0,)
    assert divergence(mesh, np.zeros(0)).tolist() == [[0.0]]

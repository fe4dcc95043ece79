"""Geometry and connectivity of meshes in one to three dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.boundaries import IN_WORDS, boundaries
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError


@st.composite
def graded(draw: st.DrawFn) -> Cartesian:
    """Graded meshes with mixed boundaries."""
    dimension = draw(st.integers(1, 3))
    widths = st.lists(st.floats(0.01, 10), min_size=1, max_size=5)
    faces = [np.cumsum([draw(st.floats(-5, 5)), *draw(widths)]) for _ in range(dimension)]
    return Cartesian.graded(faces, tuple(draw(st.sampled_from(["no-flux", "periodic"])) for _ in range(dimension)))


def test_uniform_mesh_has_the_given_box_cells_and_centres() -> None:
    mesh = Cartesian((4, 2, 5), (0.0, -1.0, 2.0), (1.0, 1.0, 4.5))
    assert mesh.dimension == 3 and mesh.shape == (4, 2, 5) and mesh.size == 40
    assert mesh.lower == (0.0, -1.0, 2.0) and mesh.upper == (1.0, 1.0, 4.5)
    assert mesh.centers[0].tolist() == [0.125, 0.375, 0.625, 0.875]
    assert mesh.edges[1].tolist() == [-1.0, 0.0, 1.0]
    assert np.all(mesh.volumes == 0.25 * 1.0 * 0.5) and mesh.uniform
    assert [c.shape for c in mesh.coordinates] == [(4, 1, 1), (1, 2, 1), (1, 1, 5)]
    assert mesh.boundary == ("no-flux",) * 3


@given(mesh=graded())
def test_volumes_fill_the_box_and_are_products_of_widths(mesh: Cartesian) -> None:
    box = np.prod([b - a for a, b in zip(mesh.lower, mesh.upper, strict=True)])
    assert mesh.volumes.sum() == pytest.approx(box, rel=1e-13)
    expected = 1.0
    for w, shape in zip(mesh.widths, mesh.coordinates, strict=True):
        expected = expected * w.reshape(shape.shape)
    assert mesh.volumes == pytest.approx(expected, rel=1e-15)


@given(mesh=graded())
def test_faces_join_neighbours_with_their_area_and_distance(mesh: Cartesian) -> None:
    faces = mesh.faces
    numbers = np.repeat(np.arange(mesh.dimension), faces.per_axis)
    assert faces.left.size == sum(faces.per_axis)
    left, right = np.unravel_index(faces.left, mesh.shape), np.unravel_index(faces.right, mesh.shape)
    for axis in range(mesh.dimension):
        mine = numbers == axis
        n, width = mesh.shape[axis], mesh.widths[axis]
        per_line = n - 1 if mesh.boundary[axis] == "no-flux" or n == 1 else n
        assert mine.sum() == per_line * mesh.size // n
        assert np.array_equal((left[axis][mine] + 1) % n, right[axis][mine])
        for other in range(mesh.dimension):
            if other != axis:
                assert np.array_equal(left[other][mine], right[other][mine])
        distance = (width[left[axis][mine]] + width[right[axis][mine]]) / 2
        assert faces.distance[mine] == pytest.approx(distance, rel=1e-15)
        area = mesh.volumes.reshape(-1)[faces.left[mine]] / width[left[axis][mine]]
        assert faces.area[mine] == pytest.approx(area, rel=1e-15)
    assert faces.transmissibility == pytest.approx(faces.area / faces.distance, rel=1e-15)


@given(mesh=graded())
def test_area_is_the_same_seen_from_both_cells(mesh: Cartesian) -> None:
    numbers = np.repeat(np.arange(mesh.dimension), mesh.faces.per_axis)
    for axis in range(mesh.dimension):
        right = mesh.faces.right[numbers == axis]
        width = mesh.widths[axis][np.unravel_index(right, mesh.shape)[axis]]
        area = mesh.volumes.reshape(-1)[right] / width
        assert mesh.faces.area[numbers == axis] == pytest.approx(area, rel=1e-13)


@given(mesh=graded())
def test_refining_and_coarsening_are_inverse(mesh: Cartesian) -> None:
    fine = mesh.refined()
    assert fine.shape == tuple(2 * n for n in mesh.shape) and fine.boundary == mesh.boundary
    assert fine.coarsened() == mesh
    assert fine.lower == mesh.lower and fine.upper == mesh.upper
    for coarse_axis, fine_axis in zip(mesh.edges, fine.edges, strict=True):
        assert np.array_equal(fine_axis[::2], coarse_axis)


def test_refining_a_uniform_mesh_is_the_uniform_mesh_of_twice_the_cells() -> None:
    fine = Cartesian(32, -4.0, 4.0).refined()
    assert fine == Cartesian(64, -4.0, 4.0) and fine.uniform


@pytest.mark.parametrize("cells", [7, 100, 301, 4096])
def test_uniform_axes_are_uniform_to_the_last_bit(cells: int) -> None:
    """Also where the faces are no binary fractions, and after refinement."""
    for mesh in (Cartesian(cells, -0.1, 1.7), Cartesian(cells, 1000.1, 1000.7).refined()):
        assert mesh.uniform
        assert mesh.upper[0] in (1.7, 1000.7)


def test_nearly_uniform_axes_keep_their_grading() -> None:
    assert not Cartesian.graded([[0.0, 1.0, 2.0 + 1e-9, 3.0]]).uniform


def test_equal_meshes_are_equal_and_hash_alike() -> None:
    mesh = Cartesian((4, 3), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux"))
    same = Cartesian.graded(mesh.edges, mesh.boundary)
    assert mesh == same and hash(mesh) == hash(same) and len({mesh, same}) == 1
    others = [
        Cartesian((4, 3), (0.0, 0.0), (1.0, 2.0)),
        Cartesian((4, 3), (0.0, 0.0), (1.0, 2.5), ("periodic", "no-flux")),
        Cartesian((3, 4), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux")),
        "mesh",
    ]
    assert all(mesh != other for other in others)


def test_mesh_cannot_be_changed_from_outside() -> None:
    faces = np.array([0.0, 1.0, 3.0])
    mesh = Cartesian.graded([faces])
    faces[1] = 2.0
    assert mesh.edges[0].tolist() == [0.0, 1.0, 3.0]
    with pytest.raises(ValueError, match="read-only"):
        mesh.edges[0][1] = 2.0


def test_representation_says_what_it_is() -> None:
    assert repr(Cartesian((4, 2), (0, 0), (1, 2), ("periodic", "no-flux"))) == (
        "Cartesian(4x2 cells on [0, 1] x [0, 2], periodic, no-flux)"
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((0, 0.0, 1.0), "cells: expected integers of at least 1"),
        ((-3, 0.0, 1.0), "cells: expected integers"),
        ((2.5, 0.0, 1.0), "cells: expected integers"),
        ((4, 1.0, 1.0), "lower < upper"),
        ((4, 2.0, 1.0), "lower < upper"),
        ((4, 0.0, float("inf")), "lower < upper"),
        ((4, float("nan"), 1.0), "lower < upper"),
        (((4, 4), (0.0,), (1.0, 1.0)), "one entry per axis"),
        (((2, 2, 2, 2), (0.0,) * 4, (1.0,) * 4), "one to three axes"),
        ((4, 0.0, 1.0, "open"), "expected 'no-flux' or 'periodic', got 'open'"),
        ((4, 0.0, 1.0, ("periodic", "periodic")), r"1 or 1 entries|expected 1"),
    ],
)
def test_boxes_that_make_no_sense_are_refused_in_one_line(arguments: tuple[object, ...], word: str) -> None:
    with pytest.raises(MudotError, match=word) as refusal:
        Cartesian(*arguments)  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "faces", [[0.0], [0.0, 0.0, 1.0], [0.0, 2.0, 1.0], [0.0, np.nan], [0.0, np.inf], [[0, 1], [2, 3]]]
)
def test_faces_that_do_not_increase_are_refused(faces: list[float]) -> None:
    with pytest.raises(MudotError, match="faces of axis 0: expected at least two strictly increasing"):
        Cartesian.graded([faces])


def test_meshes_without_axes_and_odd_meshes_are_refused() -> None:
    with pytest.raises(MudotError, match="one to three axes"):
        Cartesian.graded([])
    with pytest.raises(MudotError, match="even number of cells"):
        Cartesian((4, 3), (0, 0), (1, 1)).coarsened()


def test_boundaries_serve_every_axis_and_have_words() -> None:
    assert boundaries(["no-flux"], 3) == ("no-flux",) * 3
    assert boundaries(("periodic", "no-flux"), 2) == ("periodic", "no-flux")
    assert set(IN_WORDS) == {"no-flux", "periodic"}

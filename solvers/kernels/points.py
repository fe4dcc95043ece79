"""The tensor grids that kernels connect: cell centres, and the face points of each orientation (staggered grids)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.cartesian import Cartesian


@dataclass(frozen=True, eq=False)
class Axis:
    """Points along one axis.

    coordinates: increasing, shape (n,)
    spacing:     the distance of neighbours where they all are equally far apart, else None
    period:      the length of a periodic axis, else None
    """

    coordinates: np.ndarray
    spacing: float | None
    period: float | None

    @property
    def separations(self) -> np.ndarray:
        """|x_i - x_j|, shape (n, n); exactly Toeplitz where the spacing is uniform."""
        if self.spacing is None:
            return np.asarray(np.abs(np.subtract.outer(self.coordinates, self.coordinates)))
        numbers = np.arange(self.coordinates.size)
        return np.asarray(self.spacing * np.abs(np.subtract.outer(numbers, numbers)))


Points = tuple[Axis, ...]
"""One axis of coordinates per dimension."""


def cell_points(mesh: Cartesian) -> Points:
    """The cell centres."""
    return tuple(_axis(mesh, axis, mesh.centers[axis]) for axis in range(mesh.dimension))


def face_points(mesh: Cartesian, orientation: int) -> Points:
    """The face points orthogonal to an axis, in the order of `mesh.faces`: the seam of a periodic axis comes last."""
    return tuple(
        _axis(mesh, axis, _between(mesh, axis) if axis == orientation else mesh.centers[axis])
        for axis in range(mesh.dimension)
    )


def face_grids(mesh: Cartesian, *faces: Array) -> Iterator[tuple[int, tuple[Array, ...]]]:
    """Orientations that have faces, each with its part of vectors of all faces, as grids; no copies."""
    for orientation, (block, shape) in enumerate(zip(mesh.face_blocks, mesh.face_shapes, strict=True)):
        if block.stop > block.start:
            yield orientation, tuple(values[block].reshape(shape) for values in faces)


def of_faces(grids: list[Array], like: Array) -> Array:
    """One vector of all faces from the grids of `face_grids`."""
    return array_module(like).concatenate([grid.reshape(-1) for grid in grids]) if grids else like + 0


def _between(mesh: Cartesian, axis: int) -> np.ndarray:
    seam = mesh.boundary[axis] == "periodic" and mesh.shape[axis] > 1
    return mesh.edges[axis][1:] if seam else mesh.edges[axis][1:-1]


def _axis(mesh: Cartesian, axis: int, coordinates: np.ndarray) -> Axis:
    widths = mesh.widths[axis]
    uniform = bool(np.all(widths == widths[0]))
    period = mesh.upper[axis] - mesh.lower[axis] if mesh.boundary[axis] == "periodic" else None
    return Axis(coordinates, float(widths[0]) if uniform else None, period)

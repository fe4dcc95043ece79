"""Cartesian meshes of boxes in one to three dimensions: geometry and connectivity, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import accumulate, pairwise

import numpy as np

from mudot.meshes.boundaries import boundaries
from mudot.meshes.errors import MudotError

Axes = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces between two cells, axis after axis. Walls carry no flux and are not listed.

    left, right:  numbers of the two cells (C order), int32 or int64, shape (faces,)
    area:         (d-1)-dimensional measure, shape (faces,)
    distance:     distance of the two cell centres, shape (faces,)
    per_axis:     how many faces are orthogonal to each axis
    """

    left: np.ndarray
    right: np.ndarray
    area: np.ndarray
    distance: np.ndarray
    per_axis: tuple[int, ...]

    @property
    def transmissibility(self) -> np.ndarray:
        """area / distance, shape (faces,)."""
        return np.asarray(self.area / self.distance)


class Cartesian:
    """A box cut into cells by planes orthogonal to the axes; densities have shape `mesh.shape` (axis 0 is x).

    cells, lower, upper: one entry per axis, one to three axes; plain numbers serve for one axis
    boundary:            'no-flux' or 'periodic', for all axes or one per axis
    Raises MudotError for an empty or unbounded box and for fewer than one cell.

    >>> mesh = Cartesian(cells=(4, 2), lower=(0, 0), upper=(1, 1))
    >>> mesh.shape, float(mesh.volumes.sum())
    ((4, 2), 1.0)
    >>> mesh.refined().shape
    (8, 4)
    """

    def __init__(
        self,
        cells: int | Sequence[int],
        lower: float | Sequence[float],
        upper: float | Sequence[float],
        boundary: str | Sequence[str] = "no-flux",
    ) -> None:
        counts, low, high = np.atleast_1d(cells), np.atleast_1d(lower), np.atleast_1d(upper)
        if not counts.shape == low.shape == high.shape:
            raise MudotError(
                f"mesh: lower, upper and cells need one entry per axis; got {low.size}, {high.size} and {counts.size}"
            )
        if counts.dtype.kind not in "iu" or np.any(counts < 1):
            raise MudotError(f"cells: expected integers of at least 1, got {counts.tolist()}")
        low, high = low.astype(float), high.astype(float)
        if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high)) and np.all(low < high)):
            raise MudotError(f"mesh: expected lower < upper on every axis, got {low.tolist()} and {high.tolist()}")
        faces = [a + (b - a) * np.arange(n + 1) / n for n, a, b in zip(counts, low, high, strict=True)]
        for axis, b in zip(faces, high, strict=True):
            axis[-1] = b
        self._set(tuple(faces), boundary)

    @classmethod
    def graded(
        cls, faces: Sequence[Sequence[float] | np.ndarray], boundary: str | Sequence[str] = "no-flux"
    ) -> Cartesian:
        """A mesh with given, strictly increasing face coordinates on every axis.

        >>> Cartesian.graded([[0.0, 0.1, 1.0]]).volumes
        array([0.1, 0.9])
        """
        edges = tuple(np.array(axis, dtype=float) for axis in faces)
        for number, axis in enumerate(edges):
            if axis.ndim != 1 or axis.size < 2 or not np.all(np.isfinite(axis)) or np.any(np.diff(axis) <= 0):
                raise MudotError(f"faces of axis {number}: expected at least two strictly increasing finite numbers")
        mesh = cls.__new__(cls)
        mesh._set(edges, boundary)
        return mesh

    def _set(self, edges: Axes, boundary: str | Sequence[str]) -> None:
        if not 1 <= len(edges) <= 3:
            raise MudotError(f"mesh: expected one to three axes, got {len(edges)}")
        for axis in edges:
            axis.setflags(write=False)
        self.edges = edges
        self.boundary = boundaries(boundary if isinstance(boundary, str) else tuple(boundary), len(edges))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cartesian) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        cells = "x".join(map(str, self.shape))
        box = " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(self.lower, self.upper, strict=True))
        return f"Cartesian({cells} cells on {box}, {', '.join(self.boundary)})"

    @cached_property
    def _key(self) -> tuple[object, ...]:
        return (self.boundary, *(axis.tobytes() for axis in self.edges))

    @property
    def dimension(self) -> int:
        """1, 2 or 3."""
        return len(self.edges)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Cells per axis: the shape of every density."""
        return tuple(axis.size - 1 for axis in self.edges)

    @property
    def size(self) -> int:
        """Number of cells."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def lower(self) -> tuple[float, ...]:
        """Lower corner of the box."""
        return tuple(float(axis[0]) for axis in self.edges)

    @property
    def upper(self) -> tuple[float, ...]:
        """Upper corner of the box."""
        return tuple(float(axis[-1]) for axis in self.edges)

    @cached_property
    def centers(self) -> Axes:
        """Cell centres along each axis."""
        return tuple((axis[1:] + axis[:-1]) / 2 for axis in self.edges)

    @cached_property
    def widths(self) -> Axes:
        """Cell widths along each axis. On a uniform axis they are all the same number."""
        return tuple(_widths(axis) for axis in self.edges)

    @property
    def uniform(self) -> bool:
        """Whether all cells have the same shape."""
        return all(bool(np.all(w == w[0])) for w in self.widths)

    @cached_property
    def volumes(self) -> np.ndarray:
        """Cell volumes, shape `shape`, read-only; on a uniform mesh one number that takes the room of one."""
        widths = [w[:1] for w in self.widths] if self.uniform else self.widths
        return np.broadcast_to(reduce(np.multiply, np.ix_(*widths)), self.shape)

    @cached_property
    def gaps(self) -> Axes:
        """Distances of neighbouring centres along each axis; those across the seam of a circle come last.

        >>> Cartesian.graded([[0.0, 1.0, 3.0]], "periodic").gaps
        (array([1.5, 1.5]),)
        """
        return tuple(
            ((width + np.roll(width, -1)) / 2)[: shape[axis]]
            for axis, (width, shape) in enumerate(zip(self.widths, self.face_shapes, strict=True))
        )

    def face_widths(self, axis: int) -> Axes:
        """Widths along each axis that belong to the points of faces orthogonal to one: their products are area times
        distance."""
        return tuple(self.gaps[i] if i == axis else width for i, width in enumerate(self.widths))

    @cached_property
    def face_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the faces orthogonal to each axis: as many as cells on a circle, one fewer between walls.

        >>> Cartesian((4, 2), (0, 0), (1, 1), ("periodic", "no-flux")).face_shapes
        ((4, 2), (4, 1))
        """
        around = [kind == "periodic" and n > 1 for kind, n in zip(self.boundary, self.shape, strict=True)]
        return tuple(
            tuple(n - (i == axis and not around[axis]) for i, n in enumerate(self.shape))
            for axis in range(self.dimension)
        )

    @cached_property
    def face_blocks(self) -> tuple[slice, ...]:
        """Where the faces of each axis stand in a vector of all.

        >>> Cartesian((3, 2), (0, 0), (1, 1)).face_blocks
        (slice(0, 4, None), slice(4, 7, None))
        """
        ends = [0, *accumulate(math.prod(shape) for shape in self.face_shapes)]
        return tuple(slice(a, b) for a, b in pairwise(ends))

    @property
    def coordinates(self) -> Axes:
        """Cell centres as arrays that broadcast to `shape`."""
        return tuple(np.ix_(*self.centers))

    @cached_property
    def faces(self) -> Faces:
        """The faces between cells, those of axis 0 first."""
        numbers = np.arange(self.size, dtype=np.int32 if self.size < 2**31 else np.int64).reshape(self.shape)
        columns: list[tuple[np.ndarray, ...]] = []
        for axis in range(self.dimension):
            left, right, distance = self._pairs(axis, numbers)
            area = self.volumes / self._along(axis, self.widths[axis])
            area = area.reshape(-1)[left]
            columns.append((left, right, area, np.broadcast_to(distance, left.shape)))
        flat = [np.concatenate([np.ravel(c[i]) for c in columns]) for i in range(4)]
        return Faces(flat[0], flat[1], flat[2], flat[3], tuple(c[0].size for c in columns))

    def _pairs(self, axis: int, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Left cells, right cells and distances of the faces orthogonal to an axis (seam last)."""
        n = self.shape[axis]
        left = np.arange(n - 1)
        right = left + 1
        if self.boundary[axis] == "periodic" and n > 1:
            left, right = np.append(left, n - 1), np.append(right, 0)
        return numbers.take(left, axis), numbers.take(right, axis), self._along(axis, self.gaps[axis])

    def _along(self, axis: int, values: np.ndarray) -> np.ndarray:
        """Values along one axis, shaped to broadcast against densities."""
        return values.reshape([-1 if i == axis else 1 for i in range(self.dimension)])

    def refined(self) -> Cartesian:
        """The mesh with every cell halved along every axis; boxes and old faces are kept exactly."""
        return Cartesian.graded([_halved(axis) for axis in self.edges], self.boundary)

    def coarsened(self) -> Cartesian:
        """The mesh with neighbouring pairs of cells joined along every axis. Raises MudotError on odd axes."""
        if any(n % 2 for n in self.shape):
            raise MudotError(f"coarsened: expected an even number of cells on every axis, got {self.shape}")
        return Cartesian.graded([axis[::2] for axis in self.edges], self.boundary)


def _widths(edges: np.ndarray) -> np.ndarray:
    widths = np.diff(edges)
    mean = (edges[-1] - edges[0]) / widths.size
    # Differences of rounded coordinates scatter by an ulp of the coordinate: a uniform axis is made exactly uniform.
    scatter = 4 * np.spacing(max(abs(edges[0]), abs(edges[-1])))
    return np.full(widths.size, mean) if np.all(np.abs(widths - mean) <= scatter) else widths


def _halved(edges: np.ndarray) -> np.ndarray:
    halves = np.empty(2 * edges.size - 1)
    halves[::2] = edges
    halves[1::2] = (edges[1:] + edges[:-1]) / 2
    return halves

"""Gradient (cells to faces) and divergence (faces to cells), its negative adjoint, without a matrix.

Cell functions have the mesh's shape; face functions are vectors, faces in the order of `mesh.faces`. The inner
products are sum_K |K| f_K g_K on cells and sum_e |e| d_e u_e v_e on faces (area times distance of the centres), and
<divergence(u), f>_cells = -<u, gradient(f)>_faces exactly: conservation and summation by parts live here alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.averages import volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.compiled import fused
from mudot.solvers.compiled.cells import Grid

Part = tuple[slice, ...]


@dataclass(frozen=True, eq=False)
class AxisFaces:
    """The faces orthogonal to one axis, as a grid: those between walls first, the seam of a circle last.

    axis:         its number
    block, shape: where they stand in a vector of all, and their grid;   seam: whether the last ones lead around
    inner, last:  the faces between cells that follow each other, and those of the seam
    lower, upper: the cells below and above the inner faces, as parts of the mesh;   first: those above the seam
    slope:        1/d of a face;   share: area over volume of a cell;   measure: area times distance of a face; each one
                  number where the mesh allows it, else an array that broadcasts to the grid of faces or cells
    """

    axis: int
    block: slice
    shape: tuple[int, ...]
    seam: bool
    inner: Part
    last: Part
    first: Part
    upper: Part
    slope: Array
    share: Array
    measure: Array

    @property
    def lower(self) -> Part:
        """Cells are counted as the faces above them are."""
        return self.inner

    def grid(self, faces: Array) -> Array:
        """These faces of a vector of all; no copy."""
        return faces[self.block].reshape(self.shape)

    def share_of(self, part: Part) -> Array:
        """Area over volume of a part of the cells."""
        return self.share if isinstance(self.share, float) else self.share[part]


@dataclass(frozen=True, eq=False)
class Stencil:
    """A mesh's faces and differences on one device, in array passes.

    area, distance: of each face, shape (faces,);   volumes: of each cell, shape (cells,)
    stiffness:      sum over axes of 2/h^2: the diagonal of -divergence(gradient) away from walls; a number on uniform
                    meshes, else of the mesh's shape
    """

    mesh: Cartesian
    library: ArrayLibrary

    @cached_property
    def axes(self) -> tuple[AxisFaces, ...]:
        """The axes that have faces."""
        return tuple(_faces_along(self.mesh, self.library))

    @cached_property
    def area(self) -> Array:
        return self.library.to_device(self.mesh.faces.area)

    @cached_property
    def distance(self) -> Array:
        return self.library.to_device(self.mesh.faces.distance)

    @cached_property
    def volumes(self) -> Array:
        return volumes(self.mesh, self.library.xp.zeros(1)).reshape(-1)

    @cached_property
    def stiffness(self) -> Array:
        mesh = self.mesh
        if mesh.uniform:
            return sum(2 / float(width[0]) ** 2 for width in mesh.widths)
        return self.library.to_device(np.ascontiguousarray(reduce(np.add, np.ix_(*(2 / w**2 for w in mesh.widths)))))

    @cached_property
    def grid(self) -> Grid:
        """What the fused kernels need to know of the mesh."""
        return Grid.of(self.mesh, self.library)

    def gradient(self, f: Array) -> Array:
        """Difference quotients, shape (faces,)."""
        f, out = f.reshape(self.mesh.shape), self._on_faces(float)
        for axis in self.axes:
            slopes = axis.grid(out)
            inner = slopes[axis.inner]
            inner[...] = f[axis.upper]
            inner -= f[axis.lower]
            if axis.seam:
                slopes[axis.last] = f[axis.first] - f[axis.last]
            slopes *= axis.slope
        return out

    def divergence(self, flux: Array) -> Array:
        """Net outflow per volume, of the mesh's shape."""
        out = self.library.xp.zeros(self.mesh.shape)
        for axis in self.axes:
            flows = axis.grid(flux)
            lower, upper, inner = out[axis.lower], out[axis.upper], flows[axis.inner]
            leaves = axis.share_of(axis.lower) * inner
            upper -= leaves if isinstance(axis.share, float) else axis.share_of(axis.upper) * inner
            lower += leaves
            if axis.seam:
                out[axis.last] += axis.share_of(axis.last) * flows[axis.last]
                out[axis.first] -= axis.share_of(axis.first) * flows[axis.last]
        return out

    def across(self, f: Array) -> tuple[Array, Array]:
        """The values left and right of every face, each of shape (faces,)."""
        f, left, right = f.reshape(self.mesh.shape), self._on_faces(f.dtype), self._on_faces(f.dtype)
        for axis in self.axes:
            below, above = axis.grid(left), axis.grid(right)
            below[axis.inner], above[axis.inner] = f[axis.lower], f[axis.upper]
            if axis.seam:
                below[axis.last], above[axis.last] = f[axis.last], f[axis.first]
        return left, right

    def total(self, values: Array) -> float:
        """sum over faces of area times distance times the values."""
        sums = [(axis.measure * axis.grid(values)).sum() for axis in self.axes]
        return float(sum(sums[1:], sums[0])) if sums else 0.0

    def _on_faces(self, dtype: Any) -> Array:
        return self.library.xp.empty(self.mesh.face_blocks[-1].stop, dtype=dtype)


def _faces_along(mesh: Cartesian, library: ArrayLibrary) -> Iterator[AxisFaces]:
    for axis, (block, shape) in enumerate(zip(mesh.face_blocks, mesh.face_shapes, strict=True)):
        n = mesh.shape[axis]
        if block.start == block.stop:
            continue

        def part(begin: int | None, end: int | None, axis: int = axis) -> Part:
            return tuple(slice(begin, end) if i == axis else slice(None) for i in range(mesh.dimension))

        yield AxisFaces(
            *(axis, block, shape, shape[axis] == n, part(0, n - 1), part(n - 1, n), part(0, 1), part(1, n)),
            *_coefficients(mesh, library, axis),
        )


def _coefficients(mesh: Cartesian, library: ArrayLibrary, axis: int) -> tuple[Array, ...]:
    """1/d, |e|/|K| and |e| d."""
    distance = mesh.gaps[axis]
    if mesh.uniform:
        gap, volume = float(distance[0]), math.prod(float(w[0]) for w in mesh.widths)
        span = volume / gap * gap
        return 1 / gap, 1 / gap * span / volume, span
    column = [-1 if i == axis else 1 for i in range(mesh.dimension)]
    slope, share = (1 / distance).reshape(column), (1 / mesh.widths[axis]).reshape(column)
    measure = np.ascontiguousarray(reduce(np.multiply, np.ix_(*mesh.face_widths(axis))))
    return tuple(library.to_device(values) for values in (slope, share, measure))


@lru_cache(maxsize=4)
def stencil(mesh: Cartesian, library: ArrayLibrary) -> Stencil:
    """The mesh's stencil on a device; each part is made when it is first asked for, once."""
    return Stencil(mesh, library)


def stencil_of(mesh: Cartesian, array: Array) -> Stencil:
    """The mesh's stencil on the device of an array."""
    return stencil(mesh, library_of(array))


def gradient(mesh: Cartesian, f: Array) -> Array:
    """Difference quotients across faces, shape (faces,), of a cell function of the mesh's shape.

    >>> mesh = Cartesian(3, 0.0, 3.0)
    >>> gradient(mesh, mesh.centers[0] ** 2)
    array([2., 4.])
    """
    kernels = fused(f)
    if kernels is not None:
        return kernels.gradient(stencil(mesh, kernels.library).grid, f)
    return stencil_of(mesh, f).gradient(f)


def divergence(mesh: Cartesian, flux: Array) -> Array:
    """Net outflow per volume, of the mesh's shape, of face fluxes of shape (faces,); walls carry none.

    >>> divergence(Cartesian(3, 0.0, 3.0), np.array([1.0, 1.0]))
    array([ 1.,  0., -1.])
    """
    kernels = fused(flux)
    if kernels is not None:
        return kernels.divergence(stencil(mesh, kernels.library).grid, flux).reshape(mesh.shape)
    return stencil_of(mesh, flux).divergence(flux)


def diffusion(mesh: Cartesian, mobility: Array, f: Array) -> Array:
    """div(m grad f), of the mesh's shape, for m of shape (faces,) and f of the mesh's shape.

    >>> diffusion(Cartesian(3, 0.0, 3.0), np.array([1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    array([ 1.,  3., -4.])
    """
    kernels = fused(mobility)
    if kernels is not None:
        return kernels.diffusion(stencil(mesh, kernels.library).grid, mobility, f).reshape(mesh.shape)
    flux = gradient(mesh, f)
    flux *= mobility
    return divergence(mesh, flux)


def across(mesh: Cartesian, f: Array) -> tuple[Array, Array]:
    """The values of a cell function left and right of every face, each of shape (faces,)."""
    return stencil_of(mesh, f).across(f)

"""Sparse gradient (cells to faces) and divergence (faces to cells), its negative adjoint.

Cell functions have the mesh's shape; face functions are vectors, faces in the order of `mesh.faces`. The inner
products are sum_K |K| f_K g_K on cells and sum_e |e| d_e u_e v_e on faces (area times distance of the centres), and
<divergence(u), f>_cells = -<u, gradient(f)>_faces exactly: conservation and summation by parts live here alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.averages import volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.compiled import fused
from mudot.solvers.compiled.cells import Grid


@dataclass(frozen=True, eq=False)
class Stencil:
    """A mesh's connectivity and differences on one device.

    left, right:    the two cells of each face, shape (faces,)
    area, distance: of each face, shape (faces,)
    volumes:        of each cell, shape (cells,)
    gradient:       sparse (faces, cells);   divergence: sparse (cells, faces)
    stiffness:      sum over axes of 2/h^2: the diagonal of -divergence @ gradient away from walls; a number on uniform
                    meshes, else of the mesh's shape
    """

    mesh: Cartesian
    library: ArrayLibrary

    @cached_property
    def left(self) -> Array:
        return self.library.to_device(self.mesh.faces.left)

    @cached_property
    def right(self) -> Array:
        return self.library.to_device(self.mesh.faces.right)

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
    def gradient(self) -> Any:
        return self.library.sparse(_gradient_matrix(self.mesh))

    @cached_property
    def divergence(self) -> Any:
        faces, sizes = self.mesh.faces, self.mesh.volumes.reshape(-1)
        matrix = _gradient_matrix(self.mesh).T.tocsr()
        matrix.data *= (faces.area * faces.distance)[matrix.indices]
        matrix.data /= np.repeat(-sizes, np.diff(matrix.indptr))
        return self.library.sparse(matrix)

    @cached_property
    def stiffness(self) -> Any:
        return _stiffness(self.mesh, self.library)

    @cached_property
    def grid(self) -> Grid:
        """What the fused kernels need to know of the mesh."""
        return Grid.of(self.mesh, self.library)


@lru_cache(maxsize=4)
def stencil(mesh: Cartesian, library: ArrayLibrary) -> Stencil:
    """The mesh's stencil on a device; each part is made when it is first asked for, once."""
    return Stencil(mesh, library)


def _gradient_matrix(mesh: Cartesian) -> Any:
    """Row e is (-1, 1)/d_e at the two cells of face e; CSR is written down directly, without copies."""
    faces = mesh.faces
    count = faces.left.size
    columns = np.stack([faces.left, faces.right], axis=1).reshape(-1)
    ends = np.arange(0, 2 * count + 1, 2, dtype=columns.dtype)
    slopes = np.multiply.outer(1 / faces.distance, [-1.0, 1.0]).reshape(-1)
    return scipy.sparse.csr_array((slopes, columns, ends), shape=(count, mesh.size))


def _stiffness(mesh: Cartesian, library: ArrayLibrary) -> Any:
    if mesh.uniform:
        return sum(2 / float(width[0]) ** 2 for width in mesh.widths)
    return library.to_device(np.ascontiguousarray(reduce(np.add, np.ix_(*(2 / w**2 for w in mesh.widths)))))


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
    return stencil_of(mesh, f).gradient @ f.reshape(-1)


def divergence(mesh: Cartesian, flux: Array) -> Array:
    """Net outflow per volume, of the mesh's shape, of face fluxes of shape (faces,); walls carry none.

    >>> divergence(Cartesian(3, 0.0, 3.0), np.array([1.0, 1.0]))
    array([ 1.,  0., -1.])
    """
    kernels = fused(flux)
    if kernels is not None:
        return kernels.divergence(stencil(mesh, kernels.library).grid, flux).reshape(mesh.shape)
    return (stencil_of(mesh, flux).divergence @ flux).reshape(mesh.shape)


def diffusion(mesh: Cartesian, mobility: Array, f: Array) -> Array:
    """div(m grad f), of the mesh's shape, for m of shape (faces,) and f of the mesh's shape.

    >>> diffusion(Cartesian(3, 0.0, 3.0), np.array([1.0, 2.0]), np.array([0.0, 1.0, 3.0]))
    array([ 1.,  3., -4.])
    """
    kernels = fused(mobility)
    if kernels is not None:
        return kernels.diffusion(stencil(mesh, kernels.library).grid, mobility, f).reshape(mesh.shape)
    return divergence(mesh, mobility * gradient(mesh, f))


def across(mesh: Cartesian, f: Array) -> tuple[Array, Array]:
    """The values of a cell function left and right of every face, each of shape (faces,)."""
    places = stencil_of(mesh, f)
    flat = f.reshape(-1)
    return flat[places.left], flat[places.right]

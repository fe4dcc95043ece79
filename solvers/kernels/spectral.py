"""Bases in which a kernel's operator is diagonal, and the Laplacian nearly so: for inverses, and for preconditioners of
sums of both.

    waves     real Fourier transform: translation invariant kernels on uniform meshes without walls
    products  eigenvectors of one small symmetric matrix per axis: separable kernels on any mesh (a Kronecker product)

In the second the diagonal of the Laplacian is kept; eigenvectors of a smooth kernel are waves of growing frequency, so
that the rest of it is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import cast

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels.axes import AxisProducts, along
from mudot.solvers.kernels.operators import KernelOperator, Place
from mudot.solvers.kernels.points import face_grids, of_faces

LARGEST_PRODUCT = 512
"""Cells of an axis up to which its matrix is diagonalised; the FFT is faster from there on."""
_MARGIN = 1e-10
"""Smallest share of the largest eigenvalue for which K + epsilon is divided by: round-off is larger by its inverse."""


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis B of functions times sqrt(volume), with K = vol^-1/2 B diag(kernel) B^T vol^1/2.

    kernel, laplacian: eigenvalues of K and (the diagonal of) -div grad, in the order of the basis; no latter on faces
    root:    square roots of the volumes, of the shape of the grid
    vectors: one orthogonal matrix per axis, or None for waves
    """

    kernel: Array
    laplacian: Array
    root: Array
    vectors: tuple[Array, ...] | None

    def into(self, y: Array) -> Array:
        """The coordinates in which `diagonal` acts: B^T y, of the grid's shape; for waves y itself, whose transform
        comes and goes within `diagonal`."""
        for axis, matrix in enumerate(self.vectors or ()):
            y = along(matrix.T, y, axis)
        return y

    def out_of(self, coordinates: Array) -> Array:
        """The inverse of `into`, which is its transpose."""
        for axis, matrix in enumerate(self.vectors or ()):
            coordinates = along(matrix, coordinates, axis)
        return coordinates

    def diagonal(self, symbol: Array, coordinates: Array) -> Array:
        """diag(symbol) in those coordinates."""
        if self.vectors is not None:
            return symbol * coordinates
        fft = library_of(coordinates).fft
        return fft.irfftn(symbol * fft.rfftn(coordinates), s=coordinates.shape)

    def multiplied(self, symbol: Array, y: Array) -> Array:
        """B diag(symbol) B^T y, of the grid's shape: symmetric."""
        return self.out_of(self.diagonal(symbol, self.into(y)))


@lru_cache(maxsize=4)
def basis_of(operator: KernelOperator) -> Basis | None:
    """The basis of an operator, or None where there is none. `operator_on` gives one operator per kernel and mesh."""
    mesh, library = operator.mesh, operator.library
    matrices = _matrices(operator)
    if matrices is not None:
        quotients = [difference_quotients(mesh, axis) for axis in range(mesh.dimension)]
        return _products(list(zip(matrices, mesh.widths, strict=True)), library, quotients)
    if mesh.uniform and set(mesh.boundary) == {"periodic"} and operator.kernel.translation_invariant:
        return _waves(operator)
    return None


@lru_cache(maxsize=4)
def face_bases(operator: KernelOperator) -> tuple[Basis, ...]:
    """The same for the faces of each orientation, without a Laplacian; empty where the kernel is no product."""
    if _matrices(operator) is None:
        return ()
    mesh, bases = operator.mesh, []
    for orientation, gram in enumerate(operator.faces):
        axes = zip(cast(AxisProducts, gram).matrices, mesh.face_widths(orientation), strict=True)
        bases.append(_products(list(axes), operator.library, None))
    return tuple(bases)


def product_inverse(operator: KernelOperator, f: Array, epsilon: float, on: Place) -> Array | None:
    """(K + epsilon)^-1 f of a product kernel by its eigenvectors, exact but for the round-off that the smallest
    eigenvalue makes larger; None for other kernels, and where K + epsilon is singular to round-off."""
    if _matrices(operator) is None:
        return None
    if on == "cells":
        basis = basis_of(operator)
        assert basis is not None
        return _divided(basis, f, epsilon) if invertible(basis, epsilon, _MARGIN) else None
    bases, solved = face_bases(operator), []
    for orientation, (grid,) in face_grids(operator.mesh, f):
        if not invertible(bases[orientation], epsilon, _MARGIN):
            return None
        solved.append(_divided(bases[orientation], grid, epsilon))
    return of_faces(solved, f)


def _divided(basis: Basis, f: Array, epsilon: float) -> Array:
    return basis.multiplied(1 / (basis.kernel + epsilon), basis.root * f) / basis.root


def invertible(basis: Basis, epsilon: float, margin: float) -> bool:
    """Whether the least eigenvalue of K + epsilon stands above `margin` times the largest."""
    return float(basis.kernel.min()) + epsilon > margin * (float(basis.kernel.max()) + epsilon)


def _matrices(operator: KernelOperator) -> tuple[Array, ...] | None:
    """One per axis, of a product kernel on axes that are not too long."""
    short = max(operator.mesh.shape) <= LARGEST_PRODUCT
    return operator.cells.matrices if isinstance(operator.cells, AxisProducts) and short else None


def _products(
    axes: list[tuple[Array, np.ndarray]], library: ArrayLibrary, quotients: list[np.ndarray] | None
) -> Basis:
    """From one symmetric matrix and the widths per axis."""
    values, vectors, slopes, roots = [], [], [], []
    for axis, (matrix, widths) in enumerate(axes):
        root = np.sqrt(widths)
        host = root[:, None] * library.to_host(matrix) * root[None]
        spectrum, basis = np.linalg.eigh((host + host.T) / 2)
        values.append(np.maximum(spectrum, 0.0))
        vectors.append(library.to_device(np.ascontiguousarray(basis)))
        roots.append(root)
        if quotients is not None:
            slopes.append(np.square(quotients[axis] @ basis).sum(axis=0))

    def on_grid(lines: list[np.ndarray], join: np.ufunc) -> Array:
        return library.to_device(np.ascontiguousarray(reduce(join, np.ix_(*lines))))

    laplacian: Array = on_grid(slopes, np.add) if slopes else None
    return Basis(on_grid(values, np.multiply), laplacian, on_grid(roots, np.multiply), tuple(vectors))


def difference_quotients(mesh: Cartesian, axis: int) -> np.ndarray:
    """Difference quotients along an axis, from cells to faces, in the variables times the root of their widths, shape
    (faces, cells): D with D^T D = -d^2/dx^2."""
    widths, gaps, n = mesh.widths[axis], mesh.gaps[axis], mesh.shape[axis]
    left = np.arange(gaps.size)
    right = (left + 1) % n
    matrix = np.zeros((gaps.size, n))
    matrix[left, left] = -1 / np.sqrt(gaps * widths[left])
    matrix[left, right] = 1 / np.sqrt(gaps * widths[right])
    return matrix


def _waves(operator: KernelOperator) -> Basis:
    mesh, library = operator.mesh, operator.library
    volume = float(mesh.volumes.flat[0])
    symbols = []
    for axis, n in enumerate(mesh.shape):
        count = n // 2 + 1 if axis == mesh.dimension - 1 else n
        h = float(mesh.widths[axis][0])
        symbols.append(2 / h**2 * (1 - np.cos(2 * np.pi * np.arange(count) / n)))
    laplacian = np.ascontiguousarray(reduce(np.add, np.ix_(*symbols)))
    root = library.to_device(np.sqrt(mesh.volumes))
    return Basis(volume * operator.convolution.spectrum, library.to_device(laplacian), root, None)

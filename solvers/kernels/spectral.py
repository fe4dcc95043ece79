"""Orthonormal bases in which a kernel's operator, or the Laplacian, is diagonal.

    waves     real Fourier transform, for both: translation invariant kernels on uniform meshes without walls
    products  eigenvectors of one small symmetric matrix per axis: separable kernels on any mesh, and the Laplacian

Between walls the eigenvectors of a smooth kernel and the harmonics, those of the Laplacian, are not the same. Inverses
are exact in the former; the latter serve preconditioners of sums of both, for there the rest beside the diagonal of
-div (K + epsilon)^-1 grad is small: a thousandth of it on 64^3 cells, where it is a fifth in the basis of the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import cast

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
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
    """An orthonormal basis B of functions times sqrt(volume): an operator is vol^-1/2 B diag(values) B^T vol^1/2.

    values:  its eigenvalues, in the order of the basis
    root:    square roots of the volumes, of the shape of the grid
    vectors: one orthogonal matrix per axis, or None for waves
    """

    values: Array
    root: Array
    vectors: tuple[Array, ...] | None

    def like(self, other: Basis) -> bool:
        """Whether both are of one kind."""
        return (self.vectors is None) == (other.vectors is None)

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


@dataclass(frozen=True, eq=False)
class Diagonal:
    """diag(symbol) in a basis."""

    basis: Basis
    symbol: Array

    def __call__(self, coordinates: Array) -> Array:
        """Its image, from coordinates to coordinates."""
        return self.basis.diagonal(self.symbol, coordinates)

    def diagonal_in(self, other: Basis) -> Array:
        """Its diagonal in another basis of the same kind."""
        symbol = self.symbol
        for axis, (own, theirs) in enumerate(zip(self.basis.vectors or (), other.vectors or (), strict=True)):
            symbol = along(array_module(symbol).square(own.T @ theirs).T, symbol, axis)
        return symbol


@lru_cache(maxsize=4)
def basis_of(operator: KernelOperator) -> Basis | None:
    """That of a kernel, or None where there is none. `operator_on` gives one operator per kernel and mesh."""
    matrices, mesh = _matrices(operator), operator.mesh
    if matrices is not None:
        return _of_grams(matrices, mesh.widths, operator.library)
    if mesh.uniform and set(mesh.boundary) == {"periodic"} and operator.kernel.translation_invariant:
        return Basis(float(mesh.volumes.flat[0]) * operator.convolution.spectrum, _root(operator), None)
    return None


@lru_cache(maxsize=4)
def harmonics(operator: KernelOperator) -> Basis | None:
    """The basis of -div grad, of the kind of that of the kernel, or None where this has none."""
    mesh, library = operator.mesh, operator.library
    if _matrices(operator) is not None:
        quotients = [difference_quotients(mesh, axis) for axis in range(mesh.dimension)]
        return _products([quotient.T @ quotient for quotient in quotients], np.add, _root(operator), library)
    if basis_of(operator) is None:
        return None
    symbols = []
    for axis, n in enumerate(mesh.shape):
        count = n // 2 + 1 if axis == mesh.dimension - 1 else n
        symbols.append(2 / float(mesh.widths[axis][0]) ** 2 * (1 - np.cos(2 * np.pi * np.arange(count) / n)))
    return Basis(_on_grid(symbols, np.add, library), _root(operator), None)


@lru_cache(maxsize=4)
def face_bases(operator: KernelOperator) -> tuple[Basis, ...]:
    """That of the kernel on the faces of each orientation; empty where the kernel is no product."""
    if _matrices(operator) is None:
        return ()
    return tuple(
        _of_grams(cast(AxisProducts, gram).matrices, operator.mesh.face_widths(orientation), operator.library)
        for orientation, gram in enumerate(operator.faces)
    )


def product_inverse(
    operator: KernelOperator, f: Array, epsilon: float, on: Place, margin: float = _MARGIN
) -> Array | None:
    """(K + epsilon)^-1 f of a product kernel by its eigenvectors, exact but for the round-off that the smallest
    eigenvalue makes larger; None for other kernels, and where it is not above `margin` times the largest."""
    if _matrices(operator) is None:
        return None
    if on == "cells":
        basis = basis_of(operator)
        assert basis is not None
        return _divided(basis, f, epsilon) if invertible(basis, epsilon, margin) else None
    bases, solved = face_bases(operator), []
    for orientation, (grid,) in face_grids(operator.mesh, f):
        if not invertible(bases[orientation], epsilon, margin):
            return None
        solved.append(_divided(bases[orientation], grid, epsilon))
    return of_faces(solved, f)


def _divided(basis: Basis, f: Array, epsilon: float) -> Array:
    return basis.multiplied(1 / (basis.values + epsilon), basis.root * f) / basis.root


def invertible(basis: Basis, epsilon: float, margin: float) -> bool:
    """Whether the least eigenvalue of K + epsilon stands above `margin` times the largest."""
    return float(basis.values.min()) + epsilon > margin * (float(basis.values.max()) + epsilon)


def _matrices(operator: KernelOperator) -> tuple[Array, ...] | None:
    """One per axis, of a product kernel on axes that are not too long."""
    short = max(operator.mesh.shape) <= LARGEST_PRODUCT
    return operator.cells.matrices if isinstance(operator.cells, AxisProducts) and short else None


def _of_grams(matrices: Sequence[Array], widths: Sequence[np.ndarray], library: ArrayLibrary) -> Basis:
    """From one Gram matrix and the widths per axis."""
    roots = [np.sqrt(width) for width in widths]
    symmetric = [
        root[:, None] * library.to_host(matrix) * root[None] for matrix, root in zip(matrices, roots, strict=True)
    ]
    return _products(symmetric, np.multiply, _on_grid(roots, np.multiply, library), library)


def _products(matrices: list[np.ndarray], join: np.ufunc, root: Array, library: ArrayLibrary) -> Basis:
    """From one symmetric matrix per axis, positive semidefinite; join: how their eigenvalues make those of all."""
    found = [np.linalg.eigh((matrix + matrix.T) / 2) for matrix in matrices]
    values = _on_grid([np.maximum(spectrum, 0.0) for spectrum, _ in found], join, library)
    vectors = tuple(library.to_device(np.ascontiguousarray(vectors)) for _, vectors in found)
    return Basis(values, root, vectors)


def _root(operator: KernelOperator) -> Array:
    return operator.library.xp.sqrt(operator.volumes)


def _on_grid(lines: list[np.ndarray], join: np.ufunc, library: ArrayLibrary) -> Array:
    """One array of the grid from one of each axis."""
    return library.to_device(np.ascontiguousarray(reduce(join, np.ix_(*lines))))


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

"""Bases in which a kernel's operator on cells is diagonal, and the Laplacian nearly so: for inverses, and for
preconditioners of sums of both.

    waves     real Fourier transform: translation invariant kernels on uniform meshes without walls
    products  eigenvectors of one small symmetric matrix per axis: separable kernels on any mesh (a Kronecker product)

In the second the diagonal of the Laplacian is kept; eigenvectors of a smooth kernel are waves of growing frequency, so
that the rest of it is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels.axes import AxisProducts, along
from mudot.solvers.kernels.operators import KernelOperator

LARGEST_PRODUCT = 512
"""Cells of an axis up to which its matrix is diagonalised; the FFT is faster from there on."""


@dataclass(frozen=True, eq=False)
class Basis:
    """An orthonormal basis B of functions times sqrt(volume), with K = vol^-1/2 B diag(kernel) B^T vol^1/2.

    kernel, laplacian: eigenvalues of K and (the diagonal of) -div grad, in the order of the basis
    root:    square roots of the volumes, shape `mesh.shape`
    vectors: one orthogonal matrix per axis, or None for waves
    """

    kernel: Array
    laplacian: Array
    root: Array
    vectors: tuple[Array, ...] | None

    def multiplied(self, symbol: Array, y: Array) -> Array:
        """B diag(symbol) B^T y, of the mesh's shape: symmetric."""
        if self.vectors is None:
            fft = library_of(y).fft
            return fft.irfftn(symbol * fft.rfftn(y), s=y.shape)
        for axis, matrix in enumerate(self.vectors):
            y = along(matrix.T, y, axis)
        y = symbol * y
        for axis, matrix in enumerate(self.vectors):
            y = along(matrix, y, axis)
        return y


@lru_cache(maxsize=4)
def basis_of(operator: KernelOperator) -> Basis | None:
    """The basis of an operator, or None where there is none. `operator_on` gives one operator per kernel and mesh."""
    mesh, library = operator.mesh, operator.library
    if isinstance(operator.cells, AxisProducts) and max(mesh.shape) <= LARGEST_PRODUCT:
        return _products(operator.cells, mesh, library)
    if mesh.uniform and set(mesh.boundary) == {"periodic"} and operator.kernel.translation_invariant:
        return _waves(operator)
    return None


def invertible(basis: Basis, epsilon: float, margin: float) -> bool:
    """Whether the least eigenvalue of K + epsilon stands above `margin` times the largest."""
    return float(basis.kernel.min()) + epsilon > margin * (float(basis.kernel.max()) + epsilon)


def _products(cells: AxisProducts, mesh: Cartesian, library: ArrayLibrary) -> Basis:
    values, vectors, slopes = [], [], []
    for axis, matrix in enumerate(cells.matrices):
        root = np.sqrt(mesh.widths[axis])
        host = root[:, None] * library.to_host(matrix) * root[None]
        spectrum, basis = np.linalg.eigh((host + host.T) / 2)
        values.append(np.maximum(spectrum, 0.0))
        vectors.append(library.to_device(np.ascontiguousarray(basis)))
        slopes.append(np.einsum("ij,ij->j", basis, _second_differences(mesh, axis) @ basis))
    send = library.to_device
    kernel, laplacian = reduce(np.multiply, np.ix_(*values)), reduce(np.add, np.ix_(*slopes))
    return Basis(
        send(np.ascontiguousarray(kernel)),
        send(np.ascontiguousarray(laplacian)),
        send(np.sqrt(mesh.volumes)),
        tuple(vectors),
    )


def _second_differences(mesh: Cartesian, axis: int) -> np.ndarray:
    """-d^2/dx^2 of one axis, symmetric in the variables times the root of the width, shape (n, n)."""
    widths, n = mesh.widths[axis], mesh.shape[axis]
    matrix = np.zeros((n, n))
    last = n if mesh.boundary[axis] == "periodic" and n > 1 else n - 1
    for left in range(last):
        right = (left + 1) % n
        coupling = 2 / (widths[left] + widths[right])
        matrix[left, left] += coupling / widths[left]
        matrix[right, right] += coupling / widths[right]
        matrix[left, right] -= coupling / np.sqrt(widths[left] * widths[right])
        matrix[right, left] = matrix[left, right]
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

"""-div (K + epsilon)^-1 grad in the coordinates of a kernel's basis, without a solve.

On faces orthogonal to axis d a product kernel has the basis of the cells along the other axes and one of its own, V,
along d. With U that of the cells, and D the difference quotients in the variables times roots of volumes,

    -div (K + epsilon)^-1 grad = sum over d of C^T diag(1/(kernel + epsilon)) C,    C = V^T D U along axis d:

two small matrices per axis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from mudot.meshes.arrays import Array
from mudot.solvers.kernels.axes import along
from mudot.solvers.kernels.operators import KernelOperator
from mudot.solvers.kernels.spectral import Basis, basis_of, difference_quotients, face_bases, invertible


@dataclass(frozen=True, eq=False)
class InverseDiffusion:
    """-div (K + epsilon)^-1 grad of a product kernel: symmetric, positive semidefinite.

    basis:   of the cells
    slopes:  C of each axis that has faces, shape (faces, cells)
    symbols: eigenvalues of (K + epsilon)^-1 on the faces of the same axes, grids of their shapes
    """

    basis: Basis
    slopes: tuple[tuple[int, Array], ...]
    symbols: tuple[Array, ...]

    def scaled(self, factor: float) -> InverseDiffusion:
        """A multiple of it."""
        return replace(self, symbols=tuple(factor * symbol for symbol in self.symbols))

    def __call__(self, coordinates: Array) -> Array:
        """Its image, from coordinates to coordinates of the basis."""
        total = 0 * coordinates
        for (axis, slope), symbol in zip(self.slopes, self.symbols, strict=True):
            total += along(slope.T, symbol * along(slope, coordinates, axis), axis)
        return total

    def diagonal_in(self, other: Basis) -> Array:
        """Its diagonal in another basis of products, of the shape of the mesh."""
        assert self.basis.vectors is not None and other.vectors is not None
        turns = [own.T @ theirs for own, theirs in zip(self.basis.vectors, other.vectors, strict=True)]
        total = 0 * self.basis.values
        for (axis, slope), symbol in zip(self.slopes, self.symbols, strict=True):
            for i, turn in enumerate(turns):
                matrix = slope @ turn if i == axis else turn
                symbol = along((matrix * matrix).T, symbol, i)
            total += symbol
        return total

    def applied(self, f: Array) -> Array:
        """Its image of a function on the cells."""
        basis = self.basis
        return basis.out_of(self(basis.into(basis.root * f))) / basis.root

    def form(self, f: Array) -> float:
        """<grad f, (K + epsilon)^-1 grad f>: a sum of squares."""
        coordinates, total = self.basis.into(self.basis.root * f), 0.0
        for (axis, slope), symbol in zip(self.slopes, self.symbols, strict=True):
            image = along(slope, coordinates, axis)
            total += float((symbol * image * image).sum())
        return total


@lru_cache(maxsize=4)
def inverse_diffusion(operator: KernelOperator, epsilon: float, margin: float) -> InverseDiffusion | None:
    """The operator, or None for other kernels and where K + epsilon is singular.

    margin: least share of the largest eigenvalue of K + epsilon; round-off is larger by its inverse
    """
    basis, mesh = basis_of(operator), operator.mesh
    if basis is None or basis.vectors is None:
        return None
    slopes, symbols = [], []
    for axis, faces in enumerate(face_bases(operator)):
        if not mesh.face_shapes[axis][axis]:
            continue
        if faces.vectors is None or not invertible(faces, epsilon, margin):
            return None
        quotients = operator.library.to_device(difference_quotients(mesh, axis))
        slopes.append((axis, faces.vectors[axis].T @ quotients @ basis.vectors[axis]))
        symbols.append(1 / (faces.values + epsilon))
    return InverseDiffusion(basis, tuple(slopes), tuple(symbols))

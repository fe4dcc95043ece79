"""Integral operators with a kernel, matrix-free: K f(x) = int k(x, y) f(y) dy on cells and on faces.

The Gram matrix G_ij = k(x_i, x_j) acts on masses; K f = G (|K| f). The kernel's declared structure and the mesh choose
how products with G are done:

    products      one dense matrix per axis: separable kernels, and any kernel in one dimension; graded axes too
    convolution   FFT: other translation invariant kernels on uniform meshes
    features      explicit features: polynomial kernels; graded axes too
    dense         G in full: small graded meshes in two and three dimensions

Memory is O(N) (products: the sum of squares of the cells per axis) but for the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Protocol, cast

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels.axes import AxisProducts, axis_matrix, axis_products, restricted
from mudot.solvers.kernels.convolution import Convolution, convolution
from mudot.solvers.kernels.dense import dense
from mudot.solvers.kernels.features import features
from mudot.solvers.kernels.functions import Kernel, PolynomialKernel, RadialKernel, divergent
from mudot.solvers.kernels.points import cell_points, face_grids, face_points

LARGEST_AXIS = 2048
"""Cells of an axis up to which a dense matrix is preferred to the FFT: above, products take seconds in 3D."""
LARGEST_GRADED_AXIS = 8192
LARGEST_DENSE = 4096

Path = Literal["products", "convolution", "features", "dense"]
Place = Literal["cells", "faces"]
"""Where functions live: on cells (shape `mesh.shape`) or on faces (shape (faces,), in the order of `mesh.faces`)."""


class Gram(Protocol):
    """A Gram matrix on a tensor grid of points."""

    @property
    def bytes(self) -> int:
        """Memory held."""

    def apply(self, values: Array) -> Array:
        """G times a vector given on the grid of points; of the same shape."""


@dataclass(frozen=True, eq=False)
class KernelOperator:
    """A kernel on a mesh on one device; made by `kernel_operator`.

    path: how products with the Gram matrix are done
    """

    kernel: Kernel
    mesh: Cartesian
    library: ArrayLibrary
    path: Path

    def apply(self, f: Array) -> Array:
        """(K f)_i = sum_j k(x_i, x_j) f_j |K_j| for a cell function, shape `mesh.shape`."""
        return self.cells.apply(self.volumes * f)

    def gram(self, masses: Array) -> Array:
        """(G w)_i = sum_j k(x_i, x_j) w_j for masses of cells, shape `mesh.shape`."""
        return self.cells.apply(masses)

    def face_gram(self, masses: Array) -> Array:
        """The same between the face points of each orientation, for one mass per face; shape (faces,)."""
        out = array_module(masses).empty_like(masses)
        for orientation, (values, result) in face_grids(self.mesh, masses, out):
            gram = self.faces[orientation]
            if isinstance(gram, AxisProducts) and isinstance(out, np.ndarray):
                gram.apply(values, result)
            else:
                result[...] = gram.apply(values)
        return out

    def gram_on(self, on: Place, masses: Array) -> Array:
        """`gram` or `face_gram`."""
        return self.gram(masses) if on == "cells" else self.face_gram(masses)

    def weights(self, on: Place) -> Array:
        """`volumes` or `face_volumes`."""
        return self.volumes if on == "cells" else self.face_volumes

    @property
    def bytes(self) -> int:
        """Memory held for products on cells and faces (matrices shared by both counted once), and taken by one."""
        cells = self.cells
        extra = cells.working_bytes if isinstance(cells, Convolution) else 16 * self.mesh.size
        if self.path == "convolution":
            return cells.bytes + extra
        if self.path == "products":
            own = sum(8 * axis.coordinates.size**2 for axis in cell_points(self.mesh) if axis.spacing is None)
            return cells.bytes + own + extra
        return cells.bytes * (1 + self.mesh.dimension) + extra

    @cached_property
    def volumes(self) -> Array:
        """Cell volumes, shape `mesh.shape`."""
        return self.library.to_device(self.mesh.volumes)

    @cached_property
    def face_volumes(self) -> Array:
        """Area times distance of each face, shape (faces,)."""
        faces = self.mesh.faces
        return self.library.to_device(faces.area * faces.distance)

    @cached_property
    def cells(self) -> Gram:
        """The Gram matrix of the cell centres."""
        mesh, library, points = self.mesh, self.library, cell_points(self.mesh)
        if self.path == "features":
            return features(cast(PolynomialKernel, self.kernel), points, mesh.widths, library)
        kernel = cast(RadialKernel, self.kernel)
        build: Any = {"products": axis_products, "convolution": convolution, "dense": dense}[self.path]
        return cast(Gram, build(kernel, points, library))

    @cached_property
    def faces(self) -> tuple[Gram, ...]:
        """The Gram matrices of the face points of each orientation."""
        return tuple(self._face_gram(orientation) for orientation in range(self.mesh.dimension))

    def _face_gram(self, orientation: int) -> Gram:
        cells, points, library = self.cells, face_points(self.mesh, orientation), self.library
        if isinstance(cells, Convolution):
            return cells
        if isinstance(cells, AxisProducts):
            own = points[orientation]
            if own.spacing is not None:
                return restricted(cells, [axis.coordinates.size for axis in points])
            matrices = list(cells.matrices)
            matrices[orientation] = axis_matrix(cast(RadialKernel, self.kernel), own, library)
            return AxisProducts(tuple(matrices))
        if self.path == "features":
            return features(cast(PolynomialKernel, self.kernel), points, self.mesh.face_widths(orientation), library)
        return dense(cast(RadialKernel, self.kernel), points, library)

    @cached_property
    def convolution(self) -> Convolution:
        """The kernel as a convolution on the same mesh, which is uniform; on periodic axes it diagonalises G."""
        if isinstance(self.cells, Convolution):
            return self.cells
        return convolution(cast(RadialKernel, self.kernel), cell_points(self.mesh), self.library)


def kernel_operator(kernel: Kernel, mesh: Cartesian, library: ArrayLibrary, path: Path | None = None) -> KernelOperator:
    """The operator of a kernel on a mesh; `path` overrules the choice that the kernel's structure suggests.

    Raises MudotError for a kernel whose images do not sum up on a periodic axis, for a mesh too large for the only
    path there is, and for a path that does not fit.

    >>> from mudot.meshes.arrays import numpy_library
    >>> from mudot.solvers.kernels.functions import GaussianKernel
    >>> mesh = Cartesian(4, 0.0, 4.0)
    >>> operator = kernel_operator(GaussianKernel(1.0), mesh, numpy_library())
    >>> operator.apply(np.ones(4)).round(4)
    array([1.753 , 2.3484, 2.3484, 1.753 ])
    """
    if "periodic" in mesh.boundary:
        if not kernel.translation_invariant:
            raise divergent(kernel)
        cast(RadialKernel, kernel).on_ring(np.zeros(1), 1.0)
    possible = _possible(kernel, mesh)
    chosen = path or next((name for name, reason in possible.items() if not reason), None)
    if chosen is None or possible.get(chosen, "does not fit"):
        asked = possible if path is None else {path: possible.get(path, "the kernel has no such structure")}
        reasons = "; ".join(f"{name}: {reason}" for name, reason in asked.items())
        raise MudotError(f"kernel {kernel.name} on {'x'.join(map(str, mesh.shape))} cells: {reasons}")
    return KernelOperator(kernel, mesh, library, chosen)


def _possible(kernel: Kernel, mesh: Cartesian) -> dict[Path, str]:
    """The paths by preference, each with what speaks against it ('' for nothing)."""
    if kernel.finite_rank:
        return {"features": ""}
    axis = max(mesh.shape)
    convolve = "" if mesh.uniform else "needs a uniform mesh"
    limit = LARGEST_AXIS if mesh.uniform else LARGEST_GRADED_AXIS
    paths: dict[Path, str] = {}
    if kernel.separable or mesh.dimension == 1:
        paths["products"] = "" if axis <= limit else f"an axis has more than {limit} cells; coarsen it"
    paths["convolution"] = convolve
    full = f"the Gram matrix of more than {LARGEST_DENSE} cells is too large; use a uniform mesh or fewer cells"
    paths["dense"] = "" if mesh.size <= LARGEST_DENSE else full
    return paths

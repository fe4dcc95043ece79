"""The weighted Poisson problem -div(pi grad psi) = f, by conjugate gradients preconditioned by a separable neighbour.

With D = sqrt(pi |K|) the problem reads B y = D^-1 |K| f, y = D psi, with the symmetric matrix B = -D^-1 |K| A |K|^-1 D
of the Fokker-Planck generator A (a Schroedinger operator: its second-order part has constant coefficients, so that
steep potentials do no harm). Where log pi is a sum of functions of single coordinates, B is a sum of small matrices,
one per axis, and inverted by their eigenvectors (fast diagonalisation: Lynch, Rice and Thomas 1964); else the sum that
is closest to log pi in the mean gives the preconditioner, and the iterations depend on the rest, not on the mesh.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, ArrayLibrary, library_of
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.kernels.axes import along
from mudot.solvers.kernels.iterations import shifted_gradients

TOLERANCE = 1e-12
"""Of the residual, in L2(1/pi), over the right-hand side."""
_LOWEST = -600.0
"""Of the logarithm of sqrt(pi) below its largest value: less is as good as nothing."""


@dataclass(frozen=True, eq=False)
class FastDiagonalization:
    """The inverse of a sum of matrices of single axes, by their orthonormal eigenvectors.

    vectors: one matrix of shape (n, n) per axis, eigenvectors in columns;   inverse: 1/eigenvalues, the mesh's shape
    """

    vectors: tuple[Array, ...]
    inverse: Array

    def __call__(self, values: Array) -> Array:
        """The solution, of the shape of the right-hand side."""
        for axis, matrix in enumerate(self.vectors):
            values = along(matrix.T, values, axis)
        values = self.inverse * values
        for axis, matrix in enumerate(self.vectors):
            values = along(matrix, values, axis)
        return values


def weighted_poisson(mesh: Cartesian, log_target: Array) -> Callable[[Array], Array]:
    """f -> psi, up to a constant, for f of mass zero and of the mesh's shape; raises NotConverged.

    The error is small in L2(pi): where pi is below the square of the tolerance, psi is not known.

    log_target: log of the cell averages of pi, shape `mesh.shape`; on faces pi is as in the Scharfetter-Gummel flux
    """
    library = library_of(log_target)
    xp, send = library.xp, library.to_device
    matrix = library.sparse(_symmetric(mesh, library.to_host(log_target)))
    precondition = _separable(mesh, library.to_host(log_target), library)
    top = log_target.max()
    root, volume = xp.exp(xp.maximum((log_target - top) / 2, _LOWEST)), xp.sqrt(send(mesh.volumes))

    def apply(y: Array) -> Array:
        return (matrix @ y.reshape(-1)).reshape(mesh.shape)

    def solved(f: Array) -> Array:
        right = volume * f / root
        # What round-off adds to the mass of f lies in the kernel of B, where there is nothing to find.
        rest = root * volume
        right = right - (rest * right).sum() / (rest * rest).sum() * rest
        found = shifted_gradients(apply, 0.0, right, None, TOLERANCE, precondition)
        psi = found.solution / (root * volume)
        return psi * float(xp.exp(-top))

    return solved


def _symmetric(mesh: Cartesian, log_target: np.ndarray) -> Any:
    """B for pi, sparse (cells, cells) on the host: only differences of log pi enter."""
    flux = scharfetter_gummel(mesh, log_target)
    faces, volumes, logs = mesh.faces, mesh.volumes.reshape(-1), log_target.reshape(-1)
    left, right = faces.left, faces.right
    # m / sqrt(pi_K pi_L), from m/pi of the side where it is the larger number.
    jump = logs[left] - logs[right]
    forward, backward = (np.asarray(side) for side in (flux.forward, flux.backward))
    mean = np.where(jump < 0, forward * np.exp(np.minimum(jump, 0) / 2), backward * np.exp(np.minimum(-jump, 0) / 2))
    offs = -faces.transmissibility * mean / np.sqrt(volumes[left] * volumes[right])
    leaves = np.bincount(left, faces.transmissibility * forward, mesh.size)
    leaves += np.bincount(right, faces.transmissibility * backward, mesh.size)
    rows, columns = np.concatenate([left, right]), np.concatenate([right, left])
    matrix = scipy.sparse.coo_array((np.concatenate([offs, offs]), (rows, columns)), shape=(mesh.size, mesh.size))
    return (matrix.tocsr() + scipy.sparse.diags_array(leaves / volumes, format="csr")).tocsr()


def _separable(mesh: Cartesian, log_target: np.ndarray, library: ArrayLibrary) -> FastDiagonalization:
    """The inverse of B for the sum of functions of one coordinate that is closest to log pi, its kernel left out."""
    values, vectors = [], []
    for axis in range(mesh.dimension):
        others = tuple(i for i in range(mesh.dimension) if i != axis)
        line = Cartesian.graded([mesh.edges[axis]], [mesh.boundary[axis]])
        one = _symmetric(line, log_target.mean(axis=others)).toarray()
        spectrum, basis = np.linalg.eigh((one + one.T) / 2)
        values.append(np.maximum(spectrum, 0.0))
        vectors.append(library.to_device(np.ascontiguousarray(basis)))
    total = reduce(np.add, np.ix_(*values))
    least = np.partition(total.reshape(-1), min(1, total.size - 1))[min(1, total.size - 1)]
    return FastDiagonalization(tuple(vectors), library.to_device(1 / np.maximum(total, least)))

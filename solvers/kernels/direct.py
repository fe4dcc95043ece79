"""Solves without iterations: Fourier on periodic uniform meshes, features of polynomial kernels, Markov lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mudot.meshes.arrays import Array, library_of
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels.convolution import Convolution
from mudot.solvers.kernels.cosines import nearly_inverse_on
from mudot.solvers.kernels.features import Features
from mudot.solvers.kernels.functions import LaplaceKernel
from mudot.solvers.kernels.markov import MarkovInverse, is_markov, markov_inverse
from mudot.solvers.kernels.operators import KernelOperator, Place
from mudot.solvers.kernels.points import cell_points, face_grids, face_points, of_faces

_ROUND_OFF = 1e-13


def markov_line(operator: KernelOperator, on: Place) -> MarkovInverse | None:
    """The tridiagonal inverse Gram matrix of exp(-r/h) on the points of a one-dimensional mesh; else None."""
    mesh, kernel = operator.mesh, operator.kernel
    if mesh.dimension > 1 or not is_markov(kernel):
        return None
    axis = (cell_points(mesh) if on == "cells" else face_points(mesh, 0))[0]
    return markov_inverse(cast(LaplaceKernel, kernel).bandwidth, axis) if axis.coordinates.size > 1 else None


def direct_inverse(operator: KernelOperator, f: Array, epsilon: float, on: Place) -> Array | None:
    """(K + epsilon)^-1 f where there is a direct way, else None. Raises MudotError where K + epsilon is singular."""
    kernel, mesh, library = operator.kernel, operator.mesh, library_of(f)
    line = markov_line(operator, on)
    if line is not None:
        weights, right = library.to_host(operator.weights(on)), line.apply(library.to_host(f))
        return library.to_device(line.solve(weights, epsilon, right) if epsilon else right / weights)
    if kernel.finite_rank and epsilon == 0:
        raise MudotError(f"inverse of kernel {kernel.name}: its rank is finite; give an epsilon > 0")
    if not kernel.finite_rank and not (mesh.uniform and set(mesh.boundary) == {"periodic"}):
        return None
    return _by_blocks(operator, f, epsilon, on)


def features_ridge(
    operator: KernelOperator, masses: Array, values: Array, shift: float, on: Place
) -> tuple[Array, float] | None:
    """(K_mu + shift)^-1 K_mu values for kernels of finite rank, and its squared norm, where round-off allows it."""
    if operator.path != "features":
        return None
    if on == "cells":
        return cast(Features, operator.cells).ridge(masses, values, shift)
    parts, total = [], 0.0
    for orientation, (mass, value) in face_grids(operator.mesh, masses, values):
        found = cast(Features, operator.faces[orientation]).ridge(mass, value, shift)
        if found is None:
            return None
        parts.append(found[0])
        total += found[1]
    return of_faces(parts, values), total


def nearly_inverse(operator: KernelOperator, epsilon: float, on: Place) -> Callable[[Array], Array] | None:
    """A preconditioner of (K + epsilon)^-1 on boxes with walls, for kernels that are convolutions there; else None."""
    gram, mesh = operator.cells, operator.mesh
    if not isinstance(gram, Convolution):
        return None
    volume = float(mesh.volumes.flat[0])
    if on == "cells":
        return nearly_inverse_on(gram, mesh.shape, volume, epsilon)
    shapes = mesh.face_shapes
    blocks = {i: nearly_inverse_on(gram, shape, volume, epsilon) for i, shape in enumerate(shapes) if all(shape)}

    def apply(residual: Array) -> Array:
        return of_faces([blocks[i](grid) for i, (grid,) in face_grids(mesh, residual)], residual)

    return apply


def _by_blocks(operator: KernelOperator, f: Array, epsilon: float, on: Place) -> Array:
    """One solve for the cells, or one for the faces of each orientation."""
    weights = operator.weights(on)
    if on == "cells":
        return _one(operator, operator.cells, weights, f, epsilon)
    solved = [
        _one(operator, operator.faces[orientation], weight, value, epsilon)
        for orientation, (weight, value) in face_grids(operator.mesh, weights, f)
    ]
    return of_faces(solved, f)


def _one(operator: KernelOperator, gram: object, weights: Array, f: Array, epsilon: float) -> Array:
    if isinstance(gram, Features):
        return gram.solve(weights, f, epsilon)
    volume = float(operator.mesh.volumes.flat[0])
    least, largest = (volume * value + epsilon for value in operator.convolution.extremes)
    if least <= _ROUND_OFF * largest:
        raise MudotError(
            f"inverse of kernel {operator.kernel.name}: singular to round-off (eigenvalues from {least:.1e} to "
            f"{largest:.1e}); give an epsilon above {_ROUND_OFF * largest:.1e}"
        )
    return operator.convolution.divided(f, volume, epsilon)

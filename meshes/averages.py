"""Cell averages of functions, integrals and norms, and conservative transfer between nested meshes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.meshes.cartesian import Axes, Cartesian
from mudot.meshes.errors import MudotError

Function = Callable[..., Array]
"""A function of as many coordinate arrays as the mesh has axes; they broadcast against each other."""

_POINTS = {1: 6, 2: 5, 3: 3}
"""Gauss points per axis: exact to degree 2n-1, so order 12, 10 and 6 by dimension."""
_CHUNK = 1 << 21
_HOT = 1 << 15
"""Cells whose sums of exponentials stay in cache."""
_FAR = 600.0


def average(mesh: Cartesian, function: Function, points: int | None = None) -> np.ndarray:
    """Cell averages of a function by tensor Gauss quadrature with `points` nodes per axis (order 2 `points`).

    Returns a host array of shape `mesh.shape`. The default is order 12, 10, 6 in dimension 1, 2, 3.

    >>> average(Cartesian(2, 0.0, 1.0), lambda x: x**2)
    array([0.08333333, 0.58333333])
    """
    result = np.zeros(mesh.shape)
    for rows, weight, coordinates in _samples(mesh, points):
        result[rows] += weight * function(*coordinates)
    return result


def log_average(mesh: Cartesian, log_function: Function, points: int | None = None) -> np.ndarray:
    """Logarithms of the cell averages of exp(log_function): finite where the average itself underflows.

    Returns a host array of shape `mesh.shape`; -inf where the function vanishes on all nodes of a cell.

    >>> float(log_average(Cartesian(1, 0.0, 1.0), lambda x: -1000 + 0 * x)[0])
    -1000.0
    """
    result = np.empty(mesh.shape)
    for rows, samples in groupby(_samples(mesh, points, _HOT), lambda sample: sample[0]):
        center = log_function(*np.ix_(mesh.centers[0][rows], *mesh.centers[1:]))
        sums = _sums_of_exponentials(log_function, samples, center)
        result[rows] = _log_sums(log_function, _samples(mesh, points, _HOT, rows)) if sums is None else center + sums
    return result


def _sums_of_exponentials(
    log_function: Function, samples: Iterator[tuple[slice, float, Axes]], center: Array
) -> Array | None:
    """log of the averages over the values at the centre; None where they are too far apart for that."""
    total = np.zeros(np.shape(center))
    if not np.all(np.isfinite(center)):
        return None
    for _, weight, coordinates in samples:
        term = log_function(*coordinates) - center
        if not np.max(term) < _FAR:
            return None
        total += weight * np.exp(term)
    return np.log(total) if np.min(total) > 0 else None


def _log_sums(log_function: Function, samples: Iterator[tuple[slice, float, Axes]]) -> Array:
    """log of the averages, whatever they are: several times slower."""
    total = -np.inf
    for _, weight, coordinates in samples:
        total = np.logaddexp(total, np.log(weight) + log_function(*coordinates))
    return total


def _samples(
    mesh: Cartesian, points: int | None, chunk: int = _CHUNK, only: slice | None = None
) -> Iterator[tuple[slice, float, Axes]]:
    """Quadrature samples: rows of axis 0 (bounded chunks, or some of them), the weight, and one shifted coordinate per
    cell."""
    nodes, weights = np.polynomial.legendre.leggauss(points or _POINTS[mesh.dimension])
    shifted = [np.multiply.outer(nodes / 2, w) + c for w, c in zip(mesh.widths, mesh.centers, strict=True)]
    height = max(1, chunk // max(1, mesh.size // mesh.shape[0]))
    for rows in [only] if only else [slice(k, k + height) for k in range(0, mesh.shape[0], height)]:
        for index in np.ndindex(*(len(nodes),) * mesh.dimension):
            axes = [axis[i] for axis, i in zip(shifted, index, strict=True)]
            axes[0] = axes[0][rows]
            yield rows, float(np.prod(weights[list(index)] / 2)), tuple(np.ix_(*axes))


def volumes(mesh: Cartesian, like: Array) -> Array:
    """Cell volumes on the device of `like`, shape `mesh.shape`."""
    return _volumes(mesh, library_of(like))


@lru_cache(maxsize=4)
def _volumes(mesh: Cartesian, library: ArrayLibrary) -> Array:
    """Sent once: integrals are taken all the time."""
    return library.to_device(mesh.volumes)


def integrate(mesh: Cartesian, density: Array) -> float:
    """Integral over the box of a function given by cell averages, shape `mesh.shape`."""
    return float((density * volumes(mesh, density)).sum())


def norm(mesh: Cartesian, density: Array, order: float = 1) -> float:
    """L^order norm of cell averages; `order` is a positive number or `numpy.inf`.

    >>> norm(Cartesian(4, 0.0, 2.0), -np.ones(4), order=1)
    2.0
    """
    xp = array_module(density)
    magnitude = xp.abs(density)
    if order == np.inf:
        return float(magnitude.max())
    return float(integrate(mesh, magnitude**order) ** (1 / order))


def restrict(fine: Cartesian, density: Array) -> Array:
    """Cell averages on `fine.coarsened()` from those on `fine`: conservative and exact."""
    coarse = fine.coarsened()
    mass = density * volumes(fine, density)
    split = [length for n in coarse.shape for length in (n, 2)]
    mass = mass.reshape(split).sum(axis=tuple(range(1, 2 * fine.dimension, 2)))
    return mass / volumes(coarse, density)


def prolong(coarse: Cartesian, density: Array) -> Array:
    """Cell averages on `coarse.refined()`: conservative, second order, and nonnegative where the data are.

    Halving a cell at its centre, the two halves differ by the centred slope times half the width. Slopes are limited
    (monotonised central) so that no half leaves the range of the neighbours.
    """
    for axis in range(coarse.dimension):
        density = _prolong_axis(coarse, density, axis)
    return density


def _prolong_axis(coarse: Cartesian, density: Array, axis: int) -> Array:
    xp = array_module(density)
    lines = xp.moveaxis(density, axis, -1)
    widths = library_of(density).to_device(coarse.widths[axis])
    if coarse.boundary[axis] == "periodic":
        before, after = xp.roll(lines, 1, -1), xp.roll(lines, -1, -1)
        w_before, w_after = xp.roll(widths, 1), xp.roll(widths, -1)
    else:
        before = xp.concatenate([lines[..., :1], lines[..., :-1]], axis=-1)
        after = xp.concatenate([lines[..., 1:], lines[..., -1:]], axis=-1)
        w_before = xp.concatenate([widths[:1], widths[:-1]])
        w_after = xp.concatenate([widths[1:], widths[-1:]])
    left = (lines - before) / (w_before + widths) * (widths / 2)
    right = (after - lines) / (w_after + widths) * (widths / 2)
    centred = (left + right) / 2
    size = xp.minimum(xp.abs(centred), 2 * xp.minimum(xp.abs(left), xp.abs(right)))
    half = xp.where(left * right > 0, xp.sign(centred) * size, xp.zeros_like(lines))
    fine = xp.stack([lines - half, lines + half], axis=-1)
    return xp.moveaxis(fine.reshape((*lines.shape[:-1], 2 * lines.shape[-1])), -1, axis)


def check_density(mesh: Cartesian, density: Array, name: str = "density") -> None:
    """Raise MudotError unless the array has the mesh's shape and finite, nonnegative values."""
    xp = array_module(density)
    if tuple(density.shape) != mesh.shape:
        raise MudotError(f"{name}: expected shape {mesh.shape} (cells per axis), got {tuple(density.shape)}")
    if not bool(xp.all(xp.isfinite(density))):
        raise MudotError(f"{name}: expected finite cell averages, found NaN or infinity")
    if bool((density < 0).any()):
        raise MudotError(f"{name}: expected nonnegative cell averages, found {float(density.min()):.3g}")

"""One-sided values on faces from limited slopes in the cells, and the upwind choice between them.

With u the velocity on a face, upwind mobilities take the value of the cell that the mass leaves. Piecewise linear
reconstruction with the generalised minmod limiter makes that second order where the density is smooth, and keeps each
face value between zero and twice the cell average: no cell is drained faster than in proportion to what it holds
(van Leer 1979; Carrillo, Chertock and Huang 2015, section 2).
"""

from __future__ import annotations

from functools import partial

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.cartesian import Cartesian


def one_sided(mesh: Cartesian, density: Array) -> tuple[Array, Array]:
    """The reconstructed values left and right of every face, each of shape (faces,).

    >>> import numpy as np
    >>> one_sided(Cartesian(4, 0.0, 4.0), np.array([1.0, 2.0, 3.0, 3.0]))
    (array([1. , 2.5, 3. ]), array([1.5, 3. , 3. ]))
    """
    xp = array_module(density)
    sides: tuple[list[Array], list[Array]] = ([], [])
    for axis in range(mesh.dimension):
        rise = _half_rise(mesh, density, axis)
        periodic = mesh.boundary[axis] == "periodic" and mesh.shape[axis] > 1
        left, right = density + rise, density - rise
        cut = partial(_along, axis=axis, dimension=mesh.dimension)
        sides[0].append((left if periodic else left[cut(slice(None, -1))]).reshape(-1))
        sides[1].append((xp.roll(right, -1, axis) if periodic else right[cut(slice(1, None))]).reshape(-1))
    return xp.concatenate(sides[0]), xp.concatenate(sides[1])


def upwind(left: Array, right: Array, drop: Array) -> Array:
    """The value on the side that mass comes from: the left one where the potential drops from left to right (drop > 0),
    the mean where it does not change; arrays of shape (faces,)."""
    xp = array_module(left)
    return xp.where(drop > 0, left, xp.where(drop < 0, right, (left + right) / 2))


def _along(part: slice, axis: int, dimension: int) -> tuple[slice, ...]:
    return tuple(part if i == axis else slice(None) for i in range(dimension))


def _half_rise(mesh: Cartesian, density: Array, axis: int) -> Array:
    """Half a cell's width times its limited slope: minmod of the central difference and twice the one-sided ones. At a
    wall the density goes on as a constant."""
    xp = array_module(density)
    width = (
        library_of(density)
        .to_device(mesh.widths[axis])
        .reshape([-1 if i == axis else 1 for i in range(mesh.dimension)])
    )
    ahead, wider = xp.roll(density, -1, axis), xp.roll(width, -1, axis)
    step = (ahead - density) / (wider + width)  # half the difference quotient
    if mesh.boundary[axis] != "periodic":
        step[_along(slice(-1, None), axis, mesh.dimension)] = 0.0
    before = xp.roll(step, 1, axis)
    # In units of the rise over half a cell: 2 * quotient * width/2 one-sided, quotient * width/2 central.
    forward, backward = 2 * step * width, 2 * before * width
    central = (forward + backward) / 4
    smallest = xp.minimum(xp.minimum(xp.abs(forward), xp.abs(backward)), xp.abs(central))
    # Beside much narrower cells, and by round-off beside empty ones, the slope could lead below zero.
    smallest = xp.minimum(smallest, density)
    return xp.where(forward * backward > 0, xp.sign(central) * smallest, 0.0)

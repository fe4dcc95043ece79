"""Points on a mesh: the masses of cells that have the integrals of smooth functions over weighted points."""

from __future__ import annotations

import numpy as np

from mudot.meshes.cartesian import Cartesian

_NODES = 4


def on_mesh(mesh: Cartesian, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Masses of cells, shape `mesh.shape`: each point is shared among the four cell centres next to it along every axis
    by Lagrange's cubics (fewer where there are fewer cells).

    Sums of values at cell centres are then integrals over the points to fourth order, exact for cubics; a Gram matrix
    on the centres stands for that of the points (Wilson and Nickisch 2015). Some masses are negative: these are weights
    of a quadrature, no density. Points beyond walls lie on them, see `outside`; those of periodic axes are wrapped.

    >>> on_mesh(Cartesian(5, 0.0, 5.0), np.array([[2.5], [3.0]]), np.array([0.5, 0.5])).round(6)
    array([ 0.     , -0.03125,  0.78125,  0.28125, -0.03125])
    """
    places, shares = zip(*(_along(mesh, axis, points[:, axis]) for axis in range(mesh.dimension)), strict=True)
    total = np.zeros(mesh.size)
    for corner in np.ndindex(*(place.shape[1] for place in places)):
        cells = np.ravel_multi_index([places[axis][:, k] for axis, k in enumerate(corner)], mesh.shape)
        weight = np.prod([shares[axis][:, k] for axis, k in enumerate(corner)], axis=0)
        total += np.bincount(cells, weights * weight, mesh.size)
    return total.reshape(mesh.shape)


def _along(mesh: Cartesian, axis: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the cells along an axis and their shares, each of shape (n, nodes)."""
    centre, edge = mesh.centers[axis], mesh.edges[axis]
    count, nodes, shift = centre.size, min(_NODES, centre.size), 0
    if mesh.boundary[axis] == "periodic":
        period, shift = edge[-1] - edge[0], nodes // 2
        x = edge[0] + np.mod(x - edge[0], period)
        turns = np.arange(-shift, count + shift)
        centre = centre[turns % count] + period * (turns // count)
    else:
        x = np.clip(x, edge[0], edge[-1])
    low = np.clip(np.searchsorted(centre, x) - nodes // 2, 0, centre.size - nodes)
    index = low[:, None] + np.arange(nodes)
    near = centre[index]
    shares = np.ones(near.shape)
    for k in range(nodes):
        for other in range(nodes):
            if other != k:
                shares[:, k] *= (x - near[:, other]) / (near[:, k] - near[:, other])
    return (index - shift) % count, shares


def outside(mesh: Cartesian, points: np.ndarray, weights: np.ndarray) -> float:
    """The share of points beyond the walls of the box."""
    beyond = np.zeros(len(points), dtype=bool)
    for axis, edge in enumerate(mesh.edges):
        if mesh.boundary[axis] != "periodic":
            beyond |= (points[:, axis] < edge[0]) | (points[:, axis] > edge[-1])
    return float(weights[beyond].sum())

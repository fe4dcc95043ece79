"""Passes over the faces of large uniform meshes on the host, compiled where that is to be had.

For right-hand sides that are evaluated many times. Everything else goes through `operators` and `mobilities`, whose
results these are: gradient and divergence to the bit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from mudot.meshes.arrays import Array, numpy_library
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import compiled, operators
from mudot.solvers.mobilities import STEEPEST, Bounded

LARGE = 16_384
"""Cells from which a run saves more than the half second in which Numba is imported."""


@dataclass(frozen=True)
class Run:
    """One axis of a mesh as the compiled loops see it.

    faces:  where its faces stand in a vector of all;   shape: before, cells along the axis, after
    seam:   whether the axis is periodic;   slope: 1/h;   share: area over volume
    volume: of a face, area times distance
    """

    faces: slice
    shape: tuple[int, int, int]
    seam: bool
    slope: float
    share: float
    volume: float


@lru_cache(maxsize=8)
def _runs(mesh: Cartesian) -> tuple[Run, ...] | None:
    if not mesh.uniform or mesh.size < LARGE:
        return None
    found = []
    for faces in operators.stencil(mesh, numpy_library()).axes:
        axis = faces.axis
        shape = (math.prod(mesh.shape[:axis]), mesh.shape[axis], math.prod(mesh.shape[axis + 1 :]))
        found.append(Run(faces.block, shape, faces.seam, faces.slope, faces.share, faces.measure))
    return tuple(found)


def _loops(mesh: Cartesian, *arrays: Array) -> Any:
    """The compiled passes, or None where they do not apply."""
    if _runs(mesh) is None or not all(isinstance(a, np.ndarray) and a.flags.c_contiguous for a in arrays):
        return None
    return compiled.on_faces()


def _each(mesh: Cartesian) -> Iterator[Run]:
    return iter(_runs(mesh) or ())


def gradient(mesh: Cartesian, f: Array) -> Array:
    """`operators.gradient`."""
    loops = _loops(mesh, f)
    if loops is None:
        return operators.gradient(mesh, f)
    out = np.empty(mesh.face_blocks[-1].stop)
    for run in _each(mesh):
        loops.gradient(out[run.faces], f.reshape(-1), *run.shape, run.seam, run.slope)
    return out


def divergence(mesh: Cartesian, flux: Array) -> Array:
    """`operators.divergence`."""
    loops = _loops(mesh, flux)
    if loops is None:
        return operators.divergence(mesh, flux)
    out = np.zeros(mesh.size)
    for run in _each(mesh):
        loops.add_divergence(out, flux[run.faces], *run.shape, run.seam, run.share)
    return out.reshape(mesh.shape)


def momentum(mesh: Cartesian, f: Array, mobility: Array, face_volumes: Array) -> Array:
    """Mass times slope of every face, mobility face_volumes gradient(f), shape (faces,)."""
    loops = _loops(mesh, f, mobility)
    if loops is None:
        return gradient(mesh, f) * (mobility * face_volumes)
    out = np.empty(mesh.face_blocks[-1].stop)
    for run in _each(mesh):
        place = run.faces
        loops.momentum(out[place], f.reshape(-1), mobility[place], *run.shape, run.seam, run.slope, run.volume)
    return out


def inflow(mesh: Cartesian, velocity: Array, mobility: Array, factor: float = 1.0) -> Array:
    """-div(mobility factor velocity), of the mesh's shape, for face functions."""
    loops = _loops(mesh, velocity, mobility)
    if loops is None:
        return divergence(mesh, velocity * factor * -mobility)
    out = np.zeros(mesh.size)
    for run in _each(mesh):
        place = run.faces
        loops.add_inflow(out, velocity[place], mobility[place], factor, *run.shape, run.seam, run.share)
    return out.reshape(mesh.shape)


def diffusion(mesh: Cartesian, mobility: Array, f: Array) -> Array:
    """`operators.diffusion`: div(mobility gradient(f))."""
    if _loops(mesh, mobility, f) is None:
        return operators.diffusion(mesh, mobility, f)
    return inflow(mesh, gradient(mesh, f), mobility, -1.0)


def bounded_mobility(mesh: Cartesian, density: Array, rule: Bounded) -> Array:
    """`rule(mesh, density)`."""
    loops = _loops(mesh, density) if rule.base is None else None
    if loops is None:
        return rule(mesh, density)
    out = np.empty(mesh.face_blocks[-1].stop)
    for run in _each(mesh):
        loops.bounded_mean(out[run.faces], density.reshape(-1), *run.shape, run.seam, STEEPEST)
    return out

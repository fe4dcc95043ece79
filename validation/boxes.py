"""The error of cutting the whole space to a box, which refinement cannot see: the same cells and more around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.flows import Solution
from mudot.solvers.inputs import Inputs


def widened(inputs: Inputs) -> Inputs:
    """The same cells with an eighth more on either side of every axis that is not periodic."""
    table, mesh = inputs.mesh, inputs.mesh.build()
    pads = [0 if side == "periodic" else -(-n // 8) for n, side in zip(mesh.shape, mesh.boundary, strict=True)]
    lower, upper = np.asarray(mesh.lower, dtype=float), np.asarray(mesh.upper, dtype=float)
    margin = pads * (upper - lower) / mesh.shape
    update = {
        "cells": [n + 2 * pad for n, pad in zip(mesh.shape, pads, strict=True)],
        "lower": (lower - margin).tolist(),
        "upper": (upper + margin).tolist(),
    }
    return replace(inputs, mesh=table.model_copy(update=update))


def cut(inner: Solution, wide: Solution) -> np.ndarray:
    """Relative L1 distance at every output to the solution on a widened box, and twice the mass which that has outside:
    once for what is missing here, once for what the walls put in its place. Shape (outputs,)."""
    mesh = inner.flow.mesh
    window = _window(mesh, wide.flow.mesh)
    inside = [density[window] for density in wide.density]
    within = np.array([norm(mesh, density) for density in inside])
    apart = np.array([norm(mesh, a - b) for a, b in zip(inner.density, inside, strict=True)])
    return np.asarray((apart + 2 * (wide.mass - within).clip(0)) / wide.mass)


def _window(mesh: Cartesian, wide: Cartesian) -> tuple[slice, ...]:
    """The cells of a mesh among those of its widened one."""
    pads = [(m - n) // 2 for m, n in zip(wide.shape, mesh.shape, strict=True)]
    return tuple(slice(pad, pad + n) for pad, n in zip(pads, mesh.shape, strict=True))

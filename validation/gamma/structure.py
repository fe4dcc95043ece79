"""Monotonicity and Fenchel's inequality of a family's dissipation potentials, on arbitrary states."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.validation.gamma.systems import System

STATES = 4
ROUNDOFF, MOBILITY = 1e-6, 1e-3
"""Shares by which an inequality may be missed: by linear solves, and where members and limit average densities on faces
in two ways that differ to second order in the mesh."""


def violations(members: list[System], limit: System, monotone: bool) -> dict[str, tuple[float, float]]:
    """The worst violations, and what is tolerated: of Fenchel's inequality R(u) + R*(-xi) >= -<xi, u>, relative to
    R + R*; and, where the family is `monotone`, of R decreasing and R* increasing along the ladder and to the limit.

    States, forces and rates are random; the rates are images of forces under the first member, so that R is finite,
    or under the limit, where only that keeps the mass.
    """
    keeps = limit.flow.geometry.conserves_mass and not members[0].flow.geometry.conserves_mass
    giver = limit if keeps else members[0]
    mesh, rng = members[0].problem.mesh, np.random.default_rng(3)
    fenchel, down, up, end = [], [], [], []
    for _ in range(STATES):
        density = members[0].problem.start * np.exp(0.5 * _field(mesh, rng))
        xi, force = _field(mesh, rng), _field(mesh, rng)
        u = giver.flow.discrete_geometry.onsager(mesh, density).apply(force)
        primal, dual = [], []
        for system in (*members, limit):
            onsager = system.flow.discrete_geometry.onsager(mesh, density)
            # A factor of the energy stands in the operator: R and R* of the plain one.
            primal.append(system.factor * sum(onsager.primal(u, force)))
            dual.append(sum(onsager.dual(xi)) / system.factor)
        pairing = integrate(mesh, xi * u)
        fenchel += [(-pairing - r - d) / (r + d) for r, d in zip(primal, dual, strict=True)]
        down += [b / a - 1 for a, b in pairwise(primal[:-1])]
        up += [1 - b / a for a, b in pairwise(dual[:-1])]
        end += [primal[-1] / primal[-2] - 1, 1 - dual[-1] / dual[-2]]
    found = {"Fenchel's inequality": (float(max(fenchel)), ROUNDOFF)}
    if monotone:
        found["R decreasing along the ladder"] = float(max(down)), ROUNDOFF
        found["R* increasing along the ladder"] = float(max(up)), ROUNDOFF
        bound = ROUNDOFF if limit.flow.geometry.multiplicative else MOBILITY
        found["R and R* bounded by those of the limit"] = float(max(end)), bound
    return found


def _field(mesh: Cartesian, rng: np.random.Generator) -> np.ndarray:
    """Products of cosines of random low frequencies, whole ones on periodic axes."""
    field = np.ones(mesh.shape)
    for x, low, high, side in zip(mesh.coordinates, mesh.lower, mesh.upper, mesh.boundary, strict=True):
        place = (x - low) / (high - low)
        mode = int(rng.integers(1, 4)) if side == "periodic" else rng.uniform(0.3, 2)
        field = field * np.cos(2 * np.pi * mode * place + rng.uniform(0, 6))
    return field

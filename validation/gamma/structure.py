"""Monotonicity and Fenchel's inequality of a family's dissipation potentials, on arbitrary states."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.validation.gamma.systems import System

STATES = 4


def violations(members: list[System], limit: System, monotone: bool) -> dict[str, float]:
    """The worst violations of Fenchel's inequality R(u) + R*(-xi) >= -<xi, u>, relative to R + R*; and, where the
    family is `monotone`, of R decreasing and R* increasing along the ladder to the limit's values, relative to those.

    States, forces and rates are random; the rates are images of forces under the first member, so that R is finite.
    """
    mesh, rng = members[0].problem.mesh, np.random.default_rng(3)
    every = [*members, limit]
    worst = {"Fenchel's inequality": -np.inf}
    if monotone:
        worst |= {"R decreasing to the limit": -np.inf, "R* increasing to the limit": -np.inf}
    for _ in range(STATES):
        density = members[0].problem.start * np.exp(0.5 * _field(mesh, rng))
        xi, force = _field(mesh, rng), _field(mesh, rng)
        first = members[0].flow
        u = first.discrete_geometry.onsager(mesh, density).apply(force)
        primal, dual = [], []
        for system in every:
            onsager = system.flow.discrete_geometry.onsager(mesh, density)
            # A factor c of the energy stands in the operator: R and R* of the plain one.
            factor = system.factor
            primal.append(factor * sum(onsager.primal(u, force)))
            dual.append(sum(onsager.dual(xi)) / factor)
        pairing = integrate(mesh, xi * u)
        excess = max((-pairing - r - d) / (r + d) for r, d in zip(primal, dual, strict=True))
        worst["Fenchel's inequality"] = max(worst["Fenchel's inequality"], float(excess))
        if monotone:
            name = "R decreasing to the limit"
            worst[name] = max(worst[name], *(float(b / a - 1) for a, b in pairwise(primal)))
            name = "R* increasing to the limit"
            worst[name] = max(worst[name], *(float(1 - b / a) for a, b in pairwise(dual)))
    return worst


def _field(mesh: Cartesian, rng: np.random.Generator) -> np.ndarray:
    """Products of cosines of random low frequencies, whole ones on periodic axes."""
    field = np.ones(mesh.shape)
    for x, low, high, side in zip(mesh.coordinates, mesh.lower, mesh.upper, mesh.boundary, strict=True):
        place = (x - low) / (high - low)
        mode = int(rng.integers(1, 4)) if side == "periodic" else rng.uniform(0.3, 2)
        field = field * np.cos(2 * np.pi * mode * place + rng.uniform(0, 6))
    return field

"""One step of methods with randomness in law: what the empirical measure of infinitely many particles does.

Masses sit on a lattice of a line, the cell centres of a mesh; normal numbers become the nodes of Gauss and Hermite, and
where they carry mass it is shared among the centres by cubics. What is left is the error of the step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.compare.deposit import on_mesh
from mudot.validation.particles.kernels import embedding, embedding_gradient
from mudot.validation.particles.samplers import BirthDeathLangevin, Langevin, MaximumMeanDiscrepancyFlow

Law = Callable[[Cartesian, np.ndarray, float], np.ndarray]
"""Masses of cells after a step of length tau."""

_NODES = 24


def langevin(method: Langevin) -> Law:
    """x + tau grad log pi(x) + sqrt(2 tau) u."""

    def step(mesh: Cartesian, masses: np.ndarray, tau: float) -> np.ndarray:
        x = mesh.centers[0][:, None]
        return _carried(mesh, masses, lambda u: x + tau * method.target.score(x) + math.sqrt(2 * tau) * u)

    return step


def noisy_mmd_flow(method: MaximumMeanDiscrepancyFlow) -> Law:
    """x + tau v(x + b u), down the witness of the masses."""

    def step(mesh: Cartesian, masses: np.ndarray, tau: float) -> np.ndarray:
        x, h = mesh.centers[0][:, None], method.bandwidth

        def moved(u: float) -> np.ndarray:
            seen = x + method.noise * u
            slope = method.target.embedding_gradient(seen, h) - embedding_gradient(seen, x, masses, h)
            return np.asarray(x + tau * slope)

        return _carried(mesh, masses, moved)

    return step


def birth_death_langevin(method: BirthDeathLangevin) -> Law:
    """A Langevin step, then births and deaths in random order (derived).

    Let alpha and beta be the masses that are chosen to die and to give birth, A and B their sums. While the order runs
    from 0 to 1, births send copies at the constant rate B from beta/B: places overwritten before they give birth hold
    copies of the same law. Whoever dies takes the mean content m of all places, so that
    m' = (A - B) m + beta - exp(-B s) alpha - A (1 - exp(-B s)) beta/B, solved in closed form.
    """
    before = langevin(Langevin(method.target))

    def step(mesh: Cartesian, masses: np.ndarray, tau: float) -> np.ndarray:
        x, h, moved = mesh.centers[0][:, None], method.bandwidth, before(mesh, masses, tau)
        estimate = embedding(x, x, moved, h) / (math.sqrt(2 * math.pi) * h)
        excess = np.log(np.maximum(estimate, 1e-300)) - method.target.log_density(x)
        excess -= float(moved @ excess)
        chosen = -np.expm1(-np.abs(excess) * tau) * moved
        dying, bearing = np.where(excess > 0, chosen, 0.0), np.where(excess > 0, 0.0, chosen)
        deaths, births = float(dying.sum()), float(bearing.sum())
        grown, kept = math.exp(deaths - births), math.exp(-births)
        return np.asarray(grown * moved - (grown - kept) / deaths * dying + (1 - kept) / births * bearing)

    return step


def run(law: Law, mesh: Cartesian, masses: np.ndarray, time: float, tau: float) -> np.ndarray:
    """Masses at a time, by equal steps of at most tau."""
    steps = math.ceil(time / tau - 1e-9)
    for _ in range(steps):
        masses = law(mesh, masses, time / steps)
    return masses


def _carried(mesh: Cartesian, masses: np.ndarray, moved: Callable[[float], np.ndarray]) -> np.ndarray:
    """Masses carried to moved(u) under the normal law of u."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    weights = weights / weights.sum()
    places = np.concatenate([moved(float(u)) for u in nodes])
    return on_mesh(mesh, places, np.concatenate([w * masses for w in weights]))

"""What tests of flows share: data, finished runs, the order of their books, derivatives and rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.flows import GradientFlow, Solution, solve
from mudot.solvers.geometries import Geometry


def normal(mesh: Cartesian, mean: float, variance: float, mass: float = 1.0) -> np.ndarray:
    """The density of N(mean, variance) in every coordinate at the cell centres, times a mass."""
    squares = sum((x - mean) ** 2 for x in mesh.coordinates)
    return np.asarray(mass * np.exp(-squares / (2 * variance)) / (2 * math.pi * variance) ** (mesh.dimension / 2))


def completed(
    mesh: Cartesian, energy: Energy, geometry: Geometry, start: np.ndarray, times: Sequence[float], rtol: float
) -> Solution:
    """A run that reached its end."""
    solution = solve(GradientFlow(mesh, energy, geometry), start, times, rtol=rtol)
    assert solution.status == "complete", solution.message
    return solution


def assert_books_in_order(solution: Solution, tolerance: float) -> None:
    """The balance closes to a share of what was dissipated, energy falls, no cell is negative, mass is kept where the
    geometry keeps it."""
    assert np.max(np.abs(solution.balance)) <= tolerance * solution.dissipation[-1]
    assert np.all(np.diff(solution.energy) < 0)
    assert solution.minimum.min() >= 0
    if solution.flow.geometry.conserves_mass:
        np.testing.assert_allclose(solution.mass, solution.mass[0], rtol=1e-12)


def assert_derivative(
    mesh: Cartesian, energy: Energy, density: np.ndarray, change: np.ndarray, rel: float, step: float = 1e-4
) -> None:
    """The first variation in a direction is the central difference of the values."""
    rise = energy.value(mesh, density + step * change) - energy.value(mesh, density - step * change)
    slope = integrate(mesh, energy.first_variation(mesh, density) * change)
    assert slope == pytest.approx(rise / (2 * step), rel=rel)


def neutral(mesh: Cartesian, seed: int) -> np.ndarray:
    """A random function without mass."""
    change = np.random.default_rng(seed).standard_normal(mesh.shape)
    return np.asarray(change - integrate(mesh, change) / integrate(mesh, np.ones(mesh.shape)))


def decay_of_wave(
    mesh: Cartesian, energy: Energy, geometry: Geometry, wave: np.ndarray, size: float, time: float, rtol: float
) -> float:
    """The rate at which a small wave on the constant density 1 decays until a time."""
    solution = completed(mesh, energy, geometry, 1 + size * wave, [0.0, time], rtol)
    first, last = (integrate(mesh, (density - 1) * wave) for density in solution.density)
    return -math.log(last / first) / time


Pair = Callable[[np.ndarray], tuple[Energy, Geometry]]
"""A flow by its target."""

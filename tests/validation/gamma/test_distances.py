"""Distances: closed forms, and the circle cut where it costs least."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.validation.gamma.distances import distances, hellinger, wasserstein


def test_hellinger_is_the_distance_of_square_roots() -> None:
    mesh, rng = Cartesian(50, 0.0, 2.0), np.random.default_rng(0)
    one, two = rng.uniform(0.1, 2, 50), rng.uniform(0.1, 2, 50)
    exact = np.sqrt(((np.sqrt(one) - np.sqrt(two)) ** 2 * mesh.volumes).sum())
    assert hellinger(mesh, one, two) == pytest.approx(exact, rel=1e-13)


def test_wasserstein_of_a_shift_is_its_length_on_the_line_and_on_the_circle() -> None:
    line, circle = Cartesian(400, 0.0, 1.0), Cartesian(400, 0.0, 1.0, "periodic")
    bump = np.exp(-(((line.centers[0] - 0.1) / 0.01) ** 2)) + 1e-12
    moved = np.roll(bump, 300)
    assert wasserstein(line, bump, moved) == pytest.approx(0.75, rel=1e-6)
    assert wasserstein(circle, bump, moved) == pytest.approx(0.25, rel=1e-6)


def test_wasserstein_on_the_circle_is_that_of_a_linear_program() -> None:
    from scipy.optimize import linprog

    n, rng = 12, np.random.default_rng(1)
    mesh = Cartesian(n, 0.0, 1.0, "periodic")
    one, two = rng.uniform(size=n), rng.uniform(size=n)
    fine = 8  # cells carry mass uniformly: points at many places in every cell
    p, q = (np.repeat(v / v.sum() / fine, fine) for v in (one, two))
    x = (np.arange(n * fine) + 0.5) / (n * fine)
    cost = np.abs(x[:, None] - x)
    cost = np.minimum(cost, 1 - cost)
    size = n * fine
    rows = np.kron(np.eye(size), np.ones(size)), np.kron(np.ones(size), np.eye(size))
    found = linprog(cost.ravel(), A_eq=np.vstack(rows), b_eq=np.concatenate([p, q]), method="highs")
    assert wasserstein(mesh, one, two) == pytest.approx(found.fun, abs=2e-3)


def test_every_distance_vanishes_on_equal_densities_only() -> None:
    mesh = Cartesian(16, 0.0, 1.0, "periodic")
    one = 1 + 0.3 * np.sin(2 * np.pi * mesh.centers[0])
    assert set(distances(mesh)) == {"l1", "hellinger", "mmd", "w1"}
    assert set(distances(Cartesian((4, 4), (0, 0), (1, 1)))) == {"l1", "hellinger", "mmd"}
    for name, distance in distances(mesh).items():
        assert distance(mesh, one, one) < 1e-12, name
        assert distance(mesh, one, one[::-1]) > 1e-2, name

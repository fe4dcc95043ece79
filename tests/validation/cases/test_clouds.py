"""Eulerian solutions as point masses: distances by the product structure of the kernel are those of all pairs."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.validation.cases.clouds import on_mesh, reference
from mudot.validation.particles.kernels import mmd_squared
from mudot.validation.particles.targets import mixture

BUMPS = mixture([0.3, 0.7], [[-1.0, 0.5], [1.0, -0.2]], [[[0.5, 0.2], [0.2, 0.6]], [[1.0, -0.3], [-0.3, 0.4]]])


def test_distance_to_particles_is_the_sum_over_all_pairs() -> None:
    mesh = Cartesian((16, 13), (-4.0, -3.0), (4.0, 3.0))
    there = reference(mesh, on_mesh(mesh, BUMPS), 0.7)
    x = BUMPS.sample(30, np.random.default_rng(0))
    share = np.full(30, 1 / 30)
    wanted = mmd_squared(x, share, there.points, there.masses, 0.7)
    assert there.distance(x, share) == pytest.approx(wanted, rel=1e-9)


def test_floor_is_what_independent_draws_have() -> None:
    mesh = Cartesian((40, 32), (-4.0, -3.5), (4.0, 3.5))
    there = reference(mesh, on_mesh(mesh, BUMPS), 0.7)
    rng, count = np.random.default_rng(1), 20
    squares = [there.distance(BUMPS.sample(count, rng), np.full(count, 1 / count)) for _ in range(400)]
    assert np.mean(squares) == pytest.approx(there.floor / count, rel=0.1)

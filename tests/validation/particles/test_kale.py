"""KALE descent: its witness against the energy on a mesh, its steps against differences of its value."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies.regularized import Kale
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.particles.kale import KaleDescent
from mudot.validation.particles.samplers import Particles, uniform

WIDTH, REGULARIZATION = 0.8, 0.1


def test_value_is_that_of_the_energy_on_a_mesh_whose_cells_are_the_particles() -> None:
    mesh = Cartesian((12, 10), (-2.0, -2.0), (2.0, 2.0))
    x, y = mesh.coordinates
    densities = [np.exp(-(x**2) - y**2 / 2) + 0.1, np.exp(-((x - 1) ** 2) * 2 - y**2) + 0 * y + 1e-3]
    pi, mu = (density / integrate(mesh, density) for density in densities)
    points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(x, y)], axis=1)
    method = KaleDescent(points, (pi * mesh.volumes).reshape(-1), WIDTH, REGULARIZATION)
    now = Particles(points, (mu * mesh.volumes).reshape(-1))
    energy = Kale(GaussianKernel(WIDTH), pi, REGULARIZATION)
    assert method.value(now) == pytest.approx(energy.value(mesh, mu), rel=1e-6)
    witness = energy.first_variation(mesh, mu).reshape(-1)
    assert (1 + REGULARIZATION) * method.witness(now) == pytest.approx(witness, abs=1e-4 * np.abs(witness).max())


def test_step_goes_down_the_gradient_of_the_value() -> None:
    rng = np.random.default_rng(0)
    points, now, step = rng.normal(size=(25, 2)), uniform(rng.normal(size=(6, 2)) + 0.5), 1e-5
    method = KaleDescent(points, np.full(25, 1 / 25), WIDTH, REGULARIZATION)
    velocity = method.step(now, 1.0, rng).positions - now.positions
    for i, axis in ((0, 0), (2, 1), (5, 0)):
        values = []
        for sign in (1, -1):
            x = now.positions.copy()
            x[i, axis] += sign * step
            values.append(method.value(Particles(x, now.weights)))
        slope = (values[0] - values[1]) / (2 * step)
        assert slope == pytest.approx(-now.weights[i] * velocity[i, axis], rel=1e-3, abs=1e-5)


def test_nothing_moves_at_the_target() -> None:
    points = np.random.default_rng(1).normal(size=(20, 2))
    method = KaleDescent(points, np.full(20, 0.05), WIDTH, REGULARIZATION)
    moved = method.step(uniform(points), 1.0, np.random.default_rng(0))
    assert moved.positions == pytest.approx(points, abs=1e-9)
    assert method.value(uniform(points)) == pytest.approx(0.0, abs=1e-12)

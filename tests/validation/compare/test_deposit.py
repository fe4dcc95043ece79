"""Points on a mesh integrate cubics exactly, at walls and across seams, and know who is beyond the walls."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.validation.compare.deposit import on_mesh, outside

BOX = Cartesian((12, 9), (-1.0, -1.0), (1.0, 2.0))
GRADED = Cartesian.graded([np.array([0.0, 0.1, 0.3, 0.35, 0.8, 1.1, 2.0])])
RNG = np.random.default_rng(2)


def test_cubics_are_integrated_exactly_up_to_the_walls() -> None:
    x, w = RNG.uniform((-1.0, -1.0), (1.0, 2.0), (50, 2)), RNG.dirichlet(np.ones(50))
    masses = on_mesh(BOX, x, w)
    assert masses.sum() == pytest.approx(1, abs=1e-13)
    for powers in ((1, 0), (0, 2), (3, 1), (2, 3), (3, 3)):
        there = float((masses * BOX.coordinates[0] ** powers[0] * BOX.coordinates[1] ** powers[1]).sum())
        assert there == pytest.approx(float(w @ (x[:, 0] ** powers[0] * x[:, 1] ** powers[1])), abs=1e-12)


def test_graded_and_very_coarse_meshes_are_no_exception() -> None:
    x, w = RNG.uniform(0, 2, (20, 1)), RNG.dirichlet(np.ones(20))
    assert float((on_mesh(GRADED, x, w) * GRADED.centers[0] ** 3).sum()) == pytest.approx(float(w @ x[:, 0] ** 3))
    two = Cartesian(2, 0.0, 2.0)
    assert float((on_mesh(two, x, w) * two.centers[0]).sum()) == pytest.approx(float(w @ x[:, 0]))
    assert on_mesh(Cartesian(1, 0.0, 2.0), x, w).tolist() == pytest.approx([1.0])


def test_waves_on_a_circle_are_of_fourth_order_wherever_the_points_are_wound() -> None:
    x, w = RNG.uniform(0, 1, (40, 1)), RNG.dirichlet(np.ones(40))
    truth, errors = float(w @ np.sin(2 * np.pi * x[:, 0])), []
    for cells in (16, 32):
        mesh = Cartesian(cells, 0.0, 1.0, "periodic")
        masses = on_mesh(mesh, x, w)
        np.testing.assert_allclose(on_mesh(mesh, x + RNG.integers(-3, 4, (40, 1)), w), masses, atol=1e-13)
        errors.append(abs(float((masses * np.sin(2 * np.pi * mesh.centers[0])).sum()) - truth))
    # 3/128 (2 pi h)^4 at most.
    assert errors[0] < 3 / 128 * (2 * np.pi / 16) ** 4 and errors[1] < 3 / 128 * (2 * np.pi / 32) ** 4


def test_points_beyond_walls_lie_on_them_and_are_counted() -> None:
    mesh, weights = Cartesian((4, 4), (0, 0), (1, 1), ("no-flux", "periodic")), np.array([0.25, 0.75])
    points = np.array([[1.5, 0.5], [0.5, 7.5]])
    assert outside(mesh, points, weights) == 0.25
    np.testing.assert_allclose(
        on_mesh(mesh, points, weights), on_mesh(mesh, np.array([[1.0, 0.5], [0.5, 0.5]]), weights)
    )

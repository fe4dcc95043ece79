"""Closed-form geodesics: mass, ends and special cases that are known."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.validation.rates.geodesics import Geodesic, curvature_form, waves


def random_geodesic(size: float, alpha: float = 1.0, beta: float = 1.0) -> Geodesic:
    mesh, rng = Cartesian(200, 0.0, 1.0), np.random.default_rng(4)
    density = np.exp(waves(mesh, rng, 3)[0])
    level, pull, levels, slope = (size * part for part in waves(mesh, rng, 4))
    return Geodesic(mesh, density, level, pull, levels, slope, alpha, beta)


def test_masses_are_parabolas_bent_by_half_of_beta_times_the_squared_distance() -> None:
    curve = random_geodesic(0.02, 0.7, 1.6)
    masses = [float((density * mesh.volumes).sum()) for mesh, density in map(curve.at, (0.0, 0.25, 0.5, 0.75, 1.0))]
    assert np.ptp(np.diff(masses, 2)) < 1e-12
    assert np.diff(masses, 2)[0] * 16 == pytest.approx(1.6 / 2 * curve.squared_speed, rel=1e-9)


def test_without_transport_square_roots_move_straight() -> None:
    curve = random_geodesic(0.3, alpha=1e-12)
    start, end = np.sqrt(curve.density), np.sqrt(curve.at(1.0)[1])
    assert np.allclose(np.sqrt(curve.at(0.5)[1]), (start + end) / 2, rtol=1e-9)


def test_without_reaction_cells_move_straight_and_keep_their_masses() -> None:
    curve = random_geodesic(0.01, beta=1e-12)
    mesh, density = curve.at(1.0)
    assert np.allclose(mesh.edges[0], curve.mesh.edges[0] + curve.slope, atol=1e-9)
    assert np.allclose(density * mesh.volumes, curve.density * curve.mesh.volumes)


def test_characteristics_that_meet_are_refused() -> None:
    with pytest.raises(MudotError, match="strictly increasing"):
        random_geodesic(1.0).at(1.0)


@pytest.mark.parametrize(("dimension", "low"), [(1, 1 / 3), (2, 1 / 2), (3, np.inf)])
def test_forms_are_nonnegative_where_powers_are_convex(dimension: int, low: float) -> None:
    for p in (0.3, 1 / 3, 0.4, 0.5, 0.6, 0.9, 1.01, 2.0, 5.0):
        least = np.linalg.eigvalsh(curvature_form(p, dimension)).min()
        assert (least > -1e-12) == (low <= p <= 0.5 or p > 1), (dimension, p)

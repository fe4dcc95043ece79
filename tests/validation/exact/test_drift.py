"""Drift-diffusion on the unit interval: the equation, its walls, cell averages and reference numbers."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from mudot.meshes.averages import average, integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.validation import reference
from mudot.validation.exact.drift import DriftDiffusion

DRIFTS = (1.0, 20.0, -3.0)


@pytest.mark.parametrize("g", DRIFTS)
@pytest.mark.parametrize("t", [0.0, 0.03])
def test_density_solves_the_equation_without_flux_through_the_walls(g: float, t: float) -> None:
    """rho_t = (rho_x - g rho)_x, differentiated in 50 digits."""
    with mpmath.workdps(50):
        pi, drift = mpmath.pi, mpmath.mpf(g)

        def rho(s: mpmath.mpf, x: mpmath.mpf) -> mpmath.mpf:
            wave = pi * mpmath.cos(pi * x) + drift / 2 * mpmath.sin(pi * x)
            decaying = mpmath.exp(-(pi**2 + drift**2 / 4) * s + drift * x / 2) * wave
            return decaying + pi * mpmath.exp(drift * (x - 0.5))

        def flux(x: mpmath.mpf) -> mpmath.mpf:
            return mpmath.diff(lambda y: rho(t, y), x) - drift * rho(t, x)

        largest = float(DriftDiffusion(g, t).target(np.array([0.0, 1.0])).max())
        for x in (0.0, 0.3, 0.8, 1.0):
            assert abs(mpmath.diff(lambda s, x=x: rho(s, x), t) - mpmath.diff(flux, x)) < 1e-13 * largest
            assert abs(float(DriftDiffusion(g, t).density(np.array(x)) - rho(t, x))) < 2e-15 * largest
        assert max(abs(flux(mpmath.mpf(0))), abs(flux(mpmath.mpf(1)))) < 1e-13 * largest


@pytest.mark.parametrize("g", DRIFTS)
@pytest.mark.parametrize("t", [0.0, 0.01, 1.0])
def test_cell_averages_agree_with_quadrature_and_sum_to_the_mass(g: float, t: float) -> None:
    mesh, problem = Cartesian.graded([np.linspace(0, 1, 33) ** 1.5]), DriftDiffusion(g, t)
    quadrature = average(mesh, problem.density, points=20)
    assert np.abs(problem.averages(mesh) - quadrature).max() < 1e-14 * quadrature.max()
    assert integrate(mesh, problem.averages(mesh)) == pytest.approx(problem.mass, rel=1e-14)
    assert integrate(mesh, problem.target_averages(mesh)) == pytest.approx(problem.mass, rel=1e-14)


@pytest.mark.parametrize("g", DRIFTS)
def test_initial_averages_are_nonnegative_up_to_the_wall_where_the_density_vanishes(g: float) -> None:
    for n in (20, 320, 5120):
        assert DriftDiffusion(g, 0.0).averages(Cartesian(n, 0.0, 1.0)).min() > 0
    assert abs(float(DriftDiffusion(g, 0.0).excess(np.array(1.0))) + 1) < 1e-15


def test_averages_on_a_box_are_constant_along_further_axes() -> None:
    box, line = Cartesian((8, 3, 2), (0.0, 0.0, 0.0), (1.0, 2.0, 1.0)), Cartesian(8, 0.0, 1.0)
    problem = DriftDiffusion(1.0, 0.1)
    assert np.array_equal(problem.averages(box), np.broadcast_to(problem.averages(line)[:, None, None], (8, 3, 2)))


@pytest.mark.parametrize(("g", "t"), reference.DRIFT_VALUES)
def test_mass_energies_moment_and_value_are_the_reference_ones(g: float, t: float) -> None:
    problem, expected = DriftDiffusion(g, t), reference.DRIFT_VALUES[g, t]
    unit = {(1.0, 0.0): 1e-9, (20.0, 0.02): 1e-8, (20.0, 0.05): 1e-8}.get((g, t), 1e-12)
    assert abs(problem.free_energy - expected.free_energy) < 0.51 * unit
    assert abs(problem.kl - expected.kl) < 0.51 * min(unit, 1e-9)
    assert abs(problem.first_moment - expected.first_moment) < 0.51 * min(unit, 1e-9)
    assert abs(float(problem.density(np.array(0.25))) - expected.at_quarter) < 5.1e-11
    assert problem.mass == pytest.approx(reference.DRIFT_MASS[g], rel=2e-13)


@pytest.mark.parametrize(("g", "t"), [(1.0, 0.05), (20.0, 0.05), (-3.0, 0.02)])
def test_energies_and_moment_agree_with_gauss_quadrature(g: float, t: float) -> None:
    mesh, problem = Cartesian(200, 0.0, 1.0), DriftDiffusion(g, t)

    def free_energy(x: np.ndarray) -> np.ndarray:
        rho = problem.density(x)
        return np.asarray(rho * np.log(rho) - g * x * rho)

    def relative(x: np.ndarray) -> np.ndarray:
        rho, pi = problem.density(x), problem.target(x)
        return np.asarray(rho * np.log(rho / pi) - rho + pi)

    moment = integrate(mesh, average(mesh, lambda x: x * problem.density(x)))
    assert problem.first_moment == pytest.approx(moment, rel=1e-13)
    assert problem.free_energy == pytest.approx(integrate(mesh, average(mesh, free_energy)), rel=1e-11)
    assert problem.kl == pytest.approx(integrate(mesh, average(mesh, relative)), rel=1e-10)


def test_other_intervals_and_vanishing_drift_are_refused() -> None:
    with pytest.raises(MudotError, match="x from 0 to 1"):
        DriftDiffusion(1.0, 0.0).averages(Cartesian(4, 0.0, 2.0))
    with pytest.raises(MudotError, match="g != 0"):
        DriftDiffusion(0.0, 0.0)

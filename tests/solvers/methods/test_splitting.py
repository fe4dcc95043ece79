"""Wasserstein-Fisher-Rao flows: exact Gaussians, orders in time, positivity, energies of the two parts."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import erf

from mudot.meshes.averages import integrate, log_average, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.geometries import FisherRao, Wasserstein
from mudot.solvers.methods.choice import method_for
from mudot.solvers.methods.reaction import PowerReaction, Vacuum
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.splitting import SymmetricSplitting

# Hellinger-Kantorovich flow of KL to N(0, 1) from mean 2, variance 1/4, mass 1/2
# (Liero, Mielke, Tse and Zhu 2025, arXiv:2504.20400): t -> mean, variance, mass.
EXACT = {
    0.25: (1.397388554463, 0.591892262323, 0.411856093808),
    0.5: (0.913098566654, 0.792316646494, 0.431155369877),
    1.0: (0.355002576122, 0.951025694006, 0.559419286060),
    2.0: (0.048801381526, 0.997523294203, 0.801565669233),
}


def gaussian(mesh: Cartesian, mean: float, variance: float, mass: float = 1.0) -> np.ndarray:
    """Exact cell averages of mass N(mean, variance) in one dimension."""
    return mass * np.diff(erf((mesh.edges[0] - mean) / math.sqrt(2 * variance))) / 2 / mesh.widths[0]


def points(mesh: Cartesian, mean: float, variance: float, mass: float = 1.0) -> np.ndarray:
    """Values of mass N(mean, variance) at the cell centres."""
    return mass * np.exp(-((mesh.centers[0] - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def normal_target(mesh: Cartesian, averaged: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """N(0, 1) by cell averages or midpoint values, normalised on the grid, and its logarithm."""
    log_target = log_average(mesh, lambda x: -(x**2) / 2) if averaged else -(mesh.centers[0] ** 2) / 2
    log_target -= math.log(integrate(mesh, np.exp(log_target)))
    return np.exp(log_target), log_target


def splitting(
    mesh: Cartesian, spherical: bool = False, alpha: float = 1.0, beta: float = 1.0, averaged: bool = True
) -> SymmetricSplitting:
    """The flow of KL to N(0, 1)."""
    energy = KullbackLeibler(*normal_target(mesh, averaged))
    reaction = PowerReaction(mesh, energy, beta, spherical)
    return SymmetricSplitting(mesh, FokkerPlanck(mesh, energy.log_target, alpha), reaction, beta, spherical)


@cache
def reference(cells: int) -> np.ndarray:
    """The semidiscrete flow at t = 1/2, exact in time to 1e-12."""
    mesh = Cartesian(cells, -9.0, 9.0)
    return splitting(mesh).advance(gaussian(mesh, 2, 0.25, 0.5), 0.5, 0.01, 1e-13).density


def test_strang_splitting_has_the_listed_errors_in_time() -> None:
    mesh = Cartesian(160, -9.0, 9.0)
    start = gaussian(mesh, 2, 0.25, 0.5)
    errors = [norm(mesh, splitting(mesh).strang(start, 0.5, n) - reference(160)) for n in (4, 8, 16, 32, 64)]
    assert errors == pytest.approx([2.1e-3, 5.3e-4, 1.33e-4, 3.3e-5, 8.3e-6], rel=0.03)
    assert math.log2(errors[-2] / errors[-1]) == pytest.approx(2, abs=0.02)


def test_strang_splitting_has_the_listed_total_errors() -> None:
    """Everything by midpoint values, which is what was listed."""
    errors = []
    for cells in (80, 160, 320):
        mesh = Cartesian(cells, -9.0, 9.0)
        density = splitting(mesh, averaged=False).strang(points(mesh, 2, 0.25, 0.5), 0.5, 64)
        errors.append(norm(mesh, density - points(mesh, *EXACT[0.5])))
    assert errors == pytest.approx([1.95e-3, 4.9e-4, 1.26e-4], rel=0.03)


def test_energy_drops_by_part_have_the_listed_values_and_add_up() -> None:
    mesh = Cartesian(160, -9.0, 9.0)
    method, tau = splitting(mesh, averaged=False), 0.5 / 64
    energy = method.reaction.energy
    density = points(mesh, 2, 0.25, 0.5)
    first = value = energy.value(mesh, density)
    drops = {"wasserstein": 0.0, "fisher-rao": 0.0}
    for _ in range(64):
        for name, part, duration in (
            ("fisher-rao", method.reaction, tau / 2),
            ("wasserstein", method.transport, tau),
            ("fisher-rao", method.reaction, tau / 2),
        ):
            density = part.advance(density, duration, np.inf, 0.0).density
            before, value = value, energy.value(mesh, density)
            assert value < before
            drops[name] += before - value
    assert drops["wasserstein"] == pytest.approx(0.573409, abs=2e-6)
    assert drops["fisher-rao"] == pytest.approx(0.347766, abs=2e-6)
    assert sum(drops.values()) == pytest.approx(first - value, abs=1e-14)


def test_extrapolated_step_has_at_least_order_five() -> None:
    mesh = Cartesian(160, -9.0, 9.0)
    errors = []
    for steps in (4, 8, 16):
        density = gaussian(mesh, 2, 0.25, 0.5)
        for _ in range(steps):
            density = splitting(mesh).extrapolated(density, 0.5 / steps)[0]
        errors.append(norm(mesh, density - reference(160)))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(orders > 5)
    assert errors[-1] < 1e-8


@pytest.mark.parametrize("rtol", [1e-4, 1e-6, 1e-8, 1e-10])
def test_error_control_meets_its_tolerance(rtol: float) -> None:
    mesh = Cartesian(160, -9.0, 9.0)
    moved = splitting(mesh).advance(gaussian(mesh, 2, 0.25, 0.5), 0.5, np.inf, rtol)
    error = norm(mesh, moved.density - reference(160)) / integrate(mesh, reference(160))
    assert error < rtol
    assert 0 < moved.step < np.inf


@cache
def moments(cells: int, t: float, spherical: bool) -> np.ndarray:
    """Mean, variance and mass of the computed solution."""
    mesh = Cartesian(cells, -9.0, 9.0)
    (x,) = mesh.centers
    start = gaussian(mesh, 2, 0.25, 1.0 if spherical else 0.5)
    density = splitting(mesh, spherical).advance(start, t, 0.05, 1e-9).density
    mass = integrate(mesh, density)
    mean = integrate(mesh, x * density) / mass
    return np.array([mean, integrate(mesh, (x - mean) ** 2 * density) / mass, mass])


@pytest.mark.parametrize("spherical", [False, True])
@pytest.mark.parametrize("t", EXACT)
def test_gaussians_stay_gaussian_with_the_exact_moments(t: float, spherical: bool) -> None:
    """The spherical flow has the same mean and variance at mass one."""
    exact = np.array([*EXACT[t][:2], 1.0 if spherical else EXACT[t][2]])
    errors = [moments(cells, t, spherical) - exact for cells in (80, 160, 320)]
    coarse, fine = ((4 * errors[k] - errors[k - 1]) / 3 for k in (1, 2))
    # The extrapolated values are of order 4: the error falls by 16, where it is not round-off.
    assert np.all(np.abs(fine) < np.abs(coarse) / 12 + 1e-10) and np.abs(fine).max() < 5e-6
    moving = slice(2) if spherical else slice(3)
    orders = np.log2(np.abs(errors[1][moving] / errors[2][moving]))
    assert orders == pytest.approx(np.full(orders.size, 2.0), abs=0.1)


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 1.0), (1.0, 2.5)])
def test_weights_of_the_parts_enter_as_speeds(alpha: float, beta: float) -> None:
    """Against the system m' = -(a + b S) m, S' = 2a(1 - S) + b S(1 - S), k' = -b k (log k + KL)."""

    def system(_: float, y: np.ndarray) -> list[float]:
        m, s, k = y
        divergence = (s + m**2 - 1 - math.log(s)) / 2
        growth = -beta * k * (math.log(k) + divergence)
        return [-(alpha + beta * s) * m, (2 * alpha + beta * s) * (1 - s), growth]

    exact = solve_ivp(system, (0, 0.4), [2, 0.25, 0.5], rtol=1e-12, atol=1e-13).y[:, -1]
    found = []
    for cells in (160, 320):
        mesh = Cartesian(cells, -9.0, 9.0)
        (x,) = mesh.centers
        method = splitting(mesh, alpha=alpha, beta=beta)
        density = method.advance(gaussian(mesh, 2, 0.25, 0.5), 0.4, 0.05, 1e-8).density
        mass = integrate(mesh, density)
        mean = integrate(mesh, x * density) / mass
        found.append(np.array([mean, integrate(mesh, (x - mean) ** 2 * density) / mass, mass]))
    assert (4 * found[1] - found[0]) / 3 == pytest.approx(exact, abs=1e-5)


@pytest.mark.parametrize("spherical", [False, True])
def test_positive_from_exact_zeros_in_two_dimensions(spherical: bool) -> None:
    mesh = Cartesian((24, 20), (-4.0, -4.0), (4.0, 4.0))
    x, y = mesh.coordinates
    target = np.exp(-(x**2 + x * y + y**2))
    start = np.where((x > 1) & (y > 1), 1.0, 0.0)
    energy = KullbackLeibler(target / integrate(mesh, target))
    reaction = PowerReaction(mesh, energy, 1.0, spherical)
    method = SymmetricSplitting(mesh, FokkerPlanck(mesh, energy.log_target), reaction, 1.0, spherical)
    density, values = start, [energy.value(mesh, start)]
    for _ in range(6):
        density = method.advance(density, 0.05, 0.05, 1e-6).density
        assert density.min() > 0
        values.append(energy.value(mesh, density))
        if spherical:
            assert integrate(mesh, density) == pytest.approx(integrate(mesh, start), rel=1e-14)
    assert np.all(np.diff(values) < 0)


@pytest.mark.parametrize("spherical", [False, True])
def test_target_is_stationary(spherical: bool) -> None:
    mesh = Cartesian(80, -9.0, 9.0)
    target = normal_target(mesh)[0]
    moved = splitting(mesh, spherical).advance(target, 2.0, np.inf, 1e-8).density
    assert np.abs(moved / target - 1).max() < 1e-12
    assert np.abs(splitting(mesh, spherical).rate(target)).max() < 1e-13


def test_rate_is_the_derivative_of_the_flow() -> None:
    mesh = Cartesian(60, -6.0, 6.0)
    method, step = splitting(mesh, alpha=0.8, beta=1.3), 1e-4
    start = method.advance(gaussian(mesh, 1, 0.5, 0.7), 0.1, 0.1, 1e-10).density
    ahead = method.advance(start, step, step, 1e-10).density
    twice = method.advance(start, 2 * step, step, 1e-10).density
    slope = (4 * ahead - twice - 3 * start) / (2 * step)
    assert np.abs(slope - method.rate(start)).max() < 1e-5 * np.abs(method.rate(start)).max()


@pytest.mark.parametrize("vacuum", ["fills", "stays"])
def test_method_of_a_sum_is_the_splitting_of_its_parts(vacuum: Vacuum) -> None:
    mesh = Cartesian(16, -4.0, 4.0)
    energy = PowerDivergence(1.0, normal_target(mesh)[0])
    method = method_for(mesh, energy, Wasserstein(0.7) + FisherRao(0.2) + FisherRao(0.1), vacuum)
    assert isinstance(method, SymmetricSplitting)
    assert method.transport.transport == 0.7
    assert method.reaction.reaction == pytest.approx(0.3)
    assert method.reaction.vacuum == vacuum
    assert "order 6" in method.description

"""The Fokker-Planck semigroup against exact solutions: errors as listed, orders, extrapolated functionals."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy.special import erf

from mudot.meshes.averages import average, integrate, log_average, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.fluxes import harmonic, scharfetter_gummel, square_root
from mudot.solvers.methods.semigroup import FokkerPlanck
from tests.solvers.methods.semigroup_cases import after, path

# --- drift and diffusion on [0, 1], V = -g x (Cances, Gallouet and Todeschi 2020, arXiv:1907.08305) --------------


def drift_mass(x: np.ndarray, t: float, g: float) -> np.ndarray:
    """Mass on [0, x] of the exact solution: the primitive of its density."""
    alpha = math.pi**2 + g**2 / 4
    return math.exp(-alpha * t) * np.exp(g * x / 2) * np.sin(math.pi * x) + math.pi / g * (
        np.exp(g * (x - 0.5)) - math.exp(-g / 2)
    )


def drift_average(mesh: Cartesian, t: float, g: float) -> np.ndarray:
    """Exact cell averages; cancellation leaves them above -1e-13."""
    return np.maximum(np.diff(drift_mass(mesh.edges[0], t, g)) / mesh.widths[0], 0)


def drift_log_target(mesh: Cartesian, g: float) -> np.ndarray:
    """log of the cell averages of pi e^(g (x - 1/2))."""
    return log_average(mesh, lambda x: math.log(math.pi) + g * (x - 0.5))


FLUXES = {"sg": scharfetter_gummel, "sqra": square_root, "harmonic": harmonic}
DRIFT_ERRORS = {
    ("sg", 1): (6.161e-4, 1.540e-4, 3.850e-5, 9.625e-6, 2.406e-6),
    ("sqra", 1): (5.857e-4, 1.464e-4, 3.660e-5, 9.149e-6, 2.287e-6),
    ("harmonic", 1): (6.770e-4, 1.692e-4, 4.230e-5, 1.058e-5, 2.644e-6),
    ("sg", 20): (1.197e-2, 3.023e-3, 7.577e-4, 1.895e-4, 4.742e-5),
    ("sqra", 20): (9.933e-3, 2.487e-3, 6.220e-4, 1.555e-4, 3.890e-5),
    ("harmonic", 20): (5.389e-2, 1.392e-2, 3.509e-3, 8.791e-4, 2.200e-4),
}


def drift_error(name: str, g: float, cells: int) -> float:
    """Relative L1 error, the largest over t = 0.01, 0.02, ..., 0.25; invariants are checked on the way."""
    mesh = Cartesian(cells, 0.0, 1.0)
    log_target = drift_log_target(mesh, g)
    method = FokkerPlanck(mesh, log_target, flux=FLUXES[name](mesh, log_target))
    start = drift_average(mesh, 0.0, g)
    mass = 2 * math.pi / g * math.sinh(g / 2)
    times = [k / 100 for k in range(1, 26)]
    energy = KullbackLeibler(np.exp(log_target), log_target)
    errors, energies = [], [energy.value(mesh, start)]
    for t, density in zip(times, path(method, start, times), strict=True):
        assert density.min() >= 0
        assert abs(integrate(mesh, density) / mass - 1) < 1e-13
        energies.append(energy.value(mesh, density))
        errors.append(norm(mesh, density - drift_average(mesh, t, g)) / mass)
    assert np.all(np.diff(energies) < 0)
    return max(errors)


@pytest.mark.parametrize(("name", "g"), DRIFT_ERRORS)
def test_drift_diffusion_has_the_listed_errors_of_second_order(name: str, g: float) -> None:
    listed = DRIFT_ERRORS[name, g][:4]
    found = [drift_error(name, g, 20 * 2**k) for k in range(4)]
    assert found == pytest.approx(listed, rel=1e-3)
    assert math.log2(found[-2] / found[-1]) == pytest.approx(2, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "g"), DRIFT_ERRORS)
def test_drift_diffusion_has_the_listed_error_on_the_finest_mesh(name: str, g: float) -> None:
    assert drift_error(name, g, 320) == pytest.approx(DRIFT_ERRORS[name, g][4], rel=1e-3)


# g, t: F = int rho log rho - g x rho, KL, first moment
DRIFT_VALUES = {
    (1, 0.02): (3.014262105098, 0.903327249410, 1.233850394732),
    (1, 0.05): (2.585161250865, 0.474226395178, 1.409704621039),
    (1, 0.1): (2.281445945104, 0.170511089417, 1.606566864360),
    (1, 0.25): (2.119270269349, 0.008335413662, 1.839963334257),
}


def drift_functionals(cells: int, g: float, t: float) -> np.ndarray:
    """F, KL and the first moment of the computed solution."""
    mesh = Cartesian(cells, 0.0, 1.0)
    (x,) = mesh.centers
    log_target = drift_log_target(mesh, g)
    density = after(FokkerPlanck(mesh, log_target), drift_average(mesh, 0.0, g), t)
    energy = KullbackLeibler(np.exp(log_target), log_target).value(mesh, density)
    return np.array([integrate(mesh, density * (np.log(density) - g * x)), energy, integrate(mesh, x * density)])


@pytest.mark.parametrize(("g", "t"), DRIFT_VALUES)
def test_extrapolated_functionals_of_drift_diffusion_are_exact_to_eight_digits(g: float, t: float) -> None:
    coarse, fine = drift_functionals(160, g, t), drift_functionals(320, g, t)
    assert (4 * fine - coarse) / 3 == pytest.approx(DRIFT_VALUES[g, t], abs=1e-8, rel=0)
    if t == 0.05:
        assert fine - DRIFT_VALUES[g, t] == pytest.approx([1.4e-6, 4.8e-8, -6.5e-7], rel=0.1)


@pytest.mark.parametrize("separable", [True, False])
@pytest.mark.parametrize("axis", [0, 1])
def test_two_dimensional_run_equals_the_one_dimensional_run_row_by_row(axis: int, separable: bool) -> None:
    line = Cartesian(40, 0.0, 1.0)
    cells = (40, 24) if axis == 0 else (24, 40)
    mesh = Cartesian(cells, (0.0, 0.0), (1.0, 1.0))
    row, log_row = drift_average(line, 0.0, 1.0), drift_log_target(line, 1.0)
    spread = (slice(None), None) if axis == 0 else (None, slice(None))
    start = np.ascontiguousarray(np.broadcast_to(row[spread], mesh.shape))
    log_target = np.ascontiguousarray(np.broadcast_to(log_row[spread], mesh.shape))
    for t in (0.02, 0.1):
        expected = after(FokkerPlanck(line, log_row), row, t)
        found = after(FokkerPlanck(mesh, log_target, separable=separable), start, t)
        assert np.abs(found - expected[spread]).max() < 1e-12


# --- Ornstein-Uhlenbeck: V = x^2/2 on [-8, 8], from N(2, 1/4) -----------------------------------------------------

OU_EXACT = {
    0.5: (1.213061319425, 0.724090419121, 0.7592235949561),
    1.0: (0.735758882343, 0.898498537573, 0.2734349354555),
    2.0: (0.270670566473, 0.986263270833, 0.0366788887248),
}


def gaussian_average(mesh: Cartesian, mean: float, variance: float) -> np.ndarray:
    """Exact cell averages of N(mean, variance) in one dimension."""
    return np.diff(erf((mesh.edges[0] - mean) / math.sqrt(2 * variance))) / 2 / mesh.widths[0]


@cache
def ornstein_uhlenbeck(cells: int, t: float, averaged: bool) -> np.ndarray:
    """Errors of the density (relative L1), mean, variance and KL."""
    mesh = Cartesian(cells, -8.0, 8.0)
    (x,) = mesh.centers

    def log_density(x: np.ndarray) -> np.ndarray:
        return -(x**2) / 2 - math.log(2 * math.pi) / 2

    log_target = log_average(mesh, log_density) if averaged else log_density(x)
    density = after(FokkerPlanck(mesh, log_target), gaussian_average(mesh, 2, 0.25), t)
    mean = integrate(mesh, x * density)
    variance = integrate(mesh, (x - mean) ** 2 * density)
    energy = KullbackLeibler(np.exp(log_target), log_target).value(mesh, density)
    exact = gaussian_average(mesh, 2 * math.exp(-t), 1 - 0.75 * math.exp(-2 * t))
    return np.array([norm(mesh, density - exact), *(np.array([mean, variance, energy]) - OU_EXACT[t])])


@pytest.mark.parametrize("averaged", [False, True])
def test_ornstein_uhlenbeck_has_the_listed_errors(averaged: bool) -> None:
    """Columns: L1, mean, variance, KL at t = 1 for n = 80, 160, 320, 640, where listed."""
    listed = {
        False: [
            (4.64e-3, 4.9e-3, 2.1e-3, 3.5e-3),
            (1.16e-3, 1.2e-3),
            (2.90e-4, 3.1e-4),
            (7.26e-5, 7.7e-5, 3.2e-5, 5.5e-5),
        ],
        True: [(6.65e-3, 7.3e-3, 4.3e-3, 4.4e-3), (1.67e-3,), (4.17e-4,), (1.04e-4, 1.15e-4, 6.6e-5, 6.9e-5)],
    }[averaged]
    errors = [np.abs(ornstein_uhlenbeck(80 * 2**k, 1.0, averaged)) for k in range(4)]
    for row, error in zip(listed, errors, strict=True):
        assert error[: len(row)] == pytest.approx(row, rel=0.05)
    orders = np.log2(errors[2] / errors[3])
    assert orders == pytest.approx([2.0] * 4, abs=0.05)


@pytest.mark.parametrize("t", OU_EXACT)
@pytest.mark.parametrize("averaged", [False, True])
def test_extrapolated_moments_and_energy_of_ornstein_uhlenbeck_are_exact_to_seven_digits(
    t: float, averaged: bool
) -> None:
    coarse, fine = ornstein_uhlenbeck(320, t, averaged), ornstein_uhlenbeck(640, t, averaged)
    assert np.abs((4 * fine - coarse) / 3)[1:].max() < 1e-7


@pytest.mark.slow
def test_product_data_in_three_dimensions_add_their_energies() -> None:
    values = []
    for cells in (20, 40):
        mesh = Cartesian((cells,) * 3, (-6.0,) * 3, (6.0,) * 3)
        line = Cartesian(cells, -6.0, 6.0)
        factor, log_factor = gaussian_average(line, 2, 0.25), log_average(line, lambda x: -(x**2) / 2)
        log_factor -= math.log(integrate(line, np.exp(log_factor)))
        start = np.einsum("i,j,k->ijk", factor, factor, factor)
        log_target = sum(np.ix_(log_factor, log_factor, log_factor)) + np.zeros(mesh.shape)
        density = after(FokkerPlanck(mesh, log_target), start, 1.0)
        one = after(FokkerPlanck(line, log_factor), factor, 1.0)
        value = KullbackLeibler(np.exp(log_target), log_target).value(mesh, density)
        single = KullbackLeibler(np.exp(log_factor), log_factor).value(line, one)
        assert value == pytest.approx(3 * single, rel=1e-11)
        values.append(value)
    assert (4 * values[1] - values[0]) / 3 == pytest.approx(0.8203048063664, abs=5e-3)


def test_energy_decays_at_twice_the_spectral_gap() -> None:
    """V = (x^2 - 1)^2 from N(0.8, 0.04): the slope of log KL tends to -2 lambda_1 = -1.49736."""
    mesh = Cartesian(320, -3.2, 3.2)
    log_target = -((mesh.centers[0] ** 2 - 1) ** 2)
    log_target -= math.log(integrate(mesh, np.exp(log_target)))
    energy = KullbackLeibler(np.exp(log_target), log_target)
    start = gaussian_average(mesh, 0.8, 0.04)
    start /= integrate(mesh, start)
    densities = path(FokkerPlanck(mesh, log_target), start, [4.0, 5.0, 6.0])
    slopes = np.diff(np.log([energy.value(mesh, density) for density in densities]))
    assert slopes == pytest.approx([-1.49781, -1.49750], abs=1e-5)
    assert slopes[1] == pytest.approx(-2 * 0.748681672347, rel=1e-3)


def test_diffusion_of_a_step_is_the_error_function() -> None:
    """Step of height 2 on [-50, 50] under rho_t = rho'' at t = 45, against averages and points of erfc."""
    listed = {100: (9.4e-4, 7.2e-4), 200: (2.3e-4, 1.8e-4)}
    for cells, (against_averages, against_points) in listed.items():
        mesh = Cartesian(cells, -50.0, 50.0)
        (x,) = mesh.centers
        density = after(FokkerPlanck(mesh, np.zeros(cells)), np.where(x < 0, 2.0, 0.0), 45.0)

        def exact(x: np.ndarray) -> np.ndarray:
            return 1 - erf(x / (2 * math.sqrt(45.0)))

        assert np.abs(density - average(mesh, exact)).max() == pytest.approx(against_averages, rel=0.02)
        assert np.abs(density - exact(x)).max() == pytest.approx(against_points, rel=0.02)

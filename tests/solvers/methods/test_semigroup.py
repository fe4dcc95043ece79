"""The Fokker-Planck semigroup: exact solutions, accuracy in every cell, invariants, agreement of its three forms."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.sparse
from scipy.special import erf

from mudot.meshes.averages import average, integrate, log_average, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.fluxes import TwoPointFlux, generator, harmonic, scharfetter_gummel, square_root
from mudot.solvers.methods import chebyshev, tensor, uniformization
from mudot.solvers.methods.semigroup import FokkerPlanck, is_separable


def path(method: FokkerPlanck, density: np.ndarray, times: list[float]) -> list[np.ndarray]:
    """Densities at increasing times."""
    return [moved.density for moved in method.trace(density, times, np.inf, 1e-6)]


def after(method: FokkerPlanck, density: np.ndarray, duration: float) -> np.ndarray:
    """The density after a duration."""
    return method.advance(density, duration, np.inf, 1e-6).density


def uniformized(mesh: Cartesian, matrix: Any, density: np.ndarray, duration: float) -> np.ndarray:
    """exp(duration A) density by uniformization, the form that is right in every cell."""
    rate = float(-matrix.diagonal().min())
    step = (scipy.sparse.eye_array(mesh.size) + matrix / rate).tocsr()
    flat, reach = density.reshape(-1), sum(mesh.shape)
    return next(uniformization.apply_exponentials(step, rate, flat, [duration], reach)).reshape(mesh.shape)


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


# --- tails, positivity, mass, equilibrium --------------------------------------------------------------------------


def precise_exponential(log_target: np.ndarray, width: float, cell: int, duration: float) -> list[mpmath.mpf]:
    """exp(t A) of the unit mass in one cell of a line, Scharfetter-Gummel, by its own Taylor sum with 60 digits."""
    n = log_target.size
    potential = [-mpmath.mpf(float(v)) for v in log_target]
    up, down = [], []
    for left, right in pairwise(potential):
        jump = right - left
        up.append(jump / mpmath.expm1(jump) / mpmath.mpf(width) ** 2 if jump else 1 / mpmath.mpf(width) ** 2)
        down.append(up[-1] * mpmath.exp(jump))
    leave = [(up[k] if k < n - 1 else 0) + (down[k - 1] if k > 0 else 0) for k in range(n)]
    rate = max(leave)
    term = [mpmath.mpf(0)] * n
    term[cell] = mpmath.exp(-rate * mpmath.mpf(duration))
    total = list(term)
    for k in range(1, 4 * n):
        moved = [(rate - leave[i]) * term[i] for i in range(n)]
        for i in range(n - 1):
            moved[i + 1] += up[i] * term[i]
            moved[i] += down[i] * term[i + 1]
        term = [value * mpmath.mpf(duration) / k for value in moved]
        total = [a + b for a, b in zip(total, term, strict=True)]
    return total


@pytest.mark.parametrize("duration", [1e-4, 0.002, 0.005, 0.02, 0.1])
def test_tails_down_to_1e_180_are_right_in_every_cell(duration: float) -> None:
    mesh = Cartesian(64, -8.0, 8.0)
    log_target = -(mesh.centers[0] ** 2) / 2
    start = np.zeros(64)
    start[20] = 1.0
    with mpmath.workdps(60):
        exact = precise_exponential(log_target, float(mesh.widths[0][0]), 20, duration)
        matrix = generator(mesh, scharfetter_gummel(mesh, log_target))
        assert min(exact) < mpmath.mpf(10) ** -50
        for found in (
            tensor.exponential(matrix, mesh.widths[0], duration) @ start,
            after(FokkerPlanck(mesh, log_target), start, duration),
            after(FokkerPlanck(mesh, log_target, separable=False), start, duration),
            uniformized(mesh, matrix, start, duration),
        ):
            errors = [abs(f / e - 1) for f, e in zip(found.tolist(), exact, strict=True)]
            assert max(errors) < 1e-13


MESHES = {
    "line": Cartesian(37, -2.0, 2.0),
    "circle": Cartesian(36, -2.0, 2.0, "periodic"),
    "graded": Cartesian.graded([np.linspace(-1.3, 1.3, 31) ** 3]),
    "square": Cartesian((20, 17), (-2.0, -2.0), (2.0, 2.0)),
    "tube": Cartesian((18, 20), (-2.0, -2.0), (2.0, 2.0), ("periodic", "no-flux")),
    "box": Cartesian((6, 5, 7), (-2.0,) * 3, (2.0,) * 3, ("no-flux", "periodic", "no-flux")),
}


def log_target_on(mesh: Cartesian) -> np.ndarray:
    """log pi of a non-separable potential without symmetry, in one to three dimensions."""
    x = mesh.coordinates[0]
    total = np.sin(1.3 * x + 0.4) * 2 - 1.5 * x**2
    for other in mesh.coordinates[1:]:
        total = total - 1.2 * other**2 + np.cos(2 * x * other - 0.3)
    return total + np.zeros(mesh.shape)


@pytest.mark.parametrize("name", MESHES)
@pytest.mark.parametrize("duration", [1e-4, 0.03, 2.0, 300.0])
def test_target_is_stationary_in_every_cell(name: str, duration: float) -> None:
    mesh = MESHES[name]
    log_target = log_target_on(mesh)
    target = np.exp(log_target)
    moved = after(FokkerPlanck(mesh, log_target), target, duration)
    assert np.abs(moved / target - 1).max() < 2e-13
    assert norm(mesh, moved - target) < 1e-14 * norm(mesh, target)


@pytest.mark.parametrize("name", MESHES)
def test_everything_goes_to_the_target_and_mass_is_kept(name: str) -> None:
    mesh = MESHES[name]
    log_target = log_target_on(mesh)
    start = np.zeros(mesh.shape)
    start[(0,) * mesh.dimension] = 2.5
    for duration in (1e-3, 0.1, 200.0):
        moved = after(FokkerPlanck(mesh, log_target), start, duration)
        assert moved.min() >= 0
        assert integrate(mesh, moved) == pytest.approx(integrate(mesh, start), rel=1e-14)
    target = np.exp(log_target)
    target *= integrate(mesh, start) / integrate(mesh, target)
    # The datum sits where pi is 1e-7: the series is accurate relative to its norm in L2(1/pi), and certified to 1e-6.
    assert norm(mesh, moved - target) < 1e-12 * norm(mesh, target)
    assert np.abs(moved / target - 1).max() < 1e-6


@pytest.mark.parametrize("name", MESHES)
def test_two_halves_make_a_whole(name: str) -> None:
    mesh = MESHES[name]
    method = FokkerPlanck(mesh, log_target_on(mesh), transport=0.7)
    start = 1 + np.random.default_rng(3).random(mesh.shape)
    whole = after(method, start, 0.2)
    halves = after(method, after(method, start, 0.1), 0.1)
    assert np.abs(halves / whole - 1).max() < 1e-12
    traced = path(method, start, [0.05, 0.1, 0.2])
    assert np.abs(traced[-1] / whole - 1).max() < 1e-9
    assert norm(mesh, traced[-1] - whole) < 1e-13 * norm(mesh, whole)


@pytest.mark.parametrize("name", MESHES)
def test_semigroup_solves_the_equation_at_the_given_speed(name: str) -> None:
    mesh = MESHES[name]
    method, step = FokkerPlanck(mesh, log_target_on(mesh), transport=0.7), 1e-5
    start = after(method, 1 + np.random.default_rng(3).random(mesh.shape), 0.05)
    ahead, twice = path(method, start, [step, 2 * step])
    slope = (4 * ahead - twice - 3 * start) / (2 * step)
    assert np.abs(slope - method.rate(start)).max() < 1e-4 * np.abs(method.rate(start)).max()
    double = FokkerPlanck(mesh, log_target_on(mesh), transport=1.4)
    assert after(double, start, 0.1) == pytest.approx(after(method, start, 0.2), rel=1e-11)


def test_dense_uniformization_and_chebyshev_agree() -> None:
    mesh = Cartesian((24, 20), (-2.0, -1.0), (2.0, 3.0), ("no-flux", "periodic"))
    x, y = mesh.coordinates
    log_target = -(x**2) - np.cos(np.pi * y / 2 + 0.3) + np.zeros(mesh.shape)
    matrix = generator(mesh, scharfetter_gummel(mesh, log_target))
    rate = float(-matrix.diagonal().min())
    step = (scipy.sparse.eye_array(mesh.size) + matrix / rate).tocsr()
    start = np.random.default_rng(5).random(mesh.shape)
    method = FokkerPlanck(mesh, log_target, separable=True)
    for duration in (0.001, 0.05, 1.0):
        by_sum = uniformized(mesh, matrix, start, duration)
        by_axes = method._tensor(start, duration)
        series = chebyshev.apply_exponentials(step, rate, start.reshape(-1), [duration / 2, duration])
        assert np.abs(by_axes / by_sum - 1).max() < 1e-12
        assert np.abs(series[1].reshape(mesh.shape) / by_sum - 1).max() < 1e-11


@pytest.mark.parametrize("name", MESHES)
def test_any_flux_of_the_family_can_be_used(name: str) -> None:
    mesh = MESHES[name]
    log_target = log_target_on(mesh)
    target = np.exp(log_target)
    flux: TwoPointFlux = harmonic(mesh, log_target)
    method = FokkerPlanck(mesh, log_target, flux=flux)
    assert method.fluxes is flux
    assert np.abs(after(method, target, 1.0) / target - 1).max() < 2e-13


def test_positive_from_exact_zeros_and_from_tails_of_1e_280() -> None:
    """Mass enters every cell at once, also where pi itself underflows."""
    mesh = Cartesian((40, 40), (-30.0, -30.0), (30.0, 30.0))
    x, y = mesh.coordinates
    for start in (np.where((x > 20) & (y > 20), 1.0, 0.0), np.where((x > 20) & (y > 20), 1.0, 1e-280)):
        for log_target in (-(x**2 + y**2) / 2, -(x**2 + y**2 + 0.1 * np.cos(x * y)) / 2):
            moved = after(FokkerPlanck(mesh, log_target), start, 2.0)
            assert np.all(np.isfinite(moved)) and moved.min() >= 0
            assert integrate(mesh, moved) == pytest.approx(integrate(mesh, start), rel=1e-14)
            assert moved[20, 20] > 0


@pytest.mark.parametrize("duration", [0.02, 0.5, 5.0])
def test_series_is_only_used_where_it_is_right_in_every_cell(duration: float) -> None:
    """On a wide box with a non-separable potential the default equals uniformization, tails included."""
    mesh = Cartesian((30, 26), (-5.0, -5.0), (5.0, 5.0))
    x, y = mesh.coordinates
    log_target = -(x**2 + x * y + y**2) / 2
    start = np.exp(-2 * ((x - 2) ** 2 + (y + 1) ** 2))
    method = FokkerPlanck(mesh, log_target)
    certain = uniformized(mesh, method.matrix, start, duration)
    assert np.abs(after(method, start, duration) / certain - 1).max() < 1e-6
    assert norm(mesh, after(method, start, duration) - certain) < 1e-12 * norm(mesh, start)


def test_uniformization_gives_increasing_times_from_one_sum() -> None:
    mesh = MESHES["square"]
    matrix = generator(mesh, scharfetter_gummel(mesh, log_target_on(mesh)))
    rate = float(-matrix.diagonal().min())
    step = (scipy.sparse.eye_array(mesh.size) + matrix / rate).tocsr()
    start = np.random.default_rng(7).random(mesh.size)
    times = [0.3 / rate, 20 / rate, 450 / rate, 470 / rate, 1700 / rate]
    together = uniformization.apply_exponentials(step, rate, start, times, 37)
    for t, result in zip(times, together, strict=True):
        alone = uniformized(mesh, matrix, start.reshape(mesh.shape), t).reshape(-1)
        assert np.abs(result / alone - 1).max() < 1e-12


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


def test_a_single_cell_does_not_move() -> None:
    mesh = Cartesian(1, 0.0, 1.0)
    assert after(FokkerPlanck(mesh, np.zeros(1)), np.array([3.0]), 1.0)[0] == 3.0


def test_a_zero_duration_changes_nothing() -> None:
    mesh = MESHES["square"]
    start = np.random.default_rng(1).random(mesh.shape)
    assert np.abs(after(FokkerPlanck(mesh, log_target_on(mesh)), start, 0.0) - start).max() < 1e-15


def test_separable_potentials_are_recognised() -> None:
    x, y = np.ix_(np.linspace(-3, 3, 20), np.linspace(-1, 2, 15))
    assert is_separable(-((x**2 - 1) ** 2) - np.cos(y))
    assert not is_separable(-((x**2 - 1) ** 2) - np.cos(y) + 1e-9 * np.sin(x * y))

"""The Fokker-Planck semigroup: accuracy in every cell, invariants, agreement of its three forms."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import TwoPointFlux, generator, harmonic, scharfetter_gummel
from mudot.solvers.methods import chebyshev, tensor, uniformization
from mudot.solvers.methods.semigroup import FokkerPlanck, is_separable
from mudot.solvers.products import Rates
from tests.solvers.methods.semigroup_cases import after, path


def uniformized(mesh: Cartesian, matrix: Any, density: np.ndarray, duration: float) -> np.ndarray:
    """exp(duration A) density by uniformization, the form that is right in every cell."""
    rates, reach = Rates.of(matrix), sum(mesh.shape)
    found = uniformization.apply_exponentials(rates, rates.exit_rate, density.reshape(-1), [duration], reach)
    return next(found).reshape(mesh.shape)


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
    start = np.random.default_rng(5).random(mesh.shape)
    method = FokkerPlanck(mesh, log_target, separable=True)
    for duration in (0.001, 0.05, 1.0):
        by_sum = uniformized(mesh, matrix, start, duration)
        by_axes = method._tensor(start, duration)
        series = chebyshev.apply_exponentials(method.rates, start.reshape(-1), [duration / 2, duration])
        assert np.abs(by_axes / by_sum - 1).max() < 1e-12
        assert np.abs(series[1].reshape(mesh.shape) / by_sum - 1).max() < 1e-11


@pytest.mark.parametrize("name", MESHES)
def test_any_flux_of_the_family_can_be_used(name: str) -> None:
    mesh = MESHES[name]
    log_target = log_target_on(mesh)
    target = np.exp(log_target)
    flux: TwoPointFlux = harmonic(mesh, log_target)
    method = FokkerPlanck(mesh, log_target, flux=flux)
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
    matrix = generator(mesh, scharfetter_gummel(mesh, log_target))
    certain = uniformized(mesh, matrix, start, duration)
    assert np.abs(after(method, start, duration) / certain - 1).max() < 1e-6
    assert norm(mesh, after(method, start, duration) - certain) < 1e-12 * norm(mesh, start)


def test_uniformization_gives_increasing_times_from_one_sum() -> None:
    mesh = MESHES["square"]
    matrix = generator(mesh, scharfetter_gummel(mesh, log_target_on(mesh)))
    rates = Rates.of(matrix)
    rate = rates.exit_rate
    start = np.random.default_rng(7).random(mesh.size)
    times = [0.3 / rate, 20 / rate, 450 / rate, 470 / rate, 1700 / rate]
    together = uniformization.apply_exponentials(rates, rate, start, times, 37)
    for t, result in zip(times, together, strict=True):
        alone = uniformized(mesh, matrix, start.reshape(mesh.shape), t).reshape(-1)
        assert np.abs(result / alone - 1).max() < 1e-12


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

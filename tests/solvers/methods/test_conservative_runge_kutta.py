"""The conservative Runge-Kutta pair: errors in time, positive cells, exact mass, and starts with vacuum."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.averages import average, integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.geometries.stein import KernelApproximateWasserstein, Stein
from mudot.solvers.kernels.functions import GaussianKernel, PolynomialKernel
from mudot.solvers.kernels.operators import KernelOperator
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.conservative_runge_kutta import ConservativeRungeKutta

LINE = Cartesian(64, -4.0, 4.0)
BILINEAR = PolynomialKernel(1, 1.0)


def bump(mesh: Cartesian, mean: float, variance: float) -> np.ndarray:
    height = 1 / math.sqrt(2 * math.pi * variance)
    return average(mesh, lambda x: height * np.exp(-((x - mean) ** 2) / (2 * variance)))


def mean_and_variance(mesh: Cartesian, density: np.ndarray) -> np.ndarray:
    x = mesh.centers[0]
    mean = integrate(mesh, density * x)
    return np.array([mean, integrate(mesh, density * (x - mean) ** 2)])


def moved(
    mesh: Cartesian, start: np.ndarray, target: np.ndarray, geometry: Stein, duration: float, rtol: float
) -> np.ndarray:
    method = ConservativeRungeKutta(mesh, KullbackLeibler(target), geometry)
    return np.asarray(method.advance(start, duration, duration, rtol).density)


def test_errors_in_time_are_below_the_tolerance_asked_for() -> None:
    start, target = bump(LINE, 0.8, 0.4), bump(LINE, 0.0, 1.0)
    exact = moved(LINE, start, target, Stein(GaussianKernel(1.0)), 1.0, 1e-11)
    for rtol in (1e-4, 1e-6, 1e-8):
        density = moved(LINE, start, target, Stein(GaussianKernel(1.0)), 1.0, rtol)
        assert norm(LINE, density - exact) < rtol


def test_a_trace_goes_through_the_same_densities_as_single_advances() -> None:
    start, target = bump(LINE, 0.8, 0.4), bump(LINE, 0.0, 1.0)
    method = ConservativeRungeKutta(LINE, KullbackLeibler(target), Stein(GaussianKernel(1.0)))
    first, second = method.trace(start, [0.3, 0.7], 0.7, 1e-6)
    again = method.advance(start, 0.3, 0.7, 1e-6)
    assert np.array_equal(first.density, again.density) and first.step == again.step
    assert np.array_equal(second.density, method.advance(again.density, 0.7 - 0.3, again.step, 1e-6).density)


def test_cells_behind_a_travelling_bump_are_drained_and_stay_positive() -> None:
    mesh = Cartesian(30, -3.0, 3.0)
    start, target = bump(mesh, -1.0, 0.04), bump(mesh, 1.0, 0.04)
    density = moved(mesh, start, target, Stein(BILINEAR), 0.1, 1e-5)
    assert 0 < density.min() < 1e-30
    assert mean_and_variance(mesh, density)[0] > mean_and_variance(mesh, start)[0] + 1.5
    assert integrate(mesh, density) == pytest.approx(integrate(mesh, start), rel=1e-13)


def test_the_unbounded_mobility_empties_cells_and_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mudot.solvers.mobilities.STEEPEST", 1e300)
    mesh = Cartesian(30, -3.0, 3.0)
    with pytest.raises(NotConverged, match="becomes negative within steps"):
        moved(mesh, bump(mesh, -1.0, 0.04), bump(mesh, 1.0, 0.04), Stein(BILINEAR), 0.1, 1e-5)


def particles(count: int, duration: float, steps: int) -> np.ndarray:
    """Stein variational gradient descent (Liu and Wang 2016) of N(3, 1) with the Gaussian kernel of bandwidth 2 from
    equally spaced points of [-1, 0], by the midpoint rule."""
    x, tau = -1 + (np.arange(count) + 0.5) / count, duration / steps

    def velocity(x: np.ndarray) -> np.ndarray:
        gap = np.subtract.outer(x, x)
        kernel = np.exp(-(gap**2) / 8)
        return np.asarray((kernel @ (3 - x) + (kernel * gap / 4).sum(axis=1)) / count)

    for _ in range(steps):
        x = x + tau * velocity(x + tau / 2 * velocity(x))
    return x


def test_a_block_in_vacuum_travels_like_its_particles() -> None:
    exact = particles(400, 0.4, 80)
    gaps = []
    for cells in (120, 240, 480):
        mesh = Cartesian(cells, -4.0, 6.0)
        start = np.where((mesh.centers[0] > -1) & (mesh.centers[0] < 0), 1.0, 0.0)
        density = moved(mesh, start, bump(mesh, 3.0, 1.0), Stein(GaussianKernel(2.0)), 0.4, 1e-5)
        assert density.min() > 0 and integrate(mesh, density) == pytest.approx(1, rel=1e-13)
        gaps.append(np.abs(mean_and_variance(mesh, density) - [exact.mean(), exact.var()]))
    assert np.all(gaps[2] < 3e-3)
    assert np.all(gaps[1] < gaps[0] / 2) and np.all(gaps[2] < gaps[1] / 2)


@pytest.mark.parametrize(("ridge", "share"), [(1e-2, 0.95), (1e-4, 0.3)])
def test_ridge_solves_of_a_trace_start_from_those_before(
    ridge: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh, products, honest = Cartesian((24, 24), (-3.0, -3.0), (3.0, 3.0)), [], KernelOperator.face_gram
    monkeypatch.setattr(KernelOperator, "face_gram", lambda *given: (products.append(1), honest(*given))[1])
    x, y = mesh.coordinates
    start, target = (np.exp(-((x - a) ** 2 + y**2)) + 1e-3 for a in (0.7, -0.4))
    geometry = KernelApproximateWasserstein(GaussianKernel(0.6), ridge)
    method = ConservativeRungeKutta(mesh, KullbackLeibler(target), geometry)
    cold = method.advance(start, 0.1, 0.01, 1e-5).density  # by itself a step has nothing to start from
    count = len(products)
    warm = next(iter(method.trace(start, [0.1], 0.01, 1e-5))).density
    assert len(products) - count < share * count
    assert norm(mesh, warm - cold) < 1e-8 * norm(mesh, cold)

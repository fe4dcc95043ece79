"""Transport with kernel-smoothed velocities against exact Gaussian flows, linear rates, and its own books."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.averages import average, integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import KullbackLeibler, MaximumMeanDiscrepancy
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.geometries import Geometry, Wasserstein
from mudot.solvers.geometries.stein import KernelApproximateWasserstein, Stein
from mudot.solvers.kernels.functions import EnergyDistanceKernel, GaussianKernel, LaplaceKernel, PolynomialKernel
from mudot.solvers.ledger import Ledger
from mudot.solvers.methods.conservative_runge_kutta import ConservativeRungeKutta
from mudot.solvers.mobilities import STEEPEST

LINE = Cartesian(64, -4.0, 4.0)
PLANE = Cartesian((14, 12), (-3.0, -3.0), (3.0, 3.0))
RING = Cartesian(40, 0.0, 1.0, "periodic")
BILINEAR = PolynomialKernel(1, 1.0)


def gaussian(mesh: Cartesian, mean: tuple[float, ...], covariance: list[list[float]]) -> np.ndarray:
    precision = np.linalg.inv(covariance)
    height = 1 / math.sqrt(np.linalg.det(2 * math.pi * np.array(covariance)))

    def density(*x: np.ndarray) -> np.ndarray:
        gap = [a - b for a, b in zip(x, mean, strict=True)]
        square = sum(precision[i, j] * gap[i] * gap[j] for i in range(len(gap)) for j in range(len(gap)))
        return np.asarray(height * np.exp(-square / 2))

    return average(mesh, density)


def bump(mesh: Cartesian, mean: float, variance: float) -> np.ndarray:
    dimension = mesh.dimension
    return gaussian(mesh, (mean,) * dimension, (variance * np.eye(dimension)).tolist())


def moved(
    mesh: Cartesian, start: np.ndarray, target: np.ndarray, geometry: Geometry, duration: float, rtol: float
) -> np.ndarray:
    method = ConservativeRungeKutta(mesh, KullbackLeibler(target), geometry)
    return np.asarray(method.advance(start, duration, duration, rtol).density)


def moments(mesh: Cartesian, density: np.ndarray) -> np.ndarray:
    """Means, then the entries of the covariance's upper triangle."""
    x = [np.broadcast_to(c, mesh.shape) for c in mesh.coordinates]
    mean = [integrate(mesh, density * c) for c in x]
    pairs = [(i, j) for i in range(mesh.dimension) for j in range(i, mesh.dimension)]
    second = [integrate(mesh, density * (x[i] - mean[i]) * (x[j] - mean[j])) for i, j in pairs]
    return np.array([*mean, *second])


# --- exact solutions -------------------------------------------------------------------------------------------------


def test_stein_flow_with_the_bilinear_kernel_follows_the_exact_gaussian_at_second_order() -> None:
    exact = np.array([0.614374410309, 0.174315183657])
    errors, energies = [], []
    for cells in (60, 120, 240):
        mesh = Cartesian(cells, -7.0, 7.0)
        start, target = bump(mesh, 2.0, 0.25), bump(mesh, 0.0, 1.0)
        density = moved(mesh, start, target, Stein(BILINEAR), 1.0, 1e-7)
        energies.append(KullbackLeibler(target).value(mesh, density))
        assert density.min() >= 0
        assert integrate(mesh, density) == pytest.approx(integrate(mesh, start), rel=1e-13)
        errors.append(moments(mesh, density) - exact)
    assert abs(errors[0][0]) < 3.9e-2
    assert abs(errors[1][0]) < 9e-3 and abs(errors[2][0]) < 2.2e-3
    assert abs(errors[1][1]) < 2e-4 and abs(errors[2][1]) < 2e-4
    assert errors[1][0] / errors[2][0] == pytest.approx(4, rel=0.05)
    assert abs(4 * errors[2][0] - errors[1][0]) / 3 < 1e-3
    assert (4 * energies[2] - energies[1]) / 3 == pytest.approx(0.649330658873, abs=5e-4)


PLANAR = {
    None: (0.4497838240, -0.5114104204, 0.6663413989, 0.2443897234, 0.9133824875),
    1.0: (0.6721647829, -0.5624941669, 0.6355575218, 0.0979022583, 0.7063094107),
    0.1: (0.5550428301, -0.4680905638, 0.8143437922, 0.1849642543, 1.1441288209),
}
"""Bilinear kernel, T = 0.8: means and covariance by ridge (None: the Stein flow), from the ordinary differential
equations of the Gaussian family, which both flows preserve."""


@pytest.mark.parametrize("ridge", PLANAR)
def test_planar_flows_with_the_bilinear_kernel_follow_the_exact_gaussians_for_every_ridge(ridge: float | None) -> None:
    geometry = Stein(BILINEAR) if ridge is None else KernelApproximateWasserstein(BILINEAR, ridge)
    found = []
    for cells in (32, 64):
        mesh = Cartesian((cells, cells), (-5.0, -6.0), (6.0, 5.0))
        start = gaussian(mesh, (1.0, -0.7), [[0.6, -0.1], [-0.1, 0.4]])
        target = gaussian(mesh, (0.3, -0.2), [[1.0, 0.5], [0.5, 2.0]])
        density = moved(mesh, start, target, geometry, 0.8, 1e-6)
        assert integrate(mesh, density) == pytest.approx(integrate(mesh, start), rel=1e-13)
        found.append(moments(mesh, density))
    coarse, fine = (np.abs(f - PLANAR[ridge]).max() for f in found)
    assert fine < 5e-3 and coarse / fine == pytest.approx(4, rel=0.15)
    np.testing.assert_allclose((4 * found[1] - found[0]) / 3, PLANAR[ridge], atol=2.5e-4, rtol=0)


def test_a_large_ridge_is_the_stein_flow_at_another_speed_and_a_small_one_is_wasserstein() -> None:
    start, target = bump(LINE, 0.6, 0.5), bump(LINE, 0.0, 1.0)
    slow = moved(LINE, start, target, Stein(BILINEAR), 0.5, 1e-8)
    gaps = [
        norm(LINE, moved(LINE, start, target, KernelApproximateWasserstein(BILINEAR, r), 0.5 * r, 1e-8) - slow)
        for r in (1e2, 1e3)
    ]
    assert gaps[1] < 2e-3 and gaps[0] / gaps[1] == pytest.approx(10, rel=0.05)
    # The force between Gaussians is linear in x, hence in the kernel's space: the gap is of first order in the ridge.
    xi = KullbackLeibler(target).first_variation(LINE, start)
    plain = Wasserstein().onsager(LINE, start).apply(xi)
    near = [
        norm(LINE, KernelApproximateWasserstein(BILINEAR, r).onsager(LINE, start).apply(xi) - plain)
        for r in (1e-2, 1e-3, 1e-4)
    ]
    assert near[2] < 1e-3 * norm(LINE, plain)
    assert near[0] / near[1] == pytest.approx(10, rel=0.05) and near[1] / near[2] == pytest.approx(10, rel=0.05)


@pytest.mark.parametrize("ridge", [None, 0.03], ids=["stein", "ridge"])
@pytest.mark.parametrize("mode", [1, 2, 3])
def test_small_waves_on_the_torus_decay_at_the_linear_rate(ridge: float | None, mode: int) -> None:
    """omega^2 k^ and omega^2 k^/(k^ + lambda); on a mesh omega^2 is (2/h^2)(1 - cos omega h), k^ is h times the DFT."""
    kernel, omega, size = GaussianKernel(0.08), 2 * math.pi * mode, 1e-6
    whole = 0.08 * math.sqrt(2 * math.pi) * math.exp(-((0.08 * omega) ** 2) / 2)
    geometry = Stein(kernel) if ridge is None else KernelApproximateWasserstein(kernel, ridge)
    limit = omega**2 * (whole if ridge is None else whole / (whole + ridge))
    gaps = []
    for cells in (24, 48):
        mesh = Cartesian(cells, 0.0, 1.0, "periodic")
        x, h = mesh.centers[0], 1 / cells
        wave = np.cos(omega * x)
        density = moved(mesh, 1 + size * wave, np.ones(cells), geometry, 1 / limit, 1e-9)
        rate = -math.log(2 * integrate(mesh, (density - 1) * wave) / size) * limit
        lag = h * np.arange(cells)
        images = sum(kernel.profile(np.abs(lag + m)) for m in (-2, -1, 0, 1))
        symbol, square = h * float((images * np.cos(omega * lag)).sum()), 2 / h**2 * (1 - math.cos(omega * h))
        assert rate == pytest.approx(square * (symbol if ridge is None else symbol / (symbol + ridge)), rel=1e-6)
        gaps.append(abs(rate / limit - 1))
    assert gaps[1] < (omega / 48) ** 2 / 10 and gaps[0] / gaps[1] == pytest.approx(4, rel=0.1)


# --- books -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mesh", [LINE, PLANE, RING], ids=["line", "plane", "ring"])
@pytest.mark.parametrize("ridge", [None, 0.1], ids=["stein", "ridge"])
def test_energy_falls_by_what_the_ledger_says_and_mass_is_kept(mesh: Cartesian, ridge: float | None) -> None:
    kernel = GaussianKernel(0.2 if mesh is RING else 1.0)
    geometry = Stein(kernel, 0.8) if ridge is None else KernelApproximateWasserstein(kernel, ridge, 0.8)
    if mesh is RING:
        turn = 2 * math.pi * mesh.centers[0]
        start, target = 1 + 0.7 * np.sin(turn), np.exp(np.cos(turn))
    else:
        start, target = bump(mesh, 0.8, 0.4), bump(mesh, 0.0, 1.0)
    energy, rtol, stop = KullbackLeibler(target), 1e-6, 1.0
    ledger = Ledger(mesh, energy, geometry, ConservativeRungeKutta(mesh, energy, geometry), rtol)
    state = ledger.start(start)
    values = [state.first]
    while state.time < stop:
        state = ledger.panel(state, stop)
        values.append(energy.value(mesh, state.density))
        assert abs(values[-1] + state.dissipation - state.first) <= rtol * state.first
    assert values[-1] < 0.9 * state.first and np.all(np.diff(values) < 0)
    assert state.rate == pytest.approx(state.slope, rel=1e-9)
    assert state.density.min() >= 0
    assert integrate(mesh, state.density) == pytest.approx(integrate(mesh, start), rel=1e-13)


# --- structure -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flux", [False, True], ids=["plain", "fitted"])
def test_mobilities_are_logarithmic_means_bounded_by_the_emptier_neighbour(flux: bool) -> None:
    density = np.array([1.0, 2.0, 1e-9, 1e-3, 0.5])
    mesh = Cartesian(5, 0.0, 1.0)
    log_target = np.array([0.0, 0.4, 0.1, 0.2, -0.2])
    fitted = scharfetter_gummel(mesh, log_target) if flux else None
    mobility = Stein(LaplaceKernel(1.0), flux=fitted).onsager(mesh, density).mobility
    mean = Wasserstein(flux=fitted).onsager(mesh, density).mobility
    bound = STEEPEST * np.array([1.0, 1e-9, 1e-9, 1e-3])
    assert np.all(mobility <= np.minimum(mean, bound))
    assert mobility[0] == pytest.approx(mean[0], rel=1e-10)
    np.testing.assert_allclose(mobility[1:], bound[1:], rtol=1e-3)
    assert np.all(mean[1:] > 2 * bound[1:])


def test_weights_multiply_and_geometries_add() -> None:
    density = bump(LINE, 0.3, 0.8)
    xi = np.sin(LINE.centers[0])
    stein = Stein(GaussianKernel(0.5), 0.5)
    total = stein + 2 * Wasserstein()
    expected = stein.onsager(LINE, density).apply(xi) + 2 * Wasserstein().onsager(LINE, density).apply(xi)
    np.testing.assert_allclose(total.onsager(LINE, density).apply(xi), expected, rtol=1e-12, atol=1e-15)
    assert total.parts == ("stein", "wasserstein") and total.conserves_mass and not total.multiplicative
    assert str(total) == "0.5 stein (gaussian) + 2 wasserstein"
    ridge = 3 * KernelApproximateWasserstein(GaussianKernel(0.5), 0.1)
    assert str(ridge) == "3 kernel-approximate wasserstein (gaussian, ridge 0.1)"


def test_discrepancies_flow_in_stein_geometries_too() -> None:
    """omega^2 k^ of the geometry times k^ of the energy."""
    kernel, omega, size = GaussianKernel(0.08), 2 * math.pi, 1e-5
    geometry, energy = Stein(kernel), MaximumMeanDiscrepancy(kernel, np.ones(RING.shape))
    wave = np.cos(omega * RING.centers[0])
    method = ConservativeRungeKutta(RING, energy, geometry)
    density = method.advance(1 + size * wave, 0.5, 0.5, 1e-9).density
    symbol = 0.08 * math.sqrt(2 * math.pi) * math.exp(-((0.08 * omega) ** 2) / 2)
    square = 2 * 40**2 * (1 - math.cos(omega / 40))
    rate = -math.log(2 * integrate(RING, (density - 1) * wave) / size) / 0.5
    assert rate == pytest.approx(square * symbol**2, rel=1e-6)


def test_kernels_and_weights_that_make_no_geometry_are_refused() -> None:
    with pytest.raises(MudotError, match="positive definite"):
        Stein(EnergyDistanceKernel())
    with pytest.raises(MudotError, match="positive definite"):
        KernelApproximateWasserstein(EnergyDistanceKernel(), 0.1)
    with pytest.raises(MudotError, match="ridge"):
        KernelApproximateWasserstein(BILINEAR, 0.0)
    with pytest.raises(MudotError, match="transport"):
        Stein(BILINEAR, -1.0)

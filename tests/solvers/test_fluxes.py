"""Two-point fluxes: detailed balance on every boundary, exactness, spectral gaps, barrier crossing, diffusion."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.averages import log_average
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.fluxes import (
    TwoPointFlux,
    edge_average,
    generator,
    harmonic,
    scharfetter_gummel,
    square_root,
)
from mudot.solvers.means import logarithmic_mean

Potential = Callable[[np.ndarray], np.ndarray]


def log_density(*coordinates: np.ndarray) -> np.ndarray:
    """log pi without any symmetry; on periodic axes of [0, 2] it jumps across no seam but has no mirror axis."""
    total = 0.0
    for k, x in enumerate(coordinates):
        total = total - 1.5 * np.cos(np.pi * x - 0.7 - k) + 0.6 * np.sin(2 * np.pi * x + 0.3 * k)
    if len(coordinates) > 1:
        total = total + 0.8 * np.sin(np.pi * (coordinates[0] + coordinates[1]))
    return np.asarray(total)


BOUNDARIES = [
    *itertools.product(("no-flux", "periodic")),
    *itertools.product(("no-flux", "periodic"), repeat=2),
    ("periodic", "no-flux", "periodic"),
]
CELLS = {1: (31,), 2: (11, 8), 3: (6, 5, 4)}


def mesh_with(boundary: tuple[str, ...], graded: bool) -> Cartesian:
    """A mesh of [0, 2]^d."""
    cells = CELLS[len(boundary)]
    if not graded:
        return Cartesian(cells, (0.0,) * len(cells), (2.0,) * len(cells), boundary)
    return Cartesian.graded([2 * np.linspace(0, 1, n + 1) ** 1.4 for n in cells], boundary)


FLUXES: dict[str, Callable[[Cartesian, np.ndarray], TwoPointFlux]] = {
    "sg": scharfetter_gummel,
    "sqra": square_root,
    "harmonic": harmonic,
    "edge average": lambda mesh, log_target: edge_average(mesh, log_target, log_density),
}


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", FLUXES)
def test_generator_is_in_detailed_balance(name: str, boundary: tuple[str, ...], graded: bool) -> None:
    """Rows and columns in the measure pi are symmetric, pi is stationary, mass is kept, rates are nonnegative."""
    mesh = mesh_with(boundary, graded)
    log_target = log_average(mesh, log_density)
    matrix = generator(mesh, FLUXES[name](mesh, log_target)).toarray()
    target, volumes = np.exp(log_target).reshape(-1), mesh.volumes.reshape(-1)
    flow = volumes[:, None] * matrix * target[None, :]
    scale = np.abs(matrix).max() * (volumes * target).max()
    assert np.abs(flow - flow.T).max() <= 1e-14 * scale
    off = matrix - np.diag(np.diag(matrix))
    assert off.min() >= 0 and (off > 0).sum() == 2 * mesh.faces.left.size
    assert np.abs(volumes @ matrix).max() <= 1e-14 * np.abs(volumes[:, None] * matrix).max()
    assert np.abs(matrix @ target).max() <= 1e-14 * (np.abs(np.diag(matrix)) * target).max()


@pytest.mark.parametrize("name", FLUXES)
def test_no_cycle_on_a_circle_has_an_affinity(name: str) -> None:
    """The seam is a face like any other: sum of log(forward/backward) around the circle vanishes."""
    mesh = mesh_with(("periodic",), graded=True)
    log_target = log_average(mesh, log_density)
    flux = FLUXES[name](mesh, log_target)
    logs = np.log(flux.forward) - np.log(flux.backward)
    assert abs(logs.sum()) < 1e-14 * np.abs(logs).sum()
    assert mesh.faces.left.size == mesh.size
    # Each log ratio is the difference of log pi itself, also at the seam.
    left, right = mesh.faces.left, mesh.faces.right
    assert np.abs(logs - (log_target[right] - log_target[left])).max() < 1e-13


@pytest.mark.parametrize("name", ["sg", "sqra", "harmonic"])
@given(jump=st.floats(-600, 600))
def test_pairs_are_means_of_the_target(name: str, jump: float) -> None:
    """forward = m/pi_K, backward = m/pi_L for the mean in question, against 50 digits."""
    mesh = Cartesian(2, 0.0, 2.0)
    flux = FLUXES[name](mesh, np.array([0.0, -jump]))
    with mpmath.workdps(50):
        d = mpmath.mpf(jump)
        forward = {
            "sg": lambda: d / mpmath.expm1(d) if d else mpmath.mpf(1),
            "sqra": lambda: mpmath.exp(-d / 2),
            "harmonic": lambda: 2 / (1 + mpmath.exp(d)),
        }[name]()
        for found, exact in ((flux.forward[0], forward), (flux.backward[0], forward * mpmath.exp(d))):
            # exp of a rounded exponent d has |d| units of round-off
            assert abs(mpmath.mpf(float(found)) - exact) <= exact * mpmath.mpf(4e-16) * (4 + abs(d))


@pytest.mark.parametrize("name", FLUXES)
def test_mobility_turns_the_flux_into_a_gradient_flow(name: str) -> None:
    """m Lambda(s_K, s_L) (log s_K - log s_L) = forward rho_K - backward rho_L."""
    mesh = mesh_with(("no-flux", "periodic"), graded=True)
    log_target = log_average(mesh, log_density)
    flux = FLUXES[name](mesh, log_target)
    density = np.exp(np.random.default_rng(1).normal(size=mesh.shape) * 3)
    left, right = density.reshape(-1)[mesh.faces.left], density.reshape(-1)[mesh.faces.right]
    xi = (np.log(density) - log_target).reshape(-1)
    force = xi[mesh.faces.left] - xi[mesh.faces.right]
    current = flux.forward * left - flux.backward * right
    scale = flux.forward * left + flux.backward * right
    assert np.abs(flux.mobility(left, right) * force - current).max() < 1e-14 * scale.max()
    assert np.all(flux.mobility(left, right) > 0)


def test_scharfetter_gummel_is_upwind_where_the_potential_is_steep() -> None:
    mesh = Cartesian(2, 0.0, 2.0)
    flux = scharfetter_gummel(mesh, np.array([0.0, -1000.0]))
    assert flux.forward[0] == 0 and flux.backward[0] == pytest.approx(1000.0)


def test_square_root_refuses_jumps_whose_rates_overflow() -> None:
    mesh = Cartesian(2, 0.0, 2.0)
    with pytest.raises(MudotError, match=r"jumps by 1\.5e\+03.*refine"):
        square_root(mesh, np.array([0.0, -1500.0]))
    assert np.isfinite(square_root(mesh, np.array([0.0, -690.0])).backward[0])


def test_rates_stay_finite_where_the_target_underflows() -> None:
    mesh = Cartesian(200, -60.0, 60.0)
    log_target = -(mesh.centers[0] ** 2) / 2
    assert np.exp(log_target).min() == 0
    fluxes = [scharfetter_gummel(mesh, log_target), square_root(mesh, log_target), harmonic(mesh, log_target)]
    fluxes.append(edge_average(mesh, log_target, lambda x: -(x**2) / 2))
    for flux in fluxes:
        assert np.all(np.isfinite(flux.forward)) and np.all(np.isfinite(flux.backward))
        assert np.all(flux.forward + flux.backward > 0)


# --- spectral gaps: eigenvalues of -f'' + V' f' -------------------------------------------------------------------


def double_well(height: float) -> Potential:
    """height (x^2 - 1)^2."""
    return lambda x: height * (x**2 - 1) ** 2


def quartic(x: np.ndarray) -> np.ndarray:
    """x^4/4."""
    return x**4 / 4


def quadratic(x: np.ndarray) -> np.ndarray:
    """x^2/2."""
    return x**2 / 2


SHALLOW, DEEP = double_well(1), double_well(5)


def spectrum(potential: Potential, half: float, cells: int, name: str, averaged: bool = False) -> np.ndarray:
    """The four smallest eigenvalues of -A on [-half, half]."""
    mesh = Cartesian(cells, -half, half)

    def log_pi(x: np.ndarray) -> np.ndarray:
        return -potential(x)

    log_target = log_average(mesh, log_pi, points=20) if averaged else log_pi(mesh.centers[0])
    flux = edge_average(mesh, log_target, log_pi) if name == "edge average" else FLUXES[name](mesh, log_target)
    matrix = generator(mesh, flux)
    diagonal = -matrix.diagonal()
    coupling = -np.sqrt(matrix.diagonal(1)) * np.sqrt(matrix.diagonal(-1))
    return np.asarray(scipy.linalg.eigvalsh_tridiagonal(diagonal, coupling, select="i", select_range=(0, 3)))


GAPS = [
    (SHALLOW, 3.2, "sg", 0.748681672347, (2.0e-3, 5.1e-4, 1.3e-4, 3.2e-5), 1e-7),
    (SHALLOW, 3.2, "harmonic", 0.748681672347, (-4.1e-4, -9.7e-5, -2.4e-5, -5.9e-6), 1e-7),
    (DEEP, 2.4, "sg", 0.055522812730, (2.0e-2, 4.9e-3, 1.2e-3, 3.1e-4), 1e-7),
    (DEEP, 2.4, "edge average", 0.055522812730, (-6.7e-5, -1.7e-5, -4.2e-6, -1.0e-6), 1e-9),
    (DEEP, 4.0, "sg", 0.055522812730, (5.5e-2, 1.4e-2, 3.4e-3, 8.5e-4), None),
    (quartic, 4.5, "sg", 1.368592520978, (-9.9e-3, -2.5e-3, -6.2e-4, -1.5e-4), 1e-7),
    (quadratic, 8.0, "sg", 1.0, (-2.6e-2, -6.6e-3, -1.7e-3, -4.2e-4), 1e-6),
]


@pytest.mark.parametrize(("potential", "half", "name", "exact", "listed", "extrapolated"), GAPS)
def test_spectral_gaps_have_the_listed_errors(
    potential: Potential, half: float, name: str, exact: float, listed: tuple[float, ...], extrapolated: float | None
) -> None:
    """Relative errors for 40, 80, 160, 320 cells: within a factor 1.3, order 2, far better after extrapolation."""
    gaps = np.array([spectrum(potential, half, 40 * 2**k, name)[1] for k in range(4)])
    errors = gaps / exact - 1
    assert np.all(np.abs(errors) < 1.3 * np.abs(listed))
    assert np.all(np.sign(errors) == np.sign(listed))
    assert math.log2(errors[2] / errors[3]) == pytest.approx(2, abs=0.1)
    if extrapolated is not None:
        assert abs((4 * gaps[3] - gaps[2]) / 3 / exact - 1) < extrapolated


BLENDED = [
    (DEEP, 2.4, 0.055522812730, (2.0e-4, 4.9e-5, 1.2e-5, 3.0e-6)),
    (DEEP, 4.0, 0.055522812730, (5.4e-4, 1.4e-4, 3.4e-5, 8.5e-6)),
    (quartic, 4.5, 1.368592520978, (-8.7e-3, -2.2e-3, -5.4e-4, -1.4e-4)),
]


@pytest.mark.parametrize(("potential", "half", "exact", "listed"), BLENDED)
def test_blended_edge_average_has_no_spurious_mode_with_averaged_targets(
    potential: Potential, half: float, exact: float, listed: tuple[float, ...]
) -> None:
    """On wide boxes, |d| > 10 at the ends, the unblended form has a gap of zero; the blend keeps the accuracy."""
    found = [spectrum(potential, half, 40 * 2**k, "edge average", averaged=True) for k in range(4)]
    errors = np.array([gap[1] / exact - 1 for gap in found])
    assert np.all(np.abs(errors) < 1.3 * np.abs(listed))
    assert math.log2(errors[2] / errors[3]) == pytest.approx(2, abs=0.1)
    assert all(abs(gap[0]) < 1e-9 for gap in found)


def test_wide_box_of_the_trap_is_steep_at_its_ends() -> None:
    mesh = Cartesian(40, -4.0, 4.0)
    log_target = log_average(mesh, lambda x: -DEEP(x), points=20)
    assert np.abs(np.diff(log_target)).max() > 10


@pytest.mark.parametrize(
    ("potential", "half", "exact"),
    [
        (SHALLOW, 3.2, (0.748681672347, 6.004113670851, 11.660695557671)),
        (DEEP, 2.4, (0.055522812730, 16.444942490014, 26.283106373431)),
        (quartic, 4.5, (1.368592520978, 4.453709163215, 8.259693724356)),
        (quadratic, 8.0, (1.0, 2.0, 3.0)),
    ],
)
def test_extrapolated_spectra_are_the_exact_ones(potential: Potential, half: float, exact: tuple[float, ...]) -> None:
    coarse, fine = spectrum(potential, half, 320, "sg"), spectrum(potential, half, 640, "sg")
    assert (4 * fine - coarse)[1:] / 3 == pytest.approx(exact, rel=1e-6)


def test_spectrum_of_a_sum_of_potentials_is_the_sum_of_spectra() -> None:
    mesh = Cartesian((32, 32), (-3.2, -6.0), (3.2, 6.0))
    x, y = mesh.coordinates
    matrix = generator(mesh, scharfetter_gummel(mesh, -SHALLOW(x) - quadratic(y)))
    target = np.exp((-SHALLOW(x) - quadratic(y)) / 2).reshape(-1)
    symmetric = (matrix.toarray() * target[None, :]) / target[:, None]
    found = np.sort(-scipy.linalg.eigvalsh((symmetric + symmetric.T) / 2))[:4]
    first, second = spectrum(SHALLOW, 3.2, 32, "sg"), spectrum(quadratic, 6.0, 32, "sg")
    assert found == pytest.approx(np.sort(np.add.outer(first, second).reshape(-1))[:4], abs=1e-10)
    assert found[1:] == pytest.approx([0.748681672347, 1.0, 1.748681672347], rel=0.05)


# --- barrier crossing: mean first passage times in V = 5 (x^2 - 1)^2 ---------------------------------------------

TO_RIGHT, TO_TOP = 36.483534597116, 18.095187975046


@cache
def passage_time(k: int, name: str, target: float) -> float:
    """Mean time from -1 to the target: A^T tau = -1 on the cells left of it; nodes at multiples of 2/k."""
    h = 2 / k
    nodes = round(2.4 / h)
    mesh = Cartesian(2 * nodes + 1, -(nodes + 0.5) * h, (nodes + 0.5) * h)
    log_target = -DEEP(mesh.centers[0])

    def log_pi(x: np.ndarray) -> np.ndarray:
        return -DEEP(x)

    flux = edge_average(mesh, log_target, log_pi) if name == "edge average" else FLUXES[name](mesh, log_target)
    count = nodes + round(target / h)
    inner = generator(mesh, flux).toarray()[:count, :count]
    times = scipy.sparse.linalg.spsolve(scipy.sparse.csc_array(inner.T), -np.ones(count))
    return float(times[nodes - round(1 / h)])


PASSAGES = [
    ("sg", 1.0, (-1.33e-2, -3.4e-3, -8.4e-4, -2.1e-4)),
    ("harmonic", 1.0, (-3.5e-7, -2.3e-8, -1.5e-9, -9e-11)),
    ("sg", 0.0, (-1.34e-2, -3.4e-3, -8.5e-4, -2.1e-4)),
    ("harmonic", 0.0, (-2.3e-4, -5.7e-5, -1.4e-5, -3.6e-6)),
    ("edge average", 0.0, (9.4e-7, 5.8e-8, 3.6e-9, 2.3e-10)),
]


@pytest.mark.parametrize(("name", "target", "listed"), PASSAGES)
def test_first_passage_times_have_the_listed_errors(name: str, target: float, listed: tuple[float, ...]) -> None:
    exact = TO_RIGHT if target else TO_TOP
    errors = np.array([passage_time(k, name, target) / exact - 1 for k in (20, 40, 80, 160)])
    assert np.all(np.abs(errors) < 1.3 * np.abs(listed))


# --- elementary boundary-value problems (FiPy and py-pde suites); Dirichlet faces assembled here ------------------


def with_dirichlet(
    mesh: Cartesian, log_target: np.ndarray, ends: tuple[float | None, float | None], log_ends: tuple[float, float]
) -> tuple[Any, np.ndarray]:
    """A rho + b: the generator plus boundary faces of the same flux function at distance h/2 to the boundary value."""
    matrix = generator(mesh, scharfetter_gummel(mesh, log_target)).tolil()
    source = np.zeros(mesh.size)
    h = float(mesh.widths[0][0])
    for cell, value, log_end in ((0, ends[0], log_ends[0]), (mesh.size - 1, ends[1], log_ends[1])):
        if value is not None:
            pair = scharfetter_gummel(Cartesian(2, 0.0, h), np.array([log_target[cell], log_end]))
            matrix[cell, cell] -= float(pair.forward[0]) / (h / 2) / h
            source[cell] += float(pair.backward[0]) / (h / 2) / h * value
    return matrix.tocsc(), source


def steady(mesh: Cartesian, u: float, ends: tuple[float | None, float | None], forcing: float = 0.0) -> np.ndarray:
    """Solve (phi' + u phi)' + forcing = 0: log pi = -u x."""
    x = mesh.centers[0]
    matrix, source = with_dirichlet(mesh, -u * x, ends, (-u * mesh.lower[0], -u * mesh.upper[0]))
    return np.asarray(scipy.sparse.linalg.spsolve(matrix, -(source + forcing)))


def boundary_layer(x: np.ndarray, u: float, length: float, source: float = 0.0) -> np.ndarray:
    """-S x/u + (1 + S L/u) (1 - e^(-u x)) / (1 - e^(-u L)), D = 1."""
    return -source * x / u + (1 + source * length / u) * np.expm1(-u * x) / math.expm1(-u * length)


def test_constant_flux_is_nodally_exact() -> None:
    mesh = Cartesian(10, 0.0, 10.0)
    found = steady(mesh, 10.0, (0.0, 1.0))
    assert np.abs(found - boundary_layer(mesh.centers[0], 10.0, 10.0)).max() < 1e-14


@pytest.mark.parametrize("peclet", [1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3])
def test_constant_flux_is_exact_at_every_peclet_number(peclet: float) -> None:
    """u = 1, D = u h / Pe on [0, 1] with 1000 cells; divided by D the drift is Pe / h."""
    mesh = Cartesian(1000, 0.0, 1.0)
    drift = peclet * 1000
    exact = boundary_layer(mesh.centers[0], drift, 1.0)
    assert np.abs(steady(mesh, drift, (0.0, 1.0)) / exact - 1).max() < 1e-11


def test_uniform_source_has_the_listed_errors() -> None:
    errors = []
    for cells in (100, 1000, 2000):
        mesh = Cartesian(cells, 0.0, 10.0)
        found = steady(mesh, 10.0, (0.0, 1.0), forcing=1.0)
        errors.append(np.abs(found - boundary_layer(mesh.centers[0], 10.0, 10.0, 1.0)).max())
    assert np.all(np.array(errors) < 1.3 * np.array([1.22e-3, 1.25e-5, 3.1e-6]))
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(
    ("ends", "inflow", "slope", "offset"),
    [((0.0, 1.0), 0.0, 1.0, 0.0), ((0.0, None), 3.0, 3.0, 0.0), ((None, 0.0), 2.0, -2.0, 2.0)],
)
def test_linear_solutions_are_exact(
    ends: tuple[float | None, float | None], inflow: float, slope: float, offset: float
) -> None:
    """phi'' = 0 on [0, 1]: values or slopes at the ends; a slope is an inflow through the wall."""
    mesh = Cartesian(16, 0.0, 1.0)
    matrix, source = with_dirichlet(mesh, np.zeros(16), ends, (0.0, 0.0))
    if ends[1] is None:
        source[-1] += inflow * 16
    if ends[0] is None:
        source[0] += inflow * 16
    found = scipy.sparse.linalg.spsolve(matrix, -source)
    assert np.abs(found - (slope * mesh.centers[0] + offset)).max() < 1e-12


def test_harmonic_function_on_a_square_is_second_order() -> None:
    """Laplace's equation on [0, 2 pi]^2 with sin y on the x-sides and sin x on the y-sides."""
    errors = []
    for n in (16, 32, 64):
        mesh = Cartesian((n, n), (0.0, 0.0), (2 * np.pi, 2 * np.pi))
        x, y = mesh.coordinates
        matrix = generator(mesh, scharfetter_gummel(mesh, np.zeros(mesh.shape))).tolil()
        h = float(mesh.widths[0][0])
        source, cells = np.zeros(mesh.shape), np.arange(n * n).reshape(n, n)
        for wall, values in (
            ((0, slice(None)), np.sin(y[0])),
            ((-1, slice(None)), np.sin(y[0])),
            ((slice(None), 0), np.sin(x[:, 0])),
            ((slice(None), -1), np.sin(x[:, 0])),
        ):
            source[wall] += 2 / h**2 * values
            for cell in cells[wall]:
                matrix[cell, cell] -= 2 / h**2
        found = scipy.sparse.linalg.spsolve(matrix.tocsc(), -source.reshape(-1)).reshape(n, n)
        exact = (np.cosh(np.pi - y) * np.sin(x) + np.cosh(np.pi - x) * np.sin(y)) / np.cosh(np.pi)
        errors.append(np.abs(found - exact).max())
    assert errors[0] == pytest.approx(1.3e-2, rel=0.02)
    assert math.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.15)


def test_default_mobility_is_the_logarithmic_mean_of_densities_for_a_constant_target() -> None:
    mesh = mesh_with(("no-flux", "periodic"), graded=False)
    flux = scharfetter_gummel(mesh, np.zeros(mesh.shape))
    a, b = np.random.default_rng(2).random((2, mesh.faces.left.size))
    assert np.array_equal(flux.mobility(a, b), logarithmic_mean(a, b))

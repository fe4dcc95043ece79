"""Two-point fluxes: detailed balance on every boundary, means of the target, mobilities, extreme jumps."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import mpmath
import numpy as np
import pytest
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
from tests.solvers.flux_cases import FLUXES


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


ALL: dict[str, Callable[[Cartesian, np.ndarray], TwoPointFlux]] = {
    **FLUXES,
    "edge average": lambda mesh, log_target: edge_average(mesh, log_target, log_density),
}


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", ALL)
def test_generator_is_in_detailed_balance(name: str, boundary: tuple[str, ...], graded: bool) -> None:
    """Rows and columns in the measure pi are symmetric, pi is stationary, mass is kept, rates are nonnegative."""
    mesh = mesh_with(boundary, graded)
    log_target = log_average(mesh, log_density)
    matrix = generator(mesh, ALL[name](mesh, log_target)).toarray()
    target, volumes = np.exp(log_target).reshape(-1), mesh.volumes.reshape(-1)
    flow = volumes[:, None] * matrix * target[None, :]
    scale = np.abs(matrix).max() * (volumes * target).max()
    assert np.abs(flow - flow.T).max() <= 1e-14 * scale
    off = matrix - np.diag(np.diag(matrix))
    assert off.min() >= 0 and (off > 0).sum() == 2 * mesh.faces.left.size
    assert np.abs(volumes @ matrix).max() <= 1e-14 * np.abs(volumes[:, None] * matrix).max()
    assert np.abs(matrix @ target).max() <= 1e-14 * (np.abs(np.diag(matrix)) * target).max()


@pytest.mark.parametrize("name", ALL)
def test_no_cycle_on_a_circle_has_an_affinity(name: str) -> None:
    """The seam is a face like any other: sum of log(forward/backward) around the circle vanishes."""
    mesh = mesh_with(("periodic",), graded=True)
    log_target = log_average(mesh, log_density)
    flux = ALL[name](mesh, log_target)
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
    flux = ALL[name](mesh, np.array([0.0, -jump]))
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


@pytest.mark.parametrize("name", ALL)
def test_mobility_turns_the_flux_into_a_gradient_flow(name: str) -> None:
    """m Lambda(s_K, s_L) (log s_K - log s_L) = forward rho_K - backward rho_L."""
    mesh = mesh_with(("no-flux", "periodic"), graded=True)
    log_target = log_average(mesh, log_density)
    flux = ALL[name](mesh, log_target)
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


def test_default_mobility_is_the_logarithmic_mean_of_densities_for_a_constant_target() -> None:
    mesh = mesh_with(("no-flux", "periodic"), graded=False)
    flux = scharfetter_gummel(mesh, np.zeros(mesh.shape))
    a, b = np.random.default_rng(2).random((2, mesh.faces.left.size))
    assert np.array_equal(flux.mobility(a, b), logarithmic_mean(a, b))

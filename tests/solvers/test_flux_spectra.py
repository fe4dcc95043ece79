"""Two-point fluxes against spectra and mean first passage times: both see what a flux does over a barrier."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg

from mudot.meshes.averages import log_average
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import (
    edge_average,
    generator,
    scharfetter_gummel,
)
from tests.solvers.flux_cases import FLUXES, Potential

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

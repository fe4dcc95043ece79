"""Two-point fluxes in elementary boundary-value problems (suites of FiPy and py-pde); Dirichlet faces made here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse.linalg

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import (
    generator,
    scharfetter_gummel,
)


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

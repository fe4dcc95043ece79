"""Regularised inverses (K + epsilon)^-1 and the tridiagonal inverse of the Laplace kernel."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.arrays import library_of, numpy_library
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels import (
    EnergyDistanceKernel,
    GaussianKernel,
    Kernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
    cosines,
    inverse,
    kernel_operator,
    ridge,
    ridge_preconditioner,
)
from mudot.solvers.kernels.convolution import Convolution
from mudot.solvers.kernels.direct import markov_line
from mudot.solvers.kernels.operators import Place
from mudot.solvers.linear import NotConverged
from tests import device
from tests.device_cases import assert_close
from tests.solvers.kernels.cases import KERNELS, MESHES, brute_force, density, face_axes, field, pairs

HOST = numpy_library()
POSITIVE = [(kernel, mesh) for kernel, mesh in pairs() if KERNELS[kernel].positive_definite]


@pytest.mark.parametrize(("kernel", "mesh"), POSITIVE)
@pytest.mark.parametrize("epsilon", [1e-1, 1e-3])
def test_inverse_on_cells_is_that_of_dense_matrices(kernel: str, mesh: str, epsilon: float) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    matrix = brute_force(k, grid, list(grid.centers)) * grid.volumes.reshape(-1) + epsilon * np.eye(grid.size)
    exact = np.linalg.solve(matrix, field(grid).reshape(-1))
    found = inverse(kernel_operator(k, grid, HOST), field(grid), epsilon, tolerance=1e-13)
    np.testing.assert_allclose(found.solution.reshape(-1), exact, rtol=0, atol=1e-9 * np.abs(exact).max())
    assert found.residual < 1e-10


@pytest.mark.parametrize(("kernel", "mesh"), POSITIVE)
def test_inverse_on_faces_is_that_of_dense_matrices(kernel: str, mesh: str) -> None:
    k, grid, epsilon = KERNELS[kernel], MESHES[mesh], 1e-2
    faces = grid.faces
    weights, f = faces.area * faces.distance, np.cos(np.arange(faces.left.size))
    found = inverse(kernel_operator(k, grid, HOST), f, epsilon, tolerance=1e-13, on="faces")
    start = 0
    for orientation, count in enumerate(faces.per_axis):
        block = slice(start, start + count)
        matrix = brute_force(k, grid, face_axes(grid, orientation)) * weights[block] + epsilon * np.eye(count)
        exact = np.linalg.solve(matrix, f[block])
        np.testing.assert_allclose(found.solution[block], exact, rtol=0, atol=1e-9 * np.abs(exact).max(initial=1.0))
        start += count


@pytest.mark.parametrize(("kernel", "mesh"), [("gaussian", "torus"), ("cubic", "graded square"), ("laplace", "ring")])
def test_structure_makes_inverses_direct(kernel: str, mesh: str) -> None:
    grid = MESHES[mesh]
    assert inverse(kernel_operator(KERNELS[kernel], grid, HOST), field(grid), 1e-2).iterations == 0


def test_inverse_on_a_torus_divides_each_mode_by_its_symbol() -> None:
    mesh = Cartesian((32, 32), (0, 0), (1, 1), boundary="periodic")
    x, y = mesh.coordinates
    wave, h = np.cos(2 * math.pi * (x + 2 * y)), 0.05
    symbol = 2 * math.pi * h**2 * math.exp(-((2 * math.pi * h) ** 2) * 5 / 2)
    found = inverse(kernel_operator(GaussianKernel(h), mesh, HOST), wave, 1e-6)
    np.testing.assert_allclose(found.solution, wave / (symbol + 1e-6), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("epsilon", [1e-2, 1e-5, 1e-8])
def test_inverse_of_a_polynomial_kernel_keeps_its_digits_for_small_epsilon(epsilon: float) -> None:
    grid = Cartesian((16, 12), (-1.0, -1.0), (1.0, 1.0))
    operator = kernel_operator(PolynomialKernel(2, 1.0), grid, HOST)
    x, y = grid.coordinates
    inside = 1 + x * y - 2 * y**2  # in the range of K: the solution stays bounded
    u = inverse(operator, inside, epsilon).solution
    np.testing.assert_allclose(operator.apply(u) + epsilon * u, inside, rtol=0, atol=1e-11)


def test_inverse_is_warm_started_and_preconditioned() -> None:
    # A graded mesh, where no default preconditioner is at hand.
    grid = Cartesian.graded([np.linspace(0, 1, 25) ** 1.5, np.linspace(0, 1, 25)])
    operator = kernel_operator(MaternKernel(0.2, 1.5), grid, HOST)
    cold = inverse(operator, field(grid), 1e-4)
    assert inverse(operator, field(grid), 1e-4, guess=cold.solution).iterations == 0
    sketch = ridge_preconditioner(operator, grid.volumes, 1e-4)
    fast = inverse(operator, field(grid), 1e-4, preconditioner=sketch)
    assert fast.iterations < cold.iterations / 4
    np.testing.assert_allclose(fast.solution, cold.solution, rtol=0, atol=1e-6 * np.abs(cold.solution).max())


@pytest.mark.parametrize("on", ["cells", "faces"])
@pytest.mark.parametrize("kernel", [LaplaceKernel(0.5), MaternKernel(0.5, 1.5)], ids=["laplace", "matern 3/2"])
def test_inverses_on_boxes_with_walls_are_preconditioned(
    kernel: Kernel, on: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = Cartesian((48, 40), (-3.0, -3.0), (3.0, 3.0))
    operator = kernel_operator(kernel, grid, HOST)
    f = np.cos(np.arange(float(grid.size if on == "cells" else grid.faces.left.size)))
    f = f.reshape(grid.shape) if on == "cells" else f
    fast = inverse(operator, f, 1e-3, on=on)
    monkeypatch.setattr("mudot.solvers.kernels.solves.nearly_inverse", lambda *given: None)
    plain = inverse(operator, f, 1e-3, on=on)
    assert fast.iterations < plain.iterations / 2.5 and max(fast.residual, plain.residual) <= 1e-10
    np.testing.assert_allclose(fast.solution, plain.solution, rtol=0, atol=1e-6 * np.abs(plain.solution).max())


@pytest.mark.parametrize("kernel", [MaternKernel(0.25, 1.5), MaternKernel(0.2, 0.5)], ids=["matern 3/2", "matern 1/2"])
@pytest.mark.parametrize("name", ["square", "tube", "strip", "torus", "cube", "mixed in 3D"])
def test_preconditioners_know_the_diagonal_in_harmonics(kernel: Kernel, name: str) -> None:
    grid = MESHES[name]
    gram = kernel_operator(kernel, grid, HOST).cells
    assert isinstance(gram, Convolution)
    basis = cosines._harmonics(gram, grid.shape)
    modes = np.array([basis.out_of(unit) for unit in np.eye(grid.size).reshape(-1, *grid.shape)])
    modes = modes.reshape(grid.size, -1)
    np.testing.assert_allclose(modes @ modes.T, np.eye(grid.size), rtol=0, atol=1e-13)
    exact = np.einsum("ki,ij,kj->k", modes, brute_force(kernel, grid, list(grid.centers)), modes)
    np.testing.assert_allclose(basis.values.reshape(-1), exact, rtol=0, atol=1e-12 * exact.max())


@pytest.mark.parametrize("on", ["cells", "faces"])
def test_cosines_take_less_than_half_the_iterations_of_the_torus(on: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Cartesian((40, 48), (-2.0, -2.0), (2.0, 2.0))
    operator = kernel_operator(MaternKernel(0.5, 1.5), grid, HOST)
    f = field(grid) if on == "cells" else np.cos(np.arange(float(grid.faces.left.size)))
    fast = inverse(operator, f, 1e-5, on=on)
    monkeypatch.setattr(cosines, "LARGEST_PRODUCT", 0)
    torus = inverse(operator, f, 1e-5, on=on)
    assert fast.iterations < torus.iterations / 2 and max(fast.residual, torus.residual) <= 1e-10
    np.testing.assert_allclose(fast.solution, torus.solution, rtol=0, atol=1e-5 * np.abs(torus.solution).max())


def test_singular_inverses_are_refused() -> None:
    torus, line = MESHES["torus"], MESHES["line"]
    fine = Cartesian(64, 0.0, 1.0, boundary="periodic")
    with pytest.raises(MudotError, match=r"singular to round-off .* give an epsilon above"):
        inverse(kernel_operator(GaussianKernel(0.3), fine, HOST), np.ones(64), 0.0)
    with pytest.raises(NotConverged, match="kernel solve"):
        walled = Cartesian(64, -1.0, 1.0)
        inverse(kernel_operator(GaussianKernel(0.5), walled, HOST), np.sign(walled.centers[0]), 0.0)
    with pytest.raises(MudotError, match="its rank is finite; give an epsilon > 0"):
        inverse(kernel_operator(PolynomialKernel(1, 1.0), line, HOST), np.ones(line.shape), 0.0)
    with pytest.raises(MudotError, match="only conditionally positive"):
        inverse(kernel_operator(EnergyDistanceKernel(), line, HOST), np.ones(line.shape), 1.0)
    with pytest.raises(MudotError, match="regularisation: expected a number of at least 0"):
        inverse(kernel_operator(GaussianKernel(0.3), torus, HOST), np.ones(torus.shape), -1.0)


def test_inverse_out_of_reach_of_double_precision_says_so() -> None:
    line = Cartesian(256, -6.0, 6.0)
    operator = kernel_operator(GaussianKernel(0.5), line, HOST)
    with pytest.raises(NotConverged, match="kernel solve: residual"):
        inverse(operator, np.sign(line.centers[0]), 1e-13)


LINES = ["line", "ring", "graded line", "graded ring"]


@pytest.mark.parametrize("mesh", LINES)
@pytest.mark.parametrize("bandwidth", [0.02, 0.3, 5.0])
@pytest.mark.parametrize("place", ["cells", "faces"])
def test_inverse_gram_matrix_of_the_laplace_kernel_is_tridiagonal(mesh: str, bandwidth: float, place: str) -> None:
    grid = MESHES[mesh]
    points = list(grid.centers) if place == "cells" else face_axes(grid, 0)
    dense = brute_force(LaplaceKernel(bandwidth), grid, points, images=max(9, int(40 * bandwidth)))
    line = markov_line(kernel_operator(LaplaceKernel(bandwidth), grid, HOST), place)  # type: ignore[arg-type]
    assert line is not None
    inverted = np.stack([line.apply(column) for column in np.eye(len(dense))])
    np.testing.assert_allclose(inverted @ dense, np.eye(len(dense)), rtol=0, atol=1e-12 * max(1, bandwidth / 0.02))
    f = np.cos(np.arange(len(dense)))
    assert line.norm_squared(f) == pytest.approx(float(f @ np.linalg.solve(dense, f)), rel=1e-10)


def test_two_points_on_a_ring_are_joined_both_ways() -> None:
    grid = Cartesian(2, 0.0, 1.0, boundary="periodic")
    operator = kernel_operator(LaplaceKernel(0.4), grid, HOST)
    u = np.array([1.0, -0.3])
    np.testing.assert_allclose(inverse(operator, operator.apply(u), 0.0).solution, u, rtol=1e-13)


def test_norm_of_the_hilbert_space_is_that_of_the_continuum() -> None:
    # |f|_H^2 = int (f^2 + h^2 f'^2) / (2h) + (f(a)^2 + f(b)^2) / 2 on [0, 1] for f = cos 3x.
    h = 0.3
    sines = math.sin(6.0) / 12
    exact = ((0.5 + sines) + 9 * h**2 * (0.5 - sines)) / (2 * h) + (1 + math.cos(3.0) ** 2) / 2
    errors = []
    for n in (100, 200):
        grid = Cartesian(n, -0.5 / (n - 1), 1 + 0.5 / (n - 1))  # the first and last centres are the ends
        line = markov_line(kernel_operator(LaplaceKernel(h), grid, HOST), "cells")
        assert line is not None
        errors.append(abs(line.norm_squared(np.cos(3 * grid.centers[0])) - exact))
    assert errors[1] < 1e-3 and errors[0] / errors[1] == pytest.approx(4.0, rel=0.05)


@pytest.mark.parametrize("mesh", LINES)
def test_direct_regression_with_the_laplace_kernel_is_that_of_iterations(mesh: str) -> None:
    grid = MESHES[mesh]
    masses, xi = density(grid) * grid.volumes, field(grid)
    masses[2:4] = 0
    direct = ridge(kernel_operator(LaplaceKernel(0.3), grid, HOST), masses, xi, 1e-2)
    dense = kernel_operator(LaplaceKernel(0.3), grid, HOST).gram
    root = np.sqrt(masses)
    assert direct.iterations == 0 and direct.residual <= 1e-14
    np.testing.assert_allclose(dense(root * direct.y), direct.f, rtol=0, atol=1e-12)


def test_direct_regression_stays_accurate_on_fine_meshes_and_for_large_ridges() -> None:
    for n, lam in ((2048, 1e-3), (2048, 10.0)):
        grid = Cartesian(n, -4.0, 4.0)
        x = grid.centers[0]
        masses = np.exp(-(x**2) / 2) * grid.volumes / math.sqrt(2 * math.pi)
        operator = kernel_operator(LaplaceKernel(0.5), grid, HOST)
        found = ridge(operator, masses, np.cos(2 * x), lam)
        # The equation in its other form, lambda f = K_mu (xi - f), whose terms are of order one.
        other = operator.gram(masses * (np.cos(2 * x) - found.f)) / lam
        assert found.residual <= 1e-13
        np.testing.assert_allclose(other, found.f, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("kernel", "mesh"), POSITIVE)
def test_inverse_is_the_same_on_a_device(kernel: str, mesh: str) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    f, faces = field(grid), np.cos(np.arange(grid.faces.left.size))
    for values, place in ((f, "cells"), (faces, "faces")):
        here = inverse(kernel_operator(k, grid, HOST), values, 1e-2, on=place)  # type: ignore[arg-type]
        sent = device.to_device(values)
        there = inverse(kernel_operator(k, grid, library_of(sent)), sent, 1e-2, on=place)  # type: ignore[arg-type]
        assert_close(device.to_host(there.solution), here.solution, 1e-11)
        assert there.iterations == here.iterations

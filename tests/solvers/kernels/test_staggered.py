"""-div (K + epsilon)^-1 grad in the bases of cells and faces, against dense inverses on faces."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries import DeStein
from mudot.solvers.kernels import GaussianKernel, Kernel, MaternKernel, kernel_operator
from mudot.solvers.kernels.spectral import Diagonal, basis_of, harmonics
from mudot.solvers.kernels.staggered import inverse_diffusion
from mudot.solvers.operators import divergence, gradient
from tests import device
from tests.device_cases import assert_close
from tests.solvers.kernels.cases import MESHES, brute_force, face_axes, field

EPSILON = 0.05
LINES = [(MaternKernel(0.25, 1.5), mesh) for mesh in ("line", "ring", "graded line", "graded ring")]
CASES = [(GaussianKernel(0.3), mesh) for mesh in MESHES] + LINES


def by_dense_matrices(kernel: Kernel, mesh: Cartesian, f: np.ndarray) -> np.ndarray:
    """The definition: the field on all faces, an inverse per orientation."""
    slopes, weights = gradient(mesh, f), mesh.faces.area * mesh.faces.distance
    for orientation, block in enumerate(mesh.face_blocks):
        if block.stop > block.start:
            gram = brute_force(kernel, mesh, face_axes(mesh, orientation)) * weights[block]
            slopes[block] = np.linalg.solve(gram + EPSILON * np.eye(len(gram)), slopes[block])
    return -divergence(mesh, slopes)


@pytest.mark.parametrize(("kernel", "name"), CASES, ids=[f"{kernel.name} on {mesh}" for kernel, mesh in CASES])
def test_bases_give_what_dense_inverses_on_faces_give(kernel: Kernel, name: str) -> None:
    mesh = MESHES[name]
    f, operator = field(mesh), kernel_operator(kernel, mesh, numpy_library())
    exact, found = by_dense_matrices(kernel, mesh, f), inverse_diffusion(operator, EPSILON, 1e-9)
    assert found is not None
    np.testing.assert_allclose(found.applied(f), exact, rtol=0, atol=1e-11 * np.abs(exact).max())
    assert found.form(f) == pytest.approx(integrate(mesh, f * exact), rel=1e-11)


@pytest.mark.parametrize("name", ["graded ring", "graded tube", "mixed in 3D"])
def test_diagonals_in_harmonics_are_those_of_the_matrices(name: str) -> None:
    mesh = MESHES[name]
    operator = kernel_operator(GaussianKernel(0.3), mesh, numpy_library())
    kernel, near, moving = basis_of(operator), harmonics(operator), inverse_diffusion(operator, EPSILON, 1e-9)
    assert kernel is not None and near is not None and moving is not None
    symbol = 1 / (kernel.values + EPSILON)
    one, two = np.empty(mesh.shape), np.empty(mesh.shape)
    for index in np.ndindex(mesh.shape):
        unit = np.zeros(mesh.shape)
        unit[index] = 1
        mode = near.out_of(unit)
        one[index] = (mode * kernel.multiplied(symbol, mode)).sum()
        two[index] = moving.form(mode / near.root)
    np.testing.assert_allclose(Diagonal(kernel, symbol).diagonal_in(near), one, rtol=1e-11)
    np.testing.assert_allclose(moving.diagonal_in(near), two, rtol=1e-11, atol=1e-11 * two.max())


WALLS = [(GaussianKernel(0.3), mesh) for mesh in ("graded ring", "torus", "graded tube", "mixed in 3D")]


@pytest.mark.parametrize(
    ("kernel", "name"), [*WALLS, (MaternKernel(0.3, 1.5), "torus"), (MaternKernel(0.3, 2.5), "torus in 3D")]
)
def test_harmonics_make_the_laplacian_diagonal(kernel: Kernel, name: str) -> None:
    mesh = MESHES[name]
    near = harmonics(kernel_operator(kernel, mesh, numpy_library()))
    assert near is not None
    f = field(mesh)
    exact = -divergence(mesh, gradient(mesh, f))
    found = near.multiplied(near.values, near.root * f) / near.root
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12 * np.abs(exact).max())


def test_rest_beside_the_diagonal_is_a_thousandth_in_harmonics_and_a_fifth_in_the_basis_of_the_kernel() -> None:
    mesh = Cartesian((64,) * 3, (-2.0,) * 3, (2.0,) * 3)
    operator = kernel_operator(GaussianKernel(0.5), mesh, numpy_library())
    near, moving = harmonics(operator), inverse_diffusion(operator, 0.1, 1e-9)
    assert near is not None and moving is not None
    coordinates = np.random.default_rng(5).standard_normal(mesh.shape)
    shares = []
    for basis in (near, moving.basis):
        image = basis.into(near.root * moving.applied(basis.out_of(coordinates) / near.root))
        shares.append(np.linalg.norm(image - moving.diagonal_in(basis) * coordinates) / np.linalg.norm(image))
    assert shares[0] < 1e-3 and 0.15 < shares[1] < 0.25


def test_de_stein_in_bases_is_de_stein_by_solves(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, geometry = MESHES["mixed in 3D"], DeStein(GaussianKernel(0.3), EPSILON, 1.7)
    f, density = field(mesh), np.ones(mesh.shape)
    direct = geometry.onsager(mesh, density)
    rate, dual = direct.apply(f), direct.dual(f)
    monkeypatch.setattr("mudot.solvers.geometries.dekernelized.inverse_diffusion", lambda *given: None)
    solved = geometry.onsager(mesh, density)
    np.testing.assert_allclose(rate, solved.apply(f), rtol=0, atol=1e-9 * np.abs(rate).max())
    assert dual == pytest.approx(solved.dual(f), rel=1e-9)


@pytest.mark.parametrize("name", ["graded tube", "mixed in 3D"])
def test_bases_on_a_device_agree_with_the_host(name: str) -> None:
    mesh, library = MESHES[name], device.library()
    host = inverse_diffusion(kernel_operator(GaussianKernel(0.3), mesh, numpy_library()), EPSILON, 1e-9)
    there = inverse_diffusion(kernel_operator(GaussianKernel(0.3), mesh, library), EPSILON, 1e-9)
    assert host is not None and there is not None
    f = field(mesh)
    assert_close(library.to_host(there.applied(library.to_device(f))), host.applied(f), 1e-13)


def test_other_kernels_and_singular_ones_have_none() -> None:
    square, line = MESHES["square"], Cartesian(40, 0.0, 1.0)
    assert inverse_diffusion(kernel_operator(MaternKernel(0.3, 1.5), square, numpy_library()), 0.1, 1e-9) is None
    assert inverse_diffusion(kernel_operator(GaussianKernel(0.5), line, numpy_library()), 0.0, 1e-9) is None

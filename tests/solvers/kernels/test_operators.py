"""Products with Gram matrices: against brute force, symmetric, positive, accurate in tails, on every path."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.arrays import library_of, numpy_library
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels import (
    GaussianKernel,
    InverseMultiquadricKernel,
    Kernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
    convolution,
    kernel_operator,
)
from mudot.solvers.kernels.operators import Path
from tests import device
from tests.device_cases import assert_on_both
from tests.solvers.kernels.cases import KERNELS, MESHES, brute_force, density, face_axes, field, pairs

HOST = numpy_library()
every_pair = pytest.mark.parametrize(("kernel", "mesh"), pairs())


@every_pair
def test_gram_matrix_of_cells_is_that_of_brute_force(kernel: str, mesh: str) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    dense = brute_force(k, grid, list(grid.centers))
    operator = kernel_operator(k, grid, HOST)
    values = np.random.default_rng(0).normal(size=grid.shape)
    tolerance = 1e-14 * np.abs(dense).max() * grid.size
    np.testing.assert_allclose(operator.gram(values).reshape(-1), dense @ values.reshape(-1), rtol=0, atol=tolerance)
    image = dense @ (grid.volumes * values).reshape(-1)
    np.testing.assert_allclose(operator.apply(values).reshape(-1), image, rtol=0, atol=tolerance)


@every_pair
def test_gram_matrix_of_faces_is_that_of_brute_force(kernel: str, mesh: str) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    operator = kernel_operator(k, grid, HOST)
    values = np.random.default_rng(1).normal(size=grid.faces.left.size)
    found, start = operator.face_gram(values), 0
    for orientation, count in enumerate(grid.faces.per_axis):
        block = slice(start, start + count)
        dense = brute_force(k, grid, face_axes(grid, orientation))
        tolerance = 1e-14 * np.abs(dense).max(initial=1.0) * grid.size
        np.testing.assert_allclose(found[block], dense @ values[block], rtol=0, atol=tolerance)
        start += count
    assert found.size == start


PATHS: list[tuple[Kernel, str, tuple[Path, ...]]] = [
    (GaussianKernel(0.3), "square", ("products", "convolution", "dense")),
    (GaussianKernel(0.3), "torus", ("products", "convolution", "dense")),
    (GaussianKernel(0.3), "mixed in 3D", ("products", "convolution", "dense")),
    (MaternKernel(0.3, 1.5), "line", ("products", "convolution", "dense")),
    (MaternKernel(0.3, 1.5), "tube", ("convolution", "dense")),
    (MaternKernel(0.3, 2.5), "torus in 3D", ("convolution", "dense")),
]


@pytest.mark.parametrize(("kernel", "mesh", "paths"), PATHS)
def test_all_paths_agree(kernel: Kernel, mesh: str, paths: tuple[Path, ...]) -> None:
    grid = MESHES[mesh]
    cells, faces = field(grid), np.cos(np.arange(grid.faces.left.size))
    operators = [kernel_operator(kernel, grid, HOST, path) for path in paths]
    for operator in operators[1:]:
        np.testing.assert_allclose(operator.gram(cells), operators[0].gram(cells), rtol=0, atol=1e-13)
        np.testing.assert_allclose(operator.face_gram(faces), operators[0].face_gram(faces), rtol=0, atol=1e-13)


@given(st.sampled_from(pairs()), st.integers(0, 2**32 - 1))
def test_gram_matrices_are_symmetric(pair: tuple[str, str], seed: int) -> None:
    grid, rng = MESHES[pair[1]], np.random.default_rng(seed)
    operator = kernel_operator(KERNELS[pair[0]], grid, HOST)
    for product, shape in ((operator.gram, grid.shape), (operator.face_gram, (grid.faces.left.size,))):
        a, b = rng.normal(size=shape), rng.normal(size=shape)
        size = np.abs(product(np.abs(a))).sum() * np.abs(b).max(initial=0.0)
        assert abs((a * product(b)).sum() - (b * product(a)).sum()) <= 1e-14 * max(size, 1.0) * grid.size


@given(st.sampled_from(pairs()), st.integers(0, 2**32 - 1))
def test_gram_matrices_are_positive(pair: tuple[str, str], seed: int) -> None:
    kernel, grid, rng = KERNELS[pair[0]], MESHES[pair[1]], np.random.default_rng(seed)
    operator = kernel_operator(kernel, grid, HOST)
    for product, shape in ((operator.gram, grid.shape), (operator.face_gram, (grid.faces.left.size,))):
        v = rng.normal(size=shape)
        if not kernel.positive_definite:  # energy distance: on vectors of sum zero only, in each orientation
            starts = np.cumsum([0, *grid.faces.per_axis]) if shape != grid.shape else [0, grid.size]
            for a, b in pairwise(starts):
                v.reshape(-1)[a:b] -= v.reshape(-1)[a:b].sum() / max(b - a, 1)
        assert (v * product(v)).sum() >= -1e-13 * max(np.abs(product(np.abs(v))).max(initial=0.0), 1.0) * grid.size


def test_energy_distance_is_negative_on_a_vector_that_does_not_sum_to_zero() -> None:
    grid = MESHES["line"]
    ones = np.ones(grid.shape)
    assert (ones * kernel_operator(KERNELS["energy distance"], grid, HOST).gram(ones)).sum() < 0


@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
def test_separable_products_keep_every_digit_in_the_tails(boundary: str) -> None:
    mesh = Cartesian((48, 36), (-12.0, -9.0), (12.0, 9.0), boundary=boundary)
    x, y = mesh.coordinates
    masses = mesh.volumes * np.exp(-(x**2 + y**2 + x * y / 2) * 1.5)
    dense = brute_force(GaussianKernel(0.4), mesh, list(mesh.centers), images=1)
    exact = (dense @ masses.reshape(-1)).reshape(mesh.shape)
    products = kernel_operator(GaussianKernel(0.4), mesh, HOST).gram(masses)
    assert exact.min() < 1e-60
    np.testing.assert_allclose(products, exact, rtol=2e-13)
    transformed = kernel_operator(GaussianKernel(0.4), mesh, HOST, "convolution").gram(masses)
    np.testing.assert_allclose(transformed, exact, rtol=0, atol=1e-15 * exact.max())


def test_structure_picks_the_path() -> None:
    def path(kernel: Kernel, mesh: Cartesian) -> str:
        return kernel_operator(kernel, mesh, HOST).path

    assert path(GaussianKernel(1.0), MESHES["graded in 3D"]) == "products"
    assert path(MaternKernel(1.0, 1.5), MESHES["graded line"]) == "products"
    assert path(MaternKernel(1.0, 1.5), MESHES["cube"]) == "convolution"
    assert path(InverseMultiquadricKernel(1.0), MESHES["graded square"]) == "dense"
    assert path(PolynomialKernel(2, 1.0), MESHES["graded square"]) == "features"
    assert path(GaussianKernel(1.0), Cartesian(5000, 0.0, 1.0)) == "convolution"


def test_meshes_too_large_for_a_graded_kernel_are_refused_with_the_remedy() -> None:
    graded = Cartesian.graded([np.linspace(0, 1, 101) ** 2] * 2)
    reason = r"laplace on 100x100 cells: convolution: needs a uniform mesh; dense: .* or fewer cells"
    with pytest.raises(MudotError, match=reason):
        kernel_operator(LaplaceKernel(0.1), graded, HOST)
    line = Cartesian.graded([np.linspace(0, 1, 9001) ** 2])
    with pytest.raises(MudotError, match=r"more than 8192 cells; coarsen it"):
        kernel_operator(GaussianKernel(0.1), line, HOST)
    with pytest.raises(MudotError, match=r"features: the kernel has no such structure"):
        kernel_operator(GaussianKernel(0.1), MESHES["line"], HOST, "features")


@pytest.mark.parametrize("name", ["inverse multiquadric", "energy distance", "cubic"])
@pytest.mark.parametrize("mesh", ["ring", "tube", "torus in 3D"])
def test_kernels_without_images_are_refused_on_periodic_axes(name: str, mesh: str) -> None:
    with pytest.raises(MudotError, match="diverges"):
        kernel_operator(KERNELS[name], MESHES[mesh], HOST)


@pytest.mark.parametrize("kernel", [GaussianKernel(0.1), MaternKernel(0.1, 1.5), PolynomialKernel(3, 1.0)])
def test_memory_is_proportional_to_the_mesh(kernel: Kernel) -> None:
    small, large = (kernel_operator(kernel, Cartesian((n, n), (0, 0), (1, 1)), HOST) for n in (64, 256))
    assert small.bytes >= 8 * 64**2 and large.bytes <= 1.05 * 16 * small.bytes
    assert large.bytes <= 40 * 8 * large.mesh.size


def prime_factors(number: int) -> list[int]:
    found, factor = [], 2
    while number > 1:
        while number % factor == 0:
            found.append(factor)
            number //= factor
        factor += 1
    return found


WITH_IMAGES = [LaplaceKernel(0.1), MaternKernel(0.1, 1.5), MaternKernel(0.1, 2.5)]
RADIAL = [(k, "periodic") for k in WITH_IMAGES] + [
    (k, "no-flux") for k in (*WITH_IMAGES, InverseMultiquadricKernel(0.1))
]
SIDES = {
    "no-flux": {1: (2503, 10_007, 40_009), 2: (31, 97, 257), 3: (11, 23, 41)},
    "periodic": {1: (2560, 10_240, 40_960), 2: (32, 96, 256), 3: (12, 24, 40)},
}
"""Cells along an axis, by dimension. Padded axes are primes, whose own transforms would be slow."""


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize(("kernel", "boundary"), RADIAL)
def test_products_of_radial_kernels_cost_n_log_n_operations(
    kernel: Kernel, boundary: str, dimension: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lengths: list[tuple[int, ...]] = []

    class Counting:
        """The transforms of the host, with the lengths that they are asked for."""

        def rfftn(self, values: np.ndarray, s: tuple[int, ...]) -> np.ndarray:
            lengths.append(tuple(s))
            return np.asarray(HOST.fft.rfftn(values, s=s))

        def irfftn(self, values: np.ndarray, s: tuple[int, ...]) -> np.ndarray:
            lengths.append(tuple(s))
            return np.asarray(HOST.fft.irfftn(values, s=s))

    monkeypatch.setattr(convolution, "library_of", lambda values: replace(HOST, fft=Counting()))
    costs = []
    for side in SIDES[boundary][dimension]:
        grid = Cartesian((side,) * dimension, (0.0,) * dimension, (1.0,) * dimension, boundary)
        operator = kernel_operator(kernel, grid, HOST)
        assert operator.path == "convolution"
        operator.cells  # noqa: B018, the spectrum is made once
        lengths.clear()
        operator.apply(np.ones(grid.shape))
        assert len(lengths) == 2  # there and back
        # A mixed-radix transform of length p q r ... costs p + q + r + ... operations a point (Cooley and Tukey 1965).
        operations = sum(np.prod(s) * sum(sum(prime_factors(length)) for length in s) for s in lengths)
        costs.append(operations / (grid.size * np.log2(grid.size)))
    bound = 2 * 2.5 * (1 if boundary == "periodic" else 2.5**dimension)
    assert max(costs) < bound and costs[-1] < 1.3 * costs[0], costs


def test_faces_of_a_uniform_mesh_share_the_matrices_of_the_cells() -> None:
    operator = kernel_operator(GaussianKernel(0.3), MESHES["square"], HOST)
    for gram in operator.faces:
        for own, shared in zip(gram.matrices, operator.cells.matrices, strict=True):  # type: ignore[attr-defined]
            assert np.shares_memory(own, shared)
    transformed = kernel_operator(MaternKernel(0.3, 1.5), MESHES["square"], HOST)
    assert all(gram is transformed.cells for gram in transformed.faces)


def test_a_mesh_without_faces_has_an_empty_face_operator() -> None:
    operator = kernel_operator(GaussianKernel(1.0), Cartesian(1, 0.0, 1.0), HOST)
    assert operator.face_gram(np.zeros(0)).shape == (0,)
    np.testing.assert_allclose(operator.apply(np.array([3.0])), [3.0])


@every_pair
def test_products_are_the_same_on_a_device(kernel: str, mesh: str) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    faces = np.cos(np.arange(grid.faces.left.size))
    assert_on_both(lambda f: kernel_operator(k, grid, library_of(f)).apply(f), density(grid))
    assert_on_both(lambda v: kernel_operator(k, grid, library_of(v)).face_gram(v), faces)


def test_products_neither_wait_for_the_device_nor_move_data() -> None:
    grid = MESHES["cube"]
    for kernel in (GaussianKernel(0.3), MaternKernel(0.3, 1.5), PolynomialKernel(2, 1.0)):
        operator = kernel_operator(kernel, grid, device.library())
        cells, faces = device.to_device(field(grid)), device.to_device(np.ones(grid.faces.left.size))
        operator.apply(cells), operator.face_gram(faces)
        with device.watched() as traffic:
            operator.apply(cells), operator.face_gram(faces)
        assert traffic == device.Traffic()

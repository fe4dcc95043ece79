"""Kernel ridge regression: against dense solves, exact factors, published iteration counts, identities and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.arrays import library_of, numpy_library
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels import (
    EnergyDistanceKernel,
    GaussianKernel,
    InverseMultiquadricKernel,
    Kernel,
    MaternKernel,
    PolynomialKernel,
    kernel_operator,
    ridge,
    ridge_preconditioner,
)
from mudot.solvers.kernels.direct import features_ridge
from mudot.solvers.kernels.iterations import shifted_gradients
from mudot.solvers.kernels.operators import Place
from mudot.solvers.linear import NotConverged
from tests import device
from tests.device_cases import assert_close
from tests.solvers.kernels.cases import (
    KERNELS,
    MESHES,
    Profile,
    brute_force,
    density,
    face_axes,
    field,
    normal,
    on_line,
    pairs,
)

HOST = numpy_library()
POSITIVE = [(kernel, mesh) for kernel, mesh in pairs() if KERNELS[kernel].positive_definite]


@pytest.mark.parametrize(("kernel", "mesh"), POSITIVE)
@pytest.mark.parametrize("lam", [1e-1, 1e-3])
def test_regression_on_cells_is_that_of_dense_matrices(kernel: str, mesh: str, lam: float) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    masses, xi = density(grid) * grid.volumes, field(grid)
    masses.reshape(-1)[::5] = 0
    weighted = brute_force(k, grid, list(grid.centers)) * masses.reshape(-1)
    exact = np.linalg.solve(weighted + lam * np.eye(grid.size), weighted @ xi.reshape(-1))
    found = ridge(kernel_operator(k, grid, HOST), masses, xi, lam, tolerance=1e-13)
    np.testing.assert_allclose(found.f.reshape(-1), exact, rtol=0, atol=2e-10)


@pytest.mark.parametrize(("kernel", "mesh"), POSITIVE)
def test_regression_on_faces_is_that_of_dense_matrices(kernel: str, mesh: str) -> None:
    k, grid, lam = KERNELS[kernel], MESHES[mesh], 1e-2
    faces = grid.faces
    masses, xi = faces.area * faces.distance, np.cos(np.arange(faces.left.size))
    found = ridge(kernel_operator(k, grid, HOST), masses, xi, lam, tolerance=1e-13, on="faces")
    start = 0
    for orientation, count in enumerate(faces.per_axis):
        block = slice(start, start + count)
        weighted = brute_force(k, grid, face_axes(grid, orientation)) * masses[block]
        exact = np.linalg.solve(weighted + lam * np.eye(count), weighted @ xi[block])
        np.testing.assert_allclose(found.f[block], exact, rtol=0, atol=1e-10)
        start += count


FACTORS = {
    1: (0.17603266338215, 0.946245998857, 0.999432246137),
    2: (0.12098536225957, 0.923655591530, 0.999174136344),
    3: (0.06475879783295, 0.866236479319, 0.998458189123),
}
"""kappa_j and kappa_j / (kappa_j + lambda) for lambda = 1e-2 and 1e-4; derived, ten digits and more."""


@pytest.mark.parametrize("n", [32, 33, 128])
@pytest.mark.parametrize("mode", FACTORS)
@pytest.mark.parametrize("number", [0, 1])
def test_uniform_torus_damps_each_mode_by_its_factor(n: int, mode: int, number: int) -> None:
    mesh = Cartesian(n, 0.0, 2 * math.pi, boundary="periodic")
    xi = np.cos(mode * mesh.centers[0])
    operator = kernel_operator(GaussianKernel(0.5), mesh, HOST)
    found = ridge(operator, mesh.volumes / (2 * math.pi), xi, (1e-2, 1e-4)[number], tolerance=1e-12)
    np.testing.assert_allclose(found.f, FACTORS[mode][1 + number] * xi, rtol=0, atol=1e-10)
    kappa = 0.5 / math.sqrt(2 * math.pi) * math.exp(-(mode**2) / 8)
    assert kappa == pytest.approx(FACTORS[mode][0], abs=1e-13)
    np.testing.assert_allclose(operator.apply(xi) / (2 * math.pi), kappa * xi, rtol=0, atol=1e-14)


def bimodal(x: np.ndarray) -> np.ndarray:
    """Two narrow peaks."""
    return np.asarray(normal(-2, 0.09)(x) + normal(2, 0.09)(x)) / 2


def uniform(x: np.ndarray) -> np.ndarray:
    """The constant density on [-6, 6]."""
    return np.full(x.size, 1 / 12)


COUNTS: list[tuple[Profile, Kernel, list[int], list[int]]] = [
    (normal(0, 1), GaussianKernel(1.0), [9, 13, 18, 29, 58], [1, 1, 1, 2, 2]),
    (normal(0, 1), GaussianKernel(0.2), [14, 27, 53, 106, 451], [5, 7, 11, 20, 103]),
    (normal(0, 1), InverseMultiquadricKernel(0.5), [11, 19, 38, 73, 321], [3, 5, 7, 10, 50]),
    (normal(0, 1), MaternKernel(0.5, 1.5), [12, 24, 46, 104, 626], [5, 7, 11, 22, 148]),
    (bimodal, GaussianKernel(0.2), [9, 14, 22, 33, 99], [3, 4, 5, 7, 23]),
    (uniform, GaussianKernel(0.2), [10, 24, 56, 119, 491], [9, 17, 38, 88, 346]),
]
RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-6)


@pytest.mark.parametrize(("profile", "kernel", "plain", "preconditioned"), COUNTS)
def test_iterations_are_those_of_the_design_within_ten_percent(
    profile: Profile, kernel: Kernel, plain: list[int], preconditioned: list[int]
) -> None:
    operator, x, volumes = on_line(kernel, 512, 6.0)
    masses = profile(x) * volumes
    xi = np.log(np.maximum(profile(x), 1e-300)) - np.log(normal(0.5, 1.2)(x))
    for lam, expected, fewer in zip(RIDGES, plain, preconditioned, strict=True):
        assert ridge(operator, masses, xi, lam).iterations == pytest.approx(expected, rel=0.1, abs=1)
        sketch = ridge_preconditioner(operator, masses, lam, rank=32)
        # Small ranks depend on the random vectors: the band is 15 % here.
        assert ridge(operator, masses, xi, lam, preconditioner=sketch).iterations == pytest.approx(
            fewer, rel=0.15, abs=1
        )


@pytest.mark.parametrize(("n", "expected"), [(128, 75), (256, 74), (512, 72), (1024, 72)])
def test_iterations_do_not_depend_on_the_grid(n: int, expected: int) -> None:
    operator, x, volumes = on_line(GaussianKernel(0.2), n, 6.0)
    found = ridge(operator, normal(0, 1)(x) * volumes, np.log(normal(0, 1)(x)), 1e-4)
    assert found.iterations == pytest.approx(expected, rel=0.1)


def test_regression_is_accurate_in_tails_where_the_quotient_is_not() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.5), 512, 8.0)
    masses = normal(0, 1)(x) * volumes
    xi = np.log(normal(0, 1)(x)) + (x - 0.5) ** 2 / 2.4
    exact = ridge(operator, masses, xi, 1e-3, tolerance=1e-14).f
    dense = operator.cells.matrices[0] * masses  # type: ignore[attr-defined]
    np.testing.assert_allclose(exact, np.linalg.solve(dense + 1e-3 * np.eye(512), dense @ xi), rtol=0, atol=1e-10)
    rough = ridge(operator, masses, xi, 1e-3, tolerance=1e-6)
    assert np.abs(rough.f - exact).max() < 1e-5
    root = np.sqrt(masses)
    quotient = shifted_gradients(
        lambda z: root * operator.gram(root * z), 1e-3, root * operator.gram(masses * xi), tolerance=1e-6
    )
    assert np.abs(quotient.solution / root - exact).max() > 1e-4


@pytest.mark.parametrize("lam", [1.0, 1e-2, 1e-4])
@pytest.mark.parametrize("mesh", ["line", "torus", "graded tube", "cube"])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "matern 3/2"])
def test_dissipation_splits_into_its_two_halves_to_round_off(kernel: str, mesh: str, lam: float) -> None:
    grid = MESHES[mesh]
    masses, xi = density(grid) * grid.volumes, field(grid)
    found = ridge(kernel_operator(KERNELS[kernel], grid, HOST), masses, xi, lam)
    total = (masses * xi * found.f).sum()
    halves = (masses * found.f**2).sum() + lam * found.rkhs_norm_squared
    assert found.residual <= 1e-14 and abs(total - halves) <= 1e-14 * total
    weighted = brute_force(KERNELS[kernel], grid, list(grid.centers))
    norm = float(found.f.reshape(-1) @ np.linalg.lstsq(weighted, found.f.reshape(-1), rcond=1e-13)[0])
    assert found.rkhs_norm_squared == pytest.approx(norm, rel=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_regression_is_symmetric_and_positive_in_l2_of_mu(seed: int) -> None:
    rng, grid = np.random.default_rng(seed), MESHES["graded square"]
    operator = kernel_operator(MaternKernel(0.3, 1.5), grid, HOST)
    masses, a, b = rng.random(grid.shape), rng.normal(size=grid.shape), rng.normal(size=grid.shape)
    one, other = (ridge(operator, masses, x, 0.05, tolerance=1e-14).f for x in (a, b))
    assert (masses * a * other).sum() == pytest.approx((masses * b * one).sum(), abs=1e-12)
    assert 0 < (masses * one**2).sum() <= (masses * a * one).sum() <= (masses * a**2).sum()


def test_regression_tends_to_its_field_monotonically_and_at_the_predicted_rate() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.5), 128, 4.0)
    masses = normal(0, 1)(x) * volumes
    source = np.sin(2 * x) * masses
    xi = operator.gram(source)  # in the kernel's Hilbert space
    norm = float((source * xi).sum())
    previous = math.inf
    for lam in np.logspace(1, -7, 17):
        distance = float((masses * (ridge(operator, masses, xi, lam, tolerance=1e-13).f - xi) ** 2).sum())
        assert distance < previous and distance <= lam / 4 * norm
        previous = distance
    assert previous < 1e-9 * norm


def test_large_ridge_gives_the_kernelised_field() -> None:
    grid = MESHES["square"]
    operator = kernel_operator(GaussianKernel(0.4), grid, HOST)
    masses, xi = density(grid) * grid.volumes, field(grid)
    f = ridge(operator, masses, xi, 1e6).f
    np.testing.assert_allclose(1e6 * f, operator.gram(masses * xi), rtol=1e-5)


def test_field_does_not_matter_where_there_is_no_mass() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.5), 64, 4.0)
    masses = np.where(x < 0, normal(0, 1)(x), 0.0) * volumes
    with np.errstate(divide="ignore"):
        infinite = np.log(masses)
    found = ridge(operator, masses, infinite, 1e-3)
    assert np.isfinite(found.f).all()
    assert np.array_equal(found.f, ridge(operator, masses, np.where(masses > 0, infinite, 7.0), 1e-3).f)


@pytest.mark.parametrize("on", ["cells", "faces"])
def test_polynomial_regression_is_solved_by_its_features(on: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = Cartesian((24, 24), (-2.0, -2.0), (2.0, 2.0))
    operator = kernel_operator(PolynomialKernel(2, 1.0), grid, HOST)
    shape = grid.shape if on == "cells" else grid.faces.left.shape
    xi, masses = np.cos(np.arange(float(np.prod(shape)))).reshape(shape), np.ones(shape) / 300
    found = ridge(operator, masses, xi, 1e-3, on=on)
    assert found.iterations == 0 and found.residual < 1e-14
    monkeypatch.setattr("mudot.solvers.kernels.solves.features_ridge", lambda *given: None)
    iterated = ridge(operator, masses, xi, 1e-3, tolerance=1e-12, on=on)
    assert 0 < iterated.iterations <= 10  # 1, x, y, xx, xy, yy, on faces for each orientation, and a few for round-off
    np.testing.assert_allclose(found.f, iterated.f, rtol=0, atol=1e-10)
    assert found.rkhs_norm_squared == pytest.approx(iterated.rkhs_norm_squared, rel=1e-9)


def test_features_whose_round_off_is_above_the_ridge_are_left_to_iterations() -> None:
    operator, x, volumes = on_line(PolynomialKernel(8, 1.0), 64, 4.0)
    masses = normal(0, 1)(x) * volumes
    assert features_ridge(operator, masses, np.cos(x), 1e-3, "cells") is None
    assert features_ridge(operator, masses, np.cos(x), 1e6, "cells") is not None
    assert ridge(operator, masses, np.cos(x), 1e-3, tolerance=1e-8).iterations > 0


def test_impossible_accuracy_is_refused_with_the_residual_that_was_reached() -> None:
    operator, x, volumes = on_line(MaternKernel(0.5, 1.5), 1024, 6.0)
    with pytest.raises(NotConverged, match=r"residual [\d.e-]+ after 5000 iterations, needed 1\.0e-10; raise"):
        ridge(operator, volumes, np.sign(np.sin(40 * x)), 1e-12)


def test_negative_masses_and_ridges_and_indefinite_kernels_are_refused() -> None:
    grid = MESHES["line"]
    operator, ones = kernel_operator(GaussianKernel(1.0), grid, HOST), np.ones(grid.shape)
    with pytest.raises(MudotError, match="masses: expected numbers of at least 0"):
        ridge(operator, -ones, ones, 1.0)
    for lam in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(MudotError, match=r"ridge|regularisation"):
            ridge(operator, ones, ones, lam)
    with pytest.raises(MudotError, match="only conditionally positive"):
        ridge(kernel_operator(EnergyDistanceKernel(), grid, HOST), ones, ones, 1.0)


@pytest.mark.parametrize(("kernel", "mesh"), POSITIVE)
@pytest.mark.parametrize("sketched", [False, True], ids=["", "preconditioned"])
def test_regression_is_the_same_on_a_device(kernel: str, mesh: str, sketched: bool) -> None:
    k, grid = KERNELS[kernel], MESHES[mesh]
    faces = grid.faces
    results = []
    for send in (np.asarray, device.to_device):
        cells = send(density(grid) * grid.volumes), send(field(grid))
        normal_components = send(faces.area * faces.distance), send(np.cos(np.arange(faces.left.size)))
        operator = kernel_operator(k, grid, library_of(cells[0]))
        found = []
        for place, (masses, xi) in (("cells", cells), ("faces", normal_components)):
            helper = ridge_preconditioner(operator, masses, 1e-2, on=place) if sketched else None  # type: ignore[arg-type]
            solved = ridge(operator, masses, xi, 1e-2, preconditioner=helper, on=place)  # type: ignore[arg-type]
            found += [library_of(xi).to_host(solved.f), library_of(xi).to_host(solved.y), solved.rkhs_norm_squared]
        results.append(found)
    for here, there in zip(*results, strict=True):
        assert_close(there, here, 1e-11)


def test_iterations_wait_for_the_device_twice_each() -> None:
    grid = MESHES["square"]
    operator = kernel_operator(GaussianKernel(0.4), grid, device.library())
    masses, xi = device.to_device(density(grid) * grid.volumes), device.to_device(field(grid))
    operator.gram(masses)
    with device.watched() as traffic:
        found = ridge(operator, masses, xi, 1e-4)
    assert found.iterations > 10
    assert traffic.synchronisations <= 2 * found.iterations + 12
    assert (traffic.to_device, traffic.to_host) == (0, 0)

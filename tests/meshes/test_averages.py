"""Cell averages, integrals, norms, and conservative transfer between nested meshes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import erf, log_ndtr

from mudot.meshes.averages import average, check_density, integrate, log_average, norm, prolong, restrict, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError


def boxes(dimension: int, cells: int, stretch: float = 1.0) -> Cartesian:
    """A mesh of [-1, 2]^d, graded for stretch != 1."""
    axis = -1 + 3 * np.linspace(0, 1, cells + 1) ** stretch
    return Cartesian.graded([axis] * dimension)


def exact_product(mesh: Cartesian) -> np.ndarray:
    """Averages of the product of cos(2 x) e^(x/3) over the axes, by its primitive."""

    def primitive(x: np.ndarray) -> np.ndarray:
        return np.exp(x / 3) * (np.cos(2 * x) / 3 + 2 * np.sin(2 * x)) / (1 / 9 + 4)

    result = np.ones(mesh.shape)
    for edges, widths, shape in zip(mesh.edges, mesh.widths, mesh.coordinates, strict=True):
        result = result * (np.diff(primitive(edges)) / widths).reshape(shape.shape)
    return result


def product(*coordinates: np.ndarray) -> np.ndarray:
    """The function whose averages are `exact_product`."""
    result = 1.0
    for x in coordinates:
        result = result * np.cos(2 * x) * np.exp(x / 3)
    return np.asarray(result)


@pytest.mark.parametrize("stretch", [1.0, 1.5])
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_averages_converge_at_least_at_order_four(dimension: int, stretch: float) -> None:
    errors = []
    for cells in (4, 8):
        mesh = boxes(dimension, cells, stretch)
        errors.append(np.abs(average(mesh, product) - exact_product(mesh)).max())
    assert errors[1] < (1e-5 if dimension == 3 else 1e-8)
    assert math.log2(errors[0] / max(errors[1], 1e-16)) > (4 if dimension == 3 else 6)


@pytest.mark.parametrize("points", [1, 2, 3, 4])
def test_averages_by_gauss_points_have_twice_their_order(points: int) -> None:
    errors = []
    for cells in (6, 12):
        mesh = Cartesian(cells, -1.0, 2.0)
        errors.append(np.abs(average(mesh, product, points) - exact_product(mesh)).max())
    assert math.log2(errors[0] / errors[1]) == pytest.approx(2 * points, abs=0.3)


@pytest.mark.parametrize("degree", range(12))
def test_averages_of_polynomials_are_exact(degree: int) -> None:
    mesh = Cartesian.graded([[-1.0, 0.2, 0.5, 1.0]])
    exact = np.diff(mesh.edges[0] ** (degree + 1)) / (degree + 1) / mesh.widths[0]
    assert np.abs(average(mesh, lambda x: x**degree) - exact).max() < 1e-15


def test_averages_of_gaussians_sum_to_the_error_function() -> None:
    mesh = Cartesian((24, 20), (-4.0, -4.0), (4.0, 4.0))
    found = average(mesh, lambda x, y: np.exp(-(x**2 + y**2) / 2) / (2 * np.pi))
    x, y = (np.diff(erf(e / math.sqrt(2))) / 2 / w for e, w in zip(mesh.edges, mesh.widths, strict=True))
    assert np.abs(found - np.outer(x, y)).max() < 1e-11


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_log_averages_are_logarithms_of_averages(dimension: int) -> None:
    mesh = boxes(dimension, 5, 1.3)

    def log_density(*coordinates: np.ndarray) -> np.ndarray:
        return np.asarray(-sum(x**2 + np.sin(3 * x) for x in coordinates))

    expected = np.log(average(mesh, lambda *c: np.exp(log_density(*c))))
    assert np.abs(log_average(mesh, log_density) - expected).max() < 1e-14


def test_log_averages_are_right_where_the_density_underflows() -> None:
    """Gaussian tails at 60 standard deviations, e^-1800, against the logarithm of the error function."""
    errors = []
    for cells in (800, 1600):
        mesh = Cartesian(cells, -60.0, 60.0)
        found = log_average(mesh, lambda x: -(x**2) / 2 - math.log(2 * math.pi) / 2)
        assert np.exp(found[0]) == 0 and np.all(np.isfinite(found))
        tail = mesh.edges[0][1:] <= 0
        high, low = log_ndtr(mesh.edges[0][1:][tail]), log_ndtr(mesh.edges[0][:-1][tail])
        exact = high + np.log1p(-np.exp(low - high)) - np.log(mesh.widths[0][tail])
        errors.append(np.abs(found[tail] - exact).max())
    assert errors[1] < 1e-8 and math.log2(errors[0] / errors[1]) > 4


def test_log_average_of_a_function_that_vanishes_is_minus_infinity() -> None:
    mesh = Cartesian(4, 0.0, 4.0)
    found = log_average(mesh, lambda x: np.where(x > 2, -x, -np.inf))
    assert np.isneginf(found[:2]).all() and np.isfinite(found[2:]).all()


def test_averages_take_functions_of_one_coordinate_and_constants() -> None:
    mesh = Cartesian((5, 4, 3), (0, 0, 0), (1, 1, 1))
    assert average(mesh, lambda x, y, z: y) == pytest.approx(mesh.coordinates[1] + np.zeros(mesh.shape))
    assert np.abs(average(mesh, lambda x, y, z: 2.5) - 2.5).max() < 2e-15


def test_large_meshes_are_sampled_in_pieces_with_the_same_result() -> None:
    """Above two million cells the rows come in chunks."""
    mesh = Cartesian((300, 9000), (0.0, 0.0), (1.0, 1.0))
    found = average(mesh, lambda x, y: x + 2 * y, points=1)
    assert np.abs(found - (mesh.coordinates[0] + 2 * mesh.coordinates[1])).max() < 1e-15


def test_integrals_and_norms_weigh_cells_by_volume() -> None:
    mesh = Cartesian.graded([[0.0, 1.0, 3.0], [0.0, 2.0]])
    f = np.array([[3.0], [-4.0]])
    assert integrate(mesh, f) == 3 * 2 - 4 * 4
    assert norm(mesh, f) == 3 * 2 + 4 * 4
    assert norm(mesh, f, 2) == pytest.approx(math.sqrt(9 * 2 + 16 * 4), rel=1e-15)
    assert norm(mesh, f, np.inf) == 4
    assert np.array_equal(volumes(mesh, f), mesh.volumes)


@st.composite
def nested(draw: st.DrawFn) -> tuple[Cartesian, np.ndarray]:
    """A graded mesh and nonnegative data on it, many of them zero."""
    dimension = draw(st.integers(1, 3))
    widths = st.lists(st.floats(0.05, 5), min_size=1, max_size=5)
    faces = [np.cumsum([0.0, *draw(widths)]) for _ in range(dimension)]
    mesh = Cartesian.graded(faces, tuple(draw(st.sampled_from(["no-flux", "periodic"])) for _ in range(dimension)))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    return mesh, np.maximum(rng.normal(size=mesh.shape), 0) * 10.0 ** rng.uniform(-30, 3, size=mesh.shape)


@given(data=nested())
def test_restriction_is_a_left_inverse_of_prolongation(data: tuple[Cartesian, np.ndarray]) -> None:
    mesh, f = data
    fine = prolong(mesh, f)
    assert fine.shape == mesh.refined().shape
    back = restrict(mesh.refined(), fine)
    assert np.abs(back - f).max() <= 1e-15 * 8 * np.abs(f).max(initial=0)


@given(data=nested())
def test_prolongation_keeps_mass_and_sign_and_makes_no_extremum(data: tuple[Cartesian, np.ndarray]) -> None:
    mesh, f = data
    fine = prolong(mesh, f)
    assert fine.min() >= 0
    assert fine.max() <= f.max() * (1 + 1e-15)
    assert integrate(mesh.refined(), fine) == pytest.approx(integrate(mesh, f), rel=1e-13)


@given(data=nested())
def test_restriction_keeps_mass(data: tuple[Cartesian, np.ndarray]) -> None:
    mesh, _ = data
    fine = mesh.refined()
    f = np.random.default_rng(1).random(fine.shape)
    assert integrate(mesh, restrict(fine, f)) == pytest.approx(integrate(fine, f), rel=1e-14)


@pytest.mark.parametrize("stretch", [1.0, 1.4])
@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
def test_prolongation_is_second_order_where_data_are_monotone(stretch: float, boundary: str) -> None:
    """Against exact averages of a function without an interior extremum; L1, since walls and seam are of order one."""
    errors = []
    for cells in (40, 80, 160):
        mesh = Cartesian.graded([np.linspace(0, 1, cells + 1) ** stretch], boundary)
        exact = average(mesh.refined(), np.exp)
        errors.append(norm(mesh.refined(), prolong(mesh, average(mesh, np.exp)) - exact))
    assert math.log2(errors[1] / errors[2]) > 1.9


def test_prolongation_is_exact_on_linear_data_inside() -> None:
    mesh = Cartesian.graded([np.linspace(0, 1, 9), np.linspace(0, 2, 7) ** 1.2])
    f: Callable[..., np.ndarray] = lambda x, y: 1 + 2 * x + 0.5 * y  # noqa: E731
    uniform = Cartesian((8, 6), (0, 0), (1, 2))
    fine = prolong(uniform, average(uniform, f))
    assert np.abs(fine - average(uniform.refined(), f))[2:-2, 2:-2].max() < 1e-14
    graded = prolong(mesh, average(mesh, f))
    assert np.abs(graded - average(mesh.refined(), f))[2:-2, 2:-2].max() < 1e-14


def test_periodic_prolongation_sees_across_the_seam() -> None:
    mesh = Cartesian(12, 0.0, 1.0, "periodic")
    f = average(mesh, lambda x: 2 + np.sin(2 * np.pi * x))
    assert np.abs(prolong(mesh, np.roll(f, 5)) - np.roll(prolong(mesh, f), 10)).max() < 1e-15


@pytest.mark.parametrize(
    ("density", "word"),
    [
        (np.ones(3), r"start: expected shape \(4,\)"),
        (np.array([1.0, np.nan, 1, 1]), "start: expected finite"),
        (np.array([1.0, np.inf, 1, 1]), "start: expected finite"),
        (np.array([1.0, -1e-30, 1, 1]), "start: expected nonnegative cell averages, found -1e-30"),
    ],
)
def test_arrays_that_are_no_densities_are_refused(density: np.ndarray, word: str) -> None:
    with pytest.raises(MudotError, match=word):
        check_density(Cartesian(4, 0.0, 1.0), density, "start")


@pytest.mark.parametrize("slope", [3.0, 2000.0, -2000.0, 1e6])
def test_log_averages_are_those_of_gauss_points_however_steep(slope: float) -> None:
    mesh, (nodes, weights) = Cartesian(3, 0.0, 3.0), np.polynomial.legendre.leggauss(4)
    logs = slope * (np.arange(3)[:, None] + (1 + nodes) / 2) + np.log(weights / 2)
    found = log_average(mesh, lambda x: slope * x, points=4)
    assert found == pytest.approx(np.logaddexp.reduce(logs, axis=1), rel=1e-14)


def test_log_averages_know_empty_cells_and_constants() -> None:
    mesh = Cartesian((4, 3), (-1.0, 0.0), (1.0, 1.0))
    found = log_average(mesh, lambda x, _: np.where(x > 0.25, 0.0, -np.inf))
    assert np.all(found[:2] == -np.inf) and np.abs(found[3]).max() < 1e-15
    nodes, weights = np.polynomial.legendre.leggauss(5)
    assert found[2] == pytest.approx(math.log(weights[nodes > 0].sum() / 2), rel=1e-14)
    assert np.abs(log_average(mesh, lambda *_: -3.0) + 3).max() < 1e-15  # type: ignore[arg-type, return-value]

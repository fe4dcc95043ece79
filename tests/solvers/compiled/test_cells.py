"""The text of the CUDA kernels, run on the host, against the array passes over random inputs.

Kernels of sums and products give the very bits; that a device does too rests on IEEE arithmetic without contraction,
which `test_nvrtc` reads in the assembly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.compiled.cells import Grid, Kernels, arguments, parameters
from mudot.solvers.energies.divergences import _LARGEST_EXPONENT, _MODERATE, integrand, log_ratio
from mudot.solvers.means import logarithmic_mean
from mudot.solvers.methods.dormand_prince import ERROR, STAGES, combined, interpolation
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.products import FusedStep, Rates
from tests import host_kernels
from tests.sparse import divergence_matrix, gradient_matrix

EXAMPLES = settings(max_examples=30, deadline=None)
seeds = st.integers(0, 2**32 - 1)
launches = st.sampled_from([(1, "forwards"), (7, "backwards"), (32, "shuffled"), (256, "forwards"), (1024, "shuffled")])
"""Threads per block, and whether the last thread goes first."""


def kernels(threads: int = 256, order: host_kernels.Order = "forwards") -> Kernels:
    """Guarded kernels for arrays of NumPy."""
    return host_kernels.on_host(threads=threads, order=order, guarded=True)


@st.composite
def meshes(draw: st.DrawFn) -> Cartesian:
    """Graded meshes in one to three dimensions, of one cell and more, with walls and periodic axes."""
    shape = draw(
        st.sampled_from([(1,), (2,), (3,), (40,), (1, 5), (2, 2), (6, 1), (9, 8), (2, 1, 3), (3, 2, 2), (4, 5, 6)])
    )
    boundary = [draw(st.sampled_from(["no-flux", "periodic"])) for _ in shape]
    rng = np.random.default_rng(draw(seeds))
    return Cartesian.graded([np.cumsum(0.1 + rng.random(n + 1)) for n in shape], boundary)


def of_random_potential(mesh: Cartesian, rng: np.random.Generator) -> Rates:
    """The rates of a Fokker-Planck equation, on the host."""
    return FokkerPlanck(mesh, rng.normal(size=mesh.shape)).rates


@EXAMPLES
@given(meshes(), seeds, launches)
def test_products_have_the_bits_of_dia_products(
    mesh: Cartesian, seed: int, how: tuple[int, host_kernels.Order]
) -> None:
    rng = np.random.default_rng(seed)
    rates, run = of_random_potential(mesh, rng), kernels(*how)
    table, (now, before) = run.diagonals(rates.exchange), sizes_apart(rng, mesh.size)
    assert np.array_equal(table @ now, rates.exchange @ now)
    for scale, back in ((0.3, 0.0), (2 / 7, 1.0)):
        expected = scale * (rates.exchange @ now + (1.7 - rates.losses) * now)
        if back:
            expected = expected - back * before
        assert np.array_equal(table.recurrence(1.7, scale, back, rates.losses, now, before), expected)


@EXAMPLES
@given(meshes(), seeds)
def test_fused_steps_are_those_of_the_host(mesh: Cartesian, seed: int) -> None:
    rng = np.random.default_rng(seed)
    rates, rate = of_random_potential(mesh, rng), 1.0
    rate = max(rates.exit_rate, 1.0)
    fused = FusedStep(kernels().diagonals(rates.exchange), rates.losses, rate)
    now, before = rng.random((2, mesh.size))
    np.testing.assert_allclose(fused @ now, rates.step(rate) @ now, rtol=1e-15)
    np.testing.assert_allclose(fused.doubled(now, before), 2 * (rates.step(rate) @ now) - before, atol=1e-14)


def sizes_apart(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Two vectors whose entries differ by hundreds of orders of magnitude."""
    return np.asarray(rng.normal(size=(2, cells)) * 10.0 ** rng.integers(-200, 200, size=(2, cells)))


@EXAMPLES
@given(st.integers(1, 9), st.lists(st.integers(-9, 9), min_size=1, max_size=5, unique=True), seeds)
def test_any_few_diagonals_will_do(cells: int, offsets: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(len(offsets), cells)) * (rng.random((len(offsets), cells)) < 0.5)
    matrix = scipy.sparse.dia_array((data, offsets), shape=(cells, cells))
    x = rng.normal(size=cells)
    np.testing.assert_allclose(kernels().diagonals(matrix) @ x, matrix.toarray() @ x, rtol=1e-14, atol=1e-15)


@EXAMPLES
@given(st.integers(1, 300), st.integers(1, 12), st.integers(1, 8), seeds, launches)
def test_gathering_adds_weighted_vectors(
    cells: int, sums: int, count: int, seed: int, how: tuple[int, host_kernels.Order]
) -> None:
    rng = np.random.default_rng(seed)
    total, weights = rng.normal(size=(sums, cells)), rng.normal(size=(sums, count))
    vectors = list(rng.normal(size=(count, cells)))
    expected = total.copy()
    for j in range(sums):
        added = np.zeros(cells)
        for weight, vector in zip(weights[j], vectors, strict=True):
            added += weight * vector
        expected[j] += added
    kernels(*how).gather(total, weights, vectors)
    assert np.array_equal(total, expected)


@EXAMPLES
@given(st.sampled_from([*STAGES, ERROR, tuple(map(float, interpolation(0.3))), (0.0,), (0.0, 2.0)]), seeds, launches)
def test_stages_have_the_bits_of_array_passes(
    weights: tuple[float, ...], seed: int, how: tuple[int, host_kernels.Order]
) -> None:
    rng = np.random.default_rng(seed)
    slopes = list(rng.normal(size=(len(weights), 7, 11)))
    assert np.array_equal(kernels(*how).combination(weights, slopes), combined(weights, slopes))


positive = st.floats(0, 1e300, allow_subnormal=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=40), st.floats(-1e-3, 1e-3), launches)
def test_logarithmic_means_are_those_of_array_passes(
    pairs: list[tuple[float, float]], near: float, how: tuple[int, host_kernels.Order]
) -> None:
    a, b = np.array(pairs).T.copy()
    for second in (b, a * (1 + near), a, 0 * a):
        # The last digits of log and log1p are the library's.
        expected = logarithmic_mean(a, second)
        np.testing.assert_allclose(kernels(*how).logarithmic_mean(a, second), expected, rtol=8 * 2.0**-52, atol=5e-324)


densities = st.one_of(st.just(0.0), st.floats(-320, 300).map(lambda e: 10.0**e))


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([-1.0, 0.0, 0.3, 0.5, 0.7, 1.0, 2.0, 3.5]),
    st.lists(st.tuples(densities, st.floats(-500, 100)), min_size=1, max_size=30),
    st.floats(-0.6, 0.6),
    launches,
)
def test_power_divergences_are_those_of_array_passes(
    p: float, cells: list[tuple[float, float]], near: float, how: tuple[int, host_kernels.Order]
) -> None:
    density, log_target = np.array(cells).T.copy()
    target = np.exp(log_target)
    run = kernels(*how)
    for mu in (density, target * (1 + near), target * (1 + 1e-9 * near)):
        with np.errstate(all="ignore"):
            logs, values = log_ratio(mu, target, log_target), integrand(p, mu, target, log_target)
        # In logarithms, where numbers are extreme, the last digit is that of log pi.
        digit = 4 * 2.0**-52 * np.abs(log_target)
        found = run.log_ratio(mu, target, log_target)
        assert within(found, logs, 8 * 2.0**-52 * np.abs(logs) + digit)
        found = run.integrand(p, _MODERATE / max(1.0, abs(p)), _LARGEST_EXPONENT, mu, target, log_target)
        # d(pi phi_p) / d log s, times that digit; and exponents up to 700, whose last digit is one of the value's.
        assert within(found, values, 4e-13 * np.abs(values) + digit * np.maximum(mu, target))


def within(found: np.ndarray, expected: np.ndarray, bound: np.ndarray) -> bool:
    """Whether two arrays differ by no more than a bound; infinities must be the same."""
    finite = np.isfinite(expected)
    close = np.abs(found[finite] - expected[finite]) <= bound[finite]
    return bool(close.all()) and np.array_equal(found[~finite], expected[~finite])


def test_arrays_of_another_length_are_refused() -> None:
    run = kernels()
    for call in (
        lambda: run.logarithmic_mean(np.ones(4), np.ones(3)),
        lambda: run.log_ratio(np.ones(4), np.ones(4), np.ones(5)),
        lambda: run.combination([1.0, 2.0], [np.ones(4), np.ones(3)]),
        lambda: run.gather(np.ones((2, 4)), np.ones((2, 2)), [np.ones(4)]),
        lambda: run.divergence(Grid.of(Cartesian(4, 0.0, 1.0), run.library), np.ones(4)),
        lambda: run.diffusion(Grid.of(Cartesian(4, 0.0, 1.0), run.library), np.ones(3), np.ones(5)),
    ):
        with pytest.raises(TypeError, match="entries"):
            call()


@given(meshes())
def test_grids_count_the_faces_of_their_mesh(mesh: Cartesian) -> None:
    grid = Grid.of(mesh, kernels().library)
    assert (grid.size, grid.faces) == (mesh.size, mesh.faces.left.size)


def test_logarithmic_mean_of_what_is_no_number_is_none() -> None:
    found = kernels().logarithmic_mean(np.array([np.nan, 1.0, np.nan]), np.array([1.0, np.nan, np.nan]))
    assert np.isnan(found).all()


@EXAMPLES
@given(meshes(), seeds, launches)
def test_divergence_is_that_of_the_sparse_operators(
    mesh: Cartesian, seed: int, how: tuple[int, host_kernels.Order]
) -> None:
    flux = np.random.default_rng(seed).normal(size=mesh.faces.left.size)
    matrix = divergence_matrix(mesh)
    run = kernels(*how)
    found = run.divergence(Grid.of(mesh, run.library), flux)
    assert np.all(np.abs(found - matrix @ flux) <= 8 * 2.0**-52 * (abs(matrix) @ np.abs(flux)))


@EXAMPLES
@given(meshes(), seeds, launches)
def test_diffusion_is_that_of_the_sparse_operators(
    mesh: Cartesian, seed: int, how: tuple[int, host_kernels.Order]
) -> None:
    rng = np.random.default_rng(seed)
    mobility, f = rng.random(mesh.faces.left.size), rng.normal(size=mesh.size)
    run = kernels(*how)
    found = run.diffusion(Grid.of(mesh, run.library), mobility, f)
    gradient, divergence = gradient_matrix(mesh), divergence_matrix(mesh)
    expected = divergence @ (mobility * (gradient @ f))
    size = abs(divergence) @ (mobility * (abs(gradient) @ np.abs(f)))
    assert np.all(np.abs(found - expected) <= 16 * 2.0**-52 * size)


@EXAMPLES
@given(meshes(), seeds, launches)
def test_gradient_is_that_of_the_sparse_operators(
    mesh: Cartesian, seed: int, how: tuple[int, host_kernels.Order]
) -> None:
    f = np.random.default_rng(seed).normal(size=mesh.size)
    matrix, run = gradient_matrix(mesh), kernels(*how)
    found = run.gradient(Grid.of(mesh, run.library), f)
    assert np.all(np.abs(found - matrix @ f) <= 4 * 2.0**-52 * (abs(matrix) @ np.abs(f)))


@pytest.mark.parametrize(
    ("position", "wrong"),
    [(1, np.ones(4, dtype=np.float32)), (1, np.ones(8)[::2]), (1, [1.0]), (3, np.ones(4, dtype=int)), (0, np.ones(4))],
    ids=["single precision", "strided", "list", "integers", "array for a number"],
)
def test_arguments_that_a_kernel_would_misread_are_refused(position: int, wrong: Any) -> None:
    given: list[Any] = [4, np.ones(4), np.ones(4), np.empty(4)]
    arguments("logarithmic_mean", given)
    given[position] = wrong
    with pytest.raises(TypeError):
        arguments("logarithmic_mean", given)
    with pytest.raises(TypeError, match="expected 4 arguments, got 5"):
        arguments("logarithmic_mean", [4, *given])


def test_guards_tell_of_reads_and_writes_outside() -> None:
    """The guards of these tests work: a launch that lies about the size is caught."""
    run = host_kernels.launch(guarded=True)
    with pytest.raises(AssertionError, match="wrote outside"):
        run("logarithmic_mean", 5, arguments("logarithmic_mean", [5, np.ones(9), np.ones(9), np.empty(4)]))
    out = np.empty(6)
    run("logarithmic_mean", 6, arguments("logarithmic_mean", [6, np.ones(6), np.ones(5), out]))
    assert np.isnan(out[5])


def test_every_kernel_is_tested_here() -> None:
    assert set(parameters()) == {
        *("banded_product", "recurrence", "gather", "combination"),
        *("logarithmic_mean", "log_ratio", "integrand", "flux_divergence", "diffusion", "gradient"),
    }

"""Densities of problem files: cell averages of formulas, mixtures and arrays, and arrays that cannot be used."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_ndtr, ndtr

from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.problem import load

WriteFile = Callable[..., Path]
PLANE = '[mesh]\nlower = [-3, -3]\nupper = [3, 3]\ncells = [12, 8]\nboundary = ["no-flux", "periodic"]'


def mesh_with(**keys: str) -> str:
    good = {"lower": "[-2.0]", "upper": "[2.0]", "cells": "[20]", "boundary": '["no-flux"]'}
    return "[mesh]\n" + "\n".join(f"{key} = {value}" for key, value in {**good, **keys}.items())


def mixture(weights: str = "[1]", means: str = "[[0]]", covariances: str = "[[[1]]]") -> str:
    return f"[target]\nmixture = {{ weights = {weights}, means = {means}, covariances = {covariances} }}"


def test_gaussian_averages_match_the_normal_distribution_also_where_they_underflow(problem_file: WriteFile) -> None:
    problem = load(
        problem_file(
            mesh=mesh_with(lower="[-60]", upper="[60]", cells="[2400]"),
            target='[target]\nlog_density = "-x**2/2"\nmass = 2.5',
        )
    )
    edges = problem.mesh.edges[0]
    outer, inner = -np.maximum(abs(edges[1:]), abs(edges[:-1])), -np.minimum(abs(edges[1:]), abs(edges[:-1]))
    log_mass = log_ndtr(inner) + np.log1p(-np.exp(log_ndtr(outer) - log_ndtr(inner)))
    exact = np.log(2.5) + log_mass - np.log(np.diff(edges))
    np.testing.assert_allclose(problem.log_target, exact, rtol=0, atol=1e-10)
    np.testing.assert_allclose(problem.target, np.exp(exact), rtol=1e-10)
    assert problem.target[-1] == 0


def test_log_density_is_free_of_its_constant(problem_file: WriteFile) -> None:
    base = load(problem_file(target='[target]\nlog_density = "-x**2"'))
    moved = load(problem_file(target='[target]\nlog_density = "-x**2 - 40000"'))
    np.testing.assert_allclose(moved.log_target, base.log_target, atol=1e-10)


def test_density_formula_is_averaged_over_cells_and_scaled(problem_file: WriteFile) -> None:
    problem = load(
        problem_file(target='[target]\ndensity = "9 + x**3"\nmass = 18', initial='[initial]\ndensity = "x > 0"')
    )
    a, b = problem.mesh.edges[0][:-1], problem.mesh.edges[0][1:]
    exact = 0.5 * (9 + (b**4 - a**4) / (4 * (b - a)))
    np.testing.assert_allclose(problem.target, exact, rtol=1e-14)
    np.testing.assert_allclose(problem.log_target, np.log(exact), atol=1e-14)
    np.testing.assert_allclose(problem.start, np.where(a >= 0, 0.5, 0.0), rtol=1e-14)


def test_log_density_of_minus_infinity_is_zero_density(problem_file: WriteFile) -> None:
    problem = load(problem_file(initial='[initial]\nlog_density = "where(x > 0, -x, log(0))"'))
    assert np.all(problem.start[:10] == 0)
    assert np.all(problem.start[10:] > 0)
    assert integrate(problem.mesh, problem.start) == pytest.approx(1, rel=1e-14)


def test_mixture_in_one_dimension_matches_the_normal_distribution(problem_file: WriteFile) -> None:
    problem = load(
        problem_file(
            mesh=mesh_with(lower="[-12]", upper="[12]", cells="[120]"),
            target=mixture("[1, 3]", "[[-1], [2]]", "[[[0.5]], [[2]]]"),
        )
    )
    edges = problem.mesh.edges[0]
    cdf = ndtr((edges + 1) / math.sqrt(0.5)) / 4 + 3 * ndtr((edges - 2) / math.sqrt(2)) / 4
    np.testing.assert_allclose(problem.target, np.diff(cdf) / np.diff(edges), rtol=1e-9, atol=1e-12)


def test_mixture_in_the_plane_has_its_mean_and_covariance(problem_file: WriteFile) -> None:
    mesh = '[mesh]\nlower = [-9, -8]\nupper = [9, 8]\ncells = [90, 64]\nboundary = ["no-flux"]'
    table = mixture("[2]", "[[0.5, -0.25]]", "[[[1.5, 0.6], [0.6, 0.8]]]") + "\nmass = 3"
    problem = load(problem_file(mesh=mesh, target=table, initial='[initial]\ndensity = "1"'))
    x, y = np.ix_(*problem.mesh.centers)
    weight = problem.target * problem.mesh.volumes / 3
    mean = float((weight * x).sum()), float((weight * y).sum())
    # Sheppard: mass gathered at the centres of cells of width h has its variance raised by h^2/12.
    covariance = [
        float((weight * (x - mean[0]) ** 2).sum()) - 0.2**2 / 12,
        float((weight * (x - mean[0]) * (y - mean[1])).sum()),
        float((weight * (y - mean[1]) ** 2).sum()) - 0.25**2 / 12,
    ]
    assert problem.mesh.boundary == ("no-flux", "no-flux")
    assert mean == pytest.approx((0.5, -0.25), abs=1e-10)
    assert covariance == pytest.approx([1.5, 0.6, 0.8], abs=1e-9)
    assert integrate(problem.mesh, problem.target) == pytest.approx(3, rel=1e-14)


def test_mixture_stays_finite_far_from_all_components(problem_file: WriteFile) -> None:
    problem = load(problem_file(target=mixture("[1, 1]", "[[-2], [2]]", "[[[1e-6]], [[1e-6]]]")))
    assert np.all(np.isfinite(problem.log_target))
    assert problem.target.min() == 0


@pytest.mark.parametrize("kind", ["<f8", ">f8", "<f4", "<i4", "<u2"])
def test_data_file_is_found_beside_the_problem_file_and_scaled(
    problem_file: WriteFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    values = np.arange(1, 97).reshape(12, 8)
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "pi.npy", np.asfortranarray(values.astype(kind)))
    monkeypatch.chdir("/")
    problem = load(problem_file(mesh=PLANE, target='[target]\ndata = "arrays/pi.npy"\nmass = 2'))
    cell = 36 / 96
    np.testing.assert_allclose(problem.target, values * 2 / (values.sum() * cell), rtol=1e-14)
    np.testing.assert_allclose(problem.log_target, np.log(problem.target), atol=1e-14)
    assert problem.mesh.boundary == ("no-flux", "periodic")


def test_periodic_target_in_three_dimensions_has_the_exact_cell_averages(problem_file: WriteFile) -> None:
    mesh = '[mesh]\nlower = [0, 0, 0]\nupper = [1, 2, 3]\ncells = [8, 6, 4]\nboundary = ["periodic"]'
    table = '[target]\ndensity = "2 + cos(2*pi*x)*cos(pi*y)*cos(2*pi*z/3)"\nmass = 12'
    problem = load(problem_file(mesh=mesh, target=table, initial='[initial]\ndensity = "x + y + z"'))
    assert problem.mesh.boundary == ("periodic",) * 3
    factors = [
        np.diff(np.sin(k * e)) / (k * np.diff(e))
        for k, e in zip((2 * np.pi, np.pi, 2 * np.pi / 3), problem.mesh.edges, strict=True)
    ]
    exact = 2 + factors[0][:, None, None] * factors[1][:, None] * factors[2]
    # Three Gauss points err by at most 2^6 3!^4 / (7 6!^3) (phase/2)^6 per axis: 9e-6 in all for pi/4, pi/3, pi/2.
    np.testing.assert_allclose(problem.target, exact, rtol=0, atol=9e-6)
    assert integrate(problem.mesh, problem.target) == pytest.approx(12, rel=1e-14)


def test_extreme_masses_are_kept(problem_file: WriteFile) -> None:
    for mass in (1e-200, 1e200):
        problem = load(problem_file(target=f'[target]\nlog_density = "-x**2"\nmass = {mass}'))
        assert integrate(problem.mesh, problem.target) == pytest.approx(mass, rel=1e-12)


def save(path: Path, kind: str) -> None:
    """A .npy file that is wrong in one way; the right one holds 20 positive numbers."""
    good = np.linspace(1.0, 2.0, 20)
    if kind == "truncated":
        np.save(path, good)
        path.write_bytes(path.read_bytes()[:-8])
    elif kind == "header only":
        np.save(path, good)
        path.write_bytes(path.read_bytes()[:20])
    elif kind in ("empty", "text"):
        path.write_bytes(b"" if kind == "empty" else b"1 2 3\n" * 20)
    elif kind == "folder":
        path.mkdir()
    elif kind == "archive":
        np.savez(path.with_suffix(".npz"), good)
        path.with_suffix(".npz").rename(path)
    elif kind == "huge header":
        header = {"descr": "<f8", "fortran_order": False, "shape": (10**15,)}
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
    else:
        arrays = {
            "objects": np.array([1, None, "x"] * 7, dtype=object)[:20],
            "shape": good[:19],
            "transposed": good.reshape(20, 1),
            "complex": good.astype(complex),
            "strings": good.astype(str),
            "truth": good > 1.5,
            "negative": good - 1.5,
            "nan": np.where(good > 1.5, np.nan, good),
            "infinite": np.where(good > 1.5, np.inf, good),
            "zero": 0 * good,
            "zeros in places": np.where(good > 1.5, 0, good),
        }
        np.save(path, arrays[kind], allow_pickle=True)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("truncated", "complete .npy file"),
        ("header only", "complete .npy file"),
        ("empty", "complete .npy file"),
        ("text", "complete .npy file"),
        ("archive", "complete .npy file"),
        ("huge header", "complete .npy file"),
        ("objects", "complete .npy file"),
        ("folder", "not found"),
        ("shape", "expected shape (20,)"),
        ("transposed", "expected shape (20,)"),
        ("complex", "real numbers"),
        ("strings", "real numbers"),
        ("truth", "real numbers"),
        ("negative", "nonnegative"),
        ("nan", "finite"),
        ("infinite", "finite"),
        ("zero", "zero on the whole box"),
        ("zeros in places", "zero in 10 of 20 cells"),
    ],
)
def test_unusable_array_gets_one_line_with_file_table_and_key(
    problem_file: WriteFile, tmp_path: Path, kind: str, word: str
) -> None:
    save(tmp_path / "density.npy", kind)
    with pytest.raises(MudotError) as caught:
        load(problem_file(target='[target]\ndata = "density.npy"'))
    line = str(caught.value)
    assert line.isprintable()
    assert line.startswith(f"{tmp_path / 'case.toml'}: [target] data: ")
    assert word in line


@pytest.mark.parametrize("name", ["absent.npy", "", "..", "a\\u0000b.npy", "x" * 5000])
def test_array_file_that_is_not_there_is_an_error(problem_file: WriteFile, name: str) -> None:
    with pytest.raises(MudotError, match=r"case\.toml: \[initial\] data: ") as caught:
        load(problem_file(initial=f'[initial]\ndata = "{name}"'))
    assert str(caught.value).isprintable()


def test_pickled_arrays_are_never_unpickled(problem_file: WriteFile, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (tmp_path / "sprung",))  # type: ignore[return-value]

    np.save(tmp_path / "trap.npy", np.array([Trap()] * 20, dtype=object), allow_pickle=True)
    with pytest.raises(MudotError, match="data"):
        load(problem_file(target='[target]\ndata = "trap.npy"'))
    assert not (tmp_path / "sprung").exists()

"""Passes over faces: the compiled ones give gradient and divergence to the bit and the mean to round-off."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import operators, structured
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.geometries import Stein
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.solvers.mobilities import Bounded

MESHES = {
    "line": Cartesian(17, 0.0, 1.0),
    "ring": Cartesian(16, 0.0, 1.3, "periodic"),
    "plane": Cartesian((9, 8), (0.0, 0.0), (1.0, 2.0)),
    "mixed": Cartesian((7, 6), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux")),
    "space": Cartesian((5, 4, 6), (0.0,) * 3, (1.0, 2.0, 1.5), ("no-flux", "periodic", "no-flux")),
    "torus": Cartesian((4, 5, 3), (0.0,) * 3, (1.0,) * 3, "periodic"),
    "flat ring": Cartesian((1, 4), (0.0, 0.0), (1.0, 1.0), "periodic"),
    "two cells": Cartesian((2, 3), (0.0, 0.0), (1.0, 1.0), "periodic"),
}


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(structured, "LARGE", 0)
    structured._runs.cache_clear()


@pytest.mark.parametrize("name", MESHES)
def test_gradient_and_divergence_have_the_bits_of_the_array_passes(name: str) -> None:
    mesh, rng = MESHES[name], np.random.default_rng(0)
    for _ in range(5):
        f, flux = rng.normal(size=mesh.shape), rng.normal(size=mesh.faces.left.size)
        assert np.array_equal(structured.gradient(mesh, f), operators.gradient(mesh, f))
        assert np.array_equal(structured.divergence(mesh, flux), operators.divergence(mesh, flux))


@pytest.mark.parametrize("name", MESHES)
def test_fused_passes_have_the_bits_of_single_ones(name: str) -> None:
    mesh, rng = MESHES[name], np.random.default_rng(4)
    faces = mesh.faces
    volumes = faces.area * faces.distance
    for factor in (1.0, 0.7):
        f, (mobility, velocity) = rng.normal(size=mesh.shape), rng.random((2, faces.left.size))
        expected = operators.gradient(mesh, f) * (mobility * volumes)
        assert np.array_equal(structured.momentum(mesh, f, mobility, volumes), expected)
        flux = velocity * factor * -mobility
        assert np.array_equal(structured.inflow(mesh, velocity, mobility, factor), operators.divergence(mesh, flux))


@pytest.mark.parametrize("spread", [1e-9, 0.1, 1.0, 10.0, 150.0])
@pytest.mark.parametrize("name", MESHES)
def test_bounded_means_agree_to_round_off(name: str, spread: float) -> None:
    mesh, rng = MESHES[name], np.random.default_rng(1)
    for _ in range(5):
        density = np.exp(spread * rng.normal(size=mesh.shape))
        found = structured.bounded_mobility(mesh, density, Bounded())
        np.testing.assert_allclose(found, Bounded()(mesh, density), rtol=3e-15, atol=0)


def test_bounded_means_of_equal_values_are_that_value() -> None:
    mesh = MESHES["space"]
    found = structured.bounded_mobility(mesh, np.full(mesh.shape, 0.3), Bounded())
    np.testing.assert_allclose(found, 0.3, rtol=5e-13)  # the bound takes 2e-13 of itself
    assert float(np.ptp(found)) == 0.0


def test_graded_meshes_small_ones_and_rules_with_a_flux_go_through_the_array_passes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(2)
    graded = Cartesian.graded([np.cumsum(0.1 + rng.random(9))] * 2)
    density = 0.1 + rng.random((8, 8))
    assert structured._runs(graded) is None
    rule = Bounded(scharfetter_gummel(graded, rng.normal(size=(8, 8))))
    assert np.array_equal(structured.bounded_mobility(graded, density, rule), rule(graded, density))
    plane = MESHES["plane"]
    fitted = Bounded(scharfetter_gummel(plane, rng.normal(size=plane.shape)))
    density = 0.1 + rng.random(plane.shape)
    assert np.array_equal(structured.bounded_mobility(plane, density, fitted), fitted(plane, density))
    monkeypatch.setattr(structured, "LARGE", 10**9)
    structured._runs.cache_clear()
    assert structured._runs(plane) is None


def test_the_stein_operator_is_the_same_compiled_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    mesh, rng = MESHES["plane"], np.random.default_rng(3)
    density, xi = 0.1 + rng.random(mesh.shape), rng.normal(size=mesh.shape)
    geometry = Stein(GaussianKernel(0.4), 1.7)
    fast = geometry.onsager(mesh, density).apply(xi)
    monkeypatch.setattr("mudot.solvers.compiled.on_faces", lambda: None)
    plain = geometry.onsager(mesh, density).apply(xi)
    np.testing.assert_allclose(fast, plain, rtol=0, atol=1e-14 * float(abs(plain).max()))


def test_logarithms_of_ordinary_ratios_keep_their_digits_near_one() -> None:
    target = np.array([0.3, 1.0, 7e-100, 1e100])
    for gap in (1e-15, -1e-12, 1e-8, -0.3, 0.5, 1e6):
        density = target * (1 + gap)
        true = np.log1p((density - target) / target) if abs(gap) <= 0.5 else np.log(density / target)
        found = KullbackLeibler(target).log_ratio(density)
        np.testing.assert_allclose(found, true, rtol=4e-16)

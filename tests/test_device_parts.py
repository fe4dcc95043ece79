"""Every part of the numerical core gives the same on arrays of a device as on arrays of the host."""

from __future__ import annotations

from collections.abc import Callable

import array_api_strict
import numpy as np
import pytest
from array_api_strict import Device

from mudot.meshes import arrays
from mudot.meshes.arrays import Array, ArrayLibrary, array_module
from mudot.meshes.averages import check_density, integrate, norm, prolong, restrict
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import PowerDivergence, Spherical, Wasserstein
from mudot.solvers.fluxes import TwoPointFlux, edge_average, generator, harmonic, scharfetter_gummel, square_root
from mudot.solvers.geometries import Geometry
from mudot.solvers.linear import conjugate_gradients
from mudot.solvers.means import bernoulli, logarithmic_mean
from mudot.solvers.operators import across, divergence, gradient
from tests import device
from tests.device_cases import (
    BOTH,
    LINE,
    MESHES,
    POWERS,
    REACTION,
    TRANSPORT,
    assert_on_both,
    density,
    log_target,
)

every_mesh = pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES.keys())


@every_mesh
def test_integrals_and_norms_are_the_same(mesh: Cartesian) -> None:
    for order in (1, 2, 3, np.inf):
        assert_on_both(lambda f, order=order: norm(mesh, f, order), density(mesh) - 1)
    assert_on_both(lambda f: integrate(mesh, f), density(mesh))


@every_mesh
def test_transfer_between_meshes_is_the_same(mesh: Cartesian) -> None:
    assert_on_both(lambda f: prolong(mesh, f), density(mesh, zeros=True))
    assert_on_both(lambda f: restrict(mesh.refined(), f), density(mesh.refined()))


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_bad_densities_are_refused_in_the_same_words(value: float) -> None:
    values = density(LINE)
    values[3] = value
    messages = []
    for array in (values, device.to_device(values)):
        with pytest.raises(MudotError) as refusal:
            check_density(LINE, array)
        messages.append(str(refusal.value))
    assert messages[0] == messages[1]


A = np.array([1.0, 1.0, 2.0, 0.0, 1e-300, 3e-290, 0.0, 1e300, 1.0])
B = np.array([1.0, 1 + 1e-12, 3.0, 1.0, 1e300, 4e-290, 0.0, 2e-8, 1e-8])
Z = np.array([0.0, 1e-300, 1e-12, -1e-5, 0.7, -3.0, 40.0, -800.0])


def test_means_are_the_same() -> None:
    assert_on_both(logarithmic_mean, A, B)
    assert_on_both(logarithmic_mean, A[:3], B[:3])
    assert_on_both(bernoulli, Z)


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> ArrayLibrary:
    """array-api-strict with everything on a device that is not its host."""
    there, here = Device("device1"), Device("CPU_DEVICE")
    library = ArrayLibrary(
        "array-api-strict",
        array_api_strict,
        None,
        None,
        lambda array: array_api_strict.asarray(array, device=there),
        lambda array: np.asarray(array.to_device(here)),
    )
    monkeypatch.setitem(arrays._registered, "array_api_strict", lambda: library)
    return library


@pytest.mark.parametrize(("a", "b"), [(A, B), (A[:3], B[:3])], ids=["far apart", "near"])
def test_logarithmic_mean_needs_the_array_api_only(strict: ArrayLibrary, a: np.ndarray, b: np.ndarray) -> None:
    found = logarithmic_mean(strict.to_device(a), strict.to_device(b))
    assert np.array_equal(strict.to_host(found), logarithmic_mean(a, b))


def test_bernoulli_function_needs_the_array_api_only(strict: ArrayLibrary) -> None:
    for found, expected in zip(bernoulli(strict.to_device(Z)), bernoulli(Z), strict=True):
        assert np.array_equal(strict.to_host(found), expected)


@every_mesh
def test_operators_are_the_same(mesh: Cartesian) -> None:
    assert_on_both(lambda f: gradient(mesh, f), density(mesh))
    assert_on_both(lambda f: across(mesh, f), density(mesh))
    assert_on_both(lambda f: divergence(mesh, f), gradient(mesh, density(mesh)) ** 2)


@every_mesh
@pytest.mark.parametrize("scheme", [scharfetter_gummel, square_root, harmonic])
def test_fluxes_are_the_same(mesh: Cartesian, scheme: Callable[[Cartesian, Array], TwoPointFlux]) -> None:
    assert_on_both(lambda log_pi: scheme(mesh, log_pi), log_target(mesh))
    assert_on_both(lambda log_pi, f: scheme(mesh, log_pi).mobility(*across(mesh, f)), log_target(mesh), density(mesh))


@every_mesh
def test_edge_averages_are_the_same(mesh: Cartesian) -> None:
    assert_on_both(lambda log_pi: edge_average(mesh, log_pi, lambda *x: -0.5 * x[0] ** 2 + 0 * x[-1]), log_target(mesh))


@every_mesh
def test_generator_is_the_same(mesh: Cartesian) -> None:
    def products(log_pi: Array, f: Array) -> list[Array]:
        matrix = generator(mesh, scharfetter_gummel(mesh, log_pi))
        return [matrix @ f.reshape(-1), (2.5 * matrix + abs(matrix)) @ f.reshape(-1), matrix.diagonal()]

    assert_on_both(products, log_target(mesh), density(mesh))


@every_mesh
@pytest.mark.parametrize("power", POWERS)
def test_energies_are_the_same(mesh: Cartesian, power: float) -> None:
    def values(log_pi: Array, f: Array) -> list[Array]:
        energy = PowerDivergence(power, array_module(log_pi).exp(log_pi), log_pi)
        return [energy.value(mesh, f), energy.first_variation(mesh, f), energy.log_ratio(f)]

    for zeros in (False, True):
        assert_on_both(values, log_target(mesh), density(mesh, zeros))
    assert_on_both(values, log_target(mesh), np.exp(log_target(mesh)) * (1 + 1e-9 * density(mesh)))


GEOMETRIES: dict[str, Geometry] = {
    "reaction": REACTION,
    "spherical reaction": Spherical(REACTION),
    "transport": TRANSPORT,
    "both": BOTH,
    "spherical both": Spherical(BOTH),
}


@every_mesh
@pytest.mark.parametrize("geometry", GEOMETRIES.values(), ids=GEOMETRIES.keys())
@pytest.mark.parametrize("guessed", [False, True], ids=["", "guessed"])
def test_geometries_are_the_same(mesh: Cartesian, geometry: Geometry, guessed: bool) -> None:
    def values(f: Array, xi: Array) -> list[Array]:
        onsager = geometry.onsager(mesh, f)
        rate = onsager.apply(xi)
        # A guess far from the solution: the conjugate gradients have something to do.
        potential = onsager.primal(rate, guess=xi * xi if guessed else None)
        return [rate, onsager.dual(xi), potential, onsager.diagonal()]

    assert_on_both(values, density(mesh), np.cos(log_target(mesh)))


def test_wasserstein_mobility_of_a_flux_is_the_same() -> None:
    def image(log_pi: Array, f: Array) -> Array:
        geometry = Wasserstein(0.5, scharfetter_gummel(LINE, log_pi))
        return geometry.onsager(LINE, f).apply(f * f)

    assert_on_both(image, log_target(LINE), density(LINE))


def test_conjugate_gradients_wait_for_the_device_twice_an_iteration() -> None:
    weight, right = np.full(40, 0.1), np.sin(np.arange(40.0))
    scale = 1 + np.arange(40.0)
    send = device.to_device
    with device.watched() as traffic:
        given = send(scale), send(right), send(weight)
        result = conjugate_gradients(lambda x: given[0] * x, given[1], given[2], given[2] / given[2])
    assert result.iterations > 10
    assert traffic.synchronisations <= 2 * result.iterations + 3
    assert (traffic.to_device, traffic.to_host) == (3, 0)

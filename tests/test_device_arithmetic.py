"""Fused kernels on a device against array passes of the host: the same bits for sums and products.

On the stand-in their text runs on the host (`test_cells` does this over more inputs); on a GPU it is the device's own
arithmetic that is tested."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.arrays import ArrayLibrary
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import compiled
from mudot.solvers.compiled.cells import Grid, Kernels
from mudot.solvers.energies.divergences import integrand, log_ratio
from mudot.solvers.means import logarithmic_mean
from mudot.solvers.methods.dormand_prince import STAGES, combined
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.operators import diffusion, divergence, gradient
from tests import device, host_kernels
from tests.devices import everywhere, library_at

MESHES = {
    "line": Cartesian.graded([np.linspace(-1.5, 1.5, 1001) ** 3]),
    "ring": Cartesian(777, 0.0, 1.0, "periodic"),
    "plane": Cartesian((67, 41), (-2, -2), (2, 2)),
    "torus": Cartesian((20, 31), (0, 0), (1, 1), "periodic"),
    "space": Cartesian((19, 17, 23), (-1,) * 3, (1,) * 3, ("no-flux", "periodic", "no-flux")),
}
every_mesh = pytest.mark.parametrize("mesh", MESHES.values(), ids=MESHES.keys())
ULP = 2.0**-52


def kernels_at(where: str) -> tuple[ArrayLibrary, Kernels]:
    """The kernels on a device."""
    library = library_at(where)
    if where == "stand-in":
        return library, host_kernels.on(library, lambda array: array._values)
    found = compiled.fused(library.xp.zeros(1))
    assert found is not None
    return library, found


@everywhere
@every_mesh
def test_products_by_diagonals_have_the_bits_of_the_host(mesh: Cartesian, where: str) -> None:
    library, kernels = kernels_at(where)
    rng = np.random.default_rng(3)
    rates = FokkerPlanck(mesh, rng.normal(size=mesh.shape)).rates
    now, before = rng.normal(size=(2, mesh.size)) * 10.0 ** rng.integers(-150, 150, size=(2, mesh.size))
    table = kernels.diagonals(rates.exchange)
    sent = [library.to_device(a) for a in (rates.losses, now, before)]
    assert np.array_equal(library.to_host(table @ sent[1]), rates.exchange @ now)
    term = 0.4 * (rates.exchange @ now + (3.0 - rates.losses) * now) - 1.0 * before
    assert np.array_equal(library.to_host(table.recurrence(3.0, 0.4, 1.0, *sent)), term)


@everywhere
@pytest.mark.parametrize("weights", STAGES, ids=lambda w: f"{len(w)} slopes")
def test_stages_have_the_bits_of_the_host(weights: tuple[float, ...], where: str) -> None:
    library, kernels = kernels_at(where)
    slopes = list(np.random.default_rng(4).normal(size=(len(weights), 3001)))
    found = kernels.combination(weights, [library.to_device(s) for s in slopes])
    assert np.array_equal(library.to_host(found), combined(weights, slopes))


@everywhere
@pytest.mark.parametrize(("sums", "count"), [(1, 8), (10, 8), (10, 3)])
def test_gathering_has_the_bits_of_sums_one_by_one(sums: int, count: int, where: str) -> None:
    library, kernels = kernels_at(where)
    rng = np.random.default_rng(5)
    total, weights, vectors = (
        rng.normal(size=(sums, 999)),
        rng.normal(size=(sums, count)),
        rng.normal(size=(count, 999)),
    )
    there = library.to_device(total)
    kernels.gather(there, library.to_device(weights), [library.to_device(v) for v in vectors])
    added = np.zeros_like(total)
    for k in range(count):
        added += weights[:, k, None] * vectors[k]
    assert np.array_equal(library.to_host(there), total + added)


@everywhere
def test_logarithmic_means_agree_to_the_last_digits(where: str) -> None:
    library, kernels = kernels_at(where)
    rng = np.random.default_rng(6)
    a, b = 10.0 ** rng.uniform(-300, 299, size=(2, 20000))
    b[:5000], b[5000:10000] = a[:5000] * (1 + 1e-9 * rng.normal(size=5000)), a[5000:10000]
    b[10000:10100] = 0.0
    found = library.to_host(kernels.logarithmic_mean(library.to_device(a), library.to_device(b)))
    np.testing.assert_allclose(found, logarithmic_mean(a, b), rtol=16 * ULP)


@everywhere
@pytest.mark.parametrize("p", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_power_divergences_agree_to_the_last_digits(p: float, where: str) -> None:
    library, kernels = kernels_at(where)
    rng = np.random.default_rng(8)
    log_target = rng.uniform(-50, 5, size=20000)
    target = np.exp(log_target)
    density = target * np.exp(rng.choice([1e-9, 0.3, 20.0], size=20000) * rng.normal(size=20000))
    given = [library.to_device(a) for a in (density, target, log_target)]
    logs, values = log_ratio(density, target, log_target), integrand(p, density, target, log_target)
    np.testing.assert_allclose(library.to_host(kernels.log_ratio(*given)), logs, rtol=1e-13, atol=1e-15)
    found = library.to_host(kernels.integrand(p, 300 / max(1.0, abs(p)), 700.0, *given))
    np.testing.assert_allclose(found, values, rtol=1e-12, atol=1e-24)


@everywhere
@every_mesh
def test_fluxes_agree_with_the_sparse_operators(mesh: Cartesian, where: str) -> None:
    library, kernels = kernels_at(where)
    rng = np.random.default_rng(7)
    flux, mobility, f = (
        rng.normal(size=mesh.faces.left.size),
        rng.random(mesh.faces.left.size),
        rng.normal(size=mesh.shape),
    )
    grid = Grid.of(mesh, library)
    send = library.to_device
    for found, expected in (
        (kernels.divergence(grid, send(flux)), divergence(mesh, flux)),
        (kernels.gradient(grid, send(f)), gradient(mesh, f)),
        (kernels.diffusion(grid, send(mobility), send(f.reshape(-1))), diffusion(mesh, mobility, f)),
    ):
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(library.to_host(found), expected.reshape(-1), rtol=0, atol=100 * ULP * scale)


def test_kernels_of_the_stand_in_are_not_registered_for_other_tests() -> None:
    assert compiled.fused(device.to_device(np.ones(3))) is None

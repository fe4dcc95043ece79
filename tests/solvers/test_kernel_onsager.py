"""Onsager operators of every geometry with a kernel or a reference: symmetric, positive, conjugate to R, mass kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    DeStein,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    Spherical,
    Stein,
    SymmetrizedRegressionFisherRao,
    SymmetrizedRegressionWasserstein,
    Wasserstein,
    kernel_sobolev_fisher,
)
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel
from tests.solvers.flow_cases import assert_onsager

MESHES = {
    "line": Cartesian(40, 0.0, 1.0),
    "ring": Cartesian(40, 0.0, 1.0, "periodic"),
    "graded line": Cartesian.graded([np.cumsum([0.0, *np.geomspace(0.02, 0.06, 24)])]),
    "plane": Cartesian((9, 8), (0.0, 0.0), (1.0, 1.0), ("no-flux", "periodic")),
    "cube": Cartesian((5, 4, 5), (0.0,) * 3, (1.0,) * 3),
}
WIDE, ROUGH = GaussianKernel(0.2), LaplaceKernel(0.1)
MMD, STEIN, RIDGE = DeKernelizedFisherRao(WIDE, 0.01), DeStein(WIDE, 0.01), 1e-2
GEOMETRIES: dict[str, Callable[[np.ndarray], Geometry]] = {
    "kernelized fisher-rao": lambda omega: KernelizedFisherRao(ROUGH, 0.7),
    "spherical kernelized fisher-rao": lambda omega: Spherical(KernelizedFisherRao(ROUGH, 0.7)),
    "ridge fisher-rao": lambda omega: KernelApproximateFisherRao(ROUGH, RIDGE, 0.7),
    "spherical ridge fisher-rao": lambda omega: Spherical(KernelApproximateFisherRao(ROUGH, RIDGE, 0.7)),
    "stein": lambda omega: Stein(ROUGH, 0.7),
    "ridge wasserstein": lambda omega: KernelApproximateWasserstein(ROUGH, RIDGE, 0.7),
    "kernelized wasserstein-fisher-rao": lambda omega: Stein(ROUGH) + KernelizedFisherRao(LaplaceKernel(0.2)),
    "ridge wasserstein-fisher-rao": lambda omega: (
        KernelApproximateWasserstein(ROUGH, RIDGE) + KernelApproximateFisherRao(ROUGH, RIDGE)
    ),
    "flat fisher-rao": lambda omega: 0.7 * FlatFisherRao(omega),
    "flat wasserstein": lambda omega: 0.7 * FlatWasserstein(omega),
    "flat wasserstein-fisher-rao": lambda omega: FlatWasserstein(omega) + 0.3 * FlatFisherRao(omega),
    "spherical flat": lambda omega: FlatWasserstein(omega) + Spherical(FlatFisherRao(omega)),
    "mmd": lambda omega: 0.7 * MMD,
    "spherical mmd": lambda omega: Spherical(MMD),
    "de-stein": lambda omega: 0.7 * STEIN,
    "de-kernelized wasserstein-fisher-rao": lambda omega: STEIN + MMD,
    "kernel-sobolev-fisher": lambda omega: kernel_sobolev_fisher(WIDE, omega, 0.2, 0.01),
    "interaction force": lambda omega: Wasserstein() + MMD,
    "spherical interaction force": lambda omega: Wasserstein() + Spherical(MMD),
    "symmetrized growth": lambda omega: SymmetrizedRegressionFisherRao(WIDE),
    "symmetrized velocity": lambda omega: SymmetrizedRegressionWasserstein(WIDE),
}


def waves(mesh: Cartesian, rng: np.random.Generator) -> np.ndarray:
    """A random smooth function."""
    parts = [rng.normal() * np.cos(2 * np.pi * (k * x + rng.random())) for k in (1, 2) for x in mesh.coordinates]
    return np.asarray(sum(parts) * np.ones(mesh.shape))


@pytest.mark.parametrize("place", MESHES)
@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("rough", [False, True], ids=["smooth", "rough"])
def test_onsager_operators_are_symmetric_positive_and_conjugate_to_their_potentials(
    name: str, place: str, rough: bool
) -> None:
    mesh, rng = MESHES[place], np.random.default_rng(5)
    density = np.exp(0.3 * waves(mesh, rng)) * rng.uniform(0.5, 1.0, mesh.shape)
    omega = np.exp(0.3 * waves(mesh, rng))
    xi, eta = (rng.standard_normal(mesh.shape) if rough else waves(mesh, rng) for _ in range(2))
    geometry = GEOMETRIES[name](omega)
    assert_onsager(mesh, geometry, density, (xi, eta))


def test_sums_of_dekernelized_rates_share_one_force() -> None:
    mesh, rng = MESHES["ring"], np.random.default_rng(4)
    xi, density = waves(mesh, rng), np.ones(mesh.shape)
    both, one, two = ((g.onsager(mesh, density).apply(xi)) for g in (STEIN + MMD, STEIN, MMD))
    np.testing.assert_allclose(both, one + two, rtol=1e-12)
    assert integrate(mesh, xi * both) > 0

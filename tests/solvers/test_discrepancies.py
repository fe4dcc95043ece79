"""Kernel Stein discrepancy and the H^-1 distance: derivatives, Stein identities, LAWGD."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import (
    Energy,
    InverseSobolev,
    KernelSteinDiscrepancy,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    ReverseKullbackLeibler,
    chi_squared,
)
from mudot.solvers.energies.stein_discrepancy import stein_kernel
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.geometries import FlatWasserstein, Spherical, Stein, Wasserstein
from mudot.solvers.geometries.fisher_rao import FisherRao
from mudot.solvers.kernels.functions import GaussianKernel, MaternKernel
from mudot.solvers.kernels.operators import kernel_operator
from mudot.solvers.linear import NotConverged
from tests.solvers.flow_cases import assert_books_in_order, assert_derivative, completed, neutral

LINE = Cartesian(48, -3.0, 3.0)
RING = Cartesian(40, 0.0, 1.0, "periodic")
PLANE = Cartesian((12, 10), (-2.0, -2.0), (2.0, 2.0))
CUBE = Cartesian((5, 6, 5), (-1.0,) * 3, (1.0,) * 3)
MESHES = {"line": LINE, "ring": RING, "plane": PLANE, "cube": CUBE}
every_mesh = pytest.mark.parametrize("place", MESHES)


def data(mesh: Cartesian) -> tuple[np.ndarray, np.ndarray]:
    x = mesh.coordinates
    width = mesh.edges[0][-1] - mesh.edges[0][0]
    pi = np.exp(0.8 * np.cos(2 * np.pi * x[0] / width) - 0.3 * sum(a**2 for a in x))
    mu = pi * (1 + 0.5 * np.sin(2 * np.pi * x[0] / width) * np.cos(2 * np.pi * x[-1] / width))
    return np.asarray(mu / integrate(mesh, mu)), np.asarray(pi / integrate(mesh, pi))


@every_mesh
@pytest.mark.parametrize("name", ["ksd", "lawgd"])
def test_first_variation_is_the_derivative_of_the_value(name: str, place: str) -> None:
    mesh = MESHES[place]
    mu, pi = data(mesh)
    energy: Energy = KernelSteinDiscrepancy(GaussianKernel(0.4), pi) if name == "ksd" else InverseSobolev(pi)
    assert_derivative(mesh, energy, mu, neutral(mesh, 0), 1e-7)


@every_mesh
def test_discrepancies_vanish_at_the_target_alone(place: str) -> None:
    mesh = MESHES[place]
    mu, pi = data(mesh)
    for energy in (KernelSteinDiscrepancy(GaussianKernel(0.4), pi), InverseSobolev(pi)):
        assert abs(energy.value(mesh, pi)) < 1e-25 and energy.value(mesh, mu) > 1e-6


@every_mesh
def test_stein_discrepancy_is_the_dissipation_of_kl_in_stein_geometry(place: str) -> None:
    mesh = MESHES[place]
    mu, pi = data(mesh)
    kernel = GaussianKernel(0.4)
    flux = scharfetter_gummel(mesh, np.log(pi))
    unbounded = Stein(kernel, flux=flux).onsager(mesh, mu)
    expected = sum(unbounded.dual(KullbackLeibler(pi).first_variation(mesh, mu)))
    assert KernelSteinDiscrepancy(kernel, pi).value(mesh, mu) == pytest.approx(expected, rel=1e-10)


def test_first_variation_of_the_stein_discrepancy_is_the_mean_of_the_stein_kernel_to_second_order() -> None:
    errors = []
    for cells in (100, 200):
        mesh = Cartesian(cells, -6.0, 6.0)
        x = mesh.centers[0]
        pi, mu = np.exp(-(x**2) / 2), np.exp(-((x - 0.5) ** 2) / 1.2)
        pi, mu = pi / integrate(mesh, pi), mu / integrate(mesh, mu)
        points, h = x[:, None], 0.7
        values = np.exp(-((x[:, None] - x) ** 2) / (2 * h**2))
        exact = stein_kernel(values, -points, points, h) @ (mu * mesh.volumes)
        found = KernelSteinDiscrepancy(GaussianKernel(h), pi).first_variation(mesh, mu)
        errors.append(norm(mesh, (found - exact) * mu))
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1)


def test_lawgd_force_solves_its_equation_to_round_off() -> None:
    for mesh in MESHES.values():
        mu, pi = data(mesh)
        psi = InverseSobolev(pi).first_variation(mesh, mu)
        back = FlatWasserstein(pi).onsager(mesh, mu).apply(psi)
        assert norm(mesh, back - (mu - pi)) < 1e-10


def test_lawgd_energy_is_half_the_squared_flat_distance() -> None:
    mu, pi = data(PLANE)
    expected = sum(FlatWasserstein(pi).onsager(PLANE, mu).primal(mu - pi))
    assert InverseSobolev(pi).value(PLANE, mu) == pytest.approx(expected, rel=1e-9)


def test_lawgd_dissipates_kl_like_chi_squared() -> None:
    for mesh in (LINE, PLANE):
        mu, pi = data(mesh)
        flow = GradientFlow(mesh, InverseSobolev(pi), Wasserstein())
        lost = -integrate(mesh, KullbackLeibler(pi).first_variation(mesh, mu) * flow.rate(mu))
        # The bound on the mobility takes 1e-12 of it.
        assert lost == pytest.approx(2 * chi_squared(pi).value(mesh, mu), rel=1e-9)


def test_kl_decays_at_least_exponentially_along_lawgd_and_every_mode_at_rate_one() -> None:
    mu, pi = data(LINE)
    flow = GradientFlow(LINE, InverseSobolev(pi), Wasserstein())
    times = [0.0, 1.0, 6.0, 7.0]
    solution = solve(flow, mu, times, rtol=1e-7)
    kl = [KullbackLeibler(pi).value(LINE, density) for density in solution.density]
    assert all(value <= math.exp(-t) * kl[0] for t, value in zip(times, kl, strict=True))
    assert solution.energy[2] / solution.energy[3] == pytest.approx(math.exp(2), rel=1e-2)
    assert np.max(np.abs(solution.balance)) < 1e-7 * solution.dissipation[-1]


def test_wasserstein_flow_of_the_stein_discrepancy_lowers_it_and_balances() -> None:
    mu, pi = data(RING)
    for kernel in (GaussianKernel(0.1), MaternKernel(0.1, 2.5)):
        solution = completed(RING, KernelSteinDiscrepancy(kernel, pi), Wasserstein(), mu, [0.0, 1e-3], 1e-6)
        assert solution.energy[-1] < 0.9 * solution.energy[0]
        assert_books_in_order(solution, 1e-6)


def test_kernelized_force_of_reverse_kl_is_the_force_of_mmd() -> None:
    # I1, I2: K_mu (1 - pi/mu) = K(mu - pi), which Fisher-Rao multiplies by mu and Wasserstein takes the gradient of.
    mu, pi = data(PLANE)
    kernel = GaussianKernel(0.6)
    operator = kernel_operator(kernel, PLANE, numpy_library())
    smoothed = operator.apply(mu * ReverseKullbackLeibler(pi).first_variation(PLANE, mu))
    np.testing.assert_allclose(smoothed, MaximumMeanDiscrepancy(kernel, pi).first_variation(PLANE, mu), atol=1e-15)


def test_stein_kernelized_force_of_reverse_kl_is_the_force_of_the_stein_discrepancy() -> None:
    # I3: the Stein kernel integrates to zero against pi, on the mesh exactly.
    mu, pi = data(PLANE)
    energy = KernelSteinDiscrepancy(GaussianKernel(0.6), pi)
    assert np.abs(energy.first_variation(PLANE, pi)).max() < 1e-12 * np.abs(energy.first_variation(PLANE, mu)).max()
    force = energy.first_variation(PLANE, mu - pi)
    np.testing.assert_allclose(force, energy.first_variation(PLANE, mu), atol=1e-12)


def test_other_masses_have_an_infinite_inverse_sobolev_distance() -> None:
    mu, pi = data(LINE)
    with pytest.raises(NotConverged, match="mass of the target"):
        InverseSobolev(pi).value(LINE, 2 * mu)
    assert solve(GradientFlow(LINE, InverseSobolev(pi), Spherical(FisherRao())), mu, [0.0, 0.1]).status == "complete"

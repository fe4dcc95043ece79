"""Energies of particles on the mesh against sums over pairs of particles, and which energies points have."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import commands, storage
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    FreeEnergy,
    InverseSobolev,
    JensenShannon,
    Kale,
    KernelSteinDiscrepancy,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    Neurons,
    Renyi,
    ShallowNetwork,
    chi_squared,
)
from mudot.solvers.interactions import Interaction
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.clouds import on_mesh as averages
from mudot.validation.compare.energies import energy_of, on_points
from mudot.validation.particles.kale import KaleDescent
from mudot.validation.particles.kernels import gram
from mudot.validation.particles.samplers import Particles, SteinDiscrepancyDescent
from mudot.validation.particles.targets import mixture

WIDTH, RIDGE = 0.7, 0.1
TARGET = mixture([0.4, 0.6], [[-0.5, 0.3], [0.6, -0.2]], [[[0.4, 0.1], [0.1, 0.3]], [[0.3, 0.0], [0.0, 0.5]]])
RNG = np.random.default_rng(4)
NOW = Particles(RNG.normal(0, 0.7, (9, 2)), RNG.dirichlet(np.ones(9)))
INPUTS, LABELS = RNG.standard_normal((6, 1)), RNG.standard_normal(6)


def mesh_of(cells: int, half: float = 4.0) -> Cartesian:
    return Cartesian((cells, cells), (-half, -half), (half, half))


def mmd() -> float:
    own = NOW.weights @ gram(NOW.positions, NOW.positions, WIDTH) @ NOW.weights
    cross = NOW.weights @ TARGET.embedding(NOW.positions, WIDTH)
    apart = TARGET.means[:, None] - TARGET.means[None]
    spread = TARGET.covariances[:, None] + TARGET.covariances[None] + WIDTH**2 * np.eye(2)
    form = np.einsum("ijd,ijde,ije->ij", apart, np.linalg.inv(spread), apart)
    double = TARGET.weights @ (WIDTH**2 * np.exp(-form / 2) / np.sqrt(np.linalg.det(spread))) @ TARGET.weights
    return float(own - 2 * cross + double) / 2


def interaction() -> float:
    gap = NOW.positions[:, None] - NOW.positions[None]
    pairs = np.cos(gap[..., 0]) * np.exp(-(gap[..., 1] ** 2))
    return float(NOW.weights @ pairs @ NOW.weights / 2 + NOW.weights @ (NOW.positions[:, 0] ** 4))


def network() -> float:
    hidden = np.tanh(NOW.positions[:, 1:] @ INPUTS.T)
    return (
        float(
            ((NOW.weights * NOW.positions[:, 0]) @ hidden - LABELS)
            @ ((NOW.weights * NOW.positions[:, 0]) @ hidden - LABELS)
        )
        / 12
    )


SMOOTH = Interaction(lambda x, y: np.cos(x) * np.exp(-(y**2)))
CASES: dict[str, tuple[Callable[[Cartesian], Energy], Callable[[], float]]] = {
    "mmd": (lambda mesh: MaximumMeanDiscrepancy(GaussianKernel(WIDTH), averages(mesh, TARGET)), mmd),
    "ksd": (
        lambda mesh: KernelSteinDiscrepancy(GaussianKernel(WIDTH), averages(mesh, TARGET)),
        lambda: SteinDiscrepancyDescent(TARGET, WIDTH).discrepancy(NOW) / 2,
    ),
    "potential and interaction": (
        lambda mesh: FreeEnergy(0.3, 2.0, average(mesh, lambda x, y: x**4 + 0 * y), SMOOTH),
        interaction,
    ),
    "-log pi": (
        lambda mesh: KullbackLeibler(averages(mesh, TARGET)),
        lambda: float(-NOW.weights @ TARGET.log_density(NOW.positions)),
    ),
    "network": (
        lambda mesh: ShallowNetwork(Neurons(INPUTS, "tanh", ("amplitude", "weight")), LABELS),
        network,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_energies_on_the_mesh_are_those_of_sums_over_particles_to_second_order(name: str) -> None:
    made, exact = CASES[name]
    errors = []
    for cells in (48, 96):
        mesh = mesh_of(cells)
        found = on_points(made(mesh), mesh)
        assert found is not None
        errors.append(abs(found.of(mesh, NOW.positions, NOW.weights, 1.0) / exact() - 1))
    assert errors[1] < 2e-2 and errors[1] < 0.35 * errors[0]


def test_kale_of_particles_is_that_of_the_particle_method() -> None:
    mesh = mesh_of(30, 3.0)
    pi = averages(mesh, TARGET)
    points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
    masses = (pi * mesh.volumes).reshape(-1)
    kept = masses > 1e-12
    exact = KaleDescent(points[kept], masses[kept], WIDTH, RIDGE).value(NOW)
    found = on_points(Kale(GaussianKernel(WIDTH), pi, RIDGE), mesh)
    assert found is not None and found.of(mesh, NOW.positions, NOW.weights, 1.0) == pytest.approx(exact, rel=4e-3)


def test_drmmd_of_particles_is_that_of_the_features() -> None:
    mesh = mesh_of(30, 3.0)
    pi = averages(mesh, TARGET)
    points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
    masses = (pi * mesh.volumes).reshape(-1)
    # <m, (Sigma + r)^-1 m> = (|m|^2 - m(Y).(K + r/masses)^-1 m(Y))/r by Woodbury, m = K(mu - pi), Y the cells.
    k = gram(points, points, WIDTH)
    m = gram(points, NOW.positions, WIDTH) @ NOW.weights - k @ masses
    kept = masses > 1e-12
    solved = np.linalg.solve(k[np.ix_(kept, kept)] + np.diag(RIDGE / masses[kept]), m[kept])
    own = NOW.weights @ gram(NOW.positions, NOW.positions, WIDTH) @ NOW.weights
    norm = own - 2 * NOW.weights @ gram(NOW.positions, points, WIDTH) @ masses + masses @ k @ masses
    exact = (1 + RIDGE) * float(norm - m[kept] @ solved) / RIDGE
    found = on_points(DeRegularizedMMD(GaussianKernel(WIDTH), pi, RIDGE), mesh)
    assert found is not None and found.of(mesh, NOW.positions, NOW.weights, 1.0) == pytest.approx(exact, rel=4e-3)


def test_entropies_and_singular_interactions_have_no_points() -> None:
    mesh, pi = Cartesian(50, -2.0, 2.0), np.full(50, 0.25)
    logarithm = Interaction(lambda x: -np.log(np.maximum(np.abs(x), 1e-300)))
    for energy in (chi_squared(pi), JensenShannon(pi), Renyi(0.5, pi), InverseSobolev(pi), FreeEnergy(1.0, 2.0)):
        assert on_points(energy, mesh) is None
    assert on_points(FreeEnergy(0.0, interaction=logarithm), mesh) is None
    corner = on_points(FreeEnergy(0.0, interaction=Interaction(lambda x: x**2 / 2 - np.abs(x))), mesh)
    assert corner is not None and corner.name == "energy"


def test_entropy_is_left_out_and_that_is_said() -> None:
    mesh, pi = Cartesian(50, -2.0, 2.0), np.full(50, 0.25)
    neurons = Neurons(INPUTS, "tanh", ("weight",))
    noisy = on_points(ShallowNetwork(neurons, LABELS, 0.5, KullbackLeibler(pi)), mesh)
    diffusing = on_points(FreeEnergy(1.0, 1.0, np.cos(mesh.centers[0])), mesh)
    assert noisy is not None and diffusing is not None
    assert noisy.name == diffusing.name == "energy without entropy"


def test_draws_have_the_energy_that_is_expected_of_them_and_the_deviation() -> None:
    mesh = Cartesian(60, 0.0, 1.0, "periodic")
    energy = MaximumMeanDiscrepancy(GaussianKernel(0.1), np.ones(60))
    density, count = 1 + 0.5 * np.cos(2 * np.pi * mesh.centers[0]), 200
    found = on_points(energy, mesh)
    assert found is not None
    rng, scores = np.random.default_rng(5), []
    for _ in range(40):
        x = np.interp(rng.random(count), np.concatenate([[0.0], np.cumsum(density) / 60]), mesh.edges[0])[:, None]
        scores.append(found.beside(mesh, density, x, np.full(count, 1 / count), count, rng))
    own = 1.0 - 0.1 * math.sqrt(2 * math.pi) * (1 + 0.125 * math.exp(-2 * (0.1 * math.pi) ** 2))
    bias = np.mean([s.draws - s.exact for s in scores])
    assert bias == pytest.approx(own / (2 * count), rel=0.05)
    assert abs(np.mean([s.deviations for s in scores])) < 3 / math.sqrt(40)
    assert np.std([s.deviations for s in scores]) == pytest.approx(1.0, abs=0.4)


PROBLEM = """
[mesh]
lower = [-2.0]
upper = [2.0]
cells = [24]
boundary = ["no-flux"]
[target]
log_density = "-x**2"
[initial]
log_density = "-(x - 0.5)**2"
[energy]
{energy}
[geometry]
name = "wasserstein"
[time]
stop = 0.01
outputs = [0.0, 0.01]
rtol = 1e-3
"""


@pytest.mark.parametrize(
    ("lines", "name", "why_not"),
    [
        ('name = "kl"', "mean of -log pi", ""),
        ('name = "chi2"', None, "chi2 is not finite on points"),
        ('name = "shallow-network"\ndata = "d.csv"\nactivation = "tanh"', "energy", ""),
        ('name = "shallow-network"\ndata = "d.csv"\nactivation = "tanh"', None, "d.csv"),
    ],
)
def test_the_energy_of_a_result_comes_from_its_problem_or_the_reason_is_said(
    lines: str, name: str | None, why_not: str, tmp_path: Path
) -> None:
    (tmp_path / "d.csv").write_text("0.5,1.0\n-0.5,-1.0\n")
    (tmp_path / "p.toml").write_text(PROBLEM.format(energy=lines))
    assert commands.run(tmp_path / "p.toml", tmp_path / "r.h5")
    if why_not == "d.csv":  # the data are no longer beside the result
        (tmp_path / "d.csv").unlink()
    result = storage.read(tmp_path / "r.h5")
    found, said = energy_of(result)
    assert (found.name if found else None) == name and why_not in said and bool(said) is (found is None)
    if found and found.name == "energy":
        density = result.density(-1)
        assert float(found.energy.value(result.mesh, density)) == pytest.approx(float(result.energy[-1]), rel=1e-12)

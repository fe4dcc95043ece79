"""Free energies and interactions: derivatives, singular potentials, boundaries, and flows with known solutions."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.interactions import Interaction

PLANE = Cartesian((6, 5), (-1.0, -2.0), (1.0, 2.0), ("periodic", "no-flux"))


def attraction(*x: np.ndarray) -> np.ndarray:
    return np.asarray(sum(c**2 for c in x) / 2)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.5])
def test_the_first_variation_is_the_derivative_of_the_energy(exponent: float) -> None:
    rng = np.random.default_rng(0)
    energy = FreeEnergy(0.7, exponent, rng.random(PLANE.shape), Interaction(lambda x, y: np.cos(np.pi * x) + y**2))
    density, change = 0.5 + rng.random(PLANE.shape), rng.normal(size=PLANE.shape)
    step = 1e-5
    slope = (energy.value(PLANE, density + step * change) - energy.value(PLANE, density - step * change)) / (2 * step)
    expected = integrate(PLANE, change * energy.first_variation(PLANE, density))
    assert slope == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
@pytest.mark.parametrize("counts", [(5,), (6,), (4, 3)])
def test_convolutions_are_sums_over_pairs_of_cells(counts: tuple[int, ...], boundary: str) -> None:
    mesh = Cartesian(counts, (0.0,) * len(counts), tuple(float(n) for n in counts), boundary)
    density = np.random.default_rng(1).random(counts)
    found = Interaction(attraction).potential(mesh, density)
    for here in np.ndindex(counts):
        total = 0.0
        for there in np.ndindex(counts):
            lag = np.abs(np.subtract(here, there)).astype(float)
            lag = np.minimum(lag, np.array(counts) - lag) if boundary == "periodic" else lag
            # The average of |x|^2/2 over a unit cell is that of its centre and 1/24 for every axis.
            total += density[there] * ((lag**2).sum() / 2 + len(counts) / 24)
        assert found[here] == pytest.approx(total, rel=1e-12)


def test_integrable_singularities_are_averaged_and_others_refused() -> None:
    mesh = Cartesian(9, -1.0, 1.0)
    density, h = np.zeros(9), 2 / 9
    density[4] = 1.0
    found = Interaction(lambda x: -np.log(np.abs(x))).potential(mesh, density)
    primitive = h / 2 * np.log(h / 2) - h / 2
    assert found[4] == pytest.approx(-2 * primitive, rel=1e-8)
    with pytest.raises(MudotError, match="infinity or NaN"), np.errstate(all="ignore"):
        Interaction(lambda x: np.log(-np.abs(x)), "bad").potential(mesh, density)
    with pytest.raises(MudotError, match="uniform"):
        Interaction(attraction).potential(Cartesian.graded([[0.0, 0.1, 1.0]]), np.ones(2))


def test_a_gaussian_under_its_own_attraction_keeps_mean_and_follows_its_variance() -> None:
    variances = []
    for n in (40, 80):
        mesh = Cartesian(n, -4.0, 4.0)
        start = np.exp(-(mesh.centers[0] ** 2) / 0.5)
        start /= integrate(mesh, start)
        flow = GradientFlow(mesh, FreeEnergy(0.5, 1.0, None, Interaction(attraction)), Wasserstein())
        solution = solve(flow, start, [0.0, 0.5, 1.0], rtol=1e-5)
        assert solution.status == "complete" and np.ptp(solution.mass) < 1e-13
        assert np.all(np.diff(solution.energy) < 0)
        assert np.abs(solution.balance).max() < 1e-6
        variances.append(float(integrate(mesh, solution.density[-1] * mesh.centers[0] ** 2)))
    assert abs(variances[1] - 0.466166179191) < abs(variances[0] - 0.466166179191) / 3 < 1e-3


@pytest.mark.parametrize(
    "geometry", [Wasserstein(0.5) + Spherical(FisherRao(0.3)), FisherRao(), Spherical(FisherRao())]
)
def test_flows_with_reactions_lower_the_energy_by_what_the_ledger_says(geometry: Geometry) -> None:
    mesh = Cartesian(30, -3.0, 3.0)
    energy = FreeEnergy(0.5, 2.0, mesh.centers[0] ** 2 / 2, Interaction(attraction))
    solution = solve(GradientFlow(mesh, energy, geometry), np.exp(-(mesh.centers[0] ** 2)), [0.0, 0.5], rtol=1e-5)
    assert solution.status == "complete" and np.diff(solution.energy)[0] < 0
    assert np.abs(solution.balance).max() < 1e-5


def test_numbers_that_are_no_free_energy_are_refused() -> None:
    for wrong in ({"diffusion": -1.0}, {"exponent": 0.0}, {"exponent": np.inf}):
        with pytest.raises(MudotError, match="|".join(wrong)):
            FreeEnergy(**wrong)

"""DrMMD, KALE and Moreau envelopes: certified, differentiable, between MMD and the divergences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    Kale,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    Moreau,
    chi_squared,
    regularized,
)
from mudot.solvers.geometries import FisherRao
from mudot.solvers.kernels.functions import EnergyDistanceKernel, GaussianKernel, LaplaceKernel
from mudot.solvers.kernels.solves import RidgeSolution, ridge
from tests.solvers.flow_cases import assert_books_in_order, assert_derivative, completed, normal

LINE = Cartesian(80, -4.0, 4.0)


MU, PI = normal(LINE, 0.5, 0.6), normal(LINE, -0.3, 1.0)
KERNEL = LaplaceKernel(0.5)


@pytest.mark.parametrize("regularization", [10.0, 0.1, 1e-3])
@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_duality_gap_certifies_the_envelope(power: float, regularization: float) -> None:
    envelope = Moreau(KERNEL, PI, regularization, power).solve(LINE, MU)
    assert 0 <= envelope.gap <= 1e-12 * envelope.dual
    # A value below that of every competitor sigma in the primal problem, and reached in the limit.
    primal = regularization * envelope.dual
    assert primal <= MaximumMeanDiscrepancy(KERNEL, PI).value(LINE, MU) * (1 + 1e-9)


@pytest.mark.parametrize("power", [1.0, 1.5])
def test_regressions_solved_as_far_as_needed_take_less_than_two_thirds_of_the_iterations(
    power: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts: list[int] = []

    def counted(*arguments: Any, **options: Any) -> RidgeSolution:
        found = ridge(*arguments, **options)
        counts.append(found.iterations)
        return found

    monkeypatch.setattr(regularized, "ridge", counted)
    energy, witnesses, taken = Moreau(GaussianKernel(0.3), PI, 1e-2, power), [], []
    for loosest in (regularized._LOOSEST, regularized._TIGHTEST):
        monkeypatch.setattr(regularized, "_LOOSEST", loosest)
        counts.clear()
        witnesses.append(energy.solve(LINE, MU).witness)
        taken.append((sum(counts), len(counts)))
    assert taken[0][0] < 0.67 * taken[1][0] and taken[0][1] <= taken[1][1] + 1
    np.testing.assert_allclose(witnesses[0], witnesses[1], rtol=0, atol=1e-6 * np.abs(witnesses[1]).max())


ENERGIES = {
    "drmmd": lambda target, width: DeRegularizedMMD(KERNEL, target, width),
    "kale": lambda target, width: Kale(KERNEL, target, width),
    "moreau": lambda target, width: Moreau(KERNEL, target, width, 1.5),
}


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("regularization", [1.0, 1e-2])
def test_first_variations_are_derivatives(name: str, regularization: float) -> None:
    energy: Energy = ENERGIES[name](PI, regularization)
    assert_derivative(LINE, energy, MU, MU * np.sin(3 * LINE.centers[0] + 0.4), 1e-6)


@pytest.mark.parametrize(
    ("make", "weak", "strong"),
    [
        (
            ENERGIES["drmmd"],
            2 * MaximumMeanDiscrepancy(KERNEL, PI).value(LINE, MU),
            2 * chi_squared(PI).value(LINE, MU),
        ),
        (ENERGIES["kale"], MaximumMeanDiscrepancy(KERNEL, PI).value(LINE, MU), KullbackLeibler(PI).value(LINE, MU)),
    ],
    ids=["drmmd", "kale"],
)
def test_regularization_leads_from_the_divergence_to_the_discrepancy(make: object, weak: float, strong: float) -> None:
    small = [make(PI, width).value(LINE, MU) for width in (1e-2, 1e-3, 1e-4)]  # type: ignore[operator]
    assert small[0] < small[1] < small[2] < strong and strong - small[2] < 0.1 * (strong - small[0])
    large = [make(PI, width).value(LINE, MU) for width in (1e2, 1e3)]  # type: ignore[operator]
    assert abs(large[1] - weak) < 0.15 * abs(large[0] - weak) and large[1] == pytest.approx(weak, rel=5e-3)


def test_flows_lower_the_energy_and_balance() -> None:
    for name in ENERGIES:
        solution = completed(LINE, ENERGIES[name](PI, 0.1), FisherRao(), MU, [0.0, 0.3, 1.0], 1e-5)
        assert_books_in_order(solution, 1e-5)


def test_unusable_parameters_are_refused() -> None:
    with pytest.raises(MudotError, match="regularization"):
        Kale(KERNEL, PI, 0.0)
    with pytest.raises(MudotError, match="1 <= p <= 2"):
        Moreau(KERNEL, PI, 1.0, 3.0)
    with pytest.raises(MudotError, match="positive definite"):
        DeRegularizedMMD(EnergyDistanceKernel(), PI, 1.0)

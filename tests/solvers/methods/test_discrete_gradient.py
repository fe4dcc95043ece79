"""Discrete-gradient steps: balance, mass and sign from hard states, listed errors, orders, exact flows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy, KullbackLeibler
from mudot.solvers.geometries import FisherRao, Spherical, Wasserstein
from mudot.solvers.interactions import Interaction
from mudot.solvers.methods.balanced_steps import BalancedSteps
from mudot.solvers.methods.choice import discrete_gradient, method_for
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.mobilities import Upwind

LINE = Cartesian(12, -2.0, 2.0)
PLANE = Cartesian((5, 4), (-1.0, -1.0), (1.0, 1.0), ("periodic", "no-flux"))


def steps(
    mesh: Cartesian, energy: FreeEnergy, reaction: float = 0.0, spherical: bool = False, upwind: bool = False
) -> BalancedSteps:
    geometry = Wasserstein() + FisherRao(reaction) if reaction else Wasserstein()
    method = discrete_gradient(mesh, energy, Spherical(geometry) if spherical else geometry)
    equation = replace(method.equation, mobility=Upwind()) if upwind else method.equation
    return replace(method, equation=equation)


def energy_on(mesh: Cartesian, exponent: float, attraction: bool) -> FreeEnergy:
    potential = sum(c**2 for c in mesh.coordinates) + np.zeros(mesh.shape)
    interaction = Interaction(lambda *x: -np.exp(-sum(c**2 for c in x))) if attraction else None
    return FreeEnergy(0.4, exponent, potential, interaction)


STATES = {
    "seed": st.integers(0, 2**32 - 1),
    "spread": st.floats(0, 300),
    "m": st.sampled_from([0.5, 0.75, 1.0, 1.5, 2.0, 3.0]),
    "tau": st.floats(-4, 0),
    "variant": st.sampled_from(["plane", "upwind", "reaction", "spherical", "attraction"]),
}


def check_march(seed: int, spread: float, m: float, tau: float, variant: str) -> None:
    """Two equal steps from a random state, each in as many as it takes: balance of every one, mass, sign, energy. Fast
    diffusion fills every vacuum at once and needs no upwind mobility; from tails of 1e-130 some marches take half a
    minute and more of ever shorter steps: it starts from 1e-33, and where it reacts, at the rate rho^(m - 1), from
    1e-13."""
    mesh = PLANE if variant == "plane" else LINE
    energy = energy_on(mesh, m, variant == "attraction")
    reaction = 0.5 if variant in ("reaction", "spherical") else 0.0
    method = steps(mesh, energy, reaction, variant == "spherical", variant == "upwind" and m >= 1)
    if m < 1:
        spread *= 0.1 if reaction else 0.25
    density = np.exp(-spread * np.random.default_rng(seed).random(mesh.shape))
    end, progress = method.march(density, 10**tau, 2)
    before, after = energy.value(mesh, density), energy.value(mesh, end)
    scale = 1 + abs(before) + abs(after)
    assert progress.steps >= 2 and progress.unrelaxed <= 1e-12 * progress.steps * scale
    assert after <= before + 1e-12 * scale
    assert before - after == pytest.approx(progress.dissipated, abs=1e-12 * progress.steps * scale)
    assert end.min() > 0
    if variant != "reaction":
        assert integrate(mesh, end) == pytest.approx(integrate(mesh, density), rel=1e-12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(**STATES)
def test_every_step_keeps_balance_mass_and_sign(seed: int, spread: float, m: float, tau: float, variant: str) -> None:
    check_march(seed, spread, m, tau, variant)


@pytest.mark.slow
@settings(max_examples=2000, deadline=None, derandomize=True)
@given(**STATES)
def test_thousands_of_steps_keep_balance_mass_and_sign(
    seed: int, spread: float, m: float, tau: float, variant: str
) -> None:
    check_march(seed, spread, m, tau, variant)


@pytest.mark.parametrize("m", [1.5, 3.0, 4.0])
def test_cells_that_fill_from_next_to_nothing_obey_the_chain_rule(m: float) -> None:
    # exp(m 250) is no number for m = 3: found by the random steps above.
    a, b = np.exp([-250.0, -400.0, -3.0]), np.exp([0.0, -1.0, -500.0])
    mesh, energy = Cartesian(3, 0.0, 3.0), FreeEnergy(1.0, m)
    change = integrate(mesh, energy.mean_variation(mesh, a, b) * (b - a))
    assert change == pytest.approx(energy.value(mesh, b) - energy.value(mesh, a), rel=1e-13)
    shift = np.exp(1e-6)
    slope = (energy.mean_variation(mesh, a, b * shift) - energy.mean_variation(mesh, a, b / shift)) / 2e-6
    np.testing.assert_allclose(energy.mean_slope(mesh, a, b), slope, rtol=1e-7, atol=1e-9)


def test_errors_in_time_are_the_listed_ones_from_tails_of_1e_290() -> None:
    mesh = Cartesian(110, -2.2, 2.2)
    x = mesh.centers[0]
    potential = 5 * (x**2 - 1) ** 2
    start = np.exp(-((x + 0.8) ** 2) / (2 * 0.15**2))
    start /= integrate(mesh, start)
    exact = FokkerPlanck(mesh, -potential).advance(start, 0.4, 0.4, 0.0).density
    method = steps(mesh, FreeEnergy(1.0, 1.0, potential))
    for count, listed in ((16, 6.5e-4), (64, 5.6e-5), (256, 3.6e-6)):
        end, progress = method.march(start, 0.4, count)
        assert norm(mesh, end - exact) < 1.3 * listed
        assert progress.unrelaxed < 1e-11 and end.min() > 0


def test_unsplit_wasserstein_fisher_rao_agrees_with_the_splitting_to_second_order() -> None:
    mesh = Cartesian(60, -4.0, 4.0)
    x = mesh.centers[0]
    log_target, start = -(x**2) / 2, np.exp(-((x - 1) ** 2) * 2)
    # The free energy with the potential V = -log pi is KL less terms of the mass, so that xi differs by one.
    energy = FreeEnergy(1.0, 1.0, -log_target - 1.0)
    for spherical in (False, True):
        reaction = Spherical(FisherRao(0.7)) if spherical else FisherRao(0.7)
        splitting = method_for(mesh, KullbackLeibler(np.exp(log_target), log_target), Wasserstein() + reaction)
        exact = splitting.advance(start, 0.3, 0.03, 1e-9).density
        method = steps(mesh, energy, 0.7, spherical)
        errors = [norm(mesh, method.march(start, 0.3, n)[0] - exact) for n in (10, 20)]
        assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.25)


@pytest.mark.parametrize("m", [1.0, 2.0])
def test_with_attraction_errors_in_time_are_of_second_order(m: float) -> None:
    # On a torus, where densities stay positive: a front that crosses cells between steps makes orders scatter.
    mesh = Cartesian(40, 0.0, 1.0, "periodic")
    start = 1 + 0.5 * np.cos(2 * np.pi * mesh.centers[0])
    method = steps(mesh, FreeEnergy(0.3, m, None, Interaction(lambda x: -np.cos(2 * np.pi * x) / 2)))
    ends = [method.march(start, 0.05, n)[0] for n in (5, 10, 20)]
    gaps = [norm(mesh, a - b) for a, b in pairwise(ends)]
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(2, abs=0.05)


def test_vacuum_is_filled_a_little_and_drained_never_in_a_well() -> None:
    mesh = Cartesian(50, -2.0, 2.0)
    start = np.where(np.abs(mesh.centers[0]) < 0.5, 1.0, 0.0)
    method = steps(mesh, FreeEnergy(1.0, 2.0, mesh.centers[0] ** 2 / 2))
    end, progress = method.march(start, 0.5, 25)
    assert 0 < end.min() < 1e-12 and integrate(mesh, end) == pytest.approx(integrate(mesh, start), rel=1e-12)
    assert progress.unrelaxed < 1e-12 and np.abs(end - end[::-1]).max() < 1e-10


def test_it_is_a_method_like_any_other_with_errors_below_the_tolerance() -> None:
    method = steps(LINE, FreeEnergy(1.0, 2.0))
    start = np.exp(-(LINE.centers[0] ** 2))
    exact, size = method.march(start, 0.1, 400)[0], norm(LINE, start)
    for rtol in (1e-3, 1e-5):
        first, second = method.trace(start, [0.05, 0.1], 0.01, rtol)
        assert norm(LINE, second.density - exact) < rtol * size
        assert first.density.shape == LINE.shape and second.step > 0
    short = 1e-6
    change = (method.march(start, short, 1)[0] - start) / short
    assert change == pytest.approx(method.rate(start), rel=1e-3, abs=1e-4)
    assert "\n" not in method.description

"""Densities within the steps of the implicit Runge-Kutta method."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import Geometry, Spherical, kernel_sobolev_fisher
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.solvers.methods.implicit import ERROR, MIDDLE, PREDICTED, QUARTER, STAGES, DiagonallyImplicit, Step

MESH = Cartesian(16, -2.0, 2.0)
(X,) = MESH.centers
TARGET, START = 0.2 + np.exp(-((X - 0.3) ** 2)), 0.1 + np.exp(-((X + 0.5) ** 2))
GEOMETRY = kernel_sobolev_fisher(GaussianKernel(0.5), TARGET, 0.5, 0.2)
NODES = (1 / 4, 3 / 4, 11 / 20, 1 / 2, 1)


def method(geometry: Geometry = GEOMETRY) -> DiagonallyImplicit:
    found = GradientFlow(MESH, KullbackLeibler(TARGET), geometry).method
    assert isinstance(found, DiagonallyImplicit)
    return found


def test_quadratures_have_the_orders_that_they_are_given() -> None:
    whole = [*STAGES[-1], 1 / 4]
    for power in range(3):
        moment = [node**power for node in NODES]
        assert np.dot(whole, moment) == pytest.approx(1 / (power + 1), rel=1e-14)
        assert np.dot(MIDDLE, moment) == pytest.approx(0.5 ** (power + 1) / (power + 1), rel=1e-13)
        assert np.dot(QUARTER, moment) == pytest.approx(0.25 ** (power + 1) / (power + 1), rel=1e-13)
        assert np.dot(ERROR, moment) == pytest.approx(0, abs=1e-14)
    assert np.dot(whole, [node**3 for node in NODES]) == pytest.approx(1 / 4, rel=1e-14)


def test_first_guesses_of_rates_are_exact_where_these_are_linear_in_time() -> None:
    for node, weights in zip(NODES[1:], PREDICTED[1:], strict=True):
        assert sum(weights) == pytest.approx(1, rel=1e-14)
        if len(weights) > 1:
            assert np.dot(weights, NODES[: len(weights)]) == pytest.approx(node, rel=1e-14)


def test_the_interpolant_has_values_and_rates_of_the_step_at_both_ends_and_order_four_between() -> None:
    flow = method()
    start = flow.advance(START, 0.02, 0.01, 1e-10).density  # past the layer of the start
    errors = []
    for tau in (4e-3, 2e-3):
        step = flow._step(start, flow.rate(start), tau, 1e-6)
        assert step is not None
        np.testing.assert_allclose(step.within(0.0), start, rtol=1e-13)
        np.testing.assert_allclose(step.within(1.0), step.new, rtol=1e-13)
        slope = (step.within(1e-6) - start) / (1e-6 * tau)
        np.testing.assert_allclose(slope, flow.rate(start), rtol=1e-3, atol=1e-3)
        exact = flow.advance(start, 0.3 * tau, 0.05 * tau, 1e-11).density
        errors.append(norm(MESH, step.within(0.3) - exact))
    assert math.log2(errors[0] / errors[1]) == pytest.approx(4, abs=0.5)


def test_rates_that_a_step_leaves_behind_do_not_lead_astray() -> None:
    rate = np.where(X < 0, -1e9, 1e9)
    step = Step(START, 1.01 * START, rate, -rate, -rate, 1.0)
    for share in (0.1, 0.5, 0.9):
        found = step.within(share)
        assert np.all(found > START / 2) and np.all(found < 2 * START)


@pytest.mark.parametrize("spherical", [False, True])
def test_densities_on_the_way_are_those_of_a_run_that_stops_there(spherical: bool) -> None:
    flow = method(Spherical(GEOMETRY) if spherical else GEOMETRY)
    durations, rtol = [0.003, 0.011, 0.02, 0.05], 1e-5
    found = [moved.density for moved in flow.trace(START, durations, 0.01, rtol)]
    for duration, density in zip(durations, found, strict=True):
        exact = flow.advance(START, duration, 0.001, 1e-8).density
        assert norm(MESH, density - exact) <= 10 * rtol * norm(MESH, exact - START)
        if spherical:
            assert integrate(MESH, density) == pytest.approx(integrate(MESH, START), rel=1e-14)

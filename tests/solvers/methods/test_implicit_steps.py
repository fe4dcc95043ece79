"""How long the steps of the implicit Runge-Kutta method are: the estimate in layers, and books along steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import DeKernelizedFisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.solvers.methods.implicit import DiagonallyImplicit, Step, _shorter

MESH = Cartesian(24, -2.0, 2.0)
(X,) = MESH.centers
TARGET, START = np.exp(-(X**2) / 2), np.exp(-((X - 0.5) ** 2) * 2.5)
INVERSE = DeKernelizedFisherRao(GaussianKernel(0.5), 0.1)
FORCE: dict[str, Geometry] = {
    "mmd": INVERSE,
    "spherical mmd": Spherical(INVERSE),
    "interaction force": Wasserstein() + INVERSE,
}


def flow_by(name: str) -> GradientFlow:
    return GradientFlow(MESH, KullbackLeibler(TARGET), FORCE[name])


def method_of(flow: GradientFlow) -> DiagonallyImplicit:
    assert isinstance(flow.method, DiagonallyImplicit)
    return flow.method


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    """All steps, in the order in which they were tried."""
    steps: list[Step] = []
    step: Callable[..., Step | None] = DiagonallyImplicit._step

    def recorded(*arguments: object) -> Step | None:
        found = step(*arguments)
        assert found is not None
        steps.append(found)
        return found

    monkeypatch.setattr(DiagonallyImplicit, "_step", recorded)
    return steps


@pytest.mark.parametrize("name", FORCE)
def test_a_start_with_a_layer_takes_few_steps_none_of_them_twice(name: str, tried: list[Step]) -> None:
    solution = solve(flow_by(name), START, [0.0, 0.004], 1e-3)
    assert solution.status == "complete"
    accepted = [step for step in tried if step.ratio <= 1]
    assert len(accepted) == solution.frames[-1].steps and len(tried) <= len(accepted) + 3
    assert sum(step.length for step in accepted) == pytest.approx(0.004, rel=1e-12)
    assert len(tried) <= 20
    assert abs(solution.balance[-1]) <= 1e-3 * solution.dissipation[-1]


@pytest.mark.parametrize("rtol", [1e-2, 1e-4, 1e-6, 1e-8])
def test_books_along_steps_close_to_the_tolerance(rtol: float) -> None:
    solution = solve(flow_by("mmd"), START, [0.0, 0.004], rtol)
    assert abs(solution.balance[-1]) <= rtol * solution.energy[0]


@pytest.mark.parametrize("tau", [1e-4, 1e-3])
def test_the_estimate_in_a_layer_is_above_the_true_error_by_less_than_a_factor_of_three(tau: float) -> None:
    method = method_of(flow_by("mmd"))
    step = method._step(START, None, tau, 1e-3)
    assert step is not None
    exact = method.advance(START, tau, tau / 100, 1e-8).density
    tolerance = 1e-3 * integrate(MESH, abs(step.new - START) + START / 100)
    assert 1 < step.ratio * tolerance / integrate(MESH, abs(step.new - exact)) < 3


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75])
def test_densities_along_a_step_err_no_more_than_it_says(share: float) -> None:
    method, rtol = method_of(flow_by("mmd")), 1e-3
    step = method.stepped(START, 0.004, 0.004, rtol)
    exact = method.advance(START, share * step.length, step.length / 100, 1e-8).density
    tolerance = rtol * integrate(MESH, abs(step.new - START) + START / 100)
    assert integrate(MESH, abs(step.within(share) - exact)) <= tolerance


@pytest.mark.parametrize("name", FORCE)
def test_a_run_that_is_taken_up_again_gives_the_same_bits(name: str) -> None:
    times = [0.0, 0.001, 0.004]
    whole = solve(flow_by(name), START, times, 1e-3)
    again = solve(flow_by(name), START, times, 1e-3, restart=whole.frames[1])
    np.testing.assert_array_equal(again.density[-1], whole.density[-1])
    assert again.dissipation[-1] == whole.dissipation[-1]


@pytest.mark.parametrize("order", [1.0, 2.0, 4.0])
def test_the_second_refusal_in_a_row_knows_the_order_of_the_error(order: float) -> None:
    before = Step(START, START, None, START, START, 1.0, ratio=10.0)
    refused = replace(before, length=0.5, ratio=10.0 * 0.5**order)
    assert refused.ratio * _shorter(refused, before) ** order == pytest.approx(0.8**order, rel=1e-12)
    assert _shorter(refused, None) == pytest.approx(0.8 * refused.ratio ** (-1 / 4), rel=1e-12)

"""The cross-check integrators: orders, positivity, mass, exact balances, and agreement with each other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.linear import NotConverged
from mudot.solvers.methods.backward_euler import BackwardEuler
from mudot.solvers.methods.exponential_midpoint import ExponentialMidpoint
from mudot.solvers.methods.porous_medium import PorousMedium
from mudot.solvers.methods.relaxation import relaxation_factor
from mudot.solvers.methods.semidiscrete import Semidiscrete, frozen_transport, upwind_transport
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.strong_stability import StrongStability
from mudot.solvers.methods.super_time_stepping import SuperTimeStepping
from mudot.solvers.methods.witness import Witness

LINE = Cartesian(40, -3.0, 3.0)
LOG_TARGET = -((LINE.centers[0] ** 2 - 1) ** 2)
BUMP = np.exp(-((LINE.centers[0] - 0.8) ** 2) / 0.4)
MESHES = [
    Cartesian(12, 0.0, 1.0),
    Cartesian(12, 0.0, 1.0, "periodic"),
    Cartesian((5, 7), (0, 0), (1, 2), ("periodic", "no-flux")),
    Cartesian((4, 1, 3), (0, 0, 0), (1, 1, 1)),
    Cartesian.graded([[0.0, 0.1, 0.4, 0.5, 1.1], [-1.0, -0.5, 0.5, 0.6]], ("periodic", "no-flux")),
]


def fokker_planck(mesh: Cartesian = LINE, log_target: np.ndarray = LOG_TARGET) -> Semidiscrete:
    """A linear flow, whose semigroup is known exactly."""
    flux = scharfetter_gummel(mesh, log_target)
    return frozen_transport(mesh, KullbackLeibler(np.exp(log_target)), lambda density: flux)


def porous(mesh: Cartesian, exponent: float) -> Semidiscrete:
    return frozen_transport(mesh, PowerDivergence(exponent, np.ones(mesh.shape)), PorousMedium(mesh, exponent).frozen)


@pytest.mark.parametrize("mesh", MESHES, ids=repr)
@pytest.mark.parametrize("exponent", [1.5, 2.0, 3.0])
def test_the_fast_right_hand_side_is_the_one_of_fluxes_through_faces(mesh: Cartesian, exponent: float) -> None:
    density = np.random.default_rng(0).random(mesh.shape)
    fast, slow = (
        PorousMedium(mesh, exponent, 0.7),
        frozen_transport(
            mesh, PowerDivergence(exponent, np.ones(mesh.shape)), PorousMedium(mesh, exponent, 0.7).frozen
        ),
    )
    assert fast.rate(density) == pytest.approx(slow.rate(density), rel=1e-12, abs=1e-11)
    assert integrate(mesh, fast.rate(density)) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("mesh", MESHES[:3], ids=repr)
def test_estimates_of_the_spectral_radius_are_close_above_the_true_one(mesh: Cartesian) -> None:
    density = 1 + 0.1 * np.random.default_rng(0).random(mesh.shape)
    matrix = np.stack(
        [
            (porous(mesh, 2).rate(density + 1e-6 * e) - porous(mesh, 2).rate(density)).reshape(-1) / 1e-6
            for e in np.eye(mesh.size).reshape(-1, *mesh.shape)
        ]
    )
    true = np.abs(np.linalg.eigvals(matrix)).max()
    assert true < porous(mesh, 2).spectral_radius(density)[0] < 1.25 * true
    assert true < PorousMedium(mesh, 2).spectral_radius(density)[0] < 1.3 * true


def test_relaxed_steps_have_the_order_of_the_scheme_and_an_exact_balance() -> None:
    system, start = fokker_planck(), np.exp(-((LINE.centers[0] - 0.5) ** 2) / 2)
    exact = FokkerPlanck(LINE, LOG_TARGET).advance(start, 0.2, 0.2, 0.0).density
    errors, gaps = [], []
    for courant in (0.4, 0.1):
        end, progress = StrongStability(system, courant=courant).march(start, 0.2, 1e-1)
        errors.append(norm(LINE, end - exact))
        gaps.append(abs(system.value(start) - system.value(end) - progress.dissipated - progress.unrelaxed))
    assert max(gaps) < 1e-12 * system.value(start)
    assert np.log2(errors[0] / errors[1]) / 2 == pytest.approx(3, abs=0.2)
    plain = StrongStability(system, relaxed=False).march(start, 0.2)[1]
    assert plain.unrelaxed > 1e-9 * system.value(start)


def test_relaxation_stands_back_near_equilibrium_and_for_wrong_dissipations() -> None:
    system, target = fokker_planck(), np.exp(LOG_TARGET)
    near = target * (1 + 1e-9 * np.cos(LINE.centers[0]))
    update = 1e-4 * system.rate(near)
    # The energy of this state is that of round-off: any root would be an accident.
    assert relaxation_factor(system, near, update, 1e-30) is None
    taken = StrongStability(system, relaxed=False)._step(BUMP, 1e-4)
    assert taken is not None
    gamma = relaxation_factor(system, BUMP, taken.density - BUMP, taken.dissipated)
    assert gamma is not None and 0 < abs(gamma - 1) < 1e-3
    assert relaxation_factor(system, BUMP, taken.density - BUMP, 2 * taken.dissipated) is None


def test_super_time_steps_keep_the_tolerance_far_beyond_the_steps_of_forward_euler() -> None:
    mesh = Cartesian(160, -3.0, 3.0)
    start, equation = np.exp(-((mesh.centers[0] - 0.5) ** 2) / 2), PorousMedium(mesh, 2.0)
    exact = SuperTimeStepping(equation).march(start, 0.2, 1e-7)[0]
    errors, steps = [], []
    for rtol in (1e-2, 1e-3, 1e-4):
        end, progress = SuperTimeStepping(equation).march(start, 0.2, rtol)
        errors.append(norm(mesh, end - exact) / integrate(mesh, start))
        steps.append(progress.steps)
        assert errors[-1] < rtol
    forward_euler = 0.2 * equation.spectral_radius(start)[0] / 2
    assert steps[0] < forward_euler / 10
    # Second order: errors fall like the square of the number of steps.
    assert np.log(errors[0] / errors[2]) / np.log(steps[2] / steps[0]) > 1.7


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 200), number=st.integers(0, 4), m=st.sampled_from([1.5, 4]))
def test_all_of_them_keep_mass_and_sign_and_lower_the_energy(seed: int, spread: float, number: int, m: float) -> None:
    mesh = MESHES[number]
    density = np.exp(-spread * np.random.default_rng(seed).random(mesh.shape))
    density /= density.max()
    system, mass = porous(mesh, m), integrate(mesh, density)
    duration = 4 / system.spectral_radius(density)[0]
    ends = [
        SuperTimeStepping(PorousMedium(mesh, m)).march(density, duration, 1e-2)[0],
        ExponentialMidpoint(system).fixed(density, duration, 3),
        BackwardEuler(system, 2 / (m + 1)).fixed(density, duration, 3)[0],
        StrongStability(upwind_transport(mesh, system.energy, m)).march(density, duration, 1e-1)[0],
    ]
    for end in ends:
        assert end.min() >= 0 and integrate(mesh, end) == pytest.approx(mass, rel=1e-12)
        assert system.value(end) <= system.value(density) * (1 + 1e-12) + 1e-15 * mass


def test_vacuum_is_crossed_cell_by_cell_and_the_box_around_the_mass_changes_nothing() -> None:
    mesh = Cartesian((40, 30), (0.0, 0.0), (4.0, 3.0))
    density = np.zeros(mesh.shape)
    density[10:15, 12:16] = 1.0
    equation = PorousMedium(mesh, 3.0)
    inside = SuperTimeStepping(equation).march(density, 0.02, 1e-3)[0]
    whole = SuperTimeStepping(porous(mesh, 3.0)).march(density, 0.02, 1e-3)[0]
    assert norm(mesh, inside - whole) < 1e-3 * integrate(mesh, density)
    assert inside[0].max() == 0 and inside[20, 14] > 0


def test_exponential_midpoint_is_exact_for_linear_flows_and_of_second_order_for_others() -> None:
    exact = FokkerPlanck(LINE, LOG_TARGET).advance(BUMP, 0.2, 0.2, 0.0).density
    assert ExponentialMidpoint(fokker_planck()).fixed(BUMP, 0.2, 1) == pytest.approx(exact, rel=1e-11)
    system = porous(LINE, 3.0)
    ends = [ExponentialMidpoint(system).fixed(BUMP, 0.2, n) for n in (16, 32, 64)]
    gaps = [norm(LINE, a - b) for a, b in pairwise(ends)]
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(2, abs=0.2)


def test_backward_euler_is_of_first_order_with_an_energy_inequality_for_any_step() -> None:
    system = porous(LINE, 3.0)
    ends, scheme = [], BackwardEuler(system, 0.5)
    for n in (16, 32, 64):
        end, progress = scheme.fixed(BUMP, 0.2, n)
        assert system.value(BUMP) - system.value(end) >= progress.dissipated
        ends.append(end)
    gaps = [norm(LINE, a - b) for a, b in pairwise(ends)]
    assert np.log2(gaps[0] / gaps[1]) == pytest.approx(1, abs=0.15)
    huge, _ = scheme.fixed(BUMP, 1e4, 1)
    assert huge.min() > 0 and np.ptp(huge) < 1e-2 * huge.max()


def test_four_integrators_agree_on_one_semidiscrete_flow() -> None:
    system, duration = porous(LINE, 2.0), 0.3
    fine = SuperTimeStepping(PorousMedium(LINE, 2.0)).march(BUMP, duration, 1e-6)[0]
    size = integrate(LINE, BUMP)
    explicit = StrongStability(system).march(BUMP, duration, 1e-2)[0]
    magnus = ExponentialMidpoint(system).march(BUMP, duration, 1e-5)[0]
    euler = [BackwardEuler(system).fixed(BUMP, duration, n)[0] for n in (40, 80)]
    assert norm(LINE, explicit - fine) < 1e-5 * size
    assert norm(LINE, magnus - fine) < 1e-4 * size
    assert norm(LINE, 2 * euler[1] - euler[0] - fine) < 1e-4 * size


@pytest.mark.parametrize("make", [StrongStability, SuperTimeStepping, ExponentialMidpoint, BackwardEuler])
def test_each_is_a_method_like_any_other(make: type) -> None:
    method = Witness(make(porous(LINE, 2.0)))
    assert "\n" not in method.description
    # Of first order: for a smaller tolerance it takes a multitude of steps.
    rtol = 5e-2 if make is BackwardEuler else 1e-3
    first, second = method.trace(BUMP, [0.05, 0.1], 0.01, rtol)
    alone = method.advance(BUMP, 0.1, 0.01, rtol).density
    assert norm(LINE, second.density - alone) < rtol * norm(LINE, BUMP)
    assert first.density.shape == LINE.shape and integrate(LINE, method.rate(BUMP)) == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_done_is_said() -> None:
    bare = upwind_transport(LINE, KullbackLeibler(np.exp(LOG_TARGET)))
    for make in (ExponentialMidpoint, BackwardEuler):
        with pytest.raises(MudotError, match="frozen"):
            make(bare)
    with pytest.raises(MudotError, match="above 1"):
        PorousMedium(LINE, 1.0)
    with pytest.raises(NotConverged, match="backward Euler"):
        BackwardEuler(porous(LINE, 12.0), 1.0).fixed(BUMP, 100.0, 1)

"""The energy-dissipation ledger: its quadrature, its independence of the flow, and the balance of every flow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from mudot.meshes.arrays import Array
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.ledger import GAUSS, KRONROD, NODES, Ledger, State
from mudot.solvers.methods.protocol import Advance, Method

LINE = Cartesian(48, -5.0, 5.0)
SQUARE = Cartesian((16, 14), (-4.0, -4.0), (4.0, 4.0), ("no-flux", "periodic"))
GEOMETRIES = {
    "W": Wasserstein(0.7),
    "FR": FisherRao(1.3),
    "SFR": Spherical(FisherRao(0.8)),
    "WFR": Wasserstein(0.5) + FisherRao(1.5),
    "SWFR": Spherical(Wasserstein(1.2) + FisherRao(0.6)),
}


def target_on(mesh: Cartesian) -> np.ndarray:
    """A positive target without symmetry, smooth across periodic seams."""
    x = mesh.coordinates[0]
    log_target = -(x**2) / 2 + np.sin(x)
    if mesh.dimension == 2:
        y = mesh.coordinates[1]
        log_target = log_target + np.cos(np.pi * y / 4 - 0.4) + 0.3 * np.sin(np.pi * y / 4) * x
    return np.exp(log_target + np.zeros(mesh.shape))


def start_on(mesh: Cartesian) -> np.ndarray:
    """A positive density of mass about one."""
    x = mesh.coordinates[0]
    density = np.exp(-2 * (x - 1.2) ** 2) + 1e-3
    if mesh.dimension == 2:
        density = density * (1.2 + np.sin(np.pi * mesh.coordinates[1] / 4))
    return density + np.zeros(mesh.shape)


def march(ledger: Ledger, start: np.ndarray, stop: float) -> list[State]:
    """All states from the start to the stop."""
    states = [ledger.start(start)]
    while states[-1].time < stop:
        states.append(ledger.panel(states[-1], stop))
    return states


def ledger_of(flow: GradientFlow, rtol: float = 1e-8, method: Method | None = None) -> Ledger:
    """The ledger that `solve` uses, or one of another method."""
    return Ledger(flow.mesh, flow.energy, flow.discrete_geometry, method or flow.method, rtol)


def imbalance(ledger: Ledger, state: State) -> float:
    """|F(t) + dissipation - F(0)| relative to F(0)."""
    value = ledger.energy.value(ledger.mesh, state.density)
    return abs(value + state.dissipation - state.first) / state.first


@pytest.mark.parametrize("degree", range(14))
def test_kronrod_rule_integrates_polynomials_up_to_degree_thirteen(degree: int) -> None:
    exact = 2 / (degree + 1) if degree % 2 == 0 else 0.0
    assert KRONROD @ NODES**degree == pytest.approx(exact, abs=1e-15)
    if degree < 8:
        assert GAUSS @ NODES**degree == pytest.approx(exact, abs=1e-15)


def test_kronrod_rule_is_wrong_at_degree_fourteen_and_gauss_at_eight() -> None:
    assert abs(KRONROD @ NODES**14 - 2 / 15) > 1e-9
    assert abs(GAUSS @ NODES**8 - 2 / 9) > 1e-3
    assert np.all(np.diff(NODES) > 0) and np.all(KRONROD > 0)


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("mesh", [LINE, SQUARE], ids=["1d", "2d"])
def test_balance_closes_to_the_tolerance(mesh: Cartesian, name: str) -> None:
    flow = GradientFlow(mesh, KullbackLeibler(target_on(mesh)), GEOMETRIES[name])
    ledger = ledger_of(flow)
    states = march(ledger, start_on(mesh), 0.8)
    energies = [ledger.energy.value(mesh, state.density) for state in states]
    assert np.all(np.diff(energies) < 0)
    for state in states[1:]:
        assert imbalance(ledger, state) < 1e-8
        assert min(state.rate) >= 0 and min(state.slope) >= 0
    assert len(states[-1].rate) == len(flow.geometry.parts)


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 2 / 3, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("spherical", [False, True])
def test_balance_closes_for_every_power_under_reactions(power: float, spherical: bool) -> None:
    geometry: Geometry = Spherical(FisherRao(1.2)) if spherical else FisherRao(1.2)
    flow = GradientFlow(LINE, PowerDivergence(power, target_on(LINE) + 1e-2), geometry)
    ledger = ledger_of(flow)
    states = march(ledger, start_on(LINE), 1.5)
    assert imbalance(ledger, states[-1]) < 1e-8
    energies = [ledger.energy.value(LINE, state.density) for state in states]
    assert np.all(np.diff(energies) < 0)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_rate_and_slope_share_the_dissipation_equally_along_solutions(name: str) -> None:
    """R(mu, mu') = R*(mu, -xi) holds for quadratic potentials exactly on solutions, part by part."""
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), GEOMETRIES[name])
    account = ledger_of(flow).account(start_on(LINE))
    assert account.rate == pytest.approx(account.slope, rel=1e-8)


@pytest.mark.parametrize("rtol", [1e-3, 1e-5, 1e-7])
def test_imbalance_follows_the_tolerance(rtol: float) -> None:
    flow = GradientFlow(SQUARE, KullbackLeibler(target_on(SQUARE)), GEOMETRIES["WFR"])
    ledger = ledger_of(flow, rtol)
    assert imbalance(ledger, march(ledger, start_on(SQUARE), 0.5)[-1]) < rtol


@dataclass(frozen=True, eq=False)
class Planted:
    """A method whose flow or reported rate is wrong by a factor."""

    base: Method
    speed: float = 1.0
    reported: float = 1.0

    description = "planted"
    arrays = 0.0

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        return self.base.advance(density, self.speed * duration, step, rtol)

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        return self.base.trace(density, [self.speed * t for t in durations], step, rtol)

    def rate(self, density: Array) -> Array:
        return self.reported * self.base.rate(density)


@pytest.mark.parametrize("name", GEOMETRIES)
def test_planted_wrong_rate_or_wrong_speed_breaks_the_balance(name: str) -> None:
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), GEOMETRIES[name])
    for planted in (Planted(flow.method, reported=1.02), Planted(flow.method, speed=1.02)):
        ledger = ledger_of(flow, method=planted)
        assert imbalance(ledger, march(ledger, start_on(LINE), 0.5)[-1]) > 1e-3


@pytest.mark.parametrize("name", GEOMETRIES)
def test_wrong_rate_changes_r_by_its_square_and_leaves_the_slope(name: str) -> None:
    """R is evaluated from the rate, not taken over from R*."""
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), GEOMETRIES[name])
    honest = ledger_of(flow).account(start_on(LINE))
    wrong = ledger_of(flow, method=Planted(flow.method, reported=1.5)).account(start_on(LINE))
    assert wrong.rate == pytest.approx(tuple(2.25 * value for value in honest.rate), rel=1e-8)
    assert wrong.slope == honest.slope


@dataclass(frozen=True, eq=False)
class Along:
    """One long step of a method without error in time, which knows its way."""

    method: Method
    density: Array
    length: float
    suggestion: float = np.inf

    @property
    def new(self) -> Array:
        return self.within(1.0)

    def within(self, share: float) -> Array:
        return self.method.advance(self.density, share * self.length, np.inf, 1e-8).density


@dataclass(frozen=True, eq=False)
class InOneStep(Planted):
    """As far as asked for at once."""

    def stepped(self, density: Array, duration: float, step: float, rtol: float) -> Along:
        return Along(self.base, density, self.speed * duration)


@pytest.mark.parametrize("name", ["FR", "SFR"])
def test_books_along_a_step_are_kept_in_as_many_panels_as_they_need(name: str) -> None:
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), GEOMETRIES[name])
    whole = march(ledger_of(flow, method=InOneStep(flow.method)), start_on(LINE), 8.0)
    short = march(ledger_of(flow), start_on(LINE), 8.0)
    assert len(whole) == 2 < len(short) and whole[-1].time == 8.0
    assert imbalance(ledger_of(flow), whole[-1]) < 1e-8
    assert whole[-1].rate == pytest.approx(short[-1].rate, rel=1e-8)
    wrong = ledger_of(flow, method=InOneStep(flow.method, reported=1.02))
    assert imbalance(wrong, march(wrong, start_on(LINE), 8.0)[-1]) > 1e-3


def test_wrong_direction_of_the_rate_is_seen() -> None:
    """A rate of the right size at another place has another R."""
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), GEOMETRIES["W"])

    @dataclass(frozen=True, eq=False)
    class Mirrored(Planted):
        def rate(self, density: Array) -> Array:
            return self.base.rate(density)[::-1].copy()

    honest = ledger_of(flow).account(start_on(LINE))
    wrong = ledger_of(flow, method=Mirrored(flow.method)).account(start_on(LINE))
    assert abs(wrong.rate[0] / honest.rate[0] - 1) > 0.1


def test_wrong_geometry_breaks_the_balance() -> None:
    """A flux that is not the method's own: consistent to second order, yet the balance of the scheme notices."""
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), Wasserstein())
    foreign = Ledger(LINE, flow.energy, Wasserstein(), flow.method, 1e-8)
    assert imbalance(foreign, march(foreign, start_on(LINE), 0.5)[-1]) > 1e-5


def test_infinite_initial_energy_has_no_books() -> None:
    start = start_on(LINE)
    start[:5] = 0
    flow = GradientFlow(LINE, PowerDivergence(0.0, target_on(LINE)), FisherRao())
    ledger = ledger_of(flow)
    state = ledger.start(start)
    assert state.first == np.inf
    moved = ledger.skip(state, 0.5)
    assert moved.time == 0.5 and np.isnan(moved.dissipation) and moved.density.min() > 0


def test_panels_stop_exactly_where_they_are_told() -> None:
    flow = GradientFlow(LINE, KullbackLeibler(target_on(LINE)), GEOMETRIES["WFR"])
    ledger = ledger_of(flow, 1e-5)
    for stop in (0.1, 0.3, np.nextafter(0.7, 1)):
        assert march(ledger, start_on(LINE), stop)[-1].time == stop

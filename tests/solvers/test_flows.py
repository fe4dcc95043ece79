"""Runs from start to end: books, restart, refusals, equilibrium, and the semidiscrete flow itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import (
    FisherRao,
    GradientFlow,
    KullbackLeibler,
    PowerDivergence,
    ReverseKullbackLeibler,
    Spherical,
    Wasserstein,
    solve,
)
from mudot.solvers.energies import JensenShannon
from mudot.solvers.frames import Frame
from mudot.solvers.geometries import Geometry
from mudot.solvers.trajectories import MemoryTrajectory

LINE = Cartesian(40, -5.0, 5.0)
SQUARE = Cartesian((14, 12), (-4.0, -4.0), (4.0, 4.0), ("no-flux", "periodic"))
GEOMETRIES = {
    "W": Wasserstein(0.7),
    "FR": FisherRao(1.3),
    "SFR": Spherical(FisherRao(0.8)),
    "WFR": Wasserstein(0.5) + FisherRao(1.5),
    "SWFR": Spherical(Wasserstein(1.2) + FisherRao(0.6)),
}
TIMES = [0.0, 0.05, 0.2, 0.21, 0.6]


def target_on(mesh: Cartesian) -> np.ndarray:
    """A positive target without symmetry."""
    x, *rest = mesh.coordinates
    log_target = -(x**2) / 2 + np.sin(x)
    for y in rest:
        log_target = log_target + np.cos(np.pi * y / 4 - 0.4) + 0.3 * np.sin(np.pi * y / 4) * x
    return np.exp(log_target + np.zeros(mesh.shape))


def start_on(mesh: Cartesian) -> np.ndarray:
    """A density that vanishes on part of the box."""
    x = mesh.coordinates[0]
    return np.maximum(1 - (x - 1.2) ** 2, 0) * np.ones(mesh.shape)


def flow_on(mesh: Cartesian, name: str) -> GradientFlow:
    """The flow of KL in a named geometry."""
    return GradientFlow(mesh, KullbackLeibler(target_on(mesh)), GEOMETRIES[name])


@pytest.mark.parametrize("mesh", [LINE, SQUARE], ids=["1d", "2d"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_books_balance_from_data_with_vacuum(mesh: Cartesian, name: str) -> None:
    """The dissipation is singular at time zero where data have compact support; the ledger still closes."""
    solution = solve(flow_on(mesh, name), start_on(mesh), TIMES, rtol=1e-8)
    assert solution.status == "complete"
    assert solution.times.tolist() == TIMES
    assert np.abs(solution.balance).max() < 1e-8 * solution.energy[0]
    assert np.all(np.diff(solution.energy) < 0)
    assert np.all(solution.minimum >= 0)
    assert solution.balance == pytest.approx(solution.energy + solution.dissipation - solution.energy[0], abs=1e-14)
    assert solution.dissipation == pytest.approx(solution.rate.sum(axis=1) + solution.slope.sum(axis=1), rel=1e-14)
    if flow_on(mesh, name).geometry.conserves_mass:
        assert solution.mass == pytest.approx(np.full(len(TIMES), solution.mass[0]), rel=1e-13)


@pytest.mark.parametrize("mesh", [LINE, SQUARE], ids=["1d", "2d"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_method_and_geometry_describe_the_same_flow(mesh: Cartesian, name: str) -> None:
    """The rate of the method is -K(mu) DF(mu) of the discrete geometry: two code paths, one equation."""
    flow = flow_on(mesh, name)
    density = start_on(mesh) + 0.01
    rate = flow.method.rate(density)
    assert np.abs(rate - flow.rate(density)).max() < 1e-12 * np.abs(rate).max()


@pytest.mark.parametrize("power", [-2.0, 0.0, 0.5, 1.0, 1.7, 4.0])
@pytest.mark.parametrize("spherical", [False, True])
def test_reactions_of_every_power_follow_their_geometry(power: float, spherical: bool) -> None:
    geometry: Geometry = Spherical(FisherRao(0.7)) if spherical else FisherRao(0.7)
    flow = GradientFlow(LINE, PowerDivergence(power, target_on(LINE) + 0.1), geometry)
    density = start_on(LINE) + 0.05
    rate = flow.method.rate(density)
    assert np.abs(rate - flow.rate(density)).max() < 1e-12 * np.abs(rate).max()


@pytest.mark.parametrize("mesh", [LINE, SQUARE], ids=["1d", "2d"])
@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("frame", [0, 2])
def test_restart_from_any_frame_reproduces_every_bit(mesh: Cartesian, name: str, frame: int) -> None:
    flow, start = flow_on(mesh, name), start_on(mesh)
    times = [0.0, 0.02, 0.05, 0.051, 0.2]
    whole = solve(flow, start, times, rtol=1e-3)
    again = solve(flow_on(mesh, name), start, times, rtol=1e-3, restart=whole.frames[frame])
    assert again.times.tolist() == times[frame + 1 :]
    for first, second in zip(whole.frames[frame + 1 :], again.frames, strict=True):
        assert first.density.tobytes() == second.density.tobytes()
        for field in ("time", "energy", "balance", "mass", "minimum", "rate", "slope", "step", "substep", "steps"):
            assert getattr(first, field) == getattr(second, field)


class Recorder(MemoryTrajectory):
    """Keeps the states between outputs, too."""

    def __init__(self) -> None:
        super().__init__()
        self.between: list[Frame] = []

    def checkpoint(self, frame: Callable[[], Frame]) -> None:
        self.between.append(frame())


@pytest.mark.parametrize("name", GEOMETRIES)
def test_restart_between_output_times_reproduces_every_bit(name: str) -> None:
    flow, start = flow_on(LINE, name), start_on(LINE)
    record, times, rtol = Recorder(), [0.0, 0.1, 1.0], 1e-3 if "W" in name else 1e-12
    solve(flow, start, times, rtol, trajectory=record)
    assert record.status == "complete"
    middle = record.between[len(record.between) // 2]
    rest = [frame for frame in record.frames if frame.time > middle.time]
    again = solve(flow_on(LINE, name), start, times, rtol, restart=middle)
    assert len(again.frames) == len(rest) > 0
    for first, second in zip(rest, again.frames, strict=True):
        assert first.density.tobytes() == second.density.tobytes()
        assert first.balance == second.balance and first.steps == second.steps


@pytest.mark.parametrize("mesh", [LINE, SQUARE], ids=["1d", "2d"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_target_stays_and_has_nothing_to_dissipate(mesh: Cartesian, name: str) -> None:
    target = target_on(mesh)
    solution = solve(flow_on(mesh, name), target, [0.0, 0.5, 3.0])
    assert np.abs(solution.density[-1] / target - 1).max() < 1e-12
    assert np.abs(solution.energy).max() < 1e-15
    assert np.abs(solution.dissipation).max() < 1e-13
    assert solution.status == "complete"


@pytest.mark.parametrize("name", ["W", "SFR", "SWFR"])
def test_long_runs_end_at_the_target_of_the_same_mass(name: str) -> None:
    flow, start = flow_on(LINE, name), start_on(LINE) + 1e-3
    solution = solve(flow, start, [60.0])
    limit = target_on(LINE) * (integrate(LINE, start) / integrate(LINE, target_on(LINE)))
    assert norm(LINE, solution.density[-1] - limit) < 1e-9 * norm(LINE, limit)
    assert abs(solution.balance[-1]) < 1e-6 * solve(flow, start, [0.0]).energy[0]


def test_rate_and_slope_of_each_part_agree_on_solutions() -> None:
    solution = solve(flow_on(SQUARE, "WFR"), start_on(SQUARE), [0.4], rtol=1e-8)
    assert solution.rate.shape == (1, 2)
    assert solution.rate == pytest.approx(solution.slope, rel=1e-6)


@pytest.mark.parametrize("vacuum", ["fills", "stays"])
@pytest.mark.parametrize("spherical", [False, True])
def test_vacuum_option_reaches_the_run(vacuum: str, spherical: bool) -> None:
    geometry: Geometry = Spherical(FisherRao()) if spherical else FisherRao()
    flow = GradientFlow(LINE, PowerDivergence(0.5, target_on(LINE)), geometry, vacuum)  # type: ignore[arg-type]
    solution = solve(flow, start_on(LINE), [0.0, 0.5])
    assert (solution.minimum[-1] > 0) == (vacuum == "fills")


@pytest.mark.parametrize("power", [0.25, 0.5, 2 / 3])
@pytest.mark.parametrize("spherical", [False, True])
def test_books_balance_where_the_vacuum_fills(power: float, spherical: bool) -> None:
    """The dissipation is integrable at time zero for every p > 0: no energy is lost without trace."""
    geometry: Geometry = Spherical(FisherRao()) if spherical else FisherRao()
    flow = GradientFlow(LINE, PowerDivergence(power, target_on(LINE)), geometry)
    solution = solve(flow, start_on(LINE), [0.0, 0.1, 1.0], rtol=1e-8)
    assert np.abs(solution.balance).max() < 1e-8 * solution.energy[0]


def test_infinite_energy_is_reported_as_such_and_the_flow_still_runs() -> None:
    flow = GradientFlow(LINE, ReverseKullbackLeibler(target_on(LINE)), FisherRao())
    solution = solve(flow, start_on(LINE), [0.0, 0.5])
    assert solution.status == "complete"
    assert solution.energy[0] == np.inf and np.isfinite(solution.energy[1])
    assert np.isnan(solution.balance).all()


def test_observer_hears_every_panel_up_to_the_end() -> None:
    heard: list[float] = []
    solution = solve(flow_on(LINE, "WFR"), start_on(LINE), [0.1, 0.4], 1e-4, observer=heard.append)
    assert heard == sorted(heard) and heard[-1] == 0.4
    assert len(heard) == solution.frames[-1].steps


@pytest.mark.parametrize("name", ["W", "WFR", "SWFR"])
def test_transport_of_jensen_shannon_is_solved_with_its_balance(name: str) -> None:
    solution = solve(
        GradientFlow(LINE, JensenShannon(target_on(LINE)), GEOMETRIES[name]), start_on(LINE), [0.0, 0.3], 1e-6
    )
    assert solution.status == "complete"
    assert abs(solution.balance[-1]) <= 1e-6 * solution.dissipation[-1]
    assert np.all(solution.density[-1] > 0)


def test_target_of_another_shape_is_refused() -> None:
    with pytest.raises(MudotError, match=r"target: expected shape \(40,\), got \(7,\)"):
        GradientFlow(LINE, KullbackLeibler(np.ones(7)), FisherRao())


@pytest.mark.parametrize(
    ("start", "times", "rtol", "word"),
    [
        (np.ones(39), [1.0], 1e-6, "initial density: expected shape"),
        (np.full(40, -1.0), [1.0], 1e-6, "initial density: expected nonnegative"),
        (np.full(40, np.nan), [1.0], 1e-6, "initial density: expected finite"),
        (np.zeros(40), [1.0], 1e-6, "initial density: expected some mass"),
        (np.ones(40), [], 1e-6, "times"),
        (np.ones(40), [-1.0, 1.0], 1e-6, "times"),
        (np.ones(40), [0.0, 1.0, 1.0], 1e-6, "times"),
        (np.ones(40), [2.0, 1.0], 1e-6, "times"),
        (np.ones(40), [float("nan")], 1e-6, "times"),
        (np.ones(40), [float("inf")], 1e-6, "times"),
        (np.ones(40), [1.0], 0.0, "rtol"),
        (np.ones(40), [1.0], 0.5, "rtol"),
        (np.ones(40), [1.0], float("nan"), "rtol"),
    ],
)
def test_unusable_data_are_refused_in_one_line(start: np.ndarray, times: list[float], rtol: float, word: str) -> None:
    with pytest.raises(MudotError, match=word) as refusal:
        solve(flow_on(LINE, "FR"), start, times, rtol)
    assert "\n" not in str(refusal.value)


def test_integer_data_are_as_good_as_floats() -> None:
    flow = flow_on(LINE, "W")
    integers = solve(flow, np.ones(40, dtype=int), [0.1]).density
    assert np.array_equal(integers, solve(flow, np.ones(40), [0.1]).density)


def test_solution_does_not_share_memory_with_the_data() -> None:
    start = start_on(LINE)
    kept = start.copy()
    solution = solve(flow_on(LINE, "WFR"), start, [0.0, 0.1], rtol=1e-3)
    assert np.array_equal(start, kept)
    assert solution.density.shape == (2, 40)

"""Published experiment: interaction-force transport in the plane."""

from __future__ import annotations

import math

import numpy as np

from mudot.solvers.flows import Solution
from mudot.solvers.geometries import FisherRao, Spherical, Wasserstein
from mudot.validation.cases.clouds import Reference, reference
from mudot.validation.cases.experiment_runs import Ensemble, ensemble, eulerian, scene, side_by_side
from mudot.validation.cases.runs import balance
from mudot.validation.experiments import Experiment, experiment
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles.kernels import embedding, gram
from mudot.validation.particles.samplers import (
    InteractionForceTransport,
    MaximumMeanDiscrepancyFlow,
    Particles,
    Sampler,
    best_weights,
)

WIDTH, PARTICLES, REACTION, NOISE = 10.0, 100, 0.1, 10.0
"""Of the IFT paper: kernel, number, weight step per position step of one unit of time, noise."""


def _planar(quick: bool) -> Outcome:
    """The IFT paper's targets (a) and (b)."""
    outcome = Outcome()
    for letter, name in (("a", "ift-gaussian"), ("b", "ift-mixture")):
        _planar_target(outcome, letter, experiment(name, 0.6 if quick else 1.0), quick)
    return outcome


def _planar_target(outcome: Outcome, letter: str, given: Experiment, quick: bool) -> None:
    last = 160.0 if quick else 3000.0
    times = [t for t in given.problem.times if t <= last]
    reaction = REACTION * Spherical(FisherRao())
    grid = {
        "MMD flow": eulerian(given, Wasserstein(), times=times),
        "WFR": eulerian(given, Wasserstein() + reaction, times=times),
        "IFT": eulerian(given, times=times),
    }
    target = given.target_mixture
    samplers: dict[str, Sampler] = {
        "MMD flow": MaximumMeanDiscrepancyFlow(target, WIDTH),
        "MMD flow, noise": MaximumMeanDiscrepancyFlow(target, WIDTH, NOISE),
        "IFT": InteractionForceTransport(target, WIDTH, 30, reaction=REACTION),
    }
    seeds = 2 if quick else 4
    runs = {name: ensemble(given, sampler, PARTICLES, seeds, times, 1.0) for name, sampler in samplers.items()}
    side_by_side(outcome, f"({letter}) MMD flow", runs["MMD flow"], grid["MMD flow"], WIDTH, 1.5, PARTICLES)
    _support(outcome, letter, runs, grid["IFT"])
    _race(outcome, letter, given, runs, times)
    for name, solution in grid.items():
        outcome.checks.append(Check(f"({letter}) {name}: balance over dissipation", balance(solution), 1e-3))
    ift = grid["IFT"]
    seen = ift.energy > 1e-12 * ift.energy[0]
    growth = (ift.energy / ift.energy[0] * np.exp(2 * REACTION * ift.times))[seen]
    outcome.checks.append(Check(f"({letter}) IFT: largest MMD²(t) exp(2 β t)/MMD²(0)", float(growth.max()), 1 + 1e-6))
    late = times.index(160.0)
    factor = math.sqrt(grid["MMD flow"].energy[late] / ift.energy[late])
    outcome.checks.append(Check(f"({letter}) t = 160: MMD of the MMD flow over that of IFT", factor, 10.0, "at least"))
    outcome.plots.append(_mmd_plot(f"target ({letter})", given, grid, runs))
    for name in ("MMD flow", "IFT"):
        shown = [times.index(t) for t in (0.0, 20.0, 80.0, 160.0)]
        outcome.scenes.append(scene(f"target ({letter}), {name}", grid[name], runs[name], shown))


def _support(outcome: Outcome, letter: str, runs: dict[str, Ensemble], solution: Solution) -> None:
    """Why few IFT particles lag behind their limit: at first no weights on their positions come near it. The Eulerian
    flow makes mass where the start has next to none; particles must carry it there."""
    there = [reference(solution.flow.mesh, density, WIDTH) for density in solution.density]
    lag = runs["IFT"].distances(there)
    fitted = Ensemble([[_refitted(s, r) for s, r in zip(states, there, strict=True)] for states in runs["IFT"].states])
    least = fitted.distances(there)
    floors = np.sqrt([r.floor / PARTICLES for r in there])
    rows = [tuple(map(float, row)) for row in zip(solution.times, lag, least, floors, strict=True)]
    columns = ("time", "MMD of IFT particles and grid", "least for weights on their positions", "noise floor")
    outcome.tables.append(Table(f"({letter}) IFT: what {PARTICLES} particles can represent", columns, tuple(rows)))
    early = list(solution.times).index(20.0)
    claim = f"({letter}) IFT, t = 20: least MMD on the particles' positions over the noise floor"
    outcome.checks.append(Check(claim, float(least[early] / floors[early]), 3.0, "at least"))
    late = list(solution.times).index(160.0)
    ahead = runs["MMD flow"].distances(there)[late] / lag[late]
    claim = f"({letter}) t = 160: MMD to the IFT flow, MMD-flow particles over IFT particles"
    outcome.checks.append(Check(claim, float(ahead), 1.0, "at least"))


def _race(outcome: Outcome, letter: str, given: Experiment, runs: dict[str, Ensemble], times: list[float]) -> None:
    """Particles' MMD to the target. IFT is ahead until both are below what independent draws have; then the order
    turns: IFT's weights are by then as good as they can be, and leave little force to move its positions."""
    pi = reference(given.mesh, given.problem.target, WIDTH)
    found = {name: crowd.distances([pi] * len(times)) for name, crowd in runs.items()}
    floor = math.sqrt(pi.floor / PARTICLES)
    rows = [(t, *(float(found[name][n]) for name in runs), floor) for n, t in enumerate(times)]
    outcome.tables.append(
        Table(f"({letter}) MMD of particles to the target", ("time", *runs, "independent draws"), tuple(rows))
    )
    ahead = min(
        found["MMD flow"][n] / found["IFT"][n] for n in range(1, len(times)) if found["MMD flow"][n] > 1.5 * floor
    )
    claim = f"({letter}) MMD to the target, MMD-flow over IFT particles, least while above 1.5 noise floors"
    outcome.checks.append(Check(claim, float(ahead), 1.0, "at least"))
    if times[-1] < 3000:
        return
    for name in ("MMD flow", "IFT"):
        claim = f"({letter}) {name}, t = 3000: MMD to the target over that of independent draws"
        outcome.checks.append(Check(claim, float(found[name][-1] / floor), 0.5))


def _refitted(state: Particles, there: Reference) -> Particles:
    """The same positions with the weights that come closest."""
    x = state.positions
    pull = embedding(x, there.points, there.masses, WIDTH)
    return Particles(x, best_weights(gram(x, x, WIDTH), pull, state.weights, 2000))


def _mmd_plot(title: str, given: Experiment, grid: dict[str, Solution], runs: dict[str, Ensemble]) -> Plot:
    """MMD to the target: Eulerian flows as lines, particles as markers."""
    pi = reference(given.mesh, given.problem.target, WIDTH)
    lines = [Series(name, *_visible(s), exact=True) for name, s in grid.items()]
    times = list(next(iter(grid.values())).times[1:])
    marks = []
    for name, found in runs.items():
        distances = found.distances([pi] * (len(times) + 1))
        marks.append(Series(name, times, list(distances[1:])))
    return Plot(title, "time $t$ (position steps)", "MMD to the target", (*lines, *marks), True, True)


def _visible(solution: Solution) -> tuple[list[float], list[float]]:
    """Times after the start and MMD, as long as it is above 1e-5, far below what particles reach."""
    seen = [(float(t), math.sqrt(2 * e)) for t, e in zip(solution.times, solution.energy, strict=True) if e > 5e-11]
    return [t for t, _ in seen[1:]], [e for _, e in seen[1:]]


EXPERIMENTS_MMD = (
    Case(
        "experiment-ift",
        "Interaction-force transport in the plane",
        "MMD-flow particles follow the grid, IFT ones lag; both end far below the noise of independent draws.",
        "Gladin, Dvurechensky, Mielke and Zhu 2024, arXiv:2405.17075, section 4; `mudot run ift-gaussian.toml`",
        "(a) one, (b) three Gaussians, from N((5, 5), Id); width 10; a step of 50 is 1 in time; marks: 100 particles",
        _planar,
    ),
)

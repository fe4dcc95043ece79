"""What the pages of published experiments share: particles and grid from one problem file, side by side in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import Geometry
from mudot.validation.cases.clouds import Reference, reference
from mudot.validation.compare import draws
from mudot.validation.compare.distances import sliced, wasserstein_line
from mudot.validation.experiments import Experiment
from mudot.validation.finished import solve
from mudot.validation.outcome import Check, Outcome, Scene, State, Table
from mudot.validation.particles.samplers import Particles, Sampler, run_all, uniform


def eulerian(
    experiment: Experiment,
    geometry: Geometry | None = None,
    energy: Energy | None = None,
    times: Sequence[float] | None = None,
) -> Solution:
    """The flow of the problem file, or with another geometry, energy or other output times."""
    problem = experiment.problem
    flow = GradientFlow(problem.mesh, energy or problem.energy, geometry or problem.geometry)
    return solve(flow, problem.start, list(times or problem.times), problem.rtol)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Runs of a particle method from independent starts.

    states: for every seed the particles at the output times
    """

    states: list[list[Particles]]

    def mean(self, observe: Callable[[Particles], float]) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard error over seeds of a number seen in the particles, each of shape (times,)."""
        seen = np.array([[observe(state) for state in states] for states in self.states])
        return seen.mean(axis=0), seen.std(axis=0, ddof=1) / math.sqrt(len(seen))

    def distances(self, references: Sequence[Reference]) -> np.ndarray:
        """Root mean square of the MMD to Eulerian solutions at the output times."""
        squares = [
            [there.distance(state.positions, state.weights) for there, state in zip(references, states, strict=True)]
            for states in self.states
        ]
        return np.asarray(np.sqrt(np.mean(squares, axis=0)))


def ensemble(
    experiment: Experiment, sampler: Sampler, count: int, seeds: int, times: Sequence[float], tau: float
) -> Ensemble:
    """`seeds` runs of `count` particles."""
    rngs = [np.random.default_rng([seed, count]) for seed in range(seeds)]
    starts = [experiment.draws(count, rng) for rng in rngs]
    return Ensemble(run_all(sampler, starts, times, tau, rngs))


_REPLICATES = 6


def side_by_side(
    outcome: Outcome, name: str, runs: Ensemble, solution: Solution, bandwidth: float, bound: float, count: int
) -> None:
    """Table and checks: MMD and Wasserstein-1 of particles and grid over those of as many draws of the Eulerian law."""
    mesh = solution.flow.mesh
    there = [reference(mesh, density, bandwidth) for density in solution.density]
    distances = runs.distances(there)
    floors = np.sqrt([max(r.floor, 0.0) / count for r in there])
    lengths = np.mean(
        [[_length(mesh, d, s) for d, s in zip(solution.density, run, strict=True)] for run in runs.states], 0
    )
    noise = np.array(
        [
            np.mean([_length(mesh, d, uniform(draws(mesh, d, count, seed))) for seed in range(_REPLICATES)])
            for d in solution.density
        ]
    )
    columns_of = (solution.times, distances, floors, distances / floors, lengths, noise, lengths / noise)
    rows = [tuple(float(v) for v in row) for row in zip(*columns_of, strict=True)]
    metric = "W1" if mesh.dimension == 1 else "sliced W1"
    columns = ("time", "MMD of particles and grid", "of draws", "ratio", metric, "of draws", "ratio")
    title = f"{name}: {count} particles, {len(runs.states)} seeds, kernel bandwidth {bandwidth:g}"
    outcome.tables.append(Table(title, columns, tuple(rows)))
    outcome.checks.append(Check(f"{name}: MMD over that of independent draws", float(max(distances / floors)), bound))
    outcome.checks.append(Check(f"{name}: {metric} over that of independent draws", float(max(lengths / noise)), bound))


def _length(mesh: Cartesian, density: np.ndarray, now: Particles) -> float:
    """Wasserstein-1 on a line, sliced in more dimensions."""
    masses = (density * mesh.volumes).reshape(-1)
    if mesh.dimension == 1:
        return wasserstein_line(now.positions[:, 0], now.weights, mesh.edges[0], masses / masses.sum())[0]
    centres = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
    kept = masses > 1e-9 * masses.max()
    return sliced(now.positions, now.weights, centres[kept], masses[kept] / masses[kept].sum())[0]


def shares(solution: Solution, inside: Callable[..., np.ndarray]) -> np.ndarray:
    """Mass where a function of the coordinates is true, at every output, shape (times,)."""
    mesh = solution.flow.mesh
    region = np.broadcast_to(inside(*mesh.coordinates), mesh.shape)
    return np.array([float((density * mesh.volumes)[region].sum()) for density in solution.density])


def share_of(inside: Callable[..., np.ndarray]) -> Callable[[Particles], float]:
    """The same seen in particles."""
    return lambda now: float(now.weights[inside(*now.positions.T)].sum())


def scene(title: str, solution: Solution, runs: Ensemble | None, frames: Sequence[int]) -> Scene:
    """Densities at some outputs with the particles of the first seed; four digits are enough for a picture."""
    edges = solution.flow.mesh.edges
    states = []
    for n in frames:
        density = [[float(f"{v:.4g}") for v in row] for row in solution.density[n]]
        if runs is None:
            states.append(State(f"$t = {solution.times[n]:g}$", density))
            continue
        now = runs.states[0][n]
        x, y = ([float(f"{v:.5g}") for v in column] for column in now.positions.T[:2])
        weights = [float(f"{v:.4g}") for v in now.weights] if np.ptp(now.weights) > 1e-12 else []
        states.append(State(f"$t = {solution.times[n]:g}$", density, x, y, weights))
    return Scene(title, edges[0].tolist(), edges[1].tolist(), states)

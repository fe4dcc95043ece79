"""Published experiment: three rings by flows of de-regularised discrepancies."""

from __future__ import annotations

import math

import numpy as np

from mudot.solvers.energies import MaximumMeanDiscrepancy
from mudot.solvers.flows import Solution
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.clouds import reference
from mudot.validation.cases.experiment_runs import Ensemble, ensemble, eulerian, scene, share_of, shares, side_by_side
from mudot.validation.cases.runs import balance
from mudot.validation.experiments import experiment
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles.kale import KaleDescent
from mudot.validation.particles.samplers import DeRegularizedFlow

WIDTH, REGULARIZATION = 0.15, 0.01


def _rings(quick: bool) -> Outcome:
    """KALE and DrMMD flows to three rings, beside the MMD flow with the same kernel."""
    share, count, seeds = (0.56, 100, 3) if quick else (0.75, 200, 3)
    given = experiment("rings-drmmd", share)
    kale = experiment("rings-kale", share)
    common = kale.problem.times
    times = common[:3] if quick else given.problem.times
    early = common[: 2 if quick else 4]
    mmd = MaximumMeanDiscrepancy(GaussianKernel(WIDTH), given.problem.target)
    grid = {
        "MMD": eulerian(given, energy=mmd, times=times),
        "KALE": eulerian(kale, times=early),
        "DrMMD": eulerian(given, times=times),
    }
    pi = reference(given.mesh, given.problem.target, WIDTH)
    sampler = DeRegularizedFlow(pi.points, pi.masses, WIDTH, REGULARIZATION)
    runs = ensemble(given, sampler, count, seeds, times, 0.001 if quick else 0.0004)
    outcome = Outcome()
    side_by_side(outcome, "DrMMD", runs, grid["DrMMD"], WIDTH, 1.5, count)
    descent = ensemble(kale, KaleDescent(pi.points, pi.masses, WIDTH, REGULARIZATION), count, 2, early, 0.002)
    side_by_side(outcome, "KALE", descent, grid["KALE"], WIDTH, 1.5, count)
    for name, solution in grid.items():
        outcome.checks.append(Check(f"{name}: balance over dissipation", balance(solution), 1e-3))
        uneven = max(float(np.max(np.abs(d - d[::-1]))) / float(d.max()) for d in solution.density)
        outcome.checks.append(Check(f"{name}: unevenness in x over the maximum", uneven, 1e-6))
    _distances(outcome, grid, mmd)
    _upper_rings(outcome, grid, runs, count)
    frames = [0, 1, len(times) // 2, len(times) - 1]
    outcome.scenes.append(scene("DrMMD", grid["DrMMD"], runs, frames))
    outcome.scenes.append(scene("MMD flow", grid["MMD"], None, frames))
    outcome.scenes.append(scene("KALE", grid["KALE"], descent, range(len(early))))
    return outcome


def _distances(outcome: Outcome, grid: dict[str, Solution], mmd: MaximumMeanDiscrepancy) -> None:
    """MMD to the target; the MMD flow, which goes down its gradient, is overtaken."""
    found = {n: [math.sqrt(2 * max(mmd.value(s.flow.mesh, d), 0.0)) for d in s.density] for n, s in grid.items()}
    for name in ("KALE", "DrMMD"):
        last = len(found[name]) - 1
        factor = found["MMD"][last] / found[name][last]
        claim = f"t = {grid[name].times[last]:g}: MMD of the MMD flow over that of {name}"
        outcome.checks.append(Check(claim, factor, 1.0, "at least"))
    curves = [Series(name, list(grid[name].times), values) for name, values in found.items()]
    outcome.plots.append(Plot("distance to the rings", "time $t$", "MMD to the target", tuple(curves), False, True))


def _upper_rings(outcome: Outcome, grid: dict[str, Solution], runs: Ensemble, count: int) -> None:
    """How much mass has left the lowest ring; the target has two thirds of it there."""
    edges = grid["DrMMD"].flow.mesh.edges[1]
    # On an edge of the mesh, so that particles and cells are counted alike.
    level = float(edges[np.argmin(np.abs(edges - 0.1))])

    def upper(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.broadcast_arrays(y > level, x)[0]

    mean, error = runs.mean(share_of(upper))
    above = {name: shares(solution, upper) for name, solution in grid.items()}
    rows = [(name, float(t), float(v)) for name in grid for t, v in zip(grid[name].times, above[name], strict=True)]
    times = grid["DrMMD"].times
    rows += [(f"DrMMD, {count} particles", float(t), float(v)) for t, v in zip(times, mean, strict=True)]
    outcome.tables.append(Table(f"Mass in y > {level:.3g}: the upper rings", ("flow", "time", "mass"), tuple(rows)))
    gap = float(np.max(np.abs(mean - above["DrMMD"]) - 3 * error))
    claim = "DrMMD: gap of the mass in the upper rings beyond three standard errors"
    outcome.checks.append(Check(claim, gap, 0.03))
    lines = [Series(name, list(grid[name].times), list(values), exact=True) for name, values in above.items()]
    lines.append(Series("DrMMD", list(times), list(mean)))
    outcome.plots.append(
        Plot("mass that reached the upper rings", "time $t$", f"mass in $y > {level:.3g}$", tuple(lines))
    )


EXPERIMENTS_RINGS = (
    Case(
        "experiment-rings",
        "Three rings by KALE and DrMMD flows",
        "De-regularised discrepancies carry mass to rings that the MMD flow does not reach; particles agree.",
        "Glaser, Arbel and Gretton 2021; Chen et al. 2024, arXiv:2409.14980; `mudot run rings-drmmd.toml`",
        "rings of radius 0.3, width 0.06; bandwidth 0.15, regularisation 0.01; lines: grid, marks: particles",
        _rings,
    ),
)

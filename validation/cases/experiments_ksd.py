"""Published experiment: KSD descent to symmetric mixtures, and its spurious symmetric points."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import norm

from mudot.solvers.flows import Solution
from mudot.validation.cases.experiment_runs import ensemble, eulerian, scene, side_by_side
from mudot.validation.cases.runs import balance
from mudot.validation.experiments import Experiment, experiment
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles.samplers import Particles, SteinDiscrepancyDescent, run, uniform

_RESOLVED = 0.01
"""Until then the meshes resolve the density of the narrow mixture."""


def _stein_descent(quick: bool) -> Outcome:
    """Symmetric mixtures: the flow keeps symmetry; particles on the axis of symmetry stay there."""
    outcome, rows, series = Outcome(), [], []
    for variance, name, tau in ((0.3, "middle", 0.01), (2.0, "wide", 0.05)):
        given = experiment(f"ksd-symmetric-{name}", 0.7 if quick else 1.0)
        solution = eulerian(given)
        uneven = max(float(np.max(np.abs(d - d[::-1]))) / float(d.max()) for d in solution.density)
        outcome.checks.append(Check(f"variance {variance}: unevenness in x over the maximum", uneven, 1e-8))
        outcome.checks.append(Check(f"variance {variance}: balance over dissipation", balance(solution), 1e-3))
        sampler = SteinDiscrepancyDescent(given.target, 1.0)
        count, seeds = 100, 2 if quick else 4
        runs = ensemble(given, sampler, count, seeds, solution.times, tau)
        side_by_side(outcome, f"variance {variance}", runs, solution, 1.0, 1.5, count)
        outcome.scenes.append(scene(f"variance {variance:g}", solution, runs, [0, 2, 3, len(solution.times) - 1]))
        stuck = _on_axis(given, sampler, solution, tau)
        off = max(float(np.abs(state.positions[:, 0]).max()) for state in stuck)
        outcome.checks.append(
            Check(f"variance {variance}: distance of particles from the axis they start on", off, 0.0)
        )
        energies = [sampler.discrepancy(state) / 2 for state in stuck]
        rows += [
            (variance, float(t), float(e), float(a))
            for t, e, a in zip(solution.times, solution.energy, energies, strict=True)
        ]
        series.append(Series(f"variance {variance:g}", list(solution.times), list(solution.energy), exact=True))
        series.append(Series(f"variance {variance:g}", list(solution.times), energies))
    columns = ("variance", "time", "KSD²/2 of the Eulerian flow", "of particles on the axis")
    outcome.tables.append(Table("Eulerian flow, and particles that start on the axis x = 0", columns, tuple(rows)))
    label = r"$\mathrm{KSD}^2/2$"
    outcome.plots.append(
        Plot("Eulerian flow (lines), particles on the axis", "time $t$", label, tuple(series), False, True)
    )
    if not quick:
        _narrow(outcome)
    return outcome


def _narrow(outcome: Outcome) -> None:
    """Variance 0.1: the score turns within a tenth, and mass soon gathers on sets thinner than a cell. Particles on a
    lattice, whose kernel is smooth, are a quadrature of the flow that needs no cells: energies of meshes converge to
    theirs, at second order while the mesh resolves the density, at first order from then on."""
    meshes = [eulerian(experiment("ksd-symmetric-narrow", share)) for share in (1.0, 2.0)]
    given, times = experiment("ksd-symmetric-narrow"), list(meshes[0].times)
    method, rows = SteinDiscrepancyDescent(given.target, 1.0), []
    lattices = [_quadrant(12, 8), _quadrant(20, 8), _quadrant(30, 12)]
    coarse, middle, fine = (_energies(method, lattice, times, 5e-4) for lattice in lattices)
    halved = _energies(method, lattices[0], times, 2.5e-4)
    for n, t in enumerate(times):
        here, there = (float(solution.energy[n]) for solution in meshes)
        order = math.log2((here - fine[n]) / (there - fine[n]))
        better = (4 * there - here) / 3 if t <= _RESOLVED else 2 * there - here
        rows.append((t, here, there, order, better, coarse[n], middle[n], fine[n]))
        if t <= _RESOLVED:
            outcome.checks.append(Check(f"variance 0.1, t = {t:g}: order of the meshes", order, 0.25, "within", 2.0))
        gap, bound = better / fine[n] - 1, 2e-3 if t <= _RESOLVED else 0.03
        outcome.checks.append(Check(f"variance 0.1, t = {t:g}: extrapolated over lattice - 1", gap, bound, "within"))
    sizes = [f"{s.flow.mesh.shape[0]}² cells" for s in meshes]
    counts = [f"{4 * len(lattice.weights)} particles" for lattice in lattices]
    title = f"Variance 0.1: KSD²/2; extrapolated at second order up to t = {_RESOLVED:g}, at first order later"
    columns = ("time", *sizes, "order", "extrapolated", *counts)
    outcome.tables.append(Table(title, columns, tuple(rows)))
    change = max(abs(b / a - 1) for a, b in zip(middle, fine, strict=True))
    outcome.checks.append(Check("variance 0.1: change of the lattice's energies by its last refinement", change, 0.03))
    change = max(abs(b / a - 1) for a, b in zip(coarse, halved, strict=True))
    outcome.checks.append(Check("variance 0.1: change of the lattice's energies by halving its step", change, 0.01))
    for solution, size in zip(meshes, sizes, strict=True):
        outcome.checks.append(Check(f"variance 0.1, {size}: balance over dissipation", balance(solution), 1e-3))
    uneven = max(float(np.max(np.abs(d - d[::-1]))) / float(d.max()) for d in meshes[-1].density)
    outcome.checks.append(Check("variance 0.1: unevenness in x over the maximum", uneven, 1e-8))
    series = (
        Series("lattice", times, fine, exact=True),
        *(Series(size, times, list(s.energy)) for size, s in zip(sizes, meshes, strict=True)),
        Series("extrapolated", times, [row[4] for row in rows]),
    )
    outcome.plots.append(Plot("variance 0.1", "time $t$", r"$\mathrm{KSD}^2/2$", series, False, True))


def _quadrant(across: int, along: int) -> Particles:
    """The initial measure in x, y > 0: a lattice with the masses of midpoints, up to 5.5 standard deviations, those
    below 1e-9 left out. Weights have the sum 1/4; the rest of the measure are its mirror images."""
    axes = []
    for count, variance in ((across, 0.1), (along, 0.5)):
        places = 5.5 * (np.arange(count) + 0.5) / count
        masses = np.exp(-(places**2) / 2)
        axes.append((math.sqrt(variance) * places, masses / masses.sum() / 2))
    (x, p), (y, q) = axes
    places, weights = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2), np.outer(p, q).reshape(-1)
    kept = weights > 1e-9
    return Particles(places[kept], weights[kept] / (4 * weights[kept].sum()))


def _whole(quadrant: Particles) -> Particles:
    """A quadrant and its three mirror images."""
    places = [quadrant.positions * np.array(signs) for signs in ((1, 1), (-1, 1), (1, -1), (-1, -1))]
    return Particles(np.concatenate(places), np.tile(quadrant.weights, 4))


def _energies(method: SteinDiscrepancyDescent, now: Particles, times: list[float], tau: float) -> list[float]:
    """KSD^2/2 at the times along the flow of a symmetric lattice, by midpoint steps; the energy falls at each."""
    clock, found = 0.0, list[float]()
    for time in times:
        steps = math.ceil((time - clock) / tau - 1e-9)
        for _ in range(steps):
            step = (time - clock) / steps
            half = now.positions - step / 2 * method.slope_at(now.positions, _whole(now))
            slope = method.slope_at(half, _whole(Particles(half, now.weights)))
            now = Particles(now.positions - step * slope, now.weights)
        clock = time
        found.append(method.discrepancy(_whole(now)) / 2)
    return found


def _on_axis(given: Experiment, sampler: SteinDiscrepancyDescent, solution: Solution, tau: float) -> list[Particles]:
    """Quantiles of the initial measure along y, on x = 0."""
    y = norm.ppf((np.arange(60) + 0.5) / 60, 0.0, math.sqrt(0.5))
    start = uniform(np.stack([np.zeros_like(y), y], axis=1))
    return run(sampler, start, list(solution.times), tau, np.random.default_rng(0))


EXPERIMENTS_KSD = (
    Case(
        "experiment-ksd-descent",
        "KSD descent and its spurious symmetric points",
        "The flow keeps the symmetry of the start; particles on its axis stay; meshes converge where mass gathers.",
        "Korba, Aubin-Frankowski, Majewski and Ablin 2021, section 5; `mudot run ksd-symmetric-middle.toml`",
        "two Gaussians at (±1, 0) of variances 0.3, 2 and 0.1, bandwidth 1; lines: grid, marks: particles on the axis",
        _stein_descent,
    ),
)

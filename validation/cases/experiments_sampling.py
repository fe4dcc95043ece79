"""Published experiments with KL as the energy: a mixture far away, barriers, potentials, posteriors."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import FisherRao, Spherical, Wasserstein
from mudot.validation.cases.experiment_runs import ensemble, eulerian, scene, share_of, shares, side_by_side
from mudot.validation.cases.runs import balance
from mudot.validation.experiments import experiment
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles.samplers import BirthDeathLangevin, Langevin, Sampler, SteinVariational


def _right(x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    return np.broadcast_arrays(x > 0, *rest)[0]


def _left(x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    return ~_right(x, *rest)


def _mixture(quick: bool) -> Outcome:
    """SVGD from far away, 100 particles as published."""
    given, count, seeds = experiment("svgd-mixture", 0.5 if quick else 1.0), 100, 4 if quick else 16
    solution = eulerian(given)
    runs = ensemble(given, SteinVariational(given.target, 1.0), count, seeds, solution.times, 0.05)
    outcome = Outcome()
    side_by_side(outcome, "SVGD", runs, solution, 1.0, 1.5, count)
    outcome.checks.append(Check("balance over dissipation", balance(solution), 1e-4))
    mass, (mean, error) = shares(solution, _right), runs.mean(share_of(_right))
    outcome.checks.append(Check("largest gap of the mass in x > 0", float(np.max(np.abs(mean - mass))), 0.05))
    rows = [
        (float(t), float(e), float(m), float(p), float(s))
        for t, e, m, p, s in zip(solution.times, solution.energy, mass, mean, error, strict=True)
    ]
    columns = ("time", "KL of the Eulerian flow", "mass in x > 0", "of particles", "standard error")
    outcome.tables.append(Table("The heavier mode holds 2/3 of the target, 0.659 of it in x > 0", columns, tuple(rows)))
    outcome.plots.append(_profiles(solution, [[state.positions for state in states] for states in runs.states]))
    return outcome


def _profiles(solution: Solution, positions: list[list[np.ndarray]]) -> Plot:
    """Densities of the grid, histograms of all particles."""
    mesh, lines, marks = solution.flow.mesh, [], []
    edges = np.linspace(-14.0, 6.0, 41)
    for n in (1, 3, len(solution.times) - 1):
        label = f"t = {solution.times[n]:g}"
        seen = (mesh.centers[0] > edges[0]) & (mesh.centers[0] < edges[-1])
        lines.append(Series(label, list(mesh.centers[0][seen]), list(solution.density[n][seen]), exact=True))
        pooled = np.concatenate([states[n][:, 0] for states in positions])
        heights = np.histogram(pooled, edges)[0] / pooled.size / np.diff(edges)
        filled = heights > 0
        marks.append(Series(label, list(((edges[1:] + edges[:-1]) / 2)[filled]), list(heights[filled])))
    return Plot("Eulerian densities (lines), histograms of particles", "$x$", "density", (*lines, *marks))


def _well(height: float, cells: int) -> tuple[Cartesian, PowerDivergence]:
    """exp(-b (x^2 - 1)^2) on a box that holds all but 1e-16 of it."""
    mesh = Cartesian(cells, -2.3, 2.3)
    logs = -height * (mesh.centers[0] ** 2 - 1) ** 2
    return mesh, KullbackLeibler(np.exp(logs) / float((np.exp(logs) * mesh.volumes).sum()))


def _gap(mesh: Cartesian, energy: PowerDivergence) -> float:
    """The first positive eigenvalue of the discrete generator, symmetrised by sqrt(pi)."""
    flow = GradientFlow(mesh, energy, Wasserstein())
    pi, size, scale = np.asarray(energy.target), mesh.size, 1e-6
    # W-KL is linear in mu: its matrix column by column from small changes of pi, exact but for round-off.
    matrix = np.stack([flow.rate(pi + scale * np.eye(size)[i]) for i in range(size)], axis=1) / scale
    root = np.sqrt(pi)
    symmetric = matrix * root[None] / root[:, None]
    return float(np.sort(np.linalg.eigvalsh(-(symmetric + symmetric.T) / 2))[1])


def _barriers(quick: bool) -> Outcome:
    """Late rates of KL over barriers of growing height; birth and death by particles over one of them."""
    heights = (1.0, 5.0) if quick else (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    outcome, rows = Outcome(), []
    for height in heights:
        mesh, energy = _well(height, 80 if quick else 120)
        start = np.exp(np.maximum(-10 * (mesh.centers[0] - 1) ** 2, -4))
        start *= float((energy.target * mesh.volumes).sum()) / float((start * mesh.volumes).sum())
        gap = _gap(mesh, energy)
        slopes = {}
        for name, geometry, end in (
            ("W", Wasserstein(), 4 / gap),
            ("SWFR", Wasserstein() + Spherical(FisherRao()), 7.0),
        ):
            times = [0.0, 0.8 * end, end]
            solution = solve(GradientFlow(mesh, energy, geometry), start, times, rtol=1e-6)
            slopes[name] = -math.log(solution.energy[2] / solution.energy[1]) / (times[2] - times[1])
        kramers = 8 * math.sqrt(2) * height / math.pi * math.exp(-height)
        rows.append((height, slopes["W"], 2 * gap, kramers, slopes["SWFR"], 2 + 2 * gap))
        claim = f"barrier {height:g}: late rate of KL over"
        outcome.checks.append(Check(f"{claim} 2 λ₁, W", slopes["W"] / (2 * gap), 0.01, "within", 1.0))
        outcome.checks.append(Check(f"{claim} 2 (1 + λ₁), SWFR", slopes["SWFR"] / (2 + 2 * gap), 0.01, "within", 1.0))
    columns = ("barrier", "rate of W", "2 λ₁", "Kramers", "rate of SWFR", "2 (1 + λ₁)")
    outcome.tables.append(Table("Late rates of KL, target exp(-b (x² - 1)²)", columns, tuple(rows)))
    columns_of = list(zip(*rows, strict=True))
    series = (
        Series("W", columns_of[0], columns_of[1]),
        Series("spherical WFR", columns_of[0], columns_of[4]),
        Series("W", columns_of[0], columns_of[2], exact=True),
        Series("spherical WFR", columns_of[0], columns_of[5], exact=True),
        Series("Kramers, 2 λ₁", columns_of[0], columns_of[3], exact=True),
    )
    outcome.plots.append(Plot("late rates", "height of the barrier", "rate of KL", series, False, True))
    _birth_and_death(outcome, quick)
    return outcome


def _birth_and_death(outcome: Outcome, quick: bool) -> None:
    """Mass on the other side of a barrier of 5, with and without birth and death."""
    given = experiment("double-well-birth-death", 0.5 if quick else 1.0)
    count, seeds, tau = 400, 4 if quick else 12, 0.01
    times = [0.0, 0.5, 1.0] if quick else [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0]
    flows: dict[str, tuple[Solution, Sampler]] = {
        "spherical WFR": (eulerian(given, times=times), BirthDeathLangevin(given.target, 0.08)),
        "W": (eulerian(given, Wasserstein(), times=times), Langevin(given.target)),
    }
    lines, marks, rows = [], [], []
    for name, (solution, sampler) in flows.items():
        runs = ensemble(given, sampler, count, seeds, times, tau)
        mass, (mean, error) = shares(solution, _left), runs.mean(share_of(_left))
        lines.append(Series(name, times, list(mass), exact=True))
        marks.append(Series(name, times, list(mean)))
        rows += [(name, t, float(m), float(p), float(s)) for t, m, p, s in zip(times, mass, mean, error, strict=True)]
        worst = float(np.max(np.abs(mean - mass) - 3 * error))
        claim = f"{name}: gap of the mass in x < 0 beyond three standard errors"
        outcome.checks.append(Check(claim, worst, 0.03))
    columns = ("flow", "time", "mass in x < 0", "of particles", "standard error")
    title = f"Barrier 5: mass in the other well, {count} particles, {seeds} seeds"
    outcome.tables.append(Table(title, columns, tuple(rows)))
    outcome.plots.append(Plot("crossing a barrier of 5", "time $t$", "mass in $x < 0$", (*lines, *marks)))


def _potentials(quick: bool) -> Outcome:
    """The double well of the exact tables, and the potential of Mueller and Brown."""
    outcome = Outcome()
    wells = experiment("double-well", 0.5 if quick else 1.0)
    solution = eulerian(wells)
    slope = -math.log(solution.energy[-1] / solution.energy[-2]) / (solution.times[-1] - solution.times[-2])
    outcome.checks.append(
        Check("double well: late rate of KL over 2 λ₁ = 0.4837192", slope / 0.4837192, 0.02, "within", 1.0)
    )
    solution = eulerian(wells, times=[0.0, 0.25, 0.5, 1.0]) if quick else solution
    runs = ensemble(wells, Langevin(wells.target), 400, 12, solution.times, 0.005)
    side_by_side(outcome, "double well, Langevin", runs, solution, 0.5, 1.5, 400)
    plane = experiment("mueller-brown", 0.8 if quick else 1.0)
    plane = replace(plane, problem=replace(plane.problem, rtol=1e-4)) if quick else plane
    times = [0.0, 0.25, 0.5] if quick else [0.0, 0.1, 0.25, 0.5, 1.0]
    count, seeds = 500, 3 if quick else 4
    grid = {"spherical WFR": eulerian(plane, times=times), "W": eulerian(plane, Wasserstein(), times=times)}
    samplers: dict[str, Sampler] = {
        "spherical WFR": BirthDeathLangevin(plane.target, 0.06),
        "W": Langevin(plane.target),
    }
    lines, marks = [], []
    for name, found in grid.items():
        outcome.checks.append(Check(f"Müller-Brown, {name}: balance over dissipation", balance(found), 1e-4))
        crowd = ensemble(plane, samplers[name], count, seeds, times, 0.0025)
        side_by_side(outcome, f"Müller-Brown, {name}", crowd, found, 0.2, 2.0, count)
        outcome.scenes.append(scene(f"Müller-Brown, {name}", found, crowd, list(range(len(times)))[-4:]))
        lines.append(Series(name, times, list(shares(found, _upper_well)), exact=True))
        marks.append(Series(name, times, list(crowd.mean(share_of(_upper_well))[0])))
    title = "mass in the deepest well, from the middle one"
    outcome.plots.append(Plot(title, "time $t$", "mass in $y > 0.9$", (*lines, *marks)))
    return outcome


def _upper_well(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray((y > 0.9) & (x < 2.0))


def _posteriors(quick: bool) -> Outcome:
    """Logistic regression on iris, in two and three parameters."""
    outcome = Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    curves = []
    for name, share in (("iris-two", 0.8),) if quick else (("iris-two", 1.0), ("iris-three", 0.75)):
        given = experiment(name, share)
        if quick:
            given = replace(given, problem=replace(given.problem, rtol=1e-4))
        solution = eulerian(given)
        dimension = given.mesh.dimension
        late = -math.log(solution.energy[-1] / solution.energy[-2]) / (solution.times[-1] - solution.times[-2])
        outcome.checks.append(Check(f"{name}: rate of KL from t = 2 to 4", late, 2.0, "at least"))
        outcome.checks.append(Check(f"{name}: balance over dissipation", balance(solution), 1e-4))
        for axis in range(dimension):
            wanted, reached = (_mean(given.mesh, d, axis) for d in (given.problem.target, solution.density[-1]))
            rows.append((name, "xyz"[axis], wanted, reached))
            claim = f"{name}, {'xyz'[axis]}: posterior mean, flow - target"
            outcome.checks.append(Check(claim, reached - wanted, 0.01, "within"))
        times, count = [0.0, 0.25, 0.5] if quick else [0.0, 0.25, 0.5, 1.0], 300
        diffusion = eulerian(given, Wasserstein(), times=times)
        runs = ensemble(given, Langevin(given.target), count, 4 if quick else 6, times, 0.0025)
        side_by_side(outcome, f"{name}, Langevin", runs, diffusion, 1.0, 1.5, count)
        if dimension == 2:
            outcome.scenes.append(scene(f"{name}, Langevin and W", diffusion, runs, range(len(times))))
        curves.append(Series(f"{dimension} parameters", list(solution.times), list(solution.energy)))
    columns = ("problem", "parameter", "posterior mean", "of the flow at t = 4")
    outcome.tables.append(Table("Posterior means", columns, tuple(rows)))
    if not quick:
        _converged_means(outcome)
    label = r"$\mathrm{KL}(\mu\,|\,\pi)$"
    outcome.plots.append(Plot("from the prior to the posterior", "time $t$", label, tuple(curves), False, True))
    return outcome


def _converged_means(outcome: Outcome) -> None:
    """Three parameters, further in time and with more particles: their means at t = 4
    beside those of the grid, extrapolated from two meshes."""
    coarse, fine = (experiment("iris-three", share) for share in (0.5, 1.0))
    times, count, seeds, tau = [0.0, 4.0], 1000, 4, 0.005
    flows = [eulerian(given, Wasserstein(), times=times) for given in (coarse, fine)]
    runs = ensemble(fine, Langevin(fine.target), count, seeds, times, tau)
    positions = np.concatenate([states[-1].positions for states in runs.states])
    rows = []
    for axis, letter in enumerate("xyz"):
        first, second = (_mean(s.flow.mesh, s.density[-1], axis) for s in flows)
        exact, error = (4 * second - first) / 3, positions[:, axis].std() / math.sqrt(len(positions))
        found = float(positions[:, axis].mean())
        rows.append((letter, first, second, exact, found, float(error)))
        claim = f"iris-three, {letter}, t = 4: mean of {count * seeds} particles - grid, standard errors"
        outcome.checks.append(Check(claim, (found - exact) / float(error), 3.0, "within"))
    columns = ("parameter", "18 x 20 x 22", "36 x 40 x 44", "extrapolated", "of particles", "standard error")
    outcome.tables.append(Table("Means of the diffusion at t = 4, and of Langevin particles", columns, tuple(rows)))


def _mean(mesh: Cartesian, density: np.ndarray, axis: int) -> float:
    return float((density * mesh.volumes * mesh.coordinates[axis]).sum())


EXPERIMENTS_SAMPLING = (
    Case(
        "experiment-svgd",
        "SVGD to a mixture from far away",
        "The Stein flow carries N(-10, 1) into both modes; 100 particles follow it within sampling noise.",
        "Liu and Wang 2016, section 5; `mudot run svgd-mixture.toml`",
        "1/3 N(-2, 1) + 2/3 N(2, 1), kernel of bandwidth 1; lines: grid, marks: particles",
        _mixture,
    ),
    Case(
        "experiment-barriers",
        "Birth and death make the rate independent of the barrier",
        "KL decays at 2 λ₁ under W, exponentially small in the barrier, and at 2 (1 + λ₁) under spherical WFR.",
        "Lu, Lu and Nolen 2019; Domingo-Enrich and Pooladian 2023; `mudot run double-well-birth-death.toml`",
        "target exp(-b (x² - 1)²), b from 1 to 7, 400 particles for 5; lines: exact or grid, marks: flows or particles",
        _barriers,
    ),
    Case(
        "experiment-potentials",
        "Double well and Müller-Brown potential",
        "Langevin and birth-death Langevin follow W and spherical WFR across saddles.",
        "Müller and Brown 1979; `mudot run double-well.toml`, `mudot run mueller-brown.toml`",
        "3 (x² - 1)² on a line; the Müller-Brown potential over 20; lines: grid, marks: particles",
        _potentials,
    ),
    Case(
        "experiment-posteriors",
        "Posteriors of a logistic regression in two and three parameters",
        "Spherical WFR carries the prior to the posterior at a rate of at least 2; Langevin particles follow W.",
        "Lu, Slepčev and Wang 2023 for the rate; data of Fisher 1936; `mudot run iris-two.toml`",
        "iris, versicolor against virginica, prior N(0, 9 Id) on the box",
        _posteriors,
    ),
)

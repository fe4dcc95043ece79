"""Particle methods against the Eulerian flows that they converge to: two independent discretisations of one flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, KernelSteinDiscrepancy, KullbackLeibler, MaximumMeanDiscrepancy
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    FisherRao,
    Geometry,
    KernelApproximateWasserstein,
    Spherical,
    Stein,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.clouds import Reference, on_mesh, reference
from mudot.validation.convergence import fitted_power
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Kind, Outcome, Plot, Series, Table
from mudot.validation.particles.samplers import (
    BirthDeathLangevin,
    InteractionForceTransport,
    Langevin,
    MaximumMeanDiscrepancyFlow,
    Particles,
    RegularizedStein,
    Sampler,
    SteinDiscrepancyDescent,
    SteinVariational,
    run,
    run_all,
    uniform,
)
from mudot.validation.particles.targets import mixture

TARGET = mixture([0.4, 0.6], [[-1.2], [1.0]], [[[0.4]], [[0.5]]])
START = mixture([1.0], [[0.3]], [[[1.2]]])
BANDWIDTH = 0.6
RIDGE = 0.1
NOISE = 0.8
TIME = 1.0


@dataclass(frozen=True)
class Witness:
    """A particle method and its limit; tau: step, with an error below the noise of most particles.

    energy: from cell averages of the target
    """

    name: str
    sampler: Sampler
    energy: Callable[[np.ndarray], Energy]
    geometry: Geometry
    tau: float

    def limit(self, mesh: Cartesian) -> Reference:
        """The Eulerian solution at the end."""
        flow = GradientFlow(mesh, self.energy(on_mesh(mesh, TARGET)), self.geometry)
        solution = solve(flow, on_mesh(mesh, START), [0.0, TIME], rtol=1e-6)
        return reference(mesh, solution.density[-1], BANDWIDTH)


def witnesses() -> list[Witness]:
    """The methods. Between equal masses the IFT flow of MMD^2/2 keeps the mass: it is the spherical one.

    Noise that is drawn anew in every step does not diffuse as steps shrink. It averages the gradient,
    E k(x + b u, y) = h/sqrt(h^2 + b^2) exp(-|x - y|^2/(2 (h^2 + b^2))): a wider kernel and another unit of time.
    """
    kernel, wide = GaussianKernel(BANDWIDTH), math.hypot(BANDWIDTH, NOISE)

    def mmd(bandwidth: float) -> Callable[[np.ndarray], Energy]:
        return lambda pi: MaximumMeanDiscrepancy(GaussianKernel(bandwidth), pi)

    return [
        Witness("Langevin", Langevin(TARGET), KullbackLeibler, Wasserstein(), 0.01),
        Witness(
            "birth-death Langevin",
            BirthDeathLangevin(TARGET, 0.15),
            KullbackLeibler,
            Wasserstein() + Spherical(FisherRao()),
            0.02,
        ),
        Witness("SVGD", SteinVariational(TARGET, BANDWIDTH), KullbackLeibler, Stein(kernel), 0.05),
        Witness(
            "ridge SVGD",
            RegularizedStein(TARGET, BANDWIDTH, RIDGE),
            KullbackLeibler,
            KernelApproximateWasserstein(kernel, RIDGE),
            0.05,
        ),
        Witness("MMD flow", MaximumMeanDiscrepancyFlow(TARGET, BANDWIDTH), mmd(BANDWIDTH), Wasserstein(), 0.05),
        Witness(
            "MMD flow, noise",
            MaximumMeanDiscrepancyFlow(TARGET, BANDWIDTH, NOISE),
            mmd(wide),
            (BANDWIDTH / wide) * Wasserstein(),
            0.05,
        ),
        Witness(
            "IFT",
            InteractionForceTransport(TARGET, BANDWIDTH, 60),
            mmd(BANDWIDTH),
            Wasserstein() + DeKernelizedFisherRao(kernel),
            0.05,
        ),
        Witness(
            "IFT, old measure kept in place",
            InteractionForceTransport(TARGET, BANDWIDTH, 60, "previous"),
            mmd(BANDWIDTH),
            DeKernelizedFisherRao(kernel),
            0.05,
        ),
        Witness(
            "KSD descent",
            SteinDiscrepancyDescent(TARGET, BANDWIDTH),
            lambda pi: KernelSteinDiscrepancy(kernel, pi),
            Wasserstein(),
            0.04,
        ),
    ]


def _in_number(quick: bool) -> Outcome:
    """Root mean square of MMD over seeds, against n."""
    counts = [32, 64, 128] if quick else [32, 64, 128, 256]
    seeds = 24 if quick else 72
    mesh = Cartesian(160 if quick else 320, -6.0, 6.0)
    outcome, rows, series = Outcome(), [], []
    for witness in witnesses():
        truth = witness.limit(mesh)
        squares = np.array([_from_draws(witness, truth, n, seeds) for n in counts])
        means = squares.mean(axis=1)
        slope, error = fitted_power(counts, squares)
        expected = [math.sqrt(truth.floor / n) for n in counts]
        rows += [
            (witness.name, n, math.sqrt(m), e, math.sqrt(m) / e)
            for n, m, e in zip(counts, means, expected, strict=True)
        ]
        # Weights that are fitted anew do better than draws once enough points can carry them: at least the root.
        kind: Kind = "at most" if witness.name.startswith("IFT") else "within"
        bound = 2 * error - 0.5 if kind == "at most" else 2 * error
        outcome.checks.append(Check(f"{witness.name}: power of n, two standard errors", slope, bound, kind, -0.5))
        outcome.checks.append(Check(f"{witness.name}: standard error of the power", error, 0.15 if quick else 0.05))
        series.append(Series(witness.name, counts, [math.sqrt(m) for m in means], slope=-0.5))
    columns = ("method", "particles", "MMD to the Eulerian flow", "of independent draws", "ratio")
    outcome.tables.append(Table(f"Root mean square over {seeds} seeds, t = {TIME:g}", columns, tuple(rows)))
    for title, group in (("flows of KL", series[:4]), ("flows of discrepancies", series[4:])):
        outcome.plots.append(Plot(title, "particles", "MMD to the Eulerian flow", tuple(group), True, True))
    return outcome


def _from_draws(witness: Witness, truth: Reference, count: int, seeds: int) -> list[float]:
    """MMD^2 to the limit of so many particles, for every seed."""
    rngs = [np.random.default_rng([seed, count]) for seed in range(seeds)]
    starts = [uniform(START.sample(count, rng)) for rng in rngs]
    ends = run_all(witness.sampler, starts, [TIME], witness.tau, rngs)
    return [truth.distance(end.positions, end.weights) for (end,) in ends]


def _in_step(quick: bool) -> Outcome:
    """Distance to the Eulerian flow against the step. Weighted particles on a lattice integrate smooth functions to
    round-off, so that nothing but the step is left."""
    count, taus = (160, [0.1, 0.05, 0.025]) if quick else (240, [0.1, 0.05, 0.025, 0.0125])
    fine = 320 if quick else 640
    lattice = np.linspace(-5.2, 5.8, count)[:, None]
    density = np.exp(START.log_density(lattice))
    start = Particles(lattice, density / density.sum())
    outcome, series = Outcome(), []
    rows: list[tuple[str | int | float, ...]] = []
    for witness in witnesses():
        if witness.name not in _WITHOUT_NOISE:
            continue
        truth, shrink = extrapolated(witness, fine), _WITHOUT_NOISE[witness.name]
        steps = [shrink * tau for tau in taus]
        errors = [_error(witness, truth, start, tau) for tau in steps]
        power = float(np.polyfit(np.log(steps[-3:]), np.log(errors[-3:]), 1)[0])
        outcome.checks.append(Check(f"{witness.name}: power of the step", power, 0.1, "within", 1.0))
        rows.append((witness.name, *(f"{e:.3e} ({tau:g})" for e, tau in zip(errors, steps, strict=True)), power))
        series.append(Series(witness.name, [1 / tau for tau in steps], errors, slope=-1.0))
    columns = ("method", *("MMD (step)" for _ in taus), "power of the step")
    outcome.tables.append(
        Table(f"Distance to the Eulerian flow, {count} particles, t = {TIME:g}", columns, tuple(rows))
    )
    outcome.plots.append(Plot("error of the step", "steps per unit of time", "MMD", tuple(series), True, True))
    _weak_error(quick, outcome)
    return outcome


_WITHOUT_NOISE = {
    "SVGD": 1.0,
    "ridge SVGD": 0.5,
    "MMD flow": 1.0,
    "IFT": 0.5,
    "IFT, old measure kept in place": 0.5,
    "KSD descent": 0.1,
}
"""Methods without randomness after the start, and how much their steps are smaller."""


def extrapolated(witness: Witness, fine: int = 640) -> Reference:
    """The limit without its error of second order in the cells: (4 fine - coarse)/3 as signed point masses."""
    first, second = (witness.limit(Cartesian(cells, -6.0, 6.0)) for cells in (fine // 2, fine))
    points = np.concatenate([second.points, first.points])
    masses = np.concatenate([second.masses * 4, -first.masses]) / 3
    return Reference(points, masses, BANDWIDTH)


def _error(witness: Witness, truth: Reference, start: Particles, tau: float) -> float:
    end = run(witness.sampler, start, [TIME], tau, np.random.default_rng(0))[0]
    return math.sqrt(truth.distance(end.positions, end.weights))


@dataclass(frozen=True)
class _Shared:
    """Normal numbers for a step as long as `fold` shortest ones: one Brownian path for all steps."""

    source: np.random.Generator
    fold: int

    def standard_normal(self, shape: tuple[int, ...]) -> np.ndarray:
        """The sum of the next increments, of variance one."""
        return np.asarray(self.source.standard_normal((self.fold, *shape)).sum(axis=0) / math.sqrt(self.fold))


def _weak_error(quick: bool, outcome: Outcome) -> None:
    """Unadjusted Langevin: differences of the second moment between steps on one path, which hardly fluctuate, and
    the extrapolated moment against the Eulerian one."""
    batches, count, tau = 8, 6_000 if quick else 50_000, 0.0125
    langevin = witnesses()[0]
    found = np.array(
        [[_moment(langevin, count, tau * fold, fold, seed) for fold in (4, 2, 1)] for seed in range(batches)]
    )
    gaps = found[:, :2] - found[:, 1:]
    limit = 2 * found[:, 2] - found[:, 1] - langevin.limit(Cartesian(640, -6.0, 6.0)).moment(2)
    mean, spread = gaps.mean(axis=0), gaps.std(axis=0, ddof=1) / math.sqrt(batches)
    power = math.log2(mean[0] / mean[1])
    error = float(np.hypot(*(spread / mean))) / math.log(2)
    outcome.checks.append(
        Check("Langevin, second moment: power of the step, 0.1 and two errors", power, 0.1 + 2 * error, "within", 1.0)
    )
    outcome.checks.append(Check("Langevin: standard error of the power", error, 0.1 if quick else 0.05))
    noise = float(limit.std(ddof=1)) / math.sqrt(batches)
    outcome.checks.append(
        Check(
            "Langevin, extrapolated second moment - Eulerian one, three standard errors",
            float(limit.mean()),
            3 * noise,
            "within",
        )
    )
    rows = [(f"step {4 * tau:g} - step {2 * tau:g}", float(mean[0]), float(spread[0]))]
    rows += [(f"step {2 * tau:g} - step {tau:g}", float(mean[1]), float(spread[1]))]
    rows += [("extrapolated - Eulerian", float(limit.mean()), noise)]
    columns = ("second moment", "difference", "standard error")
    outcome.tables.append(Table(f"Unadjusted Langevin, {batches} batches of {count}", columns, tuple(rows)))


def _moment(langevin: Witness, count: int, tau: float, fold: int, seed: int) -> float:
    rng = np.random.default_rng([seed, 7])
    start = uniform(START.sample(count, rng))
    shared = cast(np.random.Generator, _Shared(rng, fold))
    return float((run(langevin.sampler, start, [TIME], tau, shared)[0].positions ** 2).mean())


WITNESSES = (
    Case(
        "particles-in-number",
        "Particle methods converge to the Eulerian flows as their number grows",
        "From independent draws, every particle method approaches its Eulerian flow like the inverse root of n.",
        "law of large numbers; the methods as published, see `validation/particles/samplers.py`",
        "0.4 N(-1.2, 0.4) + 0.6 N(1, 0.5) from N(0.3, 1.2), t = 1, MMD with a Gaussian kernel of bandwidth 0.6",
        _in_number,
    ),
    Case(
        "particles-in-step",
        "Particle methods converge to the Eulerian flows as their step shrinks",
        "The error of an explicit step is of first order in the step, in law also that of Langevin.",
        "explicit Euler steps; Talay and Tubaro 1990 for Langevin; Gladin, Dvurechensky, Mielke and Zhu 2024 for IFT",
        "the same measures; weighted particles on a lattice, for Langevin the second moment of many",
        _in_step,
    ),
)

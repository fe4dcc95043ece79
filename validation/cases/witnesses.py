"""Particle methods against the Eulerian flows that they converge to: two independent discretisations of one flow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, KullbackLeibler
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelApproximateWasserstein,
    Spherical,
    Stein,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles.kernels import mmd_squared
from mudot.validation.particles.samplers import (
    BirthDeathLangevin,
    Langevin,
    RegularizedStein,
    Sampler,
    SteinVariational,
    run,
    uniform,
)
from mudot.validation.particles.targets import Mixture, mixture

TARGET = mixture([0.4, 0.6], [[-1.2], [1.0]], [[[0.4]], [[0.5]]])
START = mixture([1.0], [[0.3]], [[[1.2]]])
BANDWIDTH = 0.6
RIDGE = 0.1
TIME = 1.0


@dataclass(frozen=True)
class Witness:
    """A particle method and the geometry of its limit; tau: step, with an error below the noise of most particles."""

    name: str
    sampler: Sampler
    geometry: Geometry
    tau: float


def witnesses() -> list[Witness]:
    """The methods."""
    kernel = GaussianKernel(BANDWIDTH)
    return [
        Witness("Langevin", Langevin(TARGET), Wasserstein(), 0.01),
        Witness("birth-death Langevin", BirthDeathLangevin(TARGET, 0.15), Wasserstein() + Spherical(FisherRao()), 0.01),
        Witness("SVGD", SteinVariational(TARGET, BANDWIDTH), Stein(kernel), 0.05),
        Witness(
            "ridge SVGD",
            RegularizedStein(TARGET, BANDWIDTH, RIDGE),
            KernelApproximateWasserstein(kernel, RIDGE),
            0.02,
        ),
    ]


def on_mesh(mesh: Cartesian, measure: Mixture) -> np.ndarray:
    """Cell averages of a mixture."""

    def density(*coordinates: np.ndarray) -> np.ndarray:
        grid = np.broadcast_arrays(*coordinates)
        points = np.stack([axis.reshape(-1) for axis in grid], axis=1)
        return np.asarray(np.exp(measure.log_density(points)).reshape(grid[0].shape))

    return np.asarray(average(mesh, density))


@dataclass(frozen=True, eq=False)
class Reference:
    """The Eulerian solution at one time as point masses: cell centres, shape (cells, d), and masses, shape (cells,)."""

    points: np.ndarray
    masses: np.ndarray

    def distance(self, positions: np.ndarray, weights: np.ndarray) -> float:
        """MMD^2 to particles, with the kernel of the study."""
        return mmd_squared(positions, weights, self.points, self.masses, BANDWIDTH)

    @property
    def floor(self) -> float:
        """n times the expected MMD^2 of n independent draws: 1 - int int k dmu dmu."""
        return 1.0 - mmd_squared(self.points, self.masses, self.points[:1], np.zeros(1), BANDWIDTH)


def reference(geometry: Geometry, energy: Energy, mesh: Cartesian, start: np.ndarray) -> Reference:
    """The Eulerian solution at the end."""
    density = solve(GradientFlow(mesh, energy, geometry), start, [0.0, TIME], rtol=1e-6).density[-1]
    points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
    return Reference(points, (density * mesh.volumes).reshape(-1))


def _in_number(quick: bool) -> Outcome:
    """Root mean square of MMD over seeds, against n."""
    counts = [32, 64, 128] if quick else [32, 64, 128, 256, 512]
    seeds = 24 if quick else 32
    mesh = Cartesian(160 if quick else 320, -6.0, 6.0)
    energy, begin = KullbackLeibler(on_mesh(mesh, TARGET)), on_mesh(mesh, START)
    outcome, rows, series = Outcome(), [], []
    for witness in witnesses():
        truth = reference(witness.geometry, energy, mesh, begin)
        squares = np.array([[_one(witness, truth, n, seed) for seed in range(seeds)] for n in counts])
        means = squares.mean(axis=1)
        slope, error = _slope(counts, squares)
        expected = [math.sqrt(truth.floor / n) for n in counts]
        rows += [
            (witness.name, n, math.sqrt(m), e, math.sqrt(m) / e)
            for n, m, e in zip(counts, means, expected, strict=True)
        ]
        outcome.checks.append(
            Check(f"{witness.name}: power of n, two standard errors", slope, 2 * error, "within", -0.5)
        )
        outcome.checks.append(Check(f"{witness.name}: standard error of the power", error, 0.15 if quick else 0.05))
        series.append(Series(witness.name, counts, [math.sqrt(m) for m in means], slope=-0.5))
    columns = ("method", "particles", "MMD to the Eulerian flow", "of independent draws", "ratio")
    outcome.tables.append(Table(f"Root mean square over {seeds} seeds, t = {TIME:g}", columns, tuple(rows)))
    outcome.plots.append(Plot("distance to the Eulerian flow", "particles", "MMD", tuple(series), True, True))
    return outcome


def _one(witness: Witness, truth: Reference, count: int, seed: int) -> float:
    rng = np.random.default_rng([seed, count])
    end = run(witness.sampler, uniform(START.sample(count, rng)), [TIME], witness.tau, rng)[0]
    return truth.distance(end.positions, end.weights)


def _slope(counts: list[int], squares: np.ndarray) -> tuple[float, float]:
    """Power of n of the root mean square, and its standard error from the spread over seeds."""
    x = np.log(counts) - np.log(counts).mean()
    y = np.log(squares.mean(axis=1)) / 2
    noise = squares.std(axis=1, ddof=1) / squares.mean(axis=1) / math.sqrt(squares.shape[1]) / 2
    total = float((x**2).sum())
    return float((x * y).sum() / total), float(math.sqrt(((x * noise) ** 2).sum()) / total)


WITNESSES = (
    Case(
        "particles-in-number",
        "Particle methods converge to the Eulerian flows as their number grows",
        "From independent draws, every particle method approaches its Eulerian flow like the inverse root of n.",
        "law of large numbers; the methods as published, see `validation/particles/samplers.py`",
        "0.4 N(-1.2, 0.4) + 0.6 N(1, 0.5) from N(0.3, 1.2), t = 1, MMD with a Gaussian kernel of bandwidth 0.6",
        _in_number,
    ),
)

"""Training of wide networks against the Eulerian flow that it converges to as the width grows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, Neurons, ShallowNetwork
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.validation.cases.runs import balance
from mudot.validation.convergence import fitted_power, orders
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles.network import NetworkTraining
from mudot.validation.particles.samplers import Particles, run, uniform

INPUTS = np.linspace(-2.0, 2.0, 16)[:, None]
LABELS = 0.8 * np.sin(1.5 * INPUTS[:, 0])
START = Gaussian([0.3, 0.2], [[0.25, 0.0], [0.0, 0.25]])
PRIOR = Gaussian([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]])
NOISE, TURNOVER = 0.05, 2.0
TIME, HALF = 4.0, 3.5
FREQUENCIES = 256


@dataclass(frozen=True)
class Training:
    """A way of training, the entropy and geometry of its limit, and a step with an error below the noise."""

    name: str
    method: NetworkTraining
    entropy: float
    geometry: Geometry
    tau: float


def trainings() -> list[Training]:
    """Gradient descent, with noise, and with birth and death."""
    both = Wasserstein() + Spherical(FisherRao(TURNOVER))
    return [
        Training("gradient descent", NetworkTraining(INPUTS, LABELS), 0.0, Wasserstein(), 0.05),
        Training("noisy gradient descent", NetworkTraining(INPUTS, LABELS, NOISE), NOISE, Wasserstein(), 0.02),
        Training("with birth and death", NetworkTraining(INPUTS, LABELS, turnover=TURNOVER), 0.0, both, 0.02),
    ]


def eulerian(training: Training, cells: int, rtol: float = 1e-5) -> Solution:
    """The flow of the measure of neurons (amplitude, weight) on [-3.5, 3.5]^2."""
    mesh = Cartesian((cells, cells), (-HALF, -HALF), (HALF, HALF))
    prior = KullbackLeibler(PRIOR.cell_averages(mesh), PRIOR.log_cell_averages(mesh))
    neurons = Neurons(INPUTS, "tanh", ("amplitude", "weight"))
    energy = ShallowNetwork(neurons, LABELS, training.entropy, prior)
    start = START.cell_averages(mesh)
    return solve(GradientFlow(mesh, energy, training.geometry), start / (start * mesh.volumes).sum(), [0, TIME], rtol)


def predictions(solution: Solution) -> np.ndarray:
    """f_mu(x_i) at the end."""
    energy = solution.flow.energy
    assert isinstance(energy, ShallowNetwork)
    return np.asarray(energy.predictions(solution.flow.mesh, solution.density[-1]))


def trained(training: Training, count: int, seed: int) -> Particles:
    """The neurons at the end, from independent draws of the start."""
    rng = np.random.default_rng([seed, count])
    start = np.array([0.3, 0.2]) + 0.5 * rng.standard_normal((count, 2))
    return run(training.method, uniform(start), [TIME], training.tau, rng)[0]


def embedding(points: np.ndarray, masses: np.ndarray) -> np.ndarray:
    """Coordinates whose Euclidean distance is the MMD of the kernel that is the mean of FREQUENCIES cosine waves drawn
    from the spectrum of the Gaussian kernel of bandwidth 1 (Rahimi and Recht 2007)."""
    waves = points @ np.random.default_rng(7).standard_normal((points.shape[1], FREQUENCIES))
    return np.concatenate([masses @ np.cos(waves), masses @ np.sin(waves)]) / math.sqrt(FREQUENCIES)


def _in_width(quick: bool) -> Outcome:
    """Distances over widths and seeds, of the outputs and of the parameters."""
    counts = [50, 200, 800] if quick else [100, 400, 1600, 6400]
    seeds, cells = (16, 48) if quick else (16, 96)
    outcome, rows, outputs, parameters = Outcome(), [], [], []
    curves = [Series("data", list(INPUTS[:, 0]), list(LABELS), exact=True)]
    for training in trainings():
        solution = eulerian(training, cells)
        mesh, truth = solution.flow.mesh, predictions(solution)
        points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
        place = embedding(points, (solution.density[-1] * mesh.volumes).reshape(-1))
        squares = np.empty((2, len(counts), seeds))
        for i, count in enumerate(counts):
            for seed in range(seeds):
                end = trained(training, count, seed)
                gap = training.method.outputs(end.positions, end.weights) - truth
                squares[0, i, seed] = (gap**2).mean()
                squares[1, i, seed] = ((embedding(end.positions, end.weights) - place) ** 2).sum()
        means = np.sqrt(squares.mean(axis=2))
        mesh_error = float(np.sqrt(((predictions(eulerian(training, cells // 2)) - truth) ** 2).mean())) / 3
        outcome.checks.append(
            Check(f"{training.name}: mesh error over that of the widest", mesh_error / means[0, -1], 0.5)
        )
        for what, square in zip(("outputs", "parameters"), squares, strict=True):
            power, error = fitted_power(counts, square)
            claim = f"{training.name}: power of the width, {what}, three standard errors"
            outcome.checks.append(Check(claim, power, 3 * error, "within", -0.5))
            outcome.checks.append(Check(f"{training.name}: standard error of it", error, 0.1 if quick else 0.05))
        rows += [(training.name, n, a, b) for n, a, b in zip(counts, *means, strict=True)]
        outputs.append(Series(training.name, counts, list(means[0]), slope=-0.5))
        parameters.append(Series(training.name, counts, list(means[1]), slope=-0.5))
        curves.append(Series(training.name, list(INPUTS[:, 0]), list(truth)))
    columns = ("training", "neurons", "error of outputs", "MMD of parameters")
    outcome.tables.append(Table(f"To the Eulerian flow, root mean square over {seeds} seeds", columns, tuple(rows)))
    outcome.plots.append(Plot("outputs", "neurons", "root mean square error", tuple(outputs), True, True))
    outcome.plots.append(Plot("parameters", "neurons", "MMD", tuple(parameters), True, True))
    outcome.plots.append(Plot("trained networks in the limit", "$x$", "$f(x)$", tuple(curves)))
    return outcome


def _on_meshes(quick: bool) -> Outcome:
    """Orders in space of the outputs, and the books."""
    cells, rtol = ((16, 32, 64), 3e-6) if quick else ((32, 64, 128), 1e-6)
    outcome = Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    for training in trainings():
        found = [eulerian(training, n, rtol) for n in cells]
        outs = [predictions(s) for s in found]
        gaps = [float(np.sqrt(((a - b) ** 2).mean())) for a, b in pairwise(outs)]
        order = float(orders(cells[:2], gaps)[0])
        worst = max(balance(s) for s in found)
        rows.append((training.name, *gaps, order, worst, min(float(s.minimum.min()) for s in found)))
        # The limiter has errors of its own; of what a smooth function sees of them, more than two orders cancel.
        outcome.checks.append(Check(f"{training.name}: order of the outputs in space", order, 1.7, "at least"))
        outcome.checks.append(Check(f"{training.name}: balance over dissipation", worst, 1e-5))
        rise = max(float(np.diff(s.energy).max()) for s in found)
        outcome.checks.append(Check(f"{training.name}: largest rise of the energy", rise, 0.0))
    pairs = [f"{a} to {b} cells" for a, b in pairwise(cells)]
    columns = ("training", *pairs, "order", "balance / dissipation", "least density")
    outcome.tables.append(Table("Change of the outputs under refinement", columns, tuple(rows)))
    return outcome


_SETUP = (
    "f(x) = int a tanh(v x) dmu(a, v), 16 data of 0.8 sin(1.5 x) on [-2, 2], mu from N((0.3, 0.2), 1/4), t = 4; noise "
    "0.05 with the prior N(0, 1); birth and death at rate 2"
)

NETWORK = (
    Case(
        "network-in-width",
        "Training of wide networks converges to the Eulerian flow as the width grows",
        "Gradient descent, noisy gradient descent and descent with birth and death of n neurons approach the "
        "Wasserstein, the entropic and the Wasserstein-Fisher-Rao flow of the mean-field energy like n^(-1/2).",
        "Mei, Montanari and Nguyen 2018; Rotskoff, Jelassi, Bruna and Vanden-Eijnden 2019; law of large numbers",
        _SETUP,
        _in_width,
    ),
    Case(
        "network-on-meshes",
        "Mean-field training is computed with second order in space",
        "The outputs of the trained network converge with the mesh, the energy falls, and the ledger closes.",
        "self-convergence: no exact solution is known",
        _SETUP,
        _on_meshes,
    ),
)

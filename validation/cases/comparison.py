"""`mudot compare` judged: independent draws pass, biased clouds do not, energies have the noise that was foretold."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from mudot.solvers import storage
from mudot.solvers.inputs import read
from mudot.solvers.results import Result
from mudot.validation.certificates import write
from mudot.validation.certify import certify
from mudot.validation.compare import Comparison, compare
from mudot.validation.compare.clouds import clouds
from mudot.validation.compare.comparison import LEVEL
from mudot.validation.compare.energies import SETS, energy_of
from mudot.validation.compare.lag import lag
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

_LINE = """
title = "Ornstein-Uhlenbeck from N(2, 1/4)"
[mesh]
lower = [-6.0]
upper = [6.0]
cells = [80]
boundary = ["no-flux"]
[target]
log_density = "-x**2/2"
[initial]
log_density = "-2*(x - 2)**2"
[energy]
name = "kl"
[geometry]
name = "wasserstein"
[time]
stop = 1.0
outputs = 11
rtol = 1e-6
"""
_TORUS = """
title = "Relaxation of a wave by the MMD flow of MMD"
[mesh]
lower = [0.0]
upper = [1.0]
cells = [40]
boundary = ["periodic"]
[target]
log_density = "0*x"
[initial]
density = "1 + cos(2*pi*x)"
[energy]
name = "mmd"
[geometry]
name = "mmd"
[kernel]
name = "gaussian"
bandwidth = 0.1
[time]
stop = 1.0
outputs = [0.0, 0.5, 1.0]
rtol = 1e-6
"""


def _result(folder: Path, name: str, text: str, rtol: float) -> Result:
    """A certified reference as a result file."""
    (folder / f"{name}.toml").write_text(text)
    inputs = read(folder / f"{name}.toml")
    write(inputs, certify(inputs, rtol), folder / f"{name}.h5", overwrite=True)
    return storage.read(folder / f"{name}.h5")


def _exact(time: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the Ornstein-Uhlenbeck flow itself, not of the grid's density."""
    return 2 * math.exp(-time) + math.sqrt(1 - 0.75 * math.exp(-2 * time)) * rng.standard_normal((count, 1))


def _verdicts(quick: bool) -> Outcome:
    outcome, rng = Outcome(), np.random.default_rng(3)
    with tempfile.TemporaryDirectory() as name:
        line = _result(Path(name), "line", _LINE, 1e-3)
        _calibrated(outcome, line, 8 if quick else 60, rng)
        _found_out(outcome, line, rng)
        times = [0.3, 0.5, 0.7]
        late = lag(line, clouds(times, [_exact(t - 0.1, 20_000, rng) for t in times]), 0.25)
        outcome.checks.append(Check("lag of clouds that are late by 0.1", late, 0.03, "within", -0.1))
        _energies(outcome, _result(Path(name), "torus", _TORUS, 1e-4), 60 if quick else 400, rng)
    return outcome


def _calibrated(outcome: Outcome, line: Result, sets: int, rng: np.random.Generator) -> None:
    """Independent draws of the exact flow: within noise as often as the level says, moments and energies as far off as
    their standard errors say."""
    times, found = [0.5, 1.0], list[Comparison]()
    for _ in range(sets):
        seed = int(rng.integers(10**6))
        found.append(compare(line, clouds(times, [_exact(t, 400, rng) for t in times]), seed=seed))
    rows = [row for one in found for row in one.rows]
    inside = {
        measure.name: float(np.mean([row.measures[n].within_noise for row in rows]))
        for n, measure in enumerate(rows[0].measures)
    }
    spread = math.sqrt(LEVEL * (1 - LEVEL) / len(rows))
    for name, share in inside.items():
        outcome.checks.append(
            Check(f"{name} of independent draws: share within noise, three errors", share, 3 * spread, "within", LEVEL)
        )
    passed = float(np.mean([one.consistent for one in found]))
    outcome.checks.append(Check("independent draws: share with the verdict 'consistent'", passed, 0.6, "at least"))
    scores = {m.name: [row.moments[n].errors for row in rows] for n, m in enumerate(rows[0].moments)}
    scores["mean of -log pi"] = [row.energy.deviations for row in rows if row.energy]
    # Deviations from a mean and a spread that were themselves drawn have the variance of Student's distribution.
    student = (1 + 1 / SETS) * (SETS - 1) / (SETS - 3)
    table = []
    for name, values in scores.items():
        mean, square = float(np.mean(values)), float(np.mean(np.square(values)))
        table.append((name, mean, math.sqrt(square), len(values)))
        claim = f"{name} of independent draws"
        outcome.checks.append(Check(f"{claim}: mean in standard errors", mean, 3 / math.sqrt(len(values)), "within"))
        bound, wanted = 3 * math.sqrt(2 / len(values)), student if name.startswith("mean of") else 1.0
        outcome.checks.append(Check(f"{claim}: mean square in standard errors", square, bound, "within", wanted))
    shares = list(inside.items())
    outcome.tables.append(Table("Draws of the exact flow, 400 each: within noise", ("number", "share"), tuple(shares)))
    columns = ("number", "mean", "root mean square", "clouds")
    outcome.tables.append(Table("The same draws: deviations in standard errors", columns, tuple(table)))


def _found_out(outcome: Outcome, line: Result, rng: np.random.Generator) -> None:
    """A wrong mean shows from about its inverse square many particles on."""
    rows, counts = [], (100, 400, 1600, 6400)
    for count in counts:
        found = compare(line, clouds([1.0], [_exact(1.0, count, rng) + 0.2]))
        first = next(m for m in found.rows[0].measures if m.name == "W1")
        rows.append((count, first.value, first.floor, first.value / first.floor, found.consistent))
    ratios = [row[3] for row in rows]
    outcome.checks.append(
        Check("shift 0.2, 6400 particles: W1 over its noise floor", float(ratios[-1]), 5.0, "at least")
    )
    outcome.checks.append(Check("the same cloud is called consistent", float(rows[-1][4]), 0.0))
    columns = ("particles", "W1", "noise floor", "ratio", "consistent")
    table = tuple((n, w, f, r, "yes" if c else "no") for n, w, f, r, c in rows)
    outcome.tables.append(Table("Clouds shifted by 0.2", columns, table))
    series = (
        Series("W1 of shifted clouds", counts, [row[1] for row in rows]),
        Series("noise floor", counts, [row[2] for row in rows], slope=-0.5),
    )
    outcome.plots.append(Plot("a bias of 0.2", "particles", "W1", series, True, True))


def _energies(outcome: Outcome, torus: Result, sets: int, rng: np.random.Generator) -> None:
    """MMD^2/2 of n draws exceeds that of the flow by (1 - int int k dmu dmu)/(2 n) in the mean."""
    count, rows, mesh = 50, [], torus.mesh
    energy, why_not = energy_of(torus)
    if energy is None:
        raise AssertionError(why_not)
    equal = np.full(count, 1 / count)
    for n, time in enumerate(torus.times):
        density = 1 + math.exp(-float(time)) * np.cos(2 * math.pi * mesh.centers[0])
        x = np.cumsum(density) / density.sum()
        own = _own_energy(0.1, math.exp(-float(time)))
        values = []
        for _ in range(sets):
            points = np.interp(rng.random(count), np.concatenate([[0.0], x]), mesh.edges[0])[:, None]
            values.append(energy.of(mesh, points, equal, 1.0))
        foretold = float(torus.energy[n]) + own / (2 * count)
        error = float(np.std(values, ddof=1)) / math.sqrt(sets)
        mean = float(np.mean(values))
        rows.append((float(time), float(torus.energy[n]), foretold, mean, error))
        claim = f"t = {time:g}: energy of {count} draws - expected one, three standard errors"
        outcome.checks.append(Check(claim, mean - foretold, 3 * error, "within"))
    columns = ("time", "MMD²/2 of the flow", "expected of draws", "of draws", "standard error")
    outcome.tables.append(Table(f"Energies of {count} draws, {sets} sets", columns, tuple(rows)))


def _own_energy(bandwidth: float, wave: float) -> float:
    """int k(x, x) dmu - int int k dmu dmu for mu = 1 + a cos 2 pi x and the periodised Gaussian kernel."""
    images = np.exp(-0.5 * (np.arange(-9, 10) / bandwidth) ** 2).sum()
    mass = bandwidth * math.sqrt(2 * math.pi)
    return float(images - mass * (1 + wave**2 / 2 * math.exp(-2 * (math.pi * bandwidth) ** 2)))


COMPARISON = (
    Case(
        "comparison",
        "Verdicts on particles against a flow",
        "Independent draws of the exact flow are within noise as often as the level says, biased clouds are not.",
        "Ornstein-Uhlenbeck in closed form; V-statistics: Gretton et al. 2012",
        "`mudot compare` with clouds of 400 draws and more, on a line and on a circle",
        _verdicts,
    ),
)

"""A study: a family of gradient systems beside its limit, every number with the bar of its discretisation.

A number Q is computed three times: on the mesh of the file (Q_1), on twice as many cells per axis (Q_2), and on the
first mesh with a hundredth of the tolerance in time and more quadrature points (Q_3). Q_2 is reported, with the bar
|Q_2 - Q_1| + 2 |Q_3 - Q_1|; the first term bounds the error in space wherever the order is one or more. Coarse studies
take the finer mesh, tolerance and rule at once, and the difference for the bar. Powers are fitted to numbers of ten
times their bar and more; a predicted power is confirmed where every member's number is so, where it is met to a stated
tolerance, and where the interval of the fit, as narrow as that, contains it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from mudot.validation.finished import FlowFailed
from mudot.validation.gamma.families import QUANTITIES, Study, read_study
from mudot.validation.gamma.fits import CLEAR, FEWEST, NO_FIT, Fit, Measured, fitted
from mudot.validation.gamma.ladders import Ladder, measure, systems
from mudot.validation.gamma.structure import violations
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

__all__ = ["FlowFailed", "case_of", "computed", "gamma_study"]

POINTS = 5
"""Gauss points in time; one or two more for the bar."""
LIMINF = 0.02
"""Share of D_0 by which D_lambda of the last, strongly perturbed curve may lie below it."""
BALANCE = 1e-4
CHAIN = 1e-3
"""Shares of F(0) and of D that balances, and the two forms of J, may differ by."""

Say = Callable[[str], None]


def gamma_study(path: str | Path, quick: bool = False, say: Say = lambda line: None) -> Outcome:
    """Compute the study of a file: checks, tables and curves.

    quick: half the cells, three members;   say: told what is being computed
    Raises MudotError for a file that cannot be used, FlowFailed where a flow fails.
    """
    return computed(read_study(path), quick, say)


def case_of(path: Path) -> Case:
    """The study of a file as a case, under its name."""
    study = read_study(path)
    family = study.family
    claim = family.claim or f"With {family.parameter} to {_end(study)} solutions, energies and dissipations converge."
    setup = (
        f"{path.name}: {study.members[0].energy.name} under {study.members[0].geometry.name}, "
        f"{'x'.join(map(str, study.limit.mesh.cells))} cells and twice as many, T = {study.limit.time.stop:g}"
    )
    return Case(f"gamma-study-{path.stem}", study.title, claim, family.source, setup,
                lambda quick: computed(study, quick))  # fmt: skip


def computed(study: Study, quick: bool = False, say: Say = lambda line: None) -> Outcome:
    """Compute a study (see `gamma_study`)."""
    study = study.coarser() if quick else study
    cells = "x".join(map(str, study.limit.mesh.cells))
    fine, found = _coarsely(study) if quick else _measured(study, cells, say)
    fits = {name: fitted(study.distances, measured, study.following(name)) for name, measured in found.items()}
    outcome = Outcome()
    outcome.checks += [*_convergence(found), *_rates(study, fits, quick), *_books(fine), *_liminf(study, fine)]
    members, limit = systems(study, 1, 1.0)
    if not study.of_meshes:
        for name, (worst, bound) in violations(members, limit, study.family.monotone).items():
            outcome.checks.append(Check(f"arbitrary states, {name}: worst violation", worst, bound))
    outcome.tables += [_powers(study, fits), *_numbers(study, found), *_curves(study, fine)]
    outcome.plots += _plots(study, found, fine)
    return outcome


def _measured(study: Study, cells: str, say: Say) -> tuple[Ladder, dict[str, Measured]]:
    """The ladder on the finer mesh, and every number with its bar."""
    say(f"on {cells} cells")
    coarse = measure(study, 1, 1.0, POINTS)
    say(f"on {cells} cells, tolerance / 100")
    tight = measure(study, 1, 0.01, POINTS + 2)
    say("on twice as many cells per axis")
    fine = measure(study, 2, 1.0, POINTS)
    bars = {
        name: np.abs(fine.values[name] - first) + 2 * np.abs(tight.values[name] - first)
        for name, first in coarse.values.items()
    }
    return fine, {name: Measured(value, bars[name]) for name, value in fine.values.items()}


def _coarsely(study: Study) -> tuple[Ladder, dict[str, Measured]]:
    """The same by two ladders: all errors at once."""
    coarse, fine = measure(study, 1, 1.0, POINTS), measure(study, 2, 0.1, POINTS + 1)
    return fine, {name: Measured(value, np.abs(value - coarse.values[name])) for name, value in fine.values.items()}


def _convergence(found: dict[str, Measured]) -> list[Check]:
    """Every quantity falls along the ladder, as far as its bars can tell."""
    checks = []
    for name, measured in found.items():
        clear = measured.values[measured.clear]
        if clear.size >= FEWEST:
            worst = max(b / a for a, b in pairwise(clear))
            checks.append(Check(f"{QUANTITIES[name]}: largest ratio of neighbours", float(worst), 1.0))
    return checks


def _rates(study: Study, fits: dict[str, Fit], quick: bool) -> list[Check]:
    """Powers against those predicted. Coarse meshes may not resolve them, and few numbers make no interval."""
    checks, width = [], study.family.rate_tolerance
    for name, power in study.predictions.items():
        fit = fits.get(name, NO_FIT)
        label = QUANTITIES[name]
        if quick:
            if np.isfinite(fit.power):
                checks.append(Check(f"{label}: power", fit.power, width, "within", power))
            continue
        checks += [
            Check(f"{label}: numbers above {CLEAR:g} bars", fit.points, len(study.members), "at least"),
            Check(f"{label}: power", fit.power, width, "within", power),
            Check(f"{label}: half-width of its interval", fit.width, width),
            Check(f"{label}: its distance to the prediction over that", abs(fit.power - power) / fit.width, 1.0),
        ]
    return checks


def _books(fine: Ladder) -> list[Check]:
    """Every system's own solution closes its balance; J by its definition is J by the residual rate."""
    return [
        Check("J of every system's own solution, over F(0): largest", float(fine.balances.max()), BALANCE),
        Check("D^rate - D^slope of every system's own solution, over D: largest", float(fine.halves.max()), BALANCE),
        *([Check("other curve: J by definition minus J by the residual rate, over D", float(fine.chain.max()), CHAIN),
           Check("other curve: it is no solution, J_0", fine.other_gap, 1e-3, "at least")] if fine.strong.size else []),
    ]  # fmt: skip


def _liminf(study: Study, fine: Ladder) -> list[Check]:
    checks = []
    if fine.strong.size:
        excess = float(fine.strong[-1])
        checks.append(Check("liminf, strong perturbations: (D - D_0) / D_0 of the last", excess, -LIMINF, "at least"))
    if fine.smoothed.size:
        worst = max(b / a for a, b in pairwise(fine.smoothed))
        checks.append(Check("smoothed recovery sequence: largest ratio of distances", float(worst), 1.0))
    known = study.family.lower_semicontinuous
    if fine.weak.size and known is not None:
        least, claim = float(fine.weak[-1]), "liminf, weak perturbations: D / D_0 of the last"
        if known:
            checks.append(Check(claim, least, 1 - LIMINF, "at least"))
        else:
            checks.append(Check(f"{claim} (fails, as it must)", least, 1 - LIMINF))
    return checks


def _powers(study: Study, fits: dict[str, Fit]) -> Table:
    rows: list[tuple[str | int | float, ...]] = []
    for name, fit in fits.items():
        following, predicted = study.following(name), study.predictions.get(name)
        if np.isfinite(fit.power):
            row = (f"{fit.power:.4f} ± {fit.width:.4f}", *(f"{v:.4f}" for v in (fit.scatter, fit.bars, fit.reach)))
        else:
            row = ("not fitted", "", "", "")
        rows.append((QUANTITIES[name], "" if predicted is None else predicted, *row, fit.points,
                     "" if following is None else following))  # fmt: skip
    variable = "1/log(unit/distance)" if study.family.scale == "logarithm" else "distance to the limit"
    columns = ("quantity", "predicted", "power, 95 %", "scatter", "bars", "range", f"above {CLEAR:g} bars", "next term")
    return Table(f"Powers of the {variable} of {study.family.parameter}", columns, tuple(rows))


def _numbers(study: Study, found: dict[str, Measured]) -> list[Table]:
    """Every number with its bar; one column per entry of the ladder."""
    columns = ("quantity", *(f"{v:g}" for v in study.family.ladder))
    rows = tuple(
        (QUANTITIES[name], *(f"{v:.3g} ± {bar:.1g}" for v, bar in zip(measured.values, measured.bars, strict=True)))
        for name, measured in found.items()
    )
    return [Table(f"Differences to the limit, by {study.family.parameter}, with bars of discretisation", columns, rows)]


def _curves(study: Study, fine: Ladder) -> list[Table]:
    entries = {
        "strong perturbations of the solution: (D - D_0) / D_0": fine.strong,
        "weak perturbations of the solution: D / D_0": fine.weak,
        "smoothed recovery sequence: sup of the L1 distance": fine.smoothed,
    }
    rows: list[tuple[str | int | float, ...]] = [(name, *map(float, v)) for name, v in entries.items() if v.size]
    return [Table("Curves that are no solutions", ("curve", *(f"{v:g}" for v in study.family.ladder)), tuple(rows))]


def _plots(study: Study, found: dict[str, Measured], fine: Ladder) -> list[Plot]:
    """Distances, then the parts of the theorem, both over the ladder; then energies over time."""
    x = list(study.distances)
    label = "1/cells" if study.of_meshes else f"distance of {study.family.parameter} to {_end(study)}"
    label = f"1/log(unit/d), d: {label}" if study.family.scale == "logarithm" else label
    groups = {
        "Solutions and energies": ("l1", "hellinger", "mmd", "w1", "energy"),
        "Dissipation, gaps and recovery": ("rate", "slope", "gap_of_members", "gap_of_limit", "recovery"),
    }
    plots = []
    for title, names in groups.items():
        series = [_series(QUANTITIES[name], x, found[name]) for name in names if name in found]
        for power in sorted({study.predictions[name] for name in names if name in study.predictions}):
            anchor = next(n for n in names if study.predictions.get(n) == power and n in found)
            level = found[anchor].values[-1]
            line = [float(level * (d / x[-1]) ** power) for d in x]
            series.append(Series(f"predicted power {power:g}", x, line, exact=True))
        plots.append(Plot(title, label, "difference to the limit", tuple(series), True, True))
    plots.append(Plot("Powers between neighbours", label, "power", tuple(_local(study, found)), True))
    key = study.family.parameter.rpartition(".")[2]
    labels = [*(f"{key} {v:g}" for v in study.family.ladder), "limit"]
    times = [float(t) for t in fine.times]
    curves = [Series(label, times, [float(v) for v in energy], exact=label == "limit")
              for label, energy in zip(labels, fine.energies, strict=True)]  # fmt: skip
    return [*plots, Plot("Energies", "time $t$", "energy $F$", tuple(curves))]


def _local(study: Study, found: dict[str, Measured]) -> list[Series]:
    """Powers between two members each, at the geometric mean of their distances, beside the predictions: they run
    towards these where members are close enough to the limit."""
    x, series = np.array(study.distances), []
    middle = [float(d) for d in np.sqrt(x[1:] * x[:-1])]
    for name in study.predictions:
        if name not in found or not np.all(found[name].clear):
            continue
        slopes = np.diff(np.log(found[name].values)) / np.diff(np.log(x))
        series.append(Series(QUANTITIES[name], middle, [float(s) for s in slopes]))
    powers = dict.fromkeys(study.predictions.values())
    return [*series, *(Series(f"predicted {power:g}", middle, [power] * len(middle), exact=True) for power in powers)]


def _series(label: str, x: list[float], measured: Measured) -> Series:
    kept = np.isfinite(measured.values) & (measured.values > 0)
    y, bars = measured.values[kept], measured.bars[kept]
    lower, upper = np.maximum(y - bars, 0.3 * y), y + bars
    return Series(label, list(np.asarray(x)[kept]), list(y), lower=list(lower), upper=list(upper))


def _end(study: Study) -> str:
    return "infinity" if study.of_meshes else f"{study.family.tends_to:g}"

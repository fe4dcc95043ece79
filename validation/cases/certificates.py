"""Error bars of certified references against true errors, on every problem whose solution is known."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.meshes.averages import norm
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.problem import build
from mudot.validation.certify import Certified, certify
from mudot.validation.known import KNOWN, Known
from mudot.validation.ladder import refined
from mudot.validation.numbers import numbers_of
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

ROUND_OFF = 1e-12
"""True errors below this, relative to the mass, are those of the exact solution itself."""


@dataclass(frozen=True)
class Verdict:
    """A bar beside the true error that it must cover."""

    problem: str
    quantity: str
    time: float
    true: float
    bar: float

    @property
    def ratio(self) -> float:
        """Bar over true error."""
        return self.bar / max(self.true, 1e-300)


def verdicts(known: Known, scale: float = 1.0, rtol: float | None = None) -> tuple[Certified, list[Verdict]]:
    """Certify a problem, and hold every bar against the exact solution."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problem.toml"
        path.write_text(known.text(scale))
        inputs = read(path)
        found = certify(inputs, known.rtol if rtol is None else rtol)
        mesh, result = found.solution.flow.mesh, []
        for n, t in enumerate(known.times):
            truth = known.exact(mesh, t)
            for quantity, density, bar in (
                ("density", found.solution.density[n], found.error[n]),
                ("extrapolated density", found.better[n], found.better_error[n]),
            ):
                true = norm(mesh, density - truth) / norm(mesh, truth)
                result.append(Verdict(known.name, quantity, t, true, float(bar)))
        if known.numbers:
            level = round(np.log2(found.cells[0] / inputs.mesh.cells[0]))
            exact = _limits(known, [refined(inputs, level + up, 1e-6) for up in (1, 2)], found.bandwidth)
            for name, values in exact.items():
                for n, t in enumerate(known.times):
                    gap = abs(float(found.values[name][n] - values[n]))
                    result.append(Verdict(known.name, name, t, gap, float(found.bars[name][n])))
    return found, result


def _limits(known: Known, finer: Sequence[Inputs], bandwidth: float) -> dict[str, np.ndarray]:
    """Numbers of the exact solution, extrapolated from two meshes beyond the finest one that was solved on."""
    tables = []
    for inputs in finer:
        problem = build(inputs)
        density = np.array([known.exact(problem.mesh, t) for t in known.times])
        energy = np.array([problem.energy.value(problem.mesh, d) for d in density])
        tables.append(numbers_of(problem.mesh, density, energy, problem.target, bandwidth))
    return {name: (4 * tables[1][name] - tables[0][name]) / 3 for name in tables[0]}


def _honesty(quick: bool) -> Outcome:
    """Every bar of every known problem against the true error."""
    outcome, rows, found = Outcome(), list[tuple[str | int | float, ...]](), list[tuple[str, Verdict]]()
    for known in KNOWN:
        if quick and not known.quick:
            continue
        certified, judged = verdicts(known)
        found += [(known.family, verdict) for verdict in judged]
        worst = max(v.true / v.bar for v in judged if v.true > ROUND_OFF) if _seen(judged) else 0.0
        outcome.checks.append(Check(f"{known.name}: largest true error over its bar", worst, 1.0))
        outcome.checks.append(Check(f"{known.name}: error asked for", float(certified.better_error.max()), known.rtol))
        last = {v.quantity: v for v in judged if v.time == known.times[-1]}
        plain, better = last["density"], last["extrapolated density"]
        size = "x".join(map(str, certified.cells))
        order = float(certified.order[-1])
        rows.append(
            (
                known.name,
                size,
                f"{order:.2f}" if np.isfinite(order) else "-",
                plain.true,
                plain.bar,
                better.true,
                better.bar,
            )
        )
    for name in ("density", "extrapolated density", "energy", "mean x", "variance x", "mmd"):
        ratios = [v.ratio for _, v in found if v.quantity == name and v.true > ROUND_OFF]
        outcome.checks.append(Check(f"{name}: median of bar over true error", float(np.median(ratios)), 10.0))
    columns = ("problem", "cells", "order", "true error", "bar", "true error, extrapolated", "bar, extrapolated")
    outcome.tables.append(Table("Relative L1 error of the density at the last time, and its bar", columns, tuple(rows)))
    outcome.plots.append(_picture("extrapolated density", found))
    outcome.plots.append(_picture("energy", found))
    return outcome


def _seen(judged: Sequence[Verdict]) -> bool:
    return any(v.true > ROUND_OFF for v in judged)


def _picture(quantity: str, found: Sequence[tuple[str, Verdict]]) -> Plot:
    """Bars against true errors, with the two lines between which the median must lie."""
    seen = [(family, v) for family, v in found if v.quantity == quantity and v.true > ROUND_OFF]
    series = []
    for family in dict.fromkeys(family for family, _ in seen):
        points = sorted((v.true, v.bar) for other, v in seen if other == family)
        series.append(Series(family, [x for x, _ in points], [y for _, y in points]))
    ends = [min(v.true for _, v in seen), max(v.true for _, v in seen)]
    series.append(Series("bar = true error", ends, ends, exact=True))
    series.append(Series("ten times that", ends, [10 * e for e in ends], exact=True))
    return Plot(f"certificates, {quantity}", "true error", "bar", tuple(series), True, True)


CERTIFICATES = (
    Case(
        "certificates",
        "Error bars of certified references",
        "True errors lie below the bars of density, energy, distance and moments, within ten times in the median.",
        "exact solutions of the whole suite; Richardson 1911",
        "`mudot reference` on every problem file whose solution is known: smooth, with fronts, with jumps; 1D to 3D",
        _honesty,
    ),
)

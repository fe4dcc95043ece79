"""The library of references recomputed: densities from the problem files, numbers against the frozen ones."""

from __future__ import annotations

from mudot.validation import references
from mudot.validation.outcome import Case, Check, Outcome, Table

_QUICK = ("gaussian-1d/swfr-kl", "double-well-1d/w-kl")


def _recomputed(quick: bool) -> Outcome:
    outcome, rows = Outcome(), list[tuple[str | int | float, ...]]()
    for name in _QUICK if quick else references.names():
        found, agreement = references.make(name, 5e-2)
        worst = agreement.worst if agreement else float("nan")
        outcome.checks.append(Check(f"{name}: largest gap to the frozen numbers over both bars", worst, 1.0))
        size = "x".join(map(str, found.cells))
        energy, bar = (float(of["energy"][-1]) for of in (found.values, found.bars))
        rows.append((f"mudot:{name}@{references.VERSION}", size, float(found.better_error.max()), energy, bar, worst))
    columns = ("reference", "cells", "error of the density", "energy at the end", "bar", "largest gap over bars")
    outcome.tables.append(Table("Recomputed to 5e-2 in the density", columns, tuple(rows)))
    return outcome


LIBRARY = (
    Case(
        "library",
        "The library of references, recomputed",
        "Energies, distances and moments computed anew agree with the frozen ones within the bars of both.",
        "`mudot references --make NAME`",
        "named targets and flows in one to three dimensions",
        _recomputed,
    ),
)

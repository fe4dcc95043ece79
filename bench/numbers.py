"""What tables and targets read off the rows of a benchmark."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

Row = dict[str, Any]

BYTES_PER_CELL = 72
"""Least traffic of one term made by itself on a stencil of five points: four rates, losses, two terms and the sum read,
the new term and the sum written, the new term read before it is written."""


def seconds_to(rows: list[Row], error: float) -> float | None:
    """Seconds to an error, between the meshes by the power laws that join them; None where it is not reached.

    >>> seconds_to([{"error": 1e-2, "seconds": 1.0}, {"error": 1e-4, "seconds": 100.0}], 1e-3)
    10.0
    """
    points = [(math.log(r["error"]), math.log(r["seconds"])) for r in rows if r.get("error")]
    best: float | None = None
    goal = math.log(error)
    for e, s in points:
        if e <= goal:
            best = min(best, s) if best is not None else s
    for (e, s), (f, t) in pairwise(points):
        if e > goal > f:
            found = s + (t - s) * (goal - e) / (f - e)
            best = min(best, found) if best is not None else found
    return None if best is None else round(math.exp(best), 12)


def solvers(rows: list[Row], problem: str) -> dict[str, list[Row]]:
    """The rows of a problem on one thread that have numbers, by solver, coarse meshes first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["problem"] == problem and "failed" not in row and row.get("threads", 1) == 1:
            found.setdefault(row["solver"], []).append(row)
    return found

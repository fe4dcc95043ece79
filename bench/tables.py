"""The benchmark as tables in Markdown."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

Row = dict[str, Any]

BYTES_PER_CELL = 72
"""Least traffic of one term made by itself on a stencil of five points: four rates, losses, two terms and the sum read,
the new term and the sum written, the new term read before it is written."""
TARGETS = {"P1n": 1.5e-4, "P1": 1e-3, "P2": 2e-3, "P3": 1e-6, "P4": 1.5e-4}
"""Relative L1 errors at which the solvers are compared."""


def table(about: Row, rows: list[Row]) -> str:
    """All tables, one after the other."""
    head = (
        f"{about['processors']} x {about['processor']}, one thread, Python {about['python']}, load {about['load']:.1f} "
        "at the start; processor seconds with set-up, the least of several runs."
    )
    return "\n\n".join([head, _compared(rows), _bandwidth(rows), _growth(rows), _failures(rows)]) + "\n"


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
    """The rows of a problem that have numbers, by solver, coarse meshes first."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["problem"] == problem and "failed" not in row:
            found.setdefault(row["solver"], []).append(row)
    return found


def _compared(rows: list[Row]) -> str:
    lines = ["| problem, error | solver | seconds | times mudot's best | finest mesh: seconds, error, least value |"]
    lines.append("|---|---|---|---|---|")
    for problem, error in TARGETS.items():
        by_solver = solvers(rows, problem)
        times = {name: seconds_to(found, error) for name, found in by_solver.items()}
        own = [t for name, t in times.items() if name.startswith("mudot") and t is not None]
        for name, found in by_solver.items():
            last, reached = found[-1], times[name]
            ratio = f"{reached / min(own):.3g}" if reached is not None and own else "-"
            shown = "not reached" if reached is None else f"{reached:.3g}"
            lines.append(
                f"| {problem}, {error:g} | {name} | {shown} | {ratio} | "
                f"{last['cells']}: {last['seconds']:.3g}, {last['error']:.1e}, {last['minimum']:.0e} |"
            )
    return "\n".join(lines)


def _bandwidth(rows: list[Row]) -> str:
    found = [r for r in rows if r["problem"] == "triad" and "failed" not in r]
    lines = ["| cells | triad GB/s | one term of the recurrence, us | its traffic term by term over the triad's |"]
    lines.append("|---|---|---|---|")
    for row in found:
        share = BYTES_PER_CELL * row["cells"] ** 2 / row["sweep"] / row["bandwidth"]
        lines.append(
            f"| {row['cells']}^2 | {row['bandwidth'] / 1e9:.3g} | {row['sweep'] * 1e6:.4g} | {100 * share:.0f} % |"
        )
    return "\n".join(lines)


def _growth(rows: list[Row]) -> str:
    lines = ["| problem | mudot: seconds by cells per axis | peak memory, MB |", "|---|---|---|"]
    for problem in ("P1n", "P1", "P2", "P4", "P5"):
        found = solvers(rows, problem).get("mudot", [])
        times = ", ".join(f"{r['cells']}: {r['seconds']:.3g}" for r in found)
        peaks = ", ".join(f"{r['peak'] / 1e6:.0f}" for r in found)
        lines.append(f"| {problem} | {times} | {peaks} |")
    return "\n".join(lines)


def _failures(rows: list[Row]) -> str:
    lines = [f"- {r['problem']}, {r['solver']}, {r['cells']}: {r['failed']}" for r in rows if "failed" in r]
    return "\n".join(["Not measured:", *lines]) if lines else "Nothing was left out."

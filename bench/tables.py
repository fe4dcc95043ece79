"""The benchmark as tables in Markdown."""

from __future__ import annotations

from bench.numbers import Row, seconds_to, solvers
from bench.targets import judged, share

ERRORS = {"P1n": 1.5e-4, "P1": 1e-3, "P2": 2e-3, "P3": 1e-6, "P4": 1.5e-4}
"""Relative L1 errors at which the solvers are compared."""


def table(about: Row, rows: list[Row]) -> str:
    """All tables, one after the other."""
    head = (
        f"{about['processors']} x {about['processor']}, one thread but for the table of threads, Python "
        f"{about['python']}, load {about['load']:.1f} at the start; processor seconds with "
        "set-up, the least of several runs."
    )
    parts = (_compared, _targets, _bandwidth, _growth, _threads, _failures)
    return "\n\n".join([head, *(part(rows) for part in parts)]) + "\n"


def _compared(rows: list[Row]) -> str:
    lines = ["| problem, error | solver | seconds | times mudot's best | finest mesh: seconds, error, least value |"]
    lines.append("|---|---|---|---|---|")
    for problem, error in ERRORS.items():
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


def _targets(rows: list[Row]) -> str:
    lines = ["| asked | measured | verdict | measured limit |", "|---|---|---|---|"]
    lines += [f"| {v.asked} | {v.found} | {'met' if v.met else 'missed'} | {v.limit} |" for v in judged(rows)]
    return "\n".join(lines)


def _bandwidth(rows: list[Row]) -> str:
    found = [r for r in rows if r["problem"] == "triad" and "failed" not in r]
    lines = [
        "| cells | triad GB/s | one term of the recurrence, us | its traffic over the triad's | with all in cache |"
    ]
    lines.append("|---|---|---|---|---|")
    for row in found:
        limit = f"{100 * share(row, row['hot']):.0f} %" if "hot" in row else "-"
        lines.append(
            f"| {row['cells']}^2 | {row['bandwidth'] / 1e9:.3g} | {row['sweep'] * 1e6:.4g} | "
            f"{100 * share(row):.0f} % | {limit} |"
        )
    return "\n".join(lines)


def _growth(rows: list[Row]) -> str:
    lines = [
        "| problem | mudot: seconds by cells per axis | peak memory, MB | arrays at the last |",
        "|---|---|---|---|",
    ]
    for problem in ("P1n", "P1", "P2", "P3", "P4", "P5"):
        found = solvers(rows, problem).get("mudot", [])
        times = ", ".join(f"{r['cells']}: {r['seconds']:.3g}" for r in found)
        peaks = ", ".join(f"{r['peak'] / 1e6:.0f}" for r in found)
        arrays = found[-1].get("arrays") if found else None
        lines.append(f"| {problem} | {times} | {peaks} | {'-' if arrays is None else f'{arrays:.1f}'} |")
    return "\n".join(lines)


def _threads(rows: list[Row]) -> str:
    """Time by the clock on one thread and on two."""
    lines = ["| problem, cells per axis | one thread: s by the clock | two threads | speed-up |", "|---|---|---|---|"]
    for row in rows:
        if row.get("threads", 1) == 1 or "failed" in row:
            continue
        alone = [r for r in solvers(rows, row["problem"]).get(row["solver"], []) if r["cells"] == row["cells"]]
        if alone:
            one, two = alone[0]["clock"], row["clock"]
            lines.append(f"| {row['problem']}, {row['cells']} | {one:.3g} | {two:.3g} | {one / two:.2f} |")
    return "\n".join(lines)


def _failures(rows: list[Row]) -> str:
    lines = [f"- {r['problem']}, {r['solver']}, {r['cells']}: {r['failed']}" for r in rows if "failed" in r]
    return "\n".join(["Not measured:", *lines]) if lines else "Nothing was left out."

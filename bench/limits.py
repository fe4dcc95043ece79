"""Why a target is missed: what the same run measured as the most that could be had."""

from __future__ import annotations

from bench.numbers import Row, seconds_to, solvers

SET_UP = "set-up alone"
"""Solver of rows of a problem of their own: the mesh, the averages of pi and the rates are made, and nothing else."""


def of_ratio(rows: list[Row], problem: str, error: float, theirs: float, times: float) -> str:
    """Of a ratio to a peer that takes `theirs` seconds to an error: what set-up leaves, and the time that was asked."""
    spent = set_up(rows, problem, error)
    asked = f"{times:g} times would be {_in_ms(theirs / times)}"
    if spent is None:
        return asked
    cells, seconds = spent
    return f"{asked}; {SET_UP} takes {_in_ms(seconds)} on {cells} cells per axis: {theirs / seconds:.3g} times at most"


def set_up(rows: list[Row], problem: str, error: float) -> tuple[str, float] | None:
    """The meshes of mudot's quickest way to an error, the coarsest that reach it, and what set-up takes there."""
    spent = {row["cells"]: row["seconds"] for row in solvers(rows, f"{problem}, {SET_UP}").get(SET_UP, [])}
    ways = {name: part for name, part in solvers(rows, problem).items() if name.startswith("mudot")}
    times = {name: seconds_to(part, error) for name, part in ways.items()}
    reached = {name: time for name, time in times.items() if time is not None}
    if not reached:
        return None
    name = min(reached, key=lambda way: reached[way])
    cells = min(row["cells"] for row in ways[name] if row["error"] <= error)
    meshes = [cells, 2 * cells] if "extrapolated" in name else [cells]
    if not set(meshes) <= set(spent):
        return None
    return " and ".join(map(str, meshes)), sum(spent[n] for n in meshes)


def of_traffic(rows: list[Row], shares: dict[int, float]) -> str:
    """Of the terms of a recurrence: what the loop does where all that it needs lies in the first-level cache."""
    words = ", ".join(f"{100 * share:.0f} % on {cells}^2" for cells, share in shares.items())
    return f"with all in the first-level cache the loop itself reaches {words} of the triad, which has a cache, too"


def _in_ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2g} ms"

"""What was asked of mudot's speed, beside what a run of the benchmark has measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from bench import limits, processes
from bench.numbers import BYTES_PER_CELL, seconds_to, solvers

Row = dict[str, Any]


class Verdict(NamedTuple):
    """The target in words, the measurement in words, whether it is met, and if not the measured limit."""

    asked: str
    found: str
    met: bool
    limit: str = ""


@dataclass(frozen=True)
class Ratio:
    """mudot is to be so many times faster than a peer at a relative L1 error, which a peer that does not reach it
    replaces by its own least one."""

    problem: str
    peer: str
    times: float
    error: float

    def judged(self, rows: list[Row]) -> Verdict | None:
        """None if nothing was measured."""
        found = solvers(rows, self.problem)
        theirs = found.get(self.peer)
        if not theirs:
            return None
        error, time = self.error, seconds_to(theirs, self.error)
        if time is None:
            best = min(theirs, key=lambda row: float(row["error"]))
            error, time = best["error"], best["seconds"]
        own = least_seconds(rows, self.problem, error)
        if own is None:
            return None
        where = "" if error == self.error else f", at {error:.1e}, its least error"
        target = f"{self.problem} to {self.error:g}: {self.times:g} times {self.peer}"
        words, met = f"{time / own:.3g} times ({own:.3g} s against {time:.3g} s{where})", time / own >= self.times
        return Verdict(target, words, met, "" if met else limits.of_ratio(rows, self.problem, error, time, self.times))


RATIOS = (
    Ratio("P1n", "CN + splu", 20, 1.5e-4),
    Ratio("P1n", "expm_multiply", 250, 1.5e-4),
    Ratio("P1n", "fplanck", 500, 1.5e-4),
    Ratio("P1", "CN + splu", 10, 1e-3),
    Ratio("P1", "py-pde", 400, 1e-3),
    Ratio("P1", "FiPy", 7000, 1e-3),
    Ratio("P1", "FiPy, 200 steps", 7000, 1e-3),
    Ratio("P1", "py-pde", 4000, 3e-4),
    Ratio("P3", "CN + splu", 12, 1e-6),
    Ratio("P4", "py-pde", 60, 1.2e-4),
)
STRONG, WEAK = 2e-6, 6e-5
"""Errors at which mudot and Crank-Nicolson with LU are compared on P1n."""


def least_seconds(rows: list[Row], problem: str, error: float) -> float | None:
    """Of mudot, with extrapolation in space or without."""
    own = [seconds_to(part, error) for name, part in solvers(rows, problem).items() if name.startswith("mudot")]
    return min((time for time in own if time is not None), default=None)


def judged(rows: list[Row]) -> list[Verdict]:
    """All targets of which the run has something to say."""
    found = [ratio.judged(rows) for ratio in RATIOS]
    found += [*_strong(rows), *_same_mesh(rows), _products(rows), _traffic(rows), *_processes(rows)]
    return [entry for entry in found if entry is not None]


def _strong(rows: list[Row]) -> list[Verdict | None]:
    own, theirs = (
        least_seconds(rows, "P1n", STRONG),
        seconds_to(solvers(rows, "P1n").get("CN + splu", []), WEAK),
    )
    if own is None:
        return []
    spent = limits.set_up(rows, "P1n", STRONG)
    limit = "" if own < 0.02 or spent is None else f"{limits.SET_UP} takes {spent[1]:.2g} s on {spent[0]} cells"
    fast = Verdict(f"P1n to {STRONG:g}: 0.02 s", f"{own:.3g} s", own < 0.02, limit)
    if theirs is None:
        return [fast]
    words = f"P1n to {STRONG:g}: a twentieth of CN + splu to {WEAK:g}"
    return [fast, Verdict(words, f"1/{theirs / own:.3g} ({own:.3g} s against {theirs:.3g} s)", theirs / own > 20)]


def _same_mesh(rows: list[Row]) -> list[Verdict | None]:
    """P2 on the same 64^3 cells."""
    found = {name: row["seconds"] for name, part in solvers(rows, "P2").items() for row in part if row["cells"] == 64}
    own = found.pop("mudot", None)
    if own is None:
        return []
    return [
        Verdict(
            f"P2 on 64^3: 500 times {name}", f"{time / own:.3g} times ({own:.3g} s, {time:.3g} s)", time >= 500 * own
        )
        for name, time in found.items()
        if not name.startswith("mudot")
    ]


def _products(rows: list[Row]) -> Verdict | None:
    found = {name: row["seconds"] for name, part in solvers(rows, "P5").items() for row in part if row["cells"] == 256}
    if not {"mudot", "matrix products alone"} <= set(found):
        return None
    ratio = found["mudot"] / found["matrix products alone"]
    return Verdict("P5 on 256^2: 1.5 of its matrix products", f"{ratio:.3g}", ratio <= 1.5)


def _traffic(rows: list[Row]) -> Verdict | None:
    shares = {row["cells"]: share(row) for row in rows if row["problem"] == "triad" and "failed" not in row}
    if not shares:
        return None
    words = ", ".join(f"{100 * part:.0f} % on {cells}^2" for cells, part in shares.items())
    met = min(shares.values()) >= 0.5
    alone = {row["cells"]: share(row, row["hot"]) for row in rows if row.get("hot")}
    limit = "" if met or not alone else limits.of_traffic(rows, alone)
    return Verdict("One term of the recurrence: half the triad's bandwidth", words, met, limit)


def _processes(rows: list[Row]) -> list[Verdict | None]:
    clocks = {row["solver"]: row["clock"] for row in rows if row["problem"] == "process" and "failed" not in row}
    return [
        Verdict(f"{name}: {limit:g} s from start to end of the process", f"{clocks[name]:.3g} s", clocks[name] < limit)
        for name, limit in ((processes.HELP, 0.3), (processes.RUN, 3.0))
        if name in clocks
    ]


def share(row: Row, seconds: float | None = None) -> float:
    """Traffic of one term, were it made by itself, over the triad's on as many cells; `seconds`: of the term per cell,
    instead of what was measured on these cells."""
    per_cell = row["sweep"] / row["cells"] ** 2 if seconds is None else seconds
    return float(BYTES_PER_CELL / per_cell / row["bandwidth"])

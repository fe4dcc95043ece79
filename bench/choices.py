"""Whether the cost model chooses well: every way of applying an exponential on P1 to P3, timed beside the chosen one.

    python -m bench.choices [--seconds S]

Processor seconds with the set-up, the least of several runs on one thread; ways that the model predicts to take more
than a second are not tried. The last column is the time of the way of choice over that of the quickest.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bench.measure import timed
from bench.ours import log_target_of, mesh_of
from bench.problems import PROBLEMS, FokkerPlanckProblem
from mudot.solvers.methods import costs
from mudot.solvers.methods.semigroup import FokkerPlanck

PLAN = {"P1": (32, 64, 128, 256), "P1n": (32, 64, 128, 256), "P2": (16, 32, 64), "P3": (64, 128, 256, 512, 2048, 4096)}
_LONGEST = 1e9
"""Nanoseconds."""


@dataclass(frozen=True, eq=False)
class Task:
    """One problem on one mesh: the density after the whole time, by any way."""

    problem: FokkerPlanckProblem
    cells: int

    def method(self) -> FokkerPlanck:
        """Without anything set up."""
        mesh = mesh_of(self.problem, self.cells)
        return FokkerPlanck(mesh, log_target_of(self.problem, mesh), separable=not self.problem.coupling)

    def ways(self) -> dict[str, Callable[[], np.ndarray | None]]:
        """Those that apply and are predicted to end soon; None from one that finds that it does not apply. Ways
        that would have to load compiled loops for too little are left out, as they are at hand here."""
        method, start, stop = self.method(), self.problem.start(self.cells), self.problem.stop
        flat, exit_rate = start.reshape(-1), method.rates.exit_rate
        found: dict[str, Callable[[], np.ndarray | None]] = {"choice": lambda: self._chosen(start)}
        if method._by_axes:
            if costs.factors(start.shape, exit_rate * stop, 1) < _LONGEST:
                found["dense factors"] = lambda: self.method()._tensor(start, stop)
            if method._has_resolvents:
                if costs.eliminations(start.shape, 1) > costs.WORTH_LOADING:
                    found["rational, compiled"] = lambda: self.method()._rational(start, stop, True)
                if costs.eliminations(start.shape, 1) < _LONGEST:
                    found["rational, LAPACK"] = lambda: self.method()._rational(start, stop, True, False)
        found["series"] = lambda: _first(self.method()._series(flat, [stop]))
        if costs.powers(exit_rate, [stop]) * start.size < _LONGEST:
            found["uniformization"] = lambda: next(self.method()._certain(flat, [stop]))
        return found

    def _chosen(self, start: np.ndarray) -> np.ndarray:
        return np.asarray(self.method().advance(start, self.problem.stop, 1.0, 1e-6).density)


def _first(results: list[np.ndarray] | None) -> np.ndarray | None:
    return None if results is None else results[0]


def rows(plan: dict[str, tuple[int, ...]], seconds: float) -> Iterator[tuple[str, int, dict[str, float]]]:
    """Problem, cells and the seconds of every way that applies."""
    for name, sizes in plan.items():
        for cells in sizes:
            ways = Task(PROBLEMS[name], cells).ways()
            taken = {way: timed(run, seconds)[1] for way, run in ways.items() if run() is not None}
            yield name, cells, taken


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.choices", description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=0.3, help="for every measurement")
    options = parser.parse_args(arguments)
    worst = 1.0
    for name, cells, taken in rows(PLAN, options.seconds):
        chosen, others = taken.pop("choice"), taken
        regret = chosen / min(others.values()) if others else 1.0
        worst = max(worst, regret)
        listed = ", ".join(f"{way} {1e3 * spent:.3g}" for way, spent in sorted(others.items(), key=lambda kv: kv[1]))
        print(f"{name:4} {cells:5}  choice {1e3 * chosen:8.3g} ms  of {listed}  {regret:.2f}", flush=True)
    print(f"at worst {worst:.2f} times the quickest way")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Run validation cases side by side and keep what they find."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from mudot.meshes import threads
from mudot.meshes.errors import MudotError
from mudot.solvers.messages import listed, suggestion
from mudot.validation.cases import CASES
from mudot.validation.outcome import Case, Check, Outcome


@dataclass(frozen=True)
class Result:
    """What became of a case: its outcome, the seconds it took by the clock and of a processor, and the traceback if it
    broke."""

    case: str
    outcome: Outcome
    seconds: float
    error: str = ""
    processor: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether it ran and every check passed."""
        return not self.error and self.outcome.passed


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these names, all for none. Raises MudotError for an unknown name."""
    known = {case.name: case for case in CASES}
    for name in names:
        if name not in known:
            raise MudotError(f"--case: no case {name!r}{suggestion(name, known)}; cases: {listed(list(known))}")
    return [known[name] for name in names] if names else list(CASES)


def run_case(name: str, quick: bool) -> Result:
    """Run one case. A case that breaks is a failed case with its traceback."""
    case = next(case for case in CASES if case.name == name)
    begin, busy = time.perf_counter(), time.process_time()
    try:
        outcome, error = case.run(quick), ""
    except Exception:
        outcome, error = Outcome([Check("the case runs", 1.0, 0.0)]), traceback.format_exc()
    return Result(name, outcome, time.perf_counter() - begin, error, time.process_time() - busy)


def run_cases(
    cases: Sequence[Case],
    quick: bool,
    report: Callable[[Result], None],
    store: Path | None = None,
    jobs: int | None = None,
) -> list[Result]:
    """Run cases, independent ones side by side, and report each as it ends; results come in the order of the cases.

    store: a folder where each result is kept as it comes; those already there, of this code and these meshes, are
        taken as they are
    jobs: how many at a time; None for one per processor
    """
    from mudot.validation import kept

    done: dict[str, Result] = {}
    if store is not None:
        done = kept.load(store, [case.name for case in cases], quick)
        for result in done.values():
            report(result)
    durations = kept.durations(store, quick) if store is not None else {}
    # Long cases first, those never timed before all: the last processor is not left alone with one.
    queue = sorted(
        (case.name for case in cases if case.name not in done), key=lambda name: -durations.get(name, float("inf"))
    )
    workers = max(1, min(jobs or threads.processors(), len(queue)))
    with ProcessPoolExecutor(max_workers=workers) as pool:
        for future in as_completed([pool.submit(run_case, name, quick) for name in queue]):
            result = future.result()
            done[result.case] = result
            if store is not None:
                kept.save(store, result, quick)
            report(result)
    return [done[case.name] for case in cases]

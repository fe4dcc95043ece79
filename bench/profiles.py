"""Where the slowest validation cases spend their time: `python -m bench.profiles [--count N] [CASE ...]`.

Without names the slowest cases of the last `make validate` are taken. Processor seconds of every case, and the
functions in which most of it passes, their callees not counted; a profile itself slows small functions down.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mudot.meshes.errors import MudotError
from mudot.validation import runner
from mudot.validation.outcome import Case


def slowest(report: Path, count: int) -> list[str]:
    """Names of the cases that took longest in the last validation. Raises MudotError where there was none."""
    path = report / "results.json"
    if not path.exists():
        raise MudotError(f"{path}: not found; run `make validate` first, or name cases")
    cases = json.loads(path.read_text())["cases"]
    return [case["name"] for case in sorted(cases, key=lambda case: -case["seconds"])[:count]]


def profile(case: Case, quick: bool = False, lines: int = 12) -> Iterator[str]:
    """Lines of a table: own seconds, calls, function."""
    found, begin = cProfile.Profile(), time.process_time()
    outcome = found.runcall(case.run, quick)
    spent = time.process_time() - begin
    verdict = "passed" if outcome.passed else "FAILED"
    yield f"{case.name}: {spent:.1f} s of processor time, {verdict}"
    # Not `get_stats_profile`, whose keys are names: of two functions of one name it keeps the last.
    functions = pstats.Stats(found).stats  # type: ignore[attr-defined]
    whole = sum(own for _, _, own, _, _ in functions.values())
    for (file, line, name), (_, calls, own, _, _) in sorted(functions.items(), key=lambda item: -item[1][2])[:lines]:
        place = f" ({Path(file).name}:{line})" if line else ""
        yield f"  {own / whole:6.1%} {calls:>12} calls  {name}{place}"


def main(arguments: list[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.profiles", description=__doc__.partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help="names of cases; the slowest by default")
    parser.add_argument("--report", type=Path, default=Path("report"), help="folder of the last validation")
    parser.add_argument("--count", type=int, default=3, help="how many of the slowest")
    parser.add_argument("--quick", action="store_true", help="coarse meshes")
    options = parser.parse_args(arguments)
    try:
        for case in runner.chosen(options.cases or slowest(options.report, options.count)):
            for line in profile(case, options.quick):
                print(line, flush=True)
    except MudotError as reason:
        print(f"bench.profiles: {reason}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make bench`: mudot beside its peers in one run, as a table, JSON and a picture.

    python -m bench [--quick] [--minutes M] [--output FOLDER]

Every measurement runs in a process of its own, one after the other, on one thread unless it says otherwise. Peers that
are not installed are skipped with one line; a solver that took long on one mesh is not tried on finer ones.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench import processes
from bench.limits import SET_UP
from bench.problems import PROBLEMS
from bench.tables import table

PACKAGES = {"FiPy": "fipy", "fplanck": "fplanck", "py-pde": "pde", "mudot": "numba"}
_PEERS = ("FiPy", "fplanck", "py-pde")
_LIMIT = 90.0
_COMPILING = 180.0
"""Seconds for one process; py-pde and fplanck compile for longer than they compute."""


@dataclass(frozen=True)
class Plan:
    """What is measured: solvers on meshes, for every problem."""

    problem: str
    solvers: tuple[str, ...]
    cells: tuple[int, ...]
    threads: int = 1


FULL = (
    Plan("P1n", ("mudot",), (32, 64, 128, 256, 512, 1024)),
    Plan("P1n", ("mudot, extrapolated",), (8, 16, 32, 64, 128, 256)),
    Plan("P1n", (SET_UP,), (8, 16, 32, 64, 128, 256)),
    Plan("P1n", ("CN + splu",), (32, 64, 128, 256, 512)),
    Plan("P1", ("mudot",), (32, 64, 128, 256, 512, 1024)),
    Plan("P1", ("mudot, extrapolated",), (8, 16, 32, 64, 128)),
    Plan("P1", (SET_UP,), (8, 16, 32, 64, 128, 256)),
    Plan("P1", ("CN + splu",), (32, 64, 128, 256, 512)),
    Plan("P2", ("mudot",), (16, 32, 64, 128)),
    Plan("P2", ("mudot, extrapolated",), (8, 16, 32, 64)),
    Plan("P3", ("mudot",), (64, 256, 1024, 4096, 16384)),
    Plan("P3", ("mudot, extrapolated",), (64, 128, 256, 512)),
    Plan("P3", ("CN + splu",), (256, 1024, 4096)),
    Plan("P4", ("mudot",), (32, 64, 128, 192, 256, 512)),
    Plan("P5", ("mudot", "matrix products alone"), (64, 128, 256, 512)),
    Plan("P5", ("dense sum",), (64,)),
    Plan("P1n", ("mudot",), (512,), 2),
    Plan("P1", ("mudot",), (1024,), 2),
    Plan("P2", ("mudot",), (128,), 2),
    Plan("P4", ("mudot",), (256, 512), 2),
    Plan("P5", ("mudot",), (512,), 2),
    # Those first that targets are about; those last that may not end in their time.
    Plan("P4", ("py-pde",), (128, 256)),
    Plan("P1n", ("fplanck",), (64, 128)),
    Plan("P1n", ("expm_multiply",), (32, 64, 128, 256)),
    Plan("P2", ("expm_multiply", "solve_ivp RK45"), (16, 32, 64)),
    Plan("P2", ("fplanck",), (32, 64)),
    Plan("P1", ("FiPy",), (64, 128)),
    Plan("P1", ("FiPy, 200 steps",), (128,)),
    Plan("P1", ("py-pde",), (128,)),
    Plan("P1n", ("solve_ivp BDF", "solve_ivp RK45", "FiPy"), (32, 64, 128)),
    Plan("P4", ("solve_ivp BDF",), (32, 64, 128)),
    Plan("P1", ("expm_multiply",), (64, 128)),
    Plan("P2", ("FiPy",), (16, 32, 64)),
    Plan("P1", ("py-pde",), (256,)),
    Plan("P1n", ("py-pde",), (128,)),
)
QUICK = (
    Plan("P1n", ("mudot",), (64, 128, 256)),
    Plan("P1n", ("mudot, extrapolated",), (8, 16, 32)),
    Plan("P1n", ("CN + splu",), (64, 128, 256)),
    Plan("P1n", ("expm_multiply", "FiPy"), (64,)),
    Plan("P1", ("mudot", "CN + splu"), (64, 128)),
    Plan("P2", ("mudot", "expm_multiply"), (16, 32)),
    Plan("P3", ("mudot, extrapolated",), (128,)),
    Plan("P3", ("CN + splu", "mudot"), (1024,)),
    Plan("P4", ("mudot", "solve_ivp BDF"), (32, 64)),
    Plan("P5", ("mudot", "matrix products alone"), (128,)),
)
SIZES = (128, 256, 512, 1024)
"""Of the triad and of one term of the recurrence."""


def machine() -> dict[str, Any]:
    """Name of the processor, number of processors, versions, and what else keeps the machine busy."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def one(
    problem: str, solver: str, cells: int, limit: float, seconds: float, kept: Path, threads: int = 1
) -> dict[str, Any]:
    """One measurement in a process of its own; `failed` says why there is none."""
    command = [sys.executable, "-m", "bench.measure", problem, solver, str(cells), str(seconds), str(kept)]
    allowed = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=limit, env=os.environ | allowed, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {limit:.0f} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1])) | {"threads": threads}


def run(
    plans: tuple[Plan, ...], sizes: tuple[int, ...], minutes: float, seconds: float, folder: Path
) -> Iterator[dict[str, Any]]:
    """All measurements, as rows; whatever does not fit into the time is left out and said so."""
    stop = time.monotonic() + 60 * minutes
    kept = folder / "bench-reference.npy"
    kept.unlink(missing_ok=True)
    if any(plan.problem == "P1n" for plan in plans):
        PROBLEMS["P1n"].reference(16, kept)
    yield from processes.measured()
    for cells in sizes:
        yield {"problem": "triad", "solver": "", "cells": cells, **one("triad", "", cells, _LIMIT, seconds, kept)}
    for plan in plans:
        for solver in plan.solvers:
            name = f"{plan.problem}, {SET_UP}" if solver == SET_UP else plan.problem
            package = PACKAGES.get(solver.partition(",")[0])
            if solver.partition(",")[0] in _PEERS and package is not None and find_spec(package) is None:
                yield {"problem": name, "solver": solver, "cells": 0, "failed": "not installed"}
                continue
            for cells in plan.cells:
                left = stop - time.monotonic()
                limit = min(_COMPILING if solver in ("py-pde", "fplanck") else _LIMIT, left)
                if limit < 1:
                    yield {"problem": name, "solver": solver, "cells": cells, "failed": "out of time"}
                    break
                found = one(plan.problem, solver, cells, limit, seconds, kept, plan.threads)
                yield {"problem": name, "solver": solver, "cells": cells, **found}
                if "failed" in found or found["seconds"] > _LIMIT / 4:
                    break


def main(arguments: list[str] | None = None) -> int:
    """Run, print, write."""
    options = argparse.ArgumentParser("bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="two minutes")
    options.add_argument("--minutes", type=float, help="time that it may take")
    options.add_argument("--output", type=Path, default=Path("report"), help="folder")
    given = options.parse_args(arguments)
    minutes = given.minutes if given.minutes is not None else (2.0 if given.quick else 15.0)
    rows = []
    about = machine()
    plans, sizes = (QUICK, SIZES[:2]) if given.quick else (FULL, SIZES)
    for row in run(plans, sizes, minutes, 0.3 if given.quick else 0.6, given.output):
        rows.append(row)
        print(_line(row), flush=True)
    given.output.mkdir(parents=True, exist_ok=True)
    write(given.output, about, rows, [asdict(plan) for plan in plans])
    print(f"\n{table(about, rows)}")
    return 0


def write(folder: Path, about: dict[str, Any], rows: list[dict[str, Any]], plans: list[dict[str, Any]]) -> None:
    """bench.json, bench.md and the pictures bench.png and bench.pdf."""
    from mudot.validation import figures_bench
    from mudot.validation.figures_style import save

    data = {"machine": about, "rows": rows, "plans": plans}
    (folder / "bench.json").write_text(json.dumps(data, indent=1))
    (folder / "bench.md").write_text(table(about, rows))
    for suffix in (".png", ".pdf"):
        save(figures_bench.bench(data), folder / f"bench{suffix}")


def _line(row: dict[str, Any]) -> str:
    threads = f" on {row['threads']} threads" if row.get("threads", 1) > 1 else ""
    head = f"{row['problem']:5} {row['solver'] + threads:22} {row['cells']:5}"
    if "failed" in row:
        return f"{head}  {row['failed']}"
    if row["problem"] == "process":
        return f"{head}  {row['clock']:9.4f} s by the clock"
    if row["problem"] == "triad":
        return f"{head}  {row['bandwidth'] / 1e9:.3g} GB/s, one term {row['sweep'] * 1e6:.4g} us"
    error = "" if row["error"] is None else f"  error {row['error']:.1e}"
    return f"{head}  {row['seconds']:9.4f} s{error}  least {row['minimum']:.1e}  peak {row['peak'] / 1e6:.0f} MB"


if __name__ == "__main__":
    sys.exit(main())

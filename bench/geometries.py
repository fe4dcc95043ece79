"""Every geometry of the table in space, one after the other, and a few flows with a target of their own.

    python -m bench.geometries [--cells N] [--limit SECONDS] [--output FILE] [WORD ...]

For each: processor seconds of one right-hand side and of a short run with its ledger, peak memory, and how the run
ended. Every row is a problem file, solved in a process of its own on one thread within a limit of processor time; words
choose the rows whose names contain one of them. Nothing is left out: a row that fails, or takes too long, says so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.__main__ import machine

STOP, RTOL = 0.002, 1e-3
"""Of the flows in space: long enough for several panels of the ledger where a flow is stiff."""
_KEYS = {"ridge": "0.1", "regularization": "0.1"}
_PLANE = (
    "[mesh]\nlower = [-4.0, -4.0]\nupper = [4.0, 4.0]\ncells = [256, 256]\nboundary = ['no-flux']\n"
    "[target]\nlog_density = '-(x**2 - 1)**2/2 - y**2/2'\n[initial]\nlog_density = '-(x + 0.5)**2 - (y - 0.5)**2'\n"
)


@dataclass(frozen=True)
class Row:
    """A name, the problem file, and whether it is a single warm ridge solve that is measured instead of a run."""

    name: str
    text: str
    solves: bool = False


def rows(cells: int) -> Iterator[Row]:
    """Every geometry with every switch of its table for KL; LAWGD; the ridge flow and the ridge solve in the plane."""
    from mudot.solvers.geometry_tables import GEOMETRIES

    for name, table in GEOMETRIES.items():
        known = table.model_fields
        plain = [f"{key} = {value}" for key, value in _KEYS.items() if key in known]
        for switches in ([], ["spherical"], ["symmetric"], ["symmetric", "spherical"]):
            alone = switches == ["spherical"] and "symmetric" in known
            if all(key in known for key in switches) and not alone:
                keys = plain + [f"{key} = true" for key in switches]
                yield Row(" ".join([*switches[::-1], name]), _in_space(cells, "kl", name, keys, table.uses_kernel))
    yield Row("wasserstein of lawgd (LAWGD)", _in_space(cells, "lawgd", "wasserstein", [], False))
    ridge = "[geometry]\nname = 'kernel-approximate-fisher-rao'\nridge = {}\n"
    ridge = f"{_PLANE}[energy]\nname = 'kl'\n{ridge}[kernel]\nname = 'gaussian'\nbandwidth = 0.5\n"
    long = "[time]\nstop = 2.0\noutputs = [0.0, 2.0]\nrtol = 1e-6\n"
    yield Row("256^2: ridge fisher-rao to t = 2 at rtol 1e-6", ridge.format("1e-2") + long)
    yield Row("256^2: one warm ridge solve, lambda = 1e-4", ridge.format("1e-4") + long, solves=True)


def _in_space(cells: int, energy: str, geometry: str, keys: Sequence[str], kernel: bool) -> str:
    return "\n".join(
        [
            f"[mesh]\nlower = [-2.0, -2.0, -2.0]\nupper = [2.0, 2.0, 2.0]\ncells = [{cells}, {cells}, {cells}]",
            "boundary = ['no-flux']",
            "[target]\nlog_density = '-(x**2 + y**2 + z**2)/2 + 0.2*x*y'",
            "[initial]\nlog_density = '-((x - 0.5)**2 + (y + 0.3)**2 + z**2)/1.6'",
            f"[energy]\nname = '{energy}'\n[geometry]\nname = '{geometry}'",
            *keys,
            "[kernel]\nname = 'gaussian'\nbandwidth = 0.5" * kernel,
            f"[time]\nstop = {STOP}\noutputs = [0.0, {STOP}]\nrtol = {RTOL}",
        ]
    )


def measured(row: Row) -> dict[str, Any]:
    """Numbers of one row, in this process."""
    from mudot.solvers.problem import load

    with TemporaryDirectory() as folder:
        path = Path(folder) / "problem.toml"
        path.write_text(row.text)
        problem = load(path)
    return _ridge_solve(problem) if row.solves else _run(problem)


def _run(problem: Any) -> dict[str, Any]:
    """One warm right-hand side, and the run."""
    from mudot.solvers.flows import solve

    flow = problem.flow()
    flow.method.rate(problem.start)
    begin = time.process_time()
    flow.method.rate(problem.start)
    right = time.process_time() - begin
    begin = time.process_time()
    solution = solve(flow, problem.start, problem.times, problem.rtol)
    run = time.process_time() - begin
    found = {"right": right, "run": run, "method": flow.method.description, "status": solution.status}
    if solution.status != "complete":
        return found | {"status": solution.message, "peak": _peak()}
    lost = float(solution.energy[0] - solution.energy[-1])
    return found | {
        "peak": _peak(),
        "lost": lost / float(solution.energy[0]),
        "balance": abs(float(solution.balance[-1])) / lost,
        "mass": float(solution.mass[-1] / solution.mass[0] - 1),
        "minimum": float(solution.minimum.min()),
        "panels": solution.frames[-1].steps,
    }


def _ridge_solve(problem: Any) -> dict[str, Any]:
    """The solve at a state a little later than those that the memory knows; `run` is the first one, without memory."""
    from mudot.meshes.arrays import library_of
    from mudot.solvers.kernels.cached import operator_on
    from mudot.solvers.kernels.warm import RidgeMemory

    mesh, memory = problem.mesh, RidgeMemory()
    operator = operator_on(problem.geometry.kernel, mesh, library_of(problem.start))
    times = []
    for later in range(6):
        density = problem.start * (1 + 0.01 * later * (problem.target / problem.start.max() - 0.5))
        force = problem.energy.first_variation(mesh, density)
        begin = time.process_time()
        solved = memory.solve(operator, density * mesh.volumes, force, problem.geometry.ridge)
        times.append(time.process_time() - begin)
    how = f"conjugate gradients from the last solutions, {solved.iterations} iterations, defect {solved.defect:.0e}"
    return {"right": times[-1], "run": times[0], "method": how, "status": "complete", "peak": _peak()}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def apart(name: str, cells: int, limit: float) -> dict[str, Any]:
    """A row in a process of its own, which ends itself after so many processor seconds."""
    command = [sys.executable, "-m", "bench.geometries", "--cells", str(cells), "--limit", str(limit), "--row", name]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | threads, check=False)
    if done.returncode == -signal.SIGXCPU:
        return {"status": f"not finished in {limit:g} s"}
    if done.returncode:
        return {"status": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return dict(json.loads(done.stdout.splitlines()[-1]))


def line(name: str, found: dict[str, Any]) -> str:
    """A row as it is printed."""
    if "right" not in found:
        return f"{name:62} {found['status']}"
    numbers = f"{found['right']:9.3f} {found['run']:9.2f} {found['peak'] / 1e6:8.0f}"
    if "lost" in found:
        numbers += f" {found['lost']:10.2e} {found['balance']:9.0e} {found['mass']:9.0e} {found['minimum']:9.1e}"
    return f"{name:62}{numbers}  {found['status'] if found['status'] != 'complete' else found['method']}"


def summary(numbers: dict[str, dict[str, Any]]) -> str:
    """How many rows ended, and which one took longest."""
    ended = {name: found["run"] for name, found in numbers.items() if found["status"] == "complete"}
    slowest = max(ended, key=ended.__getitem__, default=None)
    text = f"{len(ended)} of {len(numbers)} ran to their ends"
    return text if slowest is None else f"{text}; the longest, {slowest}, took {ended[slowest]:.1f} s"


_HEAD = f"{'flow':62}{'rhs, s':>9} {'run, s':>9} {'peak, MB':>8} {'energy':>10} {'balance':>9} {'mass':>9} {'least':>9}"


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the numbers where a file is given."""
    parser = argparse.ArgumentParser(prog="python -m bench.geometries", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="rows whose names contain one of these (default: all)")
    parser.add_argument("--cells", type=int, default=64, help="of every axis in space (default 64)")
    parser.add_argument("--limit", type=float, default=300.0, help="processor seconds for one row (default 300)")
    parser.add_argument("--output", type=Path, help="also write the numbers as JSON")
    parser.add_argument("--row", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    known = {row.name: row for row in rows(given.cells)}
    if given.row is not None:
        resource.setrlimit(resource.RLIMIT_CPU, (round(given.limit), round(given.limit) + 5))
        print(json.dumps(measured(known[given.row])))
        return 0
    chosen = [name for name in known if not given.words or any(word in name for word in given.words)]
    if not chosen:
        print(f"no row contains {' or '.join(given.words)}; the rows are: {', '.join(known)}", file=sys.stderr)
        return 2
    about = machine()
    print(f"{about['processors']} x {about['processor']}, one thread, load {about['load']:.1f} at the start")
    print(f"{given.cells}^3 cells, KL to t = {STOP:g} at rtol {RTOL:g}: processor seconds; energy lost over F(0), the")
    print(f"balance over what was lost, change of mass, least density\n{_HEAD}")
    numbers = {}
    for name in chosen:
        numbers[name] = apart(name, given.cells, given.limit)
        print(line(name, numbers[name]), flush=True)
    print(summary(numbers))
    if given.output is not None:
        given.output.write_text(json.dumps({"machine": about, "cells": given.cells, "rows": numbers}, indent=1))
    return 0 if all(found["status"] == "complete" for found in numbers.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

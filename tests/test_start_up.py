"""What a command loads before it works: nothing for help, and for a run nothing that it does not use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mudot.meshes import threads

LOADED = """
import json, sys
from mudot.validation.cli import main
try:
    status = main(sys.argv[1:])
except SystemExit as end:
    status = end.code
names = {name.split(".")[0] for name in sys.modules} | {".".join(name.split(".")[:2]) for name in sys.modules}
print("\\n" + json.dumps([status, sorted(names)]))
"""
PROBLEM = """
mesh = {{lower = [-2.0, -2.0], upper = [2.0, 2.0], cells = [{n}, {n}], boundary = ["no-flux"]}}
target = {{log_density = "-(x**2 - 1)**2 - y**2/2 - 0.4*x*y"}}
initial = {{log_density = "-(x + 0.6)**2 - y**2"}}
energy = {{name = "kl"}}
geometry = {{name = "wasserstein"}}
time = {{stop = 0.001, outputs = [0.0, 0.001], rtol = 1e-2}}
"""
HEAVY = {"matplotlib", "jinja2", "sklearn", "ot", "cupy", "scipy.integrate", "scipy.optimize", "scipy.stats"}
"""Tenths of a second each."""


def loaded(*arguments: str) -> set[str]:
    """The modules in memory after a command."""
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    status, names = json.loads(done.stdout.splitlines()[-1])
    assert status == 0, done.stdout + done.stderr
    return set(names)


def test_help_loads_no_numerics() -> None:
    assert not loaded("--help") & {"scipy", "h5py", "pydantic", "numba", "rich", *HEAVY}


@pytest.mark.parametrize("n", [24, 140])
def test_a_run_loads_what_it_uses(n: int, tmp_path: Path) -> None:
    """Numba, which takes longest, only where compiled loops save more than that."""
    (tmp_path / "problem.toml").write_text(PROBLEM.format(n=n))
    names = loaded("run", str(tmp_path / "problem.toml"), "--output", str(tmp_path / "result.h5"))
    assert not names & HEAVY
    assert n > 100 or "numba" not in names


THREADS = """
import sys
import numpy as np
import mudot.meshes.threads as threads
from concurrent.futures import ThreadPoolExecutor
made = []
class Pool(ThreadPoolExecutor):
    def __init__(self, workers, **options):
        made.append(workers)
        super().__init__(workers, **options)
threads.ThreadPoolExecutor = Pool
threads.processors = lambda: 4
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import GradientFlow, KullbackLeibler, Wasserstein, solve
mesh = Cartesian((150, 140), (-2.0, -2.0), (2.0, 2.0))
x, y = mesh.coordinates
log_target = -((x**2 - 1) ** 2) - y**2 / 2 - 0.4 * x * y
start = np.exp(-((x + 0.6) ** 2) - y**2)
flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_target), log_target), Wasserstein())
solution = solve(flow, start, [0.01], 1e-3)
import zlib
print(threads.count(), made, zlib.crc32(solution.density.tobytes()))
"""


@pytest.mark.parametrize(
    ("asked", "count"), [("1", 1), ("2", 2), ("3,1", 3), ("99", 4), ("", 4), ("many", 4), ("0", 4), (None, 4)]
)
def test_threads_are_as_many_as_asked_for(asked: str | None, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """OMP_NUM_THREADS bounds the processors at hand; a list of numbers, one for each level, counts by its first."""
    monkeypatch.setattr(threads, "processors", lambda: 4)
    if asked is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert threads.count.__wrapped__() == count


def test_a_run_starts_no_more_threads_than_asked_for_and_has_the_same_bits() -> None:
    said = []
    for asked in ("1", "3"):
        environment = {**os.environ, "OMP_NUM_THREADS": asked}
        command = [sys.executable, "-c", THREADS]
        said.append(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split())
    assert said[0][:2] == ["1", "[]"] and said[1][:2] == ["3", "[3]"]
    assert said[0][2] == said[1][2]

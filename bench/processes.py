"""Commands from the start of their process to the closed file, as a shell sees them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HELP, RUN = "mudot --help", "mudot run on P1n, 256^2"
PROBLEM = """
mesh = {lower = [-3.0, -3.0], upper = [3.0, 3.0], cells = [256, 256], boundary = ["no-flux"]}
target = {log_density = "-(x**2 - 1)**2 - y**2/2 - 0.4*x*y"}
initial = {log_density = "-((x + 0.6)**2 + (y - 0.8)**2) / (2*0.3**2)"}
energy = {name = "kl"}
geometry = {name = "wasserstein"}
time = {stop = 1.0, outputs = [0.0, 1.0], rtol = 1e-4}
"""


def commands(folder: Path) -> dict[str, list[str]]:
    """What is timed, by name; `folder` takes the problem file and the result."""
    problem = folder / "problem.toml"
    problem.write_text(PROBLEM)
    mudot = [sys.executable, "-m", "mudot.validation"]
    return {HELP: [*mudot, "--help"], RUN: [*mudot, "run", str(problem), "--output", str(folder / "result.h5")]}


def measured(repeats: int = 5) -> list[dict[str, Any]]:
    """Rows with the median seconds by the clock, after one run that is not counted: it fills the caches of compiled
    loops and of files."""
    with tempfile.TemporaryDirectory() as name:
        return [_row(what, command, Path(name), repeats) for what, command in commands(Path(name)).items()]


def _row(name: str, command: list[str], folder: Path, repeats: int) -> dict[str, Any]:
    clocks: list[float] = []
    row: dict[str, Any] = {"problem": "process", "solver": name, "cells": 0}
    for _ in range(repeats + 1):
        (folder / "result.h5").unlink(missing_ok=True)
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        clocks.append(time.perf_counter() - start)
        if done.returncode:
            return row | {"failed": done.stderr.strip() or "no reason given"}
    return row | {"clock": statistics.median(clocks[1:])}

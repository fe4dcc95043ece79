"""A good problem file, and files with some of its tables replaced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

TABLES = {
    "title": 'title = "A tilted double well"',
    "mesh": '[mesh]\nlower = [-2.0]\nupper = [2.0]\ncells = [20]\nboundary = ["no-flux"]',
    "target": '[target]\nlog_density = "-(x**2 - 1)**2 + 0.3*x"',
    "initial": '[initial]\nlog_density = "-(x + 0.7)**2 / 0.5"\nmass = 1.0',
    "energy": '[energy]\nname = "kl"',
    "geometry": '[geometry]\nname = "wasserstein-fisher-rao"\ntransport = 1.0\nreaction = 2.0\nspherical = true',
    "time": "[time]\nstop = 2.0\noutputs = [0.0, 0.1, 0.5, 2.0]\nrtol = 1e-6",
}


@pytest.fixture
def problem_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes `case.toml`: the good file with the given tables replaced, or left out where the new text is empty."""

    def write(**tables: str) -> Path:
        path = tmp_path / "case.toml"
        path.write_text("\n\n".join({**TABLES, **tables}.values()) + "\n", encoding="utf-8")
        return path

    return write

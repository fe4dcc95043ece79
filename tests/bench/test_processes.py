"""Whole commands are run as a shell runs them, and judged by the clock."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import processes
from bench.targets import judged


def test_commands_are_timed_from_start_to_closed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROBLEM", processes.PROBLEM.replace("256", "12"))
    rows = processes.measured(repeats=1)
    assert [row["solver"] for row in rows] == [processes.HELP, processes.RUN]
    assert all(0 < row["clock"] < 300 for row in rows)


def test_a_command_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "PROBLEM", processes.PROBLEM.replace("wasserstein", "nonsense"))
    row = processes.measured(repeats=1)[1]
    assert "nonsense" in row["failed"] and not judged([row])


def test_a_command_is_judged_by_its_own_limit() -> None:
    rows = [
        {"problem": "process", "solver": processes.HELP, "cells": 0, "clock": 0.1},
        {"problem": "process", "solver": processes.RUN, "cells": 0, "clock": 3.5},
    ]
    assert [verdict.met for verdict in judged(rows)] == [True, False]

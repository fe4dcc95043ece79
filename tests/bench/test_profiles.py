"""Profiles of validation cases: the slowest of a report are found, and what takes their time is said."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from bench import profiles
from mudot.validation.outcome import Case, Check, Outcome


def wait(quick: bool) -> Outcome:
    """A case that spends its time in one place."""
    until = time.process_time() + (0.02 if quick else 10)
    while time.process_time() < until:
        pass
    return Outcome([Check("waited", 0.0, 1.0)])


def test_a_profile_names_where_the_time_passes() -> None:
    head, *rows = profiles.profile(Case("waiting", "", "", "", "", wait), quick=True)
    assert head.startswith("waiting: 0.0 s") and head.endswith("passed")
    assert any("wait (test_profiles.py:" in row for row in rows[:3])


def test_the_slowest_cases_come_from_the_last_report(tmp_path: Path) -> None:
    cases = [{"name": name, "seconds": seconds} for name, seconds in (("a", 1.0), ("b", 3.0), ("c", 2.0))]
    (tmp_path / "results.json").write_text(json.dumps({"cases": cases}))
    assert profiles.slowest(tmp_path, 2) == ["b", "c"]


def test_without_a_report_or_with_an_unknown_case_one_line_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert profiles.main(["--report", str(tmp_path)]) == 2
    assert "run `make validate` first" in capsys.readouterr().err
    assert profiles.main(["no-such-case"]) == 2
    assert capsys.readouterr().err.count("\n") == 1

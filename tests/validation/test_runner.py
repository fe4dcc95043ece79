"""Verdicts are computed: what is broken turns the report red."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mudot.solvers.geometries import FisherRao, Wasserstein
from mudot.solvers.methods.reaction import PowerReaction
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.validation import reference, report, runner
from mudot.validation.cli import main
from mudot.validation.outcome import Check, Outcome


def failed_claims(name: str) -> list[str]:
    result = runner.run_case(name, quick=True)
    assert not result.error, result.error
    return [check.claim for check in result.outcome.checks if not check.passed]


@pytest.mark.parametrize(
    "name",
    [
        "ornstein-uhlenbeck-1d",
        "fisher-rao-gaussians",
        "power-divergences",
        "splitting-in-time",
        "spectral-gaps",
        "wfr-1d",
    ],
)
def test_the_coarse_case_passes(name: str) -> None:
    assert failed_claims(name) == []


def test_a_wrong_reference_constant_fails_the_case(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {**reference.POWER_PLAIN, 2.0: (1.2253996, 0.731058578630, 0.960729699450)}
    monkeypatch.setattr(reference, "POWER_PLAIN", wrong)
    assert failed_claims("power-divergences") == ["p = 2, plain: largest error of s(1)"]


def test_an_error_of_first_order_fails_the_order_of_convergence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FokkerPlanck, "trace", _late(FokkerPlanck.trace))
    assert "order of the Ornstein-Uhlenbeck density at t = 1 error in space" in failed_claims("ornstein-uhlenbeck-1d")


def _late(trace):  # type: ignore[no-untyped-def]
    """Runs for a little longer than asked, by a share of the mesh width."""

    def late(self, density, durations, step, rtol):  # type: ignore[no-untyped-def]
        share = 1 + float(self.mesh.widths[0][0]) / 8
        return trace(self, density, [share * t for t in durations], step, rtol)

    return late


def test_a_rate_that_is_off_breaks_the_balance(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = PowerReaction.rate
    monkeypatch.setattr(PowerReaction, "rate", lambda self, density: 1.001 * honest(self, density))
    assert "largest balance over dissipation" in failed_claims("power-divergences")


def test_a_case_that_breaks_is_a_failed_case_with_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: PowerReaction, density: np.ndarray, *rest: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr(PowerReaction, "advance", broken)
    result = runner.run_case("power-divergences", quick=True)
    assert not result.passed and "planted" in result.error


def test_an_outcome_without_checks_has_not_passed() -> None:
    assert not Outcome().passed
    assert not Outcome([Check("one", 0.0, 1.0), Check("nan", float("nan"), 1.0)]).passed


def test_the_report_shows_verdicts_tolerances_and_the_same_numbers_as_json(tmp_path: Path) -> None:
    cases = runner.chosen(["power-divergences", "splitting-in-time"])
    results = [runner.run_case(case.name, quick=True) for case in cases]
    bad = runner.Result(cases[1].name, Outcome([Check("planted", 2.0, 1.0)]), 0.1)
    page = report.write(tmp_path, cases, [results[0], bad], quick=True, seconds=1.0).read_text()
    assert "1 of 2 cases passed" in page and "FAILED" in page and "planted" in page
    assert "mudot validate --case power-divergences --quick" in page
    numbers = json.loads((tmp_path / "results.json").read_text())
    assert numbers["passed"] == 1 and numbers["cases"][1]["checks"][0]["tolerance"] == "≤ 1"
    stored = numbers["cases"][0]["checks"][0]["measured"]
    assert stored == results[0].outcome.checks[0].measured
    assert 0 < numbers["cases"][0]["processor"] <= numbers["processor"]


def test_validate_lists_cases_and_refuses_unknown_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", "--list"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(runner.chosen([]))
    assert main(["validate", "--case", "wfr-4d"]) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1 and "wfr-2d" in line


def test_geometries_read_as_they_are_written() -> None:
    assert str(Wasserstein() + 0.5 * FisherRao()) == "wasserstein + 0.5 fisher-rao"

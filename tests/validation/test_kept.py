"""A validation that was stopped goes on where it was, and trusts only results of the same code."""

from __future__ import annotations

from pathlib import Path

import pytest

from mudot.validation import kept, runner
from mudot.validation.cli import main
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

OUTCOME = Outcome(
    [Check("one", float("nan"), 1.0), Check("two", 1.5, 2.0, "within", 1.0)],
    [Table("t", ("name", "n", "x"), (("a", 3, 0.1), ("b", 4, float("inf"))))],
    [Plot("p", "x", "y", (Series("s", [0.0, 1.0], [1.0, 2.0], lower=[0.5, 1.5], upper=[1.5, 2.5]),), logy=True)],
)


def test_a_result_is_read_as_it_was_kept(tmp_path: Path) -> None:
    result = runner.Result("some-case", OUTCOME, 2.5)
    kept.save(tmp_path, result, quick=True)
    found = kept.load(tmp_path, ["some-case"], quick=True)["some-case"]
    assert found.outcome.checks[1:] == OUTCOME.checks[1:] and not found.outcome.checks[0].passed
    assert repr(found.outcome.tables) == repr(OUTCOME.tables) and found.seconds == 2.5
    assert found.outcome.plots == OUTCOME.plots


def test_full_and_quick_results_are_kept_apart(tmp_path: Path) -> None:
    kept.save(tmp_path, runner.Result("some-case", OUTCOME, 2.5), quick=True)
    assert kept.load(tmp_path, ["some-case"], quick=False) == {}


def test_results_of_other_code_are_computed_again_but_their_time_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.save(tmp_path, runner.Result("some-case", OUTCOME, 2.5), quick=True)
    monkeypatch.setattr(kept, "code_key", lambda: "other")
    assert kept.load(tmp_path, ["some-case"], quick=True) == {}
    assert kept.durations(tmp_path, quick=True) == {"some-case": 2.5}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"key": "KEY", "result": {"case": "some-case"}}'])
def test_a_damaged_file_counts_as_not_there(tmp_path: Path, text: str) -> None:
    (tmp_path / "some-case.quick.json").write_text(text.replace("KEY", kept.code_key()))
    assert kept.load(tmp_path, ["some-case"], quick=True) == {}
    assert kept.durations(tmp_path, quick=True) == {}


def test_a_case_that_broke_is_not_kept(tmp_path: Path) -> None:
    kept.save(tmp_path, runner.Result("some-case", OUTCOME, 2.5, "Traceback"), quick=True)
    assert not list(tmp_path.iterdir())


def test_finished_cases_are_not_run_again_unless_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = runner.Result("power-divergences", Outcome([Check("marked", 0.0, 1.0)]), 1.0)
    command = ["validate", "--quick", "--case", "power-divergences", "--output", str(tmp_path)]
    kept.save(tmp_path / "cases", marker, quick=True)
    assert main(command) == 0 and "1 of   1 checks" in capsys.readouterr().out
    assert main([*command, "--fresh"]) == 0 and "1 of   1 checks" not in capsys.readouterr().out


def test_the_longest_case_starts_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    class Pool:
        def __init__(self, max_workers: int) -> None: ...
        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None: ...
        def submit(self, run: object, name: str, quick: bool) -> str:
            started.append(name)
            return name

    cases = [Case(name, "", "", "", "", lambda quick: OUTCOME) for name in ("short", "long", "new")]
    for name, seconds in (("short", 1.0), ("long", 9.0)):
        kept.save(tmp_path, runner.Result(name, OUTCOME, seconds), quick=True)
    kept.forget(tmp_path, ["short", "long"], quick=True)
    monkeypatch.setattr(runner, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(runner, "as_completed", lambda futures: [])
    with pytest.raises(KeyError):  # nothing was computed
        runner.run_cases(cases, True, lambda result: None, tmp_path)
    assert started == ["new", "long", "short"]

"""The page of the report: every link of its contents leads somewhere, failures stand first, constants in one table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mudot.validation import report, runner
from mudot.validation.cli import main
from mudot.validation.outcome import Check, Outcome, Plot, Series
from mudot.validation.rates.table import Rate, gathered, rates_table

NAMES = ["power-divergences", "first-passage", "log-sobolev-plane"]


def line(geometry: str) -> Rate:
    return Rate(geometry, "KL", "somewhere", "≥", 2.0, 2.5, None, 3, "nobody")


def outcome(geometry: str, measured: float = 0.5) -> Outcome:
    plot = Plot("a picture", "$x$", "$y$", (Series("one", [1.0, 2.0], [1.0, 2.0]),))
    return Outcome([Check(f"of {geometry}", measured, 1.0)], [rates_table([line(geometry)])], [plot])


@pytest.fixture
def page(tmp_path: Path) -> str:
    cases = runner.chosen(NAMES)
    outcomes = (outcome("first"), outcome("second", measured=7.0), outcome("third"))
    results = [runner.Result(case.name, found, 0.1) for case, found in zip(cases, outcomes, strict=True)]
    return report.write(tmp_path, cases, results, quick=True, seconds=1.0).read_text()


def test_every_link_inside_the_page_has_its_place(page: str) -> None:
    places = re.findall(r'id="([^"]+)"', page)
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert {*NAMES, "constants", "seconds"} <= links <= set(places)
    assert len(places) == len(set(places))


def test_what_failed_is_named_before_the_contents(page: str) -> None:
    top = page[: page.index("<nav")]
    assert "of second" in top and "of first" not in top and "≤ 1" in top


def test_constants_stand_in_one_table_and_nowhere_else(page: str) -> None:
    assert page.index("<td>first</td>") > page.index('id="constants"')
    assert page.count("<td>first</td>") == page.count("<td>third</td>") == 1


def test_indices_and_exponents_are_set_and_names_are_left_alone() -> None:
    shown = str(report._indexed("J_λ <= c_LSI H^-1, 128^3 with expm_multiply and x_is_long"))
    assert (
        shown == "J<sub>λ</sub> &lt;= c<sub>LSI</sub> H<sup>-1</sup>, 128<sup>3</sup> with expm_multiply and x_is_long"
    )


def test_figures_are_numbered_by_their_section(page: str) -> None:
    assert [number for number in ("1.1.1", "1.2.1", "2.1.1") if f"<b>Figure {number}</b> A picture" in page] == [
        "1.1.1",
        "1.2.1",
        "2.1.1",
    ]


def test_pictures_are_drawn_as_their_cases_end_and_not_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = runner.chosen(NAMES[:1])
    results = [runner.Result(NAMES[0], outcome("first"), 0.1)]
    drawn = {NAMES[0]: report.drawings(results[0])}
    monkeypatch.setattr(report, "draw", None)
    page = report.write(tmp_path, cases, results, quick=True, seconds=1.0, drawn=drawn).read_text()
    assert "<b>Figure 1.1.1</b> A picture" in page
    assert (tmp_path / f"{NAMES[0]}-1.png").read_bytes() == drawn[NAMES[0]][0].png
    assert (tmp_path / "figures.pdf").read_bytes().count(b"/Type /Page ") == 1


def test_lines_of_several_outcomes_are_gathered_in_their_order() -> None:
    assert [row[0] for row in gathered([outcome("a"), Outcome(), outcome("b")]).rows] == ["a", "b"]


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_a_number_of_jobs_that_is_none_is_refused(jobs: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["validate", "--jobs", jobs])
    assert end.value.code == 2
    assert "--jobs: expected a number of at least 1" in capsys.readouterr().err

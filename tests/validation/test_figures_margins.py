"""Verdicts are drawn beside their tolerances where a claim has no curves."""

from __future__ import annotations

import math

import pytest

from mudot.validation.figures import draw
from mudot.validation.figures_margins import margins_figure
from mudot.validation.outcome import Check, Margins, Outcome, Plot, Series

CHECKS = [
    Check("mass", 1e-15, 1e-12),
    Check("order", 1.9, 0.2, "within", 2.0),
    Check("rate", 4.0, 1.0, "at least"),
    Check("least density", 1e-9, 0.0, "at least"),
]


def test_a_share_is_one_where_a_verdict_is_about_to_fail() -> None:
    assert [check.share for check in CHECKS] == [pytest.approx(1e-3), pytest.approx(0.5), 0.25, None]
    for check in (Check("a", 1.0, 1.0), Check("b", 1.0, 1.0, "at least"), Check("c", 3.0, 1.0, "within", 2.0)):
        assert check.share == 1.0 and check.passed
    assert Check("d", -1.0, 1.0, "at least").share == math.inf


def test_a_claim_without_curves_has_its_verdicts_drawn_the_narrowest_first() -> None:
    (picture,) = Outcome(list(CHECKS)).pictures
    assert isinstance(picture, Margins) and list(picture.labels) == ["order", "rate", "mass"]
    assert draw(picture).png.startswith(b"\x89PNG")
    curves = Plot("decay", "t", "F", (Series("F", [0.0, 1.0], [1.0, 0.5]),))
    assert Outcome(list(CHECKS), plots=[curves]).pictures == [curves]
    assert Outcome([CHECKS[-1]]).pictures == []


def test_many_verdicts_are_cut_to_the_narrowest_and_the_title_says_so() -> None:
    (picture,) = Outcome([Check(f"{n}", n / 100, 1.0) for n in range(50)]).pictures
    assert isinstance(picture, Margins) and picture.labels[0] == "49" and "narrowest" in picture.title


def test_failures_stand_to_the_right_of_the_line() -> None:
    figure = margins_figure(Margins("verdicts", ["a", "b", "c"], [math.nan, 1e-30, 0.5]))
    places = figure.axes[0].collections[-1].get_offsets()[:, 0]
    low, high = figure.axes[0].get_xlim()
    assert places[0] > 1 > places[2] > places[1] and low < places[1] and places[0] < high

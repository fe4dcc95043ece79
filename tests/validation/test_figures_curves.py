"""Curves and refinement studies show the arrays that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.validation import figures
from tests.validation.pictured import words

pytestmark = pytest.mark.filterwarnings("error")


def test_convergence_figure_shows_errors_and_lines_of_the_expected_slope_below_them() -> None:
    cells = np.array([16, 32, 64])
    series = [
        ("second", cells, 3.0 * cells**-2.0, 2),
        ("fourth", cells, 50.0 * cells**-4.0, 4),
        ("?", cells, cells**-1.0, None),
    ]
    figure = figures.convergence_figure(series, xlabel="steps", ylabel="error")
    (panel,) = figure.axes
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_xscale(), panel.get_yscale()) == (
        "steps",
        "error",
        "log",
        "log",
    )
    for line, (_, x, error, _) in zip(panel.lines[:3], series, strict=True):
        np.testing.assert_array_equal(line.get_xydata().T, [x, error])
    for line, order, constant in zip(panel.lines[3:], (2, 4), (1.5, 25.0), strict=True):
        np.testing.assert_allclose(line.get_ydata(), constant * np.array([16.0, 64.0]) ** -order)
    assert [text.get_text() for text in panel.texts] == ["order 2", "order 4"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["second", "fourth", "?"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["$16$", "$32$", "$64$"]


def test_convergence_figure_leaves_gaps_for_errors_of_zero_and_infinity() -> None:
    figure = figures.convergence_figure(
        [("exact", [8, 16, 32], [0.0, 1e-15, np.inf], 2), ("zero", [8, 16], [0.0, 0.0], 1)]
    )
    figure.draw_without_rendering()
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [np.nan, 1e-15, np.nan])
    assert words(figure.axes[0]) == ["order 2"]


def test_curves_figure_draws_computed_as_markers_and_exact_as_lines_of_one_colour() -> None:
    times = np.linspace(0, 4, 100)
    figure = figures.curves_figure(
        [("a", times, np.exp(-times)), ("b", times, np.maximum(2 - times, 0))],
        [("a", times, np.exp(-times))],
        log_y=True,
    )
    exact, computed, zero = figure.axes[0].lines
    assert (exact.get_linestyle(), computed.get_linestyle(), exact.get_marker()) == ("-", "None", "None")
    assert exact.get_color() == computed.get_color() != zero.get_color()
    np.testing.assert_array_equal(computed.get_xydata().T, [times, np.exp(-times)])
    assert np.array_equal(np.isnan(zero.get_ydata()), times >= 2)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]

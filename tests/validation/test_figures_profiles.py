"""Profiles show the cell averages of the result, down to thirty decades."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import (
    Wasserstein,
)
from mudot.validation.figures_profiles import marginal, profiles_figure
from tests.validation.pictured import CUBE, GAP, LINE, bars, example, panels, pictures, to_bump

pytestmark = pytest.mark.filterwarnings("error")


def test_profiles_are_steps_of_the_cell_averages_in_both_panels() -> None:
    result, (linear, log) = example("line"), panels(pictures("line")["densities"])
    for panel in (linear, log):
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("$x$", r"density $\mu_t$")
        curves = [*(result.density(n) for n in range(4)), result.target]
        for line, values in zip(panel.lines, curves, strict=True):
            np.testing.assert_array_equal(line.get_xdata()[::2], LINE.edges[0][:-1])
            np.testing.assert_array_equal(line.get_xdata()[1::2], LINE.edges[0][1:])
            np.testing.assert_array_equal(line.get_ydata()[::2], values)
            np.testing.assert_array_equal(line.get_ydata()[1::2], values)
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")


def test_profiles_of_fine_cells_go_through_their_centres() -> None:
    mesh = Cartesian(300, -4.0, 4.0)
    result = to_bump(mesh, [0.0], Wasserstein())
    line = panels(profiles_figure(result))[0].lines[0]
    np.testing.assert_array_equal(line.get_xydata().T, [mesh.centers[0], result.density(0)])


def test_key_of_times_has_one_name_per_curve() -> None:
    (bar,) = bars(pictures("geometric times")["densities"])
    assert [label.get_text() for label in bar.get_yticklabels()] == ["$0$", "$0.001$", "$0.01$", "$0.1$", "$1$"]
    assert bar.get_ylabel() == "time $t$"


def test_at_most_eight_profiles_from_the_first_to_the_last_are_drawn() -> None:
    result, panel = example("circle"), panels(pictures("circle")["densities"])[0]
    assert len(panel.lines) == 9
    np.testing.assert_array_equal(panel.lines[0].get_ydata()[::2], result.density(0))
    np.testing.assert_array_equal(panel.lines[7].get_ydata()[::2], result.density(-1))
    assert panel.get_xlabel() == "$x$ (periodic)"


def test_zeros_of_a_density_leave_the_log_panel_through_its_floor() -> None:
    _, log = panels(pictures("zeros stay")["densities"])
    drawn = log.lines[0].get_ydata()[::2]
    assert np.all(drawn[GAP == 0] < 1e-100 * log.get_ylim()[0])
    np.testing.assert_array_equal(drawn[GAP > 0], 1.0)


def test_tails_are_shown_down_to_thirty_decades() -> None:
    result = to_bump(LINE, [0.0], Wasserstein(), width=0.2)
    low, high = panels(profiles_figure(result))[1].get_ylim()
    assert result.density(0).min() < 1e-100 and 30 < np.log10(high / low) < 36


def test_marginal_profiles_have_the_mass_of_the_density() -> None:
    result, shown = example("cube"), panels(pictures("cube")["marginals"])
    assert len(shown) == 6
    for axis in range(3):
        for line, n in zip(shown[axis].lines[:-1], range(3), strict=True):
            values = line.get_ydata()[::2]
            np.testing.assert_array_equal(values, marginal(CUBE, result.density(n), (axis,)))
            assert values @ CUBE.widths[axis] == pytest.approx(result.mass[n])

"""The picture of a comparison: ratios to the noise, and energies of flow, draws and particles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mudot.validation.compare.comparison import Comparison, Measure, Moment, Row
from mudot.validation.compare.energies import CloudEnergy
from mudot.validation.figures_compare import comparison_figure

pytestmark = pytest.mark.filterwarnings("error")


def row(time: float) -> Row:
    energy = CloudEnergy("energy", 0.3 - time / 10, 0.2, 0.25, 0.02)
    measures = (Measure("MMD", 0.2, 0.1, 0.15), Measure("W1", 0.1 + time, 0.1, 0.12))
    return Row(time, 100, 100.0, 0.0, measures, (Moment("mean x", 0.1, 0.0, 1.0),), energy)


FOUND = Comparison((row(0.0), row(0.5), row(1.0)), 0.5, 0.0)


def test_ratios_and_energies_stand_as_they_are() -> None:
    distances, energies = comparison_figure(FOUND).axes
    assert [line.get_label() for line in distances.lines] == ["independent draws", "MMD", "W1"]
    np.testing.assert_allclose(np.asarray(distances.lines[2].get_ydata()), [1.0, 6.0, 11.0])
    np.testing.assert_allclose(np.asarray(energies.lines[0].get_ydata()), 0.2)
    segments = energies.collections[0].get_segments()
    assert [float(s[1, 1] - s[0, 1]) for s in segments] == pytest.approx(3 * [0.08])
    assert energies.lines[-1].get_label() == "particles" and energies.get_ylabel() == "energy"


def test_where_points_have_no_energy_there_is_one_panel() -> None:
    rows = tuple(replace(r, energy=None) for r in FOUND.rows)
    assert len(comparison_figure(replace(FOUND, rows=rows)).axes) == 1

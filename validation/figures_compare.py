"""Particles beside the flow that they are held against: distances over their noise, and energies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mudot.validation.figures_style import COLOURS, MARKERS, PAGE, QUIET, letter, log_axis, new_figure, span, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mudot.validation.compare.comparison import Comparison

_DECADES = 18


def comparison_figure(found: Comparison) -> Figure:
    """Every distance over its noise floor against time, below one for better than independent draws; beside it, where
    there is one, the energy of particles and flow, with a band of two standard deviations of independent draws."""
    several = all(row.energy for row in found.rows)
    with style():
        figure = new_figure(PAGE if several else 0.6 * PAGE, 2.7)
        panels = list(figure.subplots(1, 2 if several else 1, squeeze=False)[0])
        _distances(panels[0], found)
        if several:
            _energies(panels[1], found)
        letter(panels)
    return figure


def _distances(panel: Axes, found: Comparison) -> None:
    times = [row.time for row in found.rows]
    panel.axhline(1.0, color=QUIET, linewidth=0.8, dashes=(4, 2), label="independent draws")
    ratios = []
    for n, measure in enumerate(found.rows[0].measures):
        ratios.append(np.array([row.measures[n].value / row.measures[n].floor for row in found.rows]))
        colour, marker = COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]
        panel.plot(times, ratios[-1], label=measure.name, color=colour, marker=marker)
    limits = span([*ratios, np.ones(1)], _DECADES)
    if limits:
        log_axis(panel, "y", limits)
    panel.set_xlabel("time $t$")
    panel.set_ylabel("distance / noise floor")
    panel.legend()


def _energies(panel: Axes, found: Comparison) -> None:
    times = np.array([row.time for row in found.rows])
    rows = [row.energy for row in found.rows if row.energy]
    cloud, exact, mean, spread = (
        np.array([getattr(row, name) for row in rows]) for name in ("cloud", "exact", "draws", "deviation")
    )
    panel.plot(times, exact, color=COLOURS[0], marker=MARKERS[0], label="flow")
    panel.errorbar(
        times,
        mean,
        2 * spread,
        label="draws, 2 s.d.",
        color=QUIET,
        linestyle="none",
        marker="_",
        capsize=2.5,
        elinewidth=0.9,
        zorder=1,
    )
    panel.plot(
        times, cloud, color=COLOURS[1], linestyle="none", marker=MARKERS[1], markerfacecolor="white", label="particles"
    )
    panel.set_xlabel("time $t$")
    panel.set_ylabel(rows[0].name.replace("-log pi", r"$-\log\,\pi$"))
    panel.legend()

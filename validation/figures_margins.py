"""Verdicts beside their tolerances, for claims of exactness, which have no curve to show."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from mudot.validation.figures_style import COLOURS, PAGE, QUIET, new_figure, style
from mudot.validation.outcome import Margins

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LEAST, _MOST = 1e-9, 1e3
"""Shares outside are drawn at the end of the axis."""
_LINE, _WIDE = 0.16, 60
"""Height of a row in inches, and letters of a label."""


def margins_figure(margins: Margins) -> Figure:
    """One row per verdict, what it takes up of its tolerance on a logarithmic axis; to the right of the line it fails.

    >>> figure = margins_figure(Margins("two verdicts", ["mass", "order"], [1e-3, 2.0]))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['mass', 'order']
    """
    rows = np.arange(len(margins.shares))
    # A share that is not a number fails, and nothing at all is the least.
    shares = [_MOST if math.isnan(share) else min(max(share, _LEAST), _MOST) for share in margins.shares]
    with style():
        figure = new_figure(PAGE, _LINE * len(rows) + 0.7)
        panel = figure.subplots()
        panel.hlines(rows, _LEAST, shares, color=QUIET, linewidth=0.6)
        colours = [COLOURS[0] if share <= 1 else COLOURS[1] for share in shares]
        panel.scatter(shares, rows, s=14, c=colours, zorder=3)
        panel.axvline(1, color=COLOURS[1], linewidth=0.9)
        panel.set_xscale("log")
        panel.set_xlim(min(0.5 * min(shares), 0.1), max(2 * max(shares), 3))
        panel.set_ylim(len(rows) - 0.5, -0.5)
        panel.set_yticks(rows, [_short(label) for label in margins.labels])
        panel.tick_params(axis="y", length=0, labelsize="small")
        panel.set_xlabel("measured over tolerance")
    return figure


def _short(label: str) -> str:
    """No more letters than there is room for; dollars are letters."""
    cut = label if len(label) <= _WIDE else label[: _WIDE - 1] + "…"
    return cut.replace("$", r"\$")

"""Pictures of plain arrays: errors under refinement with their expected orders, and curves against exact ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mudot.validation.figures_style import COLOURS, COLUMN, MARKERS, QUIET, log_axis, new_figure, number, span, style, visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Values = Sequence[float] | np.ndarray
Refinement = tuple[str, Values, Values, float | None]
"""Label, cells or steps, errors, expected order (None: no reference)."""
Curve = tuple[str, Values, Values]
"""Label, x, y."""

_DECADES = 18


def convergence_figure(
    series: Sequence[Refinement], xlabel: str = "cells per axis", ylabel: str = "relative $L^1$ error"
) -> Figure:
    """Errors over numbers of cells or steps on log axes; a dashed line of slope -order below each group of equal order.

    >>> convergence_figure([("W", [16, 32], [1e-2, 2.5e-3], 2)]).axes[0].get_xlabel()
    'cells per axis'
    """
    with style():
        figure = new_figure(COLUMN, 2.7)
        panel = figure.subplots()
        counts = [np.asarray(x, dtype=float) for _, x, _, _ in series]
        errors = [visible(error, log=True) for _, _, error, _ in series]
        for n, ((label, *_), x, error) in enumerate(zip(series, counts, errors, strict=True)):
            panel.plot(x, error, color=_colour(n), marker=_marker(n), label=label)
        slopes = _slopes(panel, [order for *_, order in series], counts, errors)
        _log_box(panel, counts, [*errors, *slopes])
        panel.set_xlabel(xlabel)
        panel.set_ylabel(ylabel)
        if len(series) > 1 or series[0][0]:
            panel.legend(loc="best")
    return figure

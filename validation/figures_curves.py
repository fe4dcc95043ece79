"""Pictures of plain arrays: errors under refinement with their expected orders, and computed against exact curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from mudot.validation.figures_style import (
    COLOURS,
    COLUMN,
    MARKERS,
    QUIET,
    log_axis,
    new_figure,
    number,
    span,
    style,
    visible,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

Values = Sequence[float] | np.ndarray
Refinement = tuple[str, Values, Values, float | None]
"""Label, cells or steps, errors, expected order (None: no reference)."""
Curve = tuple[str, Values, Values]
"""Label, x, y."""

_DECADES = 18
_CROWDED = 5
"""From so many curves on the key stands beside the panel."""
_MARKED = 24
"""Computed curves get no more markers than about this."""


def convergence_figure(
    series: Sequence[Refinement], xlabel: str = "cells per axis", ylabel: str = "relative $L^1$ error"
) -> Figure:
    """Errors over numbers of cells or steps on log axes; below the series of one order, a dashed line that falls by it.

    >>> figure = convergence_figure([("Wasserstein", [16, 32], [1e-2, 2.5e-3], 2)])
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['Wasserstein', 'order 2']
    """
    counts = [np.asarray(x, dtype=float) for _, x, _, _ in series]
    errors = [visible(error, log=True) for _, _, error, _ in series]
    with style():
        figure = new_figure(_width([label for label, *_ in series]), 2.6)
        panel = figure.subplots()
        for n, ((label, *_), x, error) in enumerate(zip(series, counts, errors, strict=True)):
            panel.plot(x, error, color=_cycle(COLOURS, n), marker=_cycle(MARKERS, n), label=label)
        lows = _references(panel, [order for *_, order in series], counts, errors)
        _count_axis(panel, np.concatenate(counts))
        limits = span([*errors, *lows], _DECADES)
        if limits:
            log_axis(panel, "y", limits)
        panel.set_xlabel(xlabel)
        panel.set_ylabel(ylabel)
        if any(label for label, *_ in series):
            _legend(panel, panel.lines[: len(series)])
    return figure


def curves_figure(
    computed: Sequence[Curve],
    exact: Sequence[Curve] = (),
    xlabel: str = "time $t$",
    ylabel: str = "",
    log_x: bool = False,
    log_y: bool = False,
) -> Figure:
    """Computed curves as hollow markers, exact ones as lines, those of one label in one colour. Where nothing is exact,
    computed curves are lines with markers.

    >>> figure = curves_figure([("p = 1", [0.0, 1.0], [1.0, 0.37])], [("p = 1", [0.0, 1.0], [1.0, 0.3679])])
    >>> len(figure.axes[0].lines)
    2
    """
    labels = list(dict.fromkeys(label for label, *_ in [*exact, *computed]))
    with style():
        figure = new_figure(_width(labels), 2.6)
        panel = figure.subplots()
        for label, x, y in exact:
            panel.plot(visible(x, log_x), visible(y, log_y), color=_cycle(COLOURS, labels.index(label)))
        for label, x, y in computed:
            n = labels.index(label)
            panel.plot(
                visible(x, log_x),
                visible(y, log_y),
                color=_cycle(COLOURS, n),
                linestyle="none" if exact else "-",
                marker=_cycle(MARKERS, n),
                markevery=max(1, len(x) // _MARKED),
                markerfacecolor="white" if exact else None,
                markeredgewidth=0.9,
            )
        _log_axes(panel, [*exact, *computed], log_x, log_y)
        panel.set_xlabel(xlabel)
        panel.set_ylabel(ylabel)
        _curve_key(panel, labels, [label for label, *_ in computed], [label for label, *_ in exact])
    return figure


def _width(labels: Sequence[str]) -> float:
    """Room beside the panel for a key that would hide curves."""
    return COLUMN if len(labels) < _CROWDED else COLUMN * (1.25 + 0.02 * max(map(len, labels)))


def _legend(panel: Axes, handles: Sequence[Line2D]) -> None:
    if len(handles) < _CROWDED:
        panel.legend(handles=handles)
    else:
        panel.legend(handles=handles, loc="center left", bbox_to_anchor=(1.01, 0.5))


def _cycle(entries: Sequence[str], n: int) -> str:
    return entries[n % len(entries)]


def _references(
    panel: Axes, orders: Sequence[float | None], counts: Sequence[np.ndarray], errors: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """One line for every order, at half the least constant of its series; returns their heights."""
    heights = []
    for order in sorted({o for o in orders if o is not None}):
        group = [(x, e) for o, x, e in zip(orders, counts, errors, strict=True) if o == order]
        constants = np.concatenate([e * x**order for x, e in group])
        if not np.isfinite(constants).any():
            continue
        ends = np.array([min(x.min() for x, _ in group), max(x.max() for x, _ in group)])
        height = float(np.nanmin(constants)) / 2 * ends**-order
        text = f"order {order:g}"
        panel.plot(ends, height, color=QUIET, linewidth=0.8, dashes=(4, 2), label=text)
        end = (float(ends[1]), float(height[1]))
        panel.annotate(text, end, (3, 0), textcoords="offset points", va="center", color=QUIET, fontsize=7.5)
        heights.append(height)
    return heights


def _count_axis(panel: Axes, counts: np.ndarray) -> None:
    """A log axis of counts with room for the names of slopes; few distinct counts are its ticks."""
    from matplotlib.ticker import NullLocator

    places = np.unique(counts)
    first, last = float(places[0]), float(places[-1])
    room = max(last / first, 4.0)
    log_axis(panel, "x", (first / room**0.06, last * room**0.22))
    if places.size <= 7:
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set_xticks(places, [f"${number(x)}$" for x in places])


def _log_axes(panel: Axes, curves: Sequence[Curve], log_x: bool, log_y: bool) -> None:
    for name, log, place in (("x", log_x, 1), ("y", log_y, 2)):
        limits = span([np.asarray(curve[place], dtype=float) for curve in curves], _DECADES) if log else None
        if limits:
            log_axis(panel, name, limits)


def _curve_key(panel: Axes, labels: Sequence[str], computed: Sequence[str], exact: Sequence[str]) -> None:
    """One entry per label, drawn as it is in the picture: marker, line, or both."""
    from matplotlib.lines import Line2D

    entries = []
    for n, label in enumerate(labels):
        hollow = bool(exact)
        line: Literal["-", "none"] = "-" if label in exact or not hollow else "none"
        marker = _cycle(MARKERS, n) if label in computed else "none"
        face = "white" if hollow else None
        entries.append(
            Line2D([], [], color=_cycle(COLOURS, n), linestyle=line, marker=marker, markerfacecolor=face, label=label)
        )
    if any(labels):
        _legend(panel, entries)

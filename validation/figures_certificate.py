"""What a certified reference knows about its own errors: of the density, of energy and moments, at every output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mudot.validation.figures_style import (
    COLOURS,
    MARKERS,
    PAGE,
    letter,
    log_axis,
    new_figure,
    span,
    style,
    time_axis,
    visible,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mudot.solvers.results import Result

_DECADES = 14
_SHARES = {
    "density_error": "as it is",
    "density_extrapolated_error": "extrapolated",
    "error_in_time": "share of time steps",
    "error_in_box": "share of the box",
}


def certified(result: Result) -> bool:
    """Whether a result is a certified reference with finite bars."""
    bars = result.extras.get("density_extrapolated_error")
    return bars is not None and bool(np.all(np.isfinite(bars)))


def certificate_figure(result: Result) -> Figure:
    """Errors of the density and where they come from, energy and moments with their bars, and how long these are."""
    with style():
        figure = new_figure(PAGE, 4.4)
        panels = figure.subplots(2, 2).ravel()
        for panel, content in zip(panels, (_density, _energy, _moments, _lengths), strict=True):
            content(panel, result)
            time_axis(panel, result.times)
        letter(panels)
    return figure


def energy_bars(panel: Axes, result: Result) -> None:
    """The extrapolated energy with its bars."""
    values, bars = result.extras["energy_extrapolated"], result.extras["energy_error"]
    _with_bars(panel, result, values, bars, 0, r"$F(\mu_t)$ with its bar")


def _density(panel: Axes, result: Result) -> None:
    curves = {label: result.extras[name] for name, label in _SHARES.items() if np.any(result.extras[name] > 0)}
    for n, (label, values) in enumerate(curves.items()):
        panel.plot(result.times, visible(values, True), color=COLOURS[n], marker=MARKERS[n], label=label)
    _logarithmic(panel, list(curves.values()))
    panel.set_ylabel("relative $L^1$ error of the density")
    panel.legend()


def _energy(panel: Axes, result: Result) -> None:
    energy_bars(panel, result)
    panel.set_ylabel("energy")
    panel.legend()


def _moments(panel: Axes, result: Result) -> None:
    for n, name in enumerate(_names(result, ("mean", "variance"))):
        _with_bars(panel, result, result.extras[name], result.extras[f"{name}_error"], n, name.replace("_", " "))
    panel.set_ylabel("moments with their bars")
    panel.legend()


def _lengths(panel: Axes, result: Result) -> None:
    names = ["energy", *_names(result, ("mmd", "mean", "variance"))]
    bars = [result.extras[f"{name}_error"] for name in names]
    for n, (name, values) in enumerate(zip(names, bars, strict=True)):
        colour, marker = COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]
        panel.plot(result.times, visible(values, True), color=colour, marker=marker, label=name.replace("_", " "))
    _logarithmic(panel, bars)
    panel.set_ylabel("length of the bar")
    panel.legend(ncols=2 if len(names) > 4 else 1)


def _names(result: Result, kinds: tuple[str, ...]) -> list[str]:
    return [name for name in result.extras if name.startswith(kinds) and not name.endswith(("error", "extrapolated"))]


def _with_bars(panel: Axes, result: Result, values: np.ndarray, bars: np.ndarray, n: int, label: str) -> None:
    colour, marker = COLOURS[n % len(COLOURS)], MARKERS[n % len(MARKERS)]
    panel.errorbar(
        result.times,
        visible(values),
        visible(bars),
        color=colour,
        marker=marker,
        capsize=2.5,
        elinewidth=0.9,
        label=label,
    )


def _logarithmic(panel: Axes, values: list[np.ndarray]) -> None:
    limits = span(values, _DECADES)
    if limits:
        log_axis(panel, "y", limits)

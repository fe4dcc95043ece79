"""The ledger over time: energy and dissipation, the parts of the geometry, the balance, the mass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mudot.meshes.averages import integrate
from mudot.validation.figures_certificate import certified, energy_bars
from mudot.validation.figures_style import (
    COLOURS,
    MARKERS,
    PAGE,
    QUIET,
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

_NAMES = {"wasserstein": "Wasserstein", "fisher-rao": "Fisher–Rao"}
_FALL = 30.0
"""An energy that falls by more than this factor is drawn on a log axis, where exponential decay is a line."""
_DECADES = 18
_KEPT = 1e-9
"""A mass that moves by less, relatively, is meant to stay."""


def ledger_figure(result: Result) -> Figure:
    """Energy and dissipation, dissipation by parts where there are several, relative balance, and mass over time."""
    draw = [_energy, *([_parts] if len(result.parts) > 1 else []), _balance, _mass]
    with style():
        rows, columns = (2, 2) if len(draw) == 4 else (1, 3)
        figure = new_figure(PAGE, 2.15 * rows)
        panels = figure.subplots(rows, columns).ravel()
        for panel, content in zip(panels, draw, strict=True):
            content(panel, result)
            time_axis(panel, result.times)
        letter(panels)
    return figure


def first_energy(result: Result) -> float:
    """F(mu_0), also where the first output comes later; NaN where it is infinite."""
    energy, spent, balance = float(result.energy[0]), float(result.dissipation[0]), float(result.balance[0])
    return energy + spent - balance if np.isfinite([energy, spent, balance]).all() else float("nan")


def _energy(panel: Axes, result: Result) -> None:
    finite = result.energy[np.isfinite(result.energy) & (result.energy > 0)]
    log = bool(finite.size) and float(finite.max()) > _FALL * float(finite.min())
    _series(panel, result, result.energy, 0, r"energy $F(\mu_t)$", log)
    if np.isfinite(result.dissipation[-1]):
        _series(panel, result, result.dissipation, 1, "dissipation $D_t$", log)
    if certified(result):
        energy_bars(panel, result)
    _vertical(panel, [result.energy, result.dissipation], log)
    panel.set_ylabel("energy")
    _key(panel, result)


def _parts(panel: Axes, result: Result) -> None:
    spent = result.rate + result.slope
    for n, part in enumerate(result.parts):
        _series(panel, result, spent[:, n], n + 2, _NAMES.get(part, part), log=False)
    _vertical(panel, list(spent.T), log=False)
    panel.set_ylabel("dissipation by part")
    _key(panel, result)


def _balance(panel: Axes, result: Result) -> None:
    first = first_energy(result)
    panel.set_ylabel(r"$|F(\mu_t) + D_t - F(\mu_0)|\ /\ F(\mu_0)$")
    if not first > 0:
        _say(panel, r"not defined: $F(\mu_0)$ is " + ("0" if first <= 0 else "not finite"))
        return
    rtol = float(result.attributes.get("rtol", "nan"))
    if _deviations(panel, result, np.abs(visible(result.balance)) / first, rtol):
        panel.axhline(rtol, color=QUIET, linewidth=0.8, dashes=(4, 2))
        panel.annotate(
            "rtol",
            (1, rtol),
            xytext=(-3, -2),
            xycoords=panel.get_yaxis_transform(),
            textcoords="offset points",
            ha="right",
            va="top",
            color=QUIET,
            fontsize=7.5,
        )


def _mass(panel: Axes, result: Result) -> None:
    first = float(result.mass[0])
    deviations = np.abs(result.mass / first - 1) if first > 0 else np.full(result.mass.shape, np.inf)
    if deviations.max() <= _KEPT:
        panel.set_ylabel("|mass / first mass − 1|")
        _deviations(panel, result, deviations)
        return
    _series(panel, result, result.mass, 0, r"$\mu_t$", log=False)
    panel.axhline(
        integrate(result.mesh, result.target), color="black", linewidth=0.9, dashes=(4, 2), label=r"target $\pi$"
    )
    panel.set_ylabel("mass")
    _key(panel, result)


def _deviations(panel: Axes, result: Result, values: np.ndarray, level: float = np.nan) -> bool:
    """Draw values on a log axis that reaches `level`. False: they are all zero, which is then said."""
    limits = span([values, np.array([level])], _DECADES)
    if limits is None or not np.any(values > 0):
        _say(panel, "exactly 0 at every output")
        return False
    _series(panel, result, values, 0, "", log=True)
    log_axis(panel, "y", limits)
    return bool(np.isfinite(level))


def _series(panel: Axes, result: Result, values: np.ndarray, number: int, label: str, log: bool) -> None:
    """One quantity at the output times; many outputs get small markers."""
    panel.plot(
        result.times,
        visible(values, log),
        color=COLOURS[number],
        marker=MARKERS[number],
        markersize=3.2 * min(1.0, (16 / result.committed) ** 0.5),
        label=label,
    )


def _vertical(panel: Axes, values: list[np.ndarray], log: bool) -> None:
    limits = span(values, _DECADES)
    if log and limits:
        log_axis(panel, "y", limits)
    elif limits:
        top = max(float(v[np.isfinite(v)].max(initial=0.0)) for v in values)
        panel.set_ylim(-0.04 * top, 1.08 * top)


def _key(panel: Axes, result: Result) -> None:
    panel.legend(loc="best" if result.committed > 1 else "center left", borderaxespad=0.3)


def _say(panel: Axes, text: str) -> None:
    panel.text(0.5, 0.5, text, transform=panel.transAxes, ha="center", va="center", color=QUIET)
    panel.tick_params(axis="y", which="both", left=False, labelleft=False)

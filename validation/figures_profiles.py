"""Densities over one axis: curves on a linear and on a log axis, coloured by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.figures_certificate import certified
from mudot.validation.figures_style import (
    PAGE,
    chosen,
    letter,
    log_axis,
    new_figure,
    numbers,
    ramp,
    span,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mudot.solvers.results import Result

_CURVES = 8
_FINE = 160
"""From so many cells on an axis, a step is about as thin as the line that draws it."""
_DECADES = 30
_LEAST = float(np.finfo(float).tiny)


def profiles_figure(result: Result) -> Figure:
    """A density on a line at up to eight output times, with the target, on a linear and on a log axis. Of a certified
    reference the extrapolated one, in a band that is its error density."""
    shown = chosen(result.committed, _CURVES)
    densities, bands = _curves(result, shown, (0,))
    with style():
        figure = new_figure(PAGE, 2.5)
        panels = figure.subplots(1, 2)
        for panel, log in zip(panels, (False, True), strict=True):
            _profiles(panel, result.mesh, 0, [d[0] for d in densities], result.target, log, [b[0] for b in bands])
            panel.set_ylabel(r"density $\mu_t$")
        _time_key(figure, list(panels), result.times[shown])
        letter(panels)
    return figure


def marginal_profiles_figure(result: Result) -> Figure:
    """The marginals over every single axis at up to eight output times, with the target's: linear above, log below."""
    mesh, shown = result.mesh, chosen(result.committed, _CURVES)
    marginals, bands = _curves(result, shown, tuple(range(mesh.dimension)))
    targets = _marginals(mesh, result.target)
    with style():
        figure = new_figure(PAGE, 3.9)
        panels = figure.subplots(2, mesh.dimension, sharex="col", squeeze=False)
        for (row, axis), panel in np.ndenumerate(panels):
            curves, around = [m[axis] for m in marginals], [b[axis] for b in bands]
            _profiles(panel, mesh, axis, curves, targets[axis], row == 1, around)
            panel.set_ylabel(f"marginal in ${'xyz'[axis]}$")
            panel.label_outer()
            panel.yaxis.set_tick_params(labelleft=True)
            panel.set_ylabel(f"marginal in ${'xyz'[axis]}$")
        _time_key(figure, list(panels.flat), result.times[shown])
        letter(panels.flat)
    return figure


def marginal(mesh: Cartesian, density: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The density of the marginal on some axes (increasing): cell averages, integrated over all other axes.

    >>> marginal(Cartesian((2, 4), (0, 0), (1, 2)), np.ones((2, 4)), (0,))
    array([2., 2.])
    """
    for axis in reversed(range(mesh.dimension)):
        if axis not in axes:
            density = np.tensordot(density, mesh.widths[axis], (axis, 0))
    return density


def axis_label(mesh: Cartesian, axis: int) -> str:
    """Name of an axis, with a word where it is periodic."""
    return f"${'xyz'[axis]}$" + (" (periodic)" if mesh.boundary[axis] == "periodic" else "")


def _curves(
    result: Result, shown: Sequence[int], axes: tuple[int, ...]
) -> tuple[list[list[np.ndarray]], list[list[np.ndarray]]]:
    """Marginals over single axes of the frames shown, and of their error densities, which bound their errors in L1;
    none of these for results that are not certified."""
    mesh, known = result.mesh, certified(result)
    densities = [result.best_density(n) if known else result.density(n) for n in shown]
    errors = [e for e in map(result.error_density, shown) if e is not None] if known else []
    curves, bands = ([[marginal(mesh, f, (axis,)) for axis in axes] for f in family] for family in (densities, errors))
    return curves, bands


def _marginals(mesh: Cartesian, density: np.ndarray) -> list[np.ndarray]:
    return [marginal(mesh, density, (axis,)) for axis in range(mesh.dimension)]


def _profiles(
    panel: Axes,
    mesh: Cartesian,
    axis: int,
    curves: Sequence[np.ndarray],
    target: np.ndarray,
    log: bool,
    bands: Sequence[np.ndarray],
) -> None:
    """Curves over one axis of the mesh, with bands around them where there are any, the target last."""
    for curve, band, colour in zip(curves, bands, ramp(len(curves)), strict=False):
        x, low = _steps(mesh, axis, _falling(np.maximum(curve - band, 0.0), log))
        high = _steps(mesh, axis, _falling(curve + band, log))[1]
        name = "_" if panel.collections else "error density"
        panel.fill_between(x, low, high, color=colour, alpha=0.3, linewidth=0, label=name)
    for curve, colour in zip(curves, ramp(len(curves)), strict=True):
        panel.plot(*_steps(mesh, axis, _falling(curve, log)), color=colour, label="_")
    dashes: dict[str, Any] = {"color": "black", "linewidth": 0.9, "dashes": (4, 2)}
    panel.plot(*_steps(mesh, axis, _falling(target, log)), label=r"target $\pi$", **dashes)
    panel.set_xlim(mesh.lower[axis], mesh.upper[axis])
    panel.set_xlabel(axis_label(mesh, axis))
    limits = span([*curves, target], _DECADES)
    if log and limits:
        log_axis(panel, "y", limits)
    elif not log:
        panel.set_ylim(bottom=0)


def _steps(mesh: Cartesian, axis: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curve of cell averages: constant on every cell, or through the centres where cells are fine."""
    if values.size > _FINE:
        return mesh.centers[axis], values
    return np.repeat(mesh.edges[axis], 2)[1:-1], np.repeat(values, 2)


def _falling(values: np.ndarray, log: bool) -> np.ndarray:
    """Zeros on a log axis become so small that the curve leaves the panel through its floor."""
    return np.maximum(values, _LEAST) if log else values


def _time_key(figure: Figure, panels: list[Axes], times: np.ndarray) -> None:
    """One block of colour per curve with its time: honest for unequal spacing, where a continuous bar is not. A single
    time stands in the legend. All other names are there already."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import BoundaryNorm, ListedColormap

    count = len(times)
    if count == 1:
        panels[0].lines[0].set_label(f"$t = {numbers(times)[0]}$")
    panels[0].legend(loc="best")
    if count == 1:
        return
    blocks = ScalarMappable(BoundaryNorm(np.arange(count + 1) - 0.5, count), ListedColormap(ramp(count)))
    bar = figure.colorbar(blocks, ax=panels, ticks=range(count), aspect=22, pad=0.015)
    bar.ax.set_yticklabels([f"${time}$" for time in numbers(times)])
    bar.ax.tick_params(length=0)
    bar.ax.minorticks_off()
    bar.set_label("time $t$")

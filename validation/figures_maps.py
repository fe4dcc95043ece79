"""Densities over two axes with contours of the target: maps of a rectangle, slices and marginals in space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.figures_profiles import marginal
from mudot.validation.figures_style import (
    PAGE,
    chosen,
    density_colours,
    fit_height,
    letter,
    new_figure,
    number,
    numbers,
    style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

    from mudot.solvers.results import Result

_TIMES = 6
_PLANES = ((0, 1), (0, 2), (1, 2))
_SHARES = (0.99, 0.9, 0.5)
_ALIKE = 4.0
"""Panels share a colour scale where their maxima differ by no more than this factor."""
_ROOMY = 2.5
"""Inches of a panel from which its title is one line."""
_CONTOURS: dict[str, Any] = {"colors": "#0091d5", "linewidths": 0.7, "linestyles": "solid"}


@dataclass(frozen=True, eq=False)
class Map:
    """Cell averages over two axes of a mesh, and the contours of the target to draw over them.

    axes:   numbers of the two axes, horizontal first
    values, target: shape (cells on the first axis, cells on the second)
    levels: of the target's contours, increasing
    title:  in mathtext
    """

    mesh: Cartesian
    axes: tuple[int, int]
    values: np.ndarray
    target: np.ndarray
    levels: tuple[float, ...]
    title: str

    @property
    def stretch(self) -> float:
        """Width of the rectangle over its height."""
        width, height = (self.mesh.upper[k] - self.mesh.lower[k] for k in self.axes)
        return width / height


def maps_figure(result: Result) -> Figure:
    """A density on a rectangle at up to six output times and its target, whose contours lie over all panels."""
    mesh, target = result.mesh, result.target
    levels = enclosing(target, mesh.volumes)
    shown = chosen(result.committed, _TIMES)
    titles = [f"$t = {time}$" for time in numbers(result.times[shown])]
    states = [(title, result.density(n)) for title, n in zip(titles, shown, strict=True)]
    maps = [Map(mesh, (0, 1), values, target, levels, title) for title, values in [*states, (r"target $\pi$", target)]]
    stretch = maps[0].stretch
    columns = len(maps) if len(maps) <= 5 or stretch < 0.4 else -(-len(maps) // 2)
    columns = min(columns, 2) if stretch > 2 else columns
    rows = -(-len(maps) // columns)
    with style():
        figure = _figure(rows, columns, stretch)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        panels, spare = list(grid[: len(maps)]), list(grid[len(maps) :])
        _draw(figure, panels, maps, "density")
        for panel in grid:
            panel.label_outer()
        _contour_key(figure, maps, spare[0] if spare else None)
        letter(panels)
        fit_height(figure)
    return figure


def slices_figure(result: Result) -> Figure:
    """A density in space at its first and last times, on the three planes through the mode of the last one."""
    mesh, target = result.mesh, result.target
    mode = [int(n) for n in np.unravel_index(int(np.argmax(result.density(-1))), mesh.shape)]
    levels = enclosing(target, mesh.volumes)

    def slice_of(time: str, density: np.ndarray, pair: tuple[int, int]) -> Map:
        across = ({0, 1, 2} - set(pair)).pop()
        values, under = (np.take(f, mode[across], axis=across) for f in (density, target))
        place = f"{'xyz'[across]} = {number(float(mesh.centers[across][mode[across]]))}"
        return Map(mesh, pair, values, under, levels, f"${time}$, ${place}$")

    return _planes_figure(result, slice_of, "density")


def marginal_maps_figure(result: Result) -> Figure:
    """The marginals of a density in space on pairs of axes, at its first and last times."""
    mesh = result.mesh

    def marginal_of(time: str, density: np.ndarray, pair: tuple[int, int]) -> Map:
        values, under = (marginal(mesh, f, pair) for f in (density, result.target))
        levels = enclosing(under, np.multiply.outer(*(mesh.widths[k] for k in pair)))
        return Map(mesh, pair, values, under, levels, f"${time}$")

    return _planes_figure(result, marginal_of, "marginal density")


def _planes_figure(result: Result, map_of: Callable[[str, np.ndarray, tuple[int, int]], Map], quantity: str) -> Figure:
    """One row of three panels for the first frame and one for the last; every row has its own colour scale."""
    shown = chosen(result.committed, 2)
    rows = []
    for n, time in zip(shown, numbers(result.times[shown]), strict=True):
        density = result.density(n)
        rows.append([map_of(f"t = {time}", density, pair) for pair in _PLANES])
    with style():
        widths = [min(max(m.stretch, 0.3), 3.0) for m in rows[0]]
        figure = _figure(len(rows), 3, float(np.mean(widths)))
        grid = figure.subplots(len(rows), 3, squeeze=False, width_ratios=widths)
        for panels, maps in zip(grid, rows, strict=True):
            _draw(figure, list(panels), maps, quantity)
        _contour_key(figure, rows[0])
        letter(grid.flat)
        fit_height(figure)
    return figure


def enclosing(density: np.ndarray, volumes: np.ndarray) -> tuple[float, ...]:
    """Levels above which a density has 99, 90 and 50 % of its mass, increasing; none where two coincide.

    >>> enclosing(np.array([4.0, 3.0, 2.0, 1.0]), np.ones(4))
    (1.0, 2.0, 3.0)
    """
    order = np.argsort(density, axis=None)[::-1]
    shares = np.cumsum((density * volumes).ravel()[order])
    places = [np.searchsorted(shares, share * shares[-1]) for share in _SHARES]
    levels = sorted({float(density.ravel()[order[min(p, order.size - 1)]]) for p in places})
    return tuple(levels) if len(levels) == len(_SHARES) else ()


def _figure(rows: int, columns: int, stretch: float) -> Figure:
    """A figure that is rather too high than too low for panels of this shape."""
    width = min(PAGE, 1.75 * columns * max(1.0, stretch / 1.5) + 1.0)
    height = (width - 1.0) / columns / min(max(stretch, 0.2), 5.0)
    return new_figure(width, rows * (height + 0.35) + 0.5, "compressed")


def _draw(figure: Figure, panels: list[Axes], maps: Sequence[Map], quantity: str) -> None:
    """Maps on one colour scale, or each on its own, with its maximum stated, where one would hide the flat ones."""
    tops = [float(m.values.max()) for m in maps]
    shared = max(tops) <= _ALIKE * min(tops)
    spec = panels[0].get_subplotspec()
    roomy = spec is not None and figure.get_figwidth() / spec.get_gridspec().ncols > _ROOMY
    separator = ", " if roomy else "\n"
    for panel, entry, top in zip(panels, maps, tops, strict=True):
        limit = max(tops) if shared else top
        image = _draw_map(panel, entry, limit if limit > 0 else 1.0, shared)
        stated = "" if shared else f"{separator}max ${number(top, 3)}$"
        panel.set_title(entry.title + stated)
    bar = figure.colorbar(image, ax=panels, aspect=18 * max(1, len(panels) // 4), pad=0.02)
    bar.set_label(quantity if shared else f"{quantity} / max")
    bar.outline.set_linewidth(0.5)


def _draw_map(panel: Axes, entry: Map, top: float, shared: bool) -> QuadMesh:
    first, second = entry.axes
    scaled = entry.values if shared else entry.values / top
    image = panel.pcolormesh(
        entry.mesh.edges[first],
        entry.mesh.edges[second],
        scaled.T,
        cmap=density_colours(),
        vmin=0.0,
        vmax=top if shared else 1.0,
        rasterized=True,
    )
    _draw_contours(panel, entry)
    panel.set_xlabel(f"${'xyz'[first]}$")
    panel.set_ylabel(f"${'xyz'[second]}$")
    panel.locator_params(axis="x", nbins=5 if entry.stretch > 0.5 else 3, steps=[1, 2, 5, 10])
    panel.locator_params(axis="y", nbins=5 if entry.stretch < 2 else 3, steps=[1, 2, 5, 10])
    panel.set_xlim(entry.mesh.lower[first], entry.mesh.upper[first])
    panel.set_ylim(entry.mesh.lower[second], entry.mesh.upper[second])
    if 0.2 <= entry.stretch <= 5.0:
        panel.set_aspect("equal")
    return image


def _draw_contours(panel: Axes, entry: Map) -> None:
    """Contours up to the boundary: one more row of cells on every side, continued at walls, neighbours over a seam."""
    # Between cell centres a logarithm is closer to linear than a density is.
    values, places = np.log(np.maximum(entry.target, np.finfo(float).tiny)), []
    for position, axis in enumerate(entry.axes):
        pad = [(1, 1) if k == position else (0, 0) for k in range(2)]
        if entry.mesh.boundary[axis] == "periodic":
            values = np.pad(values, pad, "wrap")
        else:
            values = np.pad(values, pad, "reflect", reflect_type="odd")
        centers, widths = entry.mesh.centers[axis], entry.mesh.widths[axis]
        places.append(np.concatenate([[centers[0] - widths[0]], centers, [centers[-1] + widths[-1]]]))
    levels = [level for level in np.log(entry.levels) if values.min() < level < values.max()]
    if levels:
        panel.contour(*places, values.T, levels=levels, **_CONTOURS)


def _contour_key(figure: Figure, maps: Sequence[Map], spare: Axes | None = None) -> None:
    """What the contours are, in a spare panel or below all panels."""
    from matplotlib.lines import Line2D

    if spare is not None:
        spare.set_axis_off()
    if any(m.levels for m in maps):
        line = Line2D([], [], color=_CONTOURS["colors"], linewidth=_CONTOURS["linewidths"])
        if spare is not None:
            text = "target $\\pi$: regions of\nhighest density with\n50, 90 and 99 % of\nits mass"
            spare.legend([line], [text], loc="center")
        else:
            text = r"target $\pi$: regions of highest density with 50, 90 and 99 % of its mass"
            figure.legend([line], [text], loc="outside lower center")

"""Densities on a rectangle with particles over them, side by side: two discretisations of one flow in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mudot.validation.figures_style import PAGE, density_colours, letter, new_figure, style
from mudot.validation.outcome import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARTICLES = "#0091d5"


def scene_figure(scene: Scene) -> Figure:
    """One panel per state, each density on its own scale, particles as dots whose area is their weight.

    >>> from mudot.validation.outcome import State
    >>> state = State("t = 0", [[1.0, 2.0]], [0.5], [0.5])
    >>> figure = scene_figure(Scene("two cells", [0.0, 1.0], [0.0, 1.0, 2.0], [state]))
    >>> len(figure.axes[0].collections)
    2
    """
    stretch = (scene.x[-1] - scene.x[0]) / (scene.y[-1] - scene.y[0])
    count = len(scene.states)
    columns = count if count <= 4 else -(-count // 2)
    rows = -(-count // columns)
    with style():
        side = PAGE / columns
        figure = new_figure(PAGE, rows * (side / stretch + 0.25) + 0.3)
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
        for panel, state in zip(grid, scene.states, strict=False):
            values = np.asarray(state.density)
            panel.pcolormesh(scene.x, scene.y, values.T, cmap=density_colours(), vmin=0.0, rasterized=True)
            weights = np.asarray(state.weights or np.ones(len(state.horizontal)))
            dot = min(4.0, max(1.0, 300.0 / max(1, weights.size)))
            areas = dot * weights / weights.mean() if weights.size else weights
            panel.scatter(state.horizontal, state.vertical, s=areas, c=_PARTICLES, linewidths=0, zorder=3)
            panel.set_title(state.title)
            panel.set_xlim(scene.x[0], scene.x[-1])
            panel.set_ylim(scene.y[0], scene.y[-1])
            panel.set_aspect("equal")
            panel.set_xlabel("$x$")
            panel.set_ylabel("$y$")
        for panel in grid:
            panel.label_outer()
        for panel in grid[count:]:
            panel.set_axis_off()
        letter(grid[:count])
    return figure

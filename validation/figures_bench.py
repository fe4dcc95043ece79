"""The picture of the benchmark: error against processor time for every problem, and growth with the number of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mudot.validation.figures_style import COLOURS, INK, MARKERS, PAGE, QUIET, letter, log_axis, new_figure, span, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLES = {
    "P1n": "coupled double well, 2D",
    "P1": "separable double well, 2D",
    "P2": "Ornstein-Uhlenbeck, 3D",
    "P3": "double well on a line, T = 10",
    "P4": "porous medium, Barenblatt, 2D",
}
_ORDER = (
    *("mudot", "mudot, extrapolated", "CN + splu", "expm_multiply"),
    *("solve_ivp BDF", "solve_ivp RK45", "FiPy", "FiPy, 200 steps", "fplanck", "py-pde"),
)


def bench(data: dict[str, Any]) -> Figure:
    """data: what `python -m bench` writes to bench.json."""
    rows = [row for row in data["rows"] if "failed" not in row and row.get("threads", 1) == 1]
    about = data["machine"]
    with style():
        figure = new_figure(PAGE, 5.0)
        panels = figure.subplots(2, 3).ravel()
        for panel, (problem, title) in zip(panels, TITLES.items(), strict=False):
            _errors(panel, [row for row in rows if row["problem"] == problem])
            panel.set_title(title)
        _growth(panels[5], rows)
        letter(panels)
        lines = {line.get_label(): line for panel in panels[:5] for line in panel.get_lines()}
        shown: list[Any] = [lines[name] for name in _ORDER if name in lines]
        figure.legend(handles=shown, loc="outside lower center", ncols=5)
        figure.suptitle(f"one thread of {about['processors']} x {about['processor']}", fontsize=7.5, color=QUIET)
    return figure


def _look(name: str) -> dict[str, Any]:
    """Own curves in ink; peers by colour, those beyond the colours with other markers and dotted."""
    own, place = name.startswith("mudot"), _ORDER.index(name)
    again, number = divmod(place - 2, len(COLOURS))
    return {
        "color": INK if own else COLOURS[number],
        "marker": MARKERS[place] if own else MARKERS[(number + 2 + again) % len(MARKERS)],
        "linestyle": ("-" if name == "mudot" else "--") if own else (":" if again else "-"),
        "linewidth": 1.6 if own else 0.9,
        "zorder": 3 if own else 2,
    }


def _errors(panel: Axes, rows: list[dict[str, Any]]) -> None:
    for name in dict.fromkeys(row["solver"] for row in rows):
        found = [row for row in rows if row["solver"] == name]
        panel.plot([r["seconds"] for r in found], [r["error"] for r in found], label=name, **_look(name))
    times = span([np.array([r["seconds"] for r in rows])], 8)
    errors = span([np.array([r["error"] for r in rows])], 9)
    if times and errors:
        log_axis(panel, "x", times)
        log_axis(panel, "y", errors)
    panel.set_xlabel("processor time in s")
    panel.set_ylabel("relative $L^1$ error")


def _growth(panel: Axes, rows: list[dict[str, Any]]) -> None:
    """Time of mudot by number of cells, beside proportional growth."""
    shown: list[np.ndarray] = []
    sizes: list[np.ndarray] = []
    for number, problem in enumerate(("P1n", "P1", "P2", "P3", "P4", "P5")):
        found = [row for row in rows if row["problem"] == problem and row["solver"] == "mudot"]
        if not found:
            continue
        cells = np.array([float(row["cells"]) ** {"P2": 3, "P3": 1}.get(problem, 2) for row in found])
        seconds = np.array([row["seconds"] for row in found])
        panel.plot(cells, seconds, color=COLOURS[number], marker=MARKERS[number], label=problem)
        shown.append(seconds)
        sizes.append(cells)
    low_high, reach = span(shown, 9), span(sizes, 9)
    if low_high and reach:
        line = np.array(reach)
        panel.plot(line, 2e-8 * line, color=QUIET, linewidth=0.7, linestyle=":", label="20 ns a cell")
        log_axis(panel, "x", reach)
        log_axis(panel, "y", (low_high[0], 100 * low_high[1]))  # room for the legend
    panel.set_title("growth of mudot")
    panel.set_xlabel("cells")
    panel.set_ylabel("processor time in s")
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=6.5, loc="upper left", ncols=2)

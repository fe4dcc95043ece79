"""One look for every picture: sizes of columns, colours that everybody can tell apart, thin spines, log axes."""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mudot.meshes.errors import MudotError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

COLUMN = 3.4
"""Width of one column of a paper in inches."""
PAGE = 7.0
"""Width of two columns in inches."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
"""Okabe and Ito 2008, darkest first."""
MARKERS = ("o", "s", "^", "D", "v", "P")
INK = "#222222"
QUIET = "#7f7f7f"
_ALARM = "#B03A00"

_SETTINGS: dict[Any, Any] = {
    "font.family": ["STIXGeneral", "DejaVu Serif"],
    "mathtext.fontset": "stix",
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "axes.linewidth": 0.5,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlepad": 4.0,
    "axes.grid": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.minor.width": 0.35,
    "ytick.minor.width": 0.35,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.2,
    "figure.dpi": 100,
    "savefig.dpi": 300,
    "savefig.bbox": None,
    "pdf.fonttype": 42,
    "text.usetex": False,
    "svg.hashsalt": "mudot",
}


def style() -> AbstractContextManager[None]:
    """The settings of every picture, for the time of a `with` block."""
    import matplotlib

    return matplotlib.rc_context(_SETTINGS)


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """An empty figure, width and height in inches, that belongs to no window."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)  # type: ignore[arg-type]
    if layout == "constrained":
        figure.get_layout_engine().set(w_pad=0.04, h_pad=0.04, wspace=0.04, hspace=0.04)  # type: ignore[union-attr,call-arg]
    return figure


def save(figure: Figure, path: Path | str) -> Path:
    """Write a figure in the format that the suffix names, without dates and random names in it. Returns the path.

    Raises MudotError for formats that matplotlib does not know and for places that cannot be written.
    """
    path = Path(path)
    kinds = sorted(figure.canvas.get_supported_filetypes())
    kind = path.suffix.removeprefix(".").lower()
    if kind not in kinds:
        raise MudotError(f"{path}: expected a picture format as suffix, one of {', '.join(kinds)}")
    no_date = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "ps": None, "eps": None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(path, metadata=no_date.get(kind))
    except OSError as reason:
        raise MudotError(f"{path}: cannot be written ({reason.strerror}); choose another folder") from None
    return path


def letter(axes: Iterable[Axes]) -> None:
    """Write (a), (b), ... before the panels' titles, which move to the left."""
    panels = list(axes)
    if len(panels) < 2:
        return
    for name, panel in zip(string.ascii_lowercase, panels, strict=False):
        title = panel.get_title()
        panel.set_title("")
        panel.set_title(rf"$\mathbf{{({name})}}$  {title}", loc="left")


def alarm(figure: Figure, text: str) -> None:
    """A warning above all panels, as it is (no mathematics in it)."""
    import textwrap

    columns = int(19 * figure.get_figwidth())
    lines = textwrap.wrap(text, columns, max_lines=3, placeholder=" ...")
    with style():
        figure.suptitle("\n".join(lines), color=_ALARM, fontsize=8.0, parse_math=False)
    figure.set_figheight(figure.get_figheight() + 0.15 * len(lines))


def chosen(count: int, most: int) -> list[int]:
    """At most `most` of the numbers 0..count-1, evenly spread, both ends included.

    >>> chosen(31, 4), chosen(2, 4)
    ([0, 10, 20, 30], [0, 1])
    """
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most)).tolist()})


def number(value: float, digits: int = 4) -> str:
    r"""A number in mathtext without its dollars.

    >>> print(number(0.25), number(1e-05), number(0.00021544))
    0.25 10^{-5} 2.154\times 10^{-4}
    """
    text = f"{value:.{digits}g}"
    if "e" not in text and not 0 < abs(value) < 1e-3:
        return text
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = f"{float(mantissa):.{digits}g}"
    power = f"10^{{{int(exponent)}}}"
    return power if mantissa == "1" else rf"{mantissa}\times {power}"


def numbers(values: Iterable[float]) -> list[str]:
    """Numbers in mathtext, with three digits or as many as it takes to tell them apart.

    >>> numbers([0.1, 1 / 3]), numbers([0.3333, 0.3334])
    (['0.1', '0.333'], ['0.3333', '0.3334'])
    """
    listed = [float(value) for value in values]
    for digits in range(3, 18):
        texts = [number(value, digits) for value in listed]
        if len(set(texts)) == len(set(listed)):
            break
    return texts


def fit_height(figure: Figure) -> None:
    """Take from a figure whose panels keep their aspect the height that they leave empty."""
    engine = figure.get_layout_engine()
    # A legend at the foot holds on to part of the empty height: repeat, as less of it is left every time.
    for _ in range(3):
        if engine is not None:
            engine.execute(figure)
        height = figure.get_tightbbox().height + 0.08
        if height > figure.get_figheight() - 0.05:
            break
        figure.set_figheight(height)


def visible(values: Iterable[float] | np.ndarray, log: bool = False) -> np.ndarray:
    """The values with NaN, that is a gap, where an axis cannot show them: infinities, and zeros on a log axis."""
    array = np.array(values, dtype=float)
    shown = np.isfinite(array)
    if log:
        shown &= array > 0
    return np.where(shown, array, np.nan)


def span(values: Iterable[np.ndarray], decades: float) -> tuple[float, float] | None:
    """Limits of a log axis around all positive finite values, at most so many decades below the largest; None without
    such values."""
    arrays = [v[np.isfinite(v) & (v > 0)] for v in map(np.asarray, values)]
    low = min((float(v.min()) for v in arrays if v.size), default=0.0)
    high = max((float(v.max()) for v in arrays if v.size), default=0.0)
    if not high > 0:
        return None
    low = max(low, high * 10.0**-decades)
    pad = max(0.06 * np.log10(high / low), 0.3)
    return float(low * 10**-pad), float(high * 10**pad)


def log_axis(panel: Axes, name: str, limits: tuple[float, float]) -> None:
    """Make axis 'x' or 'y' logarithmic: a few powers of ten as ticks, or 1, 2, 5 times them within narrow limits."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    scale, limit, axis = (
        (panel.set_xscale, panel.set_xlim, panel.xaxis)
        if name == "x"
        else (panel.set_yscale, panel.set_ylim, panel.yaxis)
    )
    scale("log")
    limit(*limits)
    if np.floor(np.log10(limits[1])) - np.ceil(np.log10(limits[0])) >= 1:
        axis.set_major_locator(LogLocator(numticks=7))
    else:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"${number(value)}$"))
    axis.set_minor_formatter(NullFormatter())


def time_axis(panel: Axes, times: np.ndarray) -> None:
    """Time from 0 on, logarithmic beyond the first positive output where most outputs lie in the first tenth."""
    from matplotlib.ticker import SymmetricalLogLocator

    positive = times[times > 0]
    panel.set_xlabel("time $t$")
    if positive.size > 2 and np.median(positive) < 0.1 * positive[-1]:
        first = float(positive[0])
        panel.set_xscale("symlog", linthresh=first, linscale=0.4)
        panel.xaxis.set_minor_locator(SymmetricalLogLocator(base=10, linthresh=first, subs=tuple(range(2, 10))))
        panel.set_xlim(-0.3 * first, 1.4 * float(positive[-1]))
    elif positive.size:
        panel.set_xlim(-0.03 * float(positive[-1]), 1.03 * float(positive[-1]))
    else:
        panel.set_xlim(-1, 1)
        panel.set_xticks([0])


def ramp(count: int) -> list[tuple[float, float, float, float]]:
    """So many colours from dark to light in the order of time; the lightest yellow is left out."""
    return _viridis(np.linspace(0.0, 0.9, count) if count > 1 else [0.25])


def _viridis(places: Sequence[float] | np.ndarray) -> list[tuple[float, float, float, float]]:
    import matplotlib

    colours = matplotlib.colormaps["viridis"](np.asarray(places, dtype=float))
    return [(float(r), float(g), float(b), float(a)) for r, g, b, a in colours]


def density_colours() -> Colormap:
    """White paper for zero, then evenly darker: matplotlib's magma, reversed, without black and palest yellow."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    places = np.linspace(0.0, 0.88, 256)
    colours = matplotlib.colormaps["magma_r"](places)
    white = np.clip(1 - places / 0.15, 0, 1)[:, None]
    return ListedColormap(colours * (1 - white) + white, name="density")

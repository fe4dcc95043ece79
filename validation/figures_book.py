"""The pictures of a report: each is laid out once, drawn for the page, and kept for the book of vectors."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mudot.validation.figures_curves import convergence_figure, curves_figure
from mudot.validation.figures_margins import margins_figure
from mudot.validation.figures_scenes import scene_figure
from mudot.validation.figures_style import COLOURS, QUIET, style
from mudot.validation.outcome import Margins, Picture, Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINE = 0.12
"""Height of a line of a title above a picture in inches."""
_DOTS = 160
"""Per inch of the page's pictures."""


@dataclass(frozen=True)
class Drawing:
    """A picture as it stands on the page, and its figure, whose layout is fixed."""

    title: str
    png: bytes
    figure: Figure


def draw(picture: Picture) -> Drawing:
    """Draw a picture of an outcome."""
    figure, image = _figure(picture), io.BytesIO()
    engine = figure.get_layout_engine()
    with style():
        # Laying out takes as long as drawing; with an engine left, every file would be laid out and drawn twice.
        if engine is not None:
            figure.set_dpi(_DOTS)  # letters are not of quite the same width at every resolution
            engine.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(image, format="png", dpi=_DOTS)
    return Drawing(picture.title, image.getvalue(), figure)


def save_book(pages: Sequence[tuple[str, Figure]], path: Path) -> Path:
    """One page per figure, its title in small type above it; returns the path."""
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.transforms import Bbox

    with style(), PdfPages(path, metadata={"Title": "mudot: figures of the validation"}) as book:
        for title, figure in pages:
            width, height = figure.get_size_inches()
            lines = textwrap.wrap(title, int(26 * width))
            figure.text(0.5, 1, "\n".join(lines), fontsize=6, color=QUIET, ha="center", va="bottom")
            book.savefig(figure, bbox_inches=Bbox([[0, 0], [width, height + _LINE * len(lines)]]))
    return path


def _figure(picture: Picture) -> Figure:
    """Refinement studies carry expected orders; everything else is curves; bands lie under both."""
    if isinstance(picture, Margins):
        return margins_figure(picture)
    if isinstance(picture, Scene):
        return scene_figure(picture)
    labels = picture.xlabel, picture.ylabel
    if any(series.slope is not None for series in picture.series):
        studies = [(s.label, s.x, s.y, None if s.slope is None else -s.slope) for s in picture.series]
        figure = convergence_figure(studies, *labels)
    else:
        computed, exact = ([(s.label, s.x, s.y) for s in picture.series if s.exact is kind] for kind in (False, True))
        figure = curves_figure(computed, exact, *labels, picture.logx, picture.logy)
    for number, series in enumerate(picture.series):
        if series.lower is not None and series.upper is not None:
            colour = COLOURS[number % len(COLOURS)]
            figure.axes[0].fill_between(series.x, series.lower, series.upper, color=colour, alpha=0.18, linewidth=0)
    return figure

"""All figures of a report as one file of vectors, and bands of uncertainty under curves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mudot.validation.figures_style import COLOURS, QUIET, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_book(pictures: Sequence[tuple[str, Figure]], path: Path) -> Path:
    """One page per figure, its title in small type above it; returns the path."""
    from matplotlib.backends.backend_pdf import PdfPages

    with style(), PdfPages(path, metadata={"Title": "mudot: figures of the validation"}) as book:
        for title, figure in pictures:
            figure.suptitle(title, fontsize=6, color=QUIET, wrap=True)
            book.savefig(figure)
    return path


def shade(figure: Figure, number: int, x: Sequence[float], lower: Sequence[float], upper: Sequence[float]) -> None:
    """A band between two curves, in the colour of the curve of that number."""
    figure.axes[0].fill_between(x, lower, upper, color=COLOURS[number % len(COLOURS)], alpha=0.18, linewidth=0)

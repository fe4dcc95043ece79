"""Tables of outcomes in a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import rich.console
from rich.table import Table as Grid

from mudot.validation.outcome import Table


def show(tables: Sequence[Table]) -> None:
    """Print tables; floats to four digits."""
    # A file has no width of its own: lines stay whole.
    console = rich.console.Console(width=None if sys.stdout.isatty() else 180)
    for table in tables:
        grid = Grid(title=table.title, title_justify="left")
        for column in table.columns:
            grid.add_column(column)
        for row in table.rows:
            grid.add_row(*(f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in row))
        console.print(grid)

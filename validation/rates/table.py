"""One table of constants: for every geometry and energy what is measured, next to what the theorem says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mudot.validation.outcome import Outcome, Table

TITLE = "Constants of decay"
COLUMNS = ("geometry", "energy", "setting", "theorem", "least I/F", "least decay", "states", "source")


@dataclass(frozen=True)
class Rate:
    """One line: F(t) <= exp(-c t) F(0) and I >= c F.

    relation: how the measured numbers stand to `constant`: '≥', '=', or '→' for a limit of late slopes
    constant: 0 where there is provably none, NaN where nothing is known
    inequality: least I/F, I = 2 R*;   decay: least rate of decay;   None where it was not measured
    states: how many were looked at;   source: theorem, derivation, or 'to be confirmed'
    """

    geometry: str
    energy: str
    setting: str
    relation: str
    constant: float
    inequality: float | None
    decay: float | None
    states: int
    source: str

    @property
    def cells(self) -> tuple[str | int | float, ...]:
        """The line as texts and numbers, in the order of COLUMNS."""
        measured = ("–" if value is None else f"{value:.5g}" for value in (self.inequality, self.decay))
        theorem = "–" if math.isnan(self.constant) else f"{self.relation} {self.constant:.5g}"
        return (self.geometry, self.energy, self.setting, theorem, *measured, self.states, self.source)


def rates_table(rates: Sequence[Rate]) -> Table:
    """These lines under the common heading."""
    return Table(TITLE, COLUMNS, tuple(rate.cells for rate in rates))


def gathered(outcomes: Iterable[Outcome]) -> Table:
    """All lines of all tables with the common heading, in one."""
    rows = tuple(row for o in outcomes for table in o.tables if table.columns == COLUMNS for row in table.rows)
    return Table(TITLE, COLUMNS, rows)

"""What a validation case is, and what it finds: verdicts against stated tolerances, tables, and curves to draw."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["at most", "at least", "within"]

_NARROWEST = 20
"""Verdicts in a picture of them."""


@dataclass(frozen=True)
class Check:
    """One verdict: a measured number against a bound.

    kind: 'at most' and 'at least' compare `measured` with `bound`; 'within' asks |measured - expected| <= bound
    """

    claim: str
    measured: float
    bound: float
    kind: Kind = "at most"
    expected: float = 0.0

    @property
    def passed(self) -> bool:
        """The verdict; NaN never passes.

        >>> Check("order", 1.98, 0.1, "within", 2.0).passed, Check("error", float("nan"), 1.0).passed
        (True, False)
        """
        if self.kind == "at most":
            return bool(self.measured <= self.bound)
        if self.kind == "at least":
            return bool(self.measured >= self.bound)
        return bool(abs(self.measured - self.expected) <= self.bound)

    @property
    def share(self) -> float | None:
        """How much of its tolerance a verdict takes up, passed up to 1; None for signs, whose bound is zero.

        >>> Check("order", 1.98, 0.1, "within", 2.0).share, Check("least density", 1e-9, 0.0, "at least").share
        (0.20..., None)
        """
        if self.bound <= 0:
            return None
        if self.kind == "at least":
            return self.bound / self.measured if self.measured > 0 else math.inf
        return abs(self.measured - self.expected) / self.bound if self.kind == "within" else self.measured / self.bound

    @property
    def tolerance(self) -> str:
        """The bound in words."""
        if self.kind == "within":
            return f"{self.expected:.6g} ± {self.bound:.2g}"
        return f"{'≤' if self.kind == 'at most' else '≥'} {self.bound:.6g}"


@dataclass(frozen=True)
class Table:
    """Rows of text and numbers; floats are shown to four digits."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]


@dataclass(frozen=True)
class Series:
    """A labelled curve; `slope` draws a reference line of that order beside it; `exact` draws it as the truth;
    `lower` and `upper`, values like y, shade the band between them."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    slope: float | None = None
    exact: bool = False
    lower: Sequence[float] | None = None
    upper: Sequence[float] | None = None


@dataclass(frozen=True)
class Plot:
    """Curves in one pair of axes."""

    title: str
    xlabel: str
    ylabel: str
    series: tuple[Series, ...]
    logx: bool = False
    logy: bool = False


@dataclass(frozen=True)
class State:
    """A density on a rectangle, rows along x, and particles over it: coordinates and weights, none for equal ones."""

    title: str
    density: Sequence[Sequence[float]]
    horizontal: Sequence[float] = ()
    vertical: Sequence[float] = ()
    weights: Sequence[float] = ()


@dataclass(frozen=True)
class Scene:
    """States side by side; x and y: the edges of the cells."""

    title: str
    x: Sequence[float]
    y: Sequence[float]
    states: Sequence[State]


@dataclass(frozen=True)
class Margins:
    """Verdicts beside their tolerances: what each one takes up of its own, 1 being all of it."""

    title: str
    labels: Sequence[str]
    shares: Sequence[float]


Picture = Plot | Scene | Margins


@dataclass
class Outcome:
    """What a case found."""

    checks: list[Check] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    scenes: list[Scene] = field(default_factory=list)

    @property
    def pictures(self) -> list[Picture]:
        """Everything to draw, curves first; a claim without curves has its verdicts drawn, the narrowest first."""
        if self.plots or self.scenes:
            return [*self.plots, *self.scenes]
        found = sorted(((check.share, check.claim) for check in self.checks if check.share is not None), reverse=True)
        if not found:
            return []
        shown = found[:_NARROWEST]
        title = "verdicts over their tolerances" + (f", the {len(shown)} narrowest" if len(found) > len(shown) else "")
        return [Margins(title, [claim for _, claim in shown], [float(share) for share, _ in shown])]

    @property
    def passed(self) -> bool:
        """Whether every check passed, and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)


@dataclass(frozen=True)
class Case:
    """A claim with its source, and the computation that tests it.

    run: called with `quick` (coarse meshes, the same tolerances on orders) and returning the outcome
    command: what repeats it, where that is not `mudot validate --case NAME`
    """

    name: str
    title: str
    claim: str
    source: str
    setup: str
    run: Callable[[bool], Outcome]
    command: str = ""

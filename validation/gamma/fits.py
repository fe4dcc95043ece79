"""Numbers with bars, and powers fitted to them: only numbers that stand far above their bars are fitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CLEAR = 10.0
"""A number is fitted where it is at least so many times its bar."""
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Measured:
    """Numbers along a ladder, with the bars of their discretisation; shape (members,)."""

    values: np.ndarray
    bars: np.ndarray

    @property
    def clear(self) -> np.ndarray:
        """Which numbers stand far enough above their bars."""
        return np.asarray(np.isfinite(self.values) & (self.values > CLEAR * self.bars) & (self.values > 0))


@dataclass(frozen=True)
class Fit:
    """A power, with its half-widths of 95 % confidence: from the scatter about the line (Student), and from the bars.

    points: how many numbers were clear enough;   NaN where these were fewer than three
    """

    power: float
    scatter: float
    bars: float
    points: int

    @property
    def width(self) -> float:
        """Half of the interval."""
        return self.scatter + self.bars


def fitted(x: Sequence[float], measured: Measured) -> Fit:
    """The power p in y = c x^p by least squares in logarithms. The bars move every number the worst way.

    >>> y = np.array([1.0, 0.1, 0.01, 0.001])
    >>> fit = fitted([1.0, 0.1, 0.01, 0.001], Measured(y, 1e-3 * y))
    >>> round(fit.power, 9), round(fit.scatter, 9), round(fit.bars, 4), fit.points
    (1.0, 0.0, 0.0003, 4)
    >>> fitted([1.0, 0.1, 0.01], Measured(y[:3], y[:3])).points
    0
    """
    clear = measured.clear
    points = int(clear.sum())
    if points < FEWEST:
        return Fit(math.nan, math.nan, math.nan, points)
    from scipy.stats import t as student

    a, b = np.log(np.asarray(x)[clear]), np.log(measured.values[clear])
    a, b = a - a.mean(), b - b.mean()
    total = float((a * a).sum())
    power = float((a * b).sum()) / total
    rest = b - power * a
    scatter = math.sqrt(float((rest * rest).sum()) / (points - 2) / total) * float(student.ppf(0.975, points - 2))
    return Fit(power, scatter, float((np.abs(a) * measured.bars[clear] / measured.values[clear]).sum()) / total, points)


def power_of(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The power of x in numbers without bars, and its half-width of 95 % confidence."""
    values = np.asarray(y, dtype=float)
    fit = fitted(list(x), Measured(values, np.zeros_like(values)))
    return fit.power, fit.scatter

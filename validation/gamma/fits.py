"""Numbers with bars, and powers fitted to them: only numbers that stand far above their bars are fitted.

Far from the limit the next term of an expansion bends the line: a fit of the leading term alone then has an interval
that misses the truth. Where the relative power of the next term is known, it is fitted too; and what the choice of the
ladder changes is a part of every interval.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

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
    """A power, with the parts of its half-width of 95 % confidence: from the scatter about the curve (Student), from
    the bars, and from the range, the larger change of the power where the first or the last third is left out.

    points: how many numbers were clear enough;   NaN where these were too few
    """

    power: float
    scatter: float
    bars: float
    reach: float
    points: int

    @property
    def width(self) -> float:
        """Half of the interval."""
        return self.scatter + self.bars + self.reach


NO_FIT = Fit(math.nan, math.nan, math.nan, math.nan, 0)


def fitted(x: Sequence[float], measured: Measured, following: float | None = None) -> Fit:
    """The power p in y = c x^p, or in y = c x^p exp(b x^q) with q = `following`, by least squares in logarithms. To
    first order in x^q the second is c x^p + c b x^(p + q): the expansion with its next term. The bars move every number
    the worst way. x: towards the limit.

    >>> y = np.array([1.0, 0.1, 0.01, 0.001])
    >>> fit = fitted([1.0, 0.1, 0.01, 0.001], Measured(y, 1e-3 * y))
    >>> round(fit.power, 9), round(fit.scatter, 9), round(fit.bars, 4), fit.points
    (1.0, 0.0, 0.0003, 4)
    >>> fitted([1.0, 0.1, 0.01], Measured(y[:3], y[:3])).points
    0
    >>> x = np.geomspace(1, 1e-3, 6)
    >>> curved = Measured(x**0.5 * np.exp(0.3 * x**0.5), np.zeros(6))
    >>> round(fitted(list(x), curved).power, 3), round(fitted(list(x), curved, 0.5).power, 9)
    (0.539, 0.5)
    """
    clear = measured.clear
    points = int(clear.sum())
    unknowns = 2 if following is None else 3
    if points <= unknowns:
        return replace(NO_FIT, points=points)
    from scipy.special import stdtrit

    place, logs = np.asarray(x, dtype=float)[clear], np.log(measured.values[clear])
    shares = measured.bars[clear] / measured.values[clear]
    weights, rest = _power(place, logs, following)
    degrees = points - unknowns
    spread = math.sqrt(float(rest @ rest) / degrees * float(weights @ weights))
    power, reach = float(weights @ logs), 0.0
    if degrees > 1:
        few = max(1, min(points // 3, degrees - 1))
        shorter = (slice(few, None), slice(None, -few))
        reach = max(abs(float(_power(place[part], logs[part], following)[0] @ logs[part]) - power) for part in shorter)
    return Fit(power, spread * float(stdtrit(degrees, 0.975)), float(np.abs(weights) @ shares), reach, points)


def _power(x: np.ndarray, logs: np.ndarray, following: float | None) -> tuple[np.ndarray, np.ndarray]:
    """The linear functional of the logarithms that is the power, and what the fit leaves of them."""
    columns = [np.log(x), np.ones_like(x)] + ([] if following is None else [x**following])
    matrix = np.stack(columns, axis=1)
    inverse = np.linalg.pinv(matrix)
    return inverse[0], logs - matrix @ (inverse @ logs)


def power_of(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The power of x in numbers without bars, and its half-width of 95 % confidence."""
    values = np.asarray(y, dtype=float)
    fit = fitted(list(x), Measured(values, np.zeros_like(values)))
    return fit.power, fit.width

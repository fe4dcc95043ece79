"""Constants of the theorems on decay, as functions of their parameters. Ratios s = dmu/dpi are arrays of one shape.

phi_p(s) = (s^p - p (s - 1) - 1) / (p (p - 1)), written out here once more: an oracle that shares nothing with the
energies of the solvers.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import minimize_scalar

POWERS = (-1.0, 0.0, 0.25, 0.5, 1.0, 2.0)


def entropy(s: np.ndarray, p: float) -> np.ndarray:
    """phi_p(s) (Zhu and Mielke 2024, eq. 1.15)."""
    if p == 1:
        return np.asarray(s * np.log(s) - s + 1)
    if p == 0:
        return np.asarray(s - 1 - np.log(s))
    return np.asarray((s**p - p * (s - 1) - 1) / (p * (p - 1)))


def slope(s: np.ndarray, p: float) -> np.ndarray:
    """phi_p'(s)."""
    return np.asarray(np.log(s) if p == 1 else (s ** (p - 1) - 1) / (p - 1))


def quotient(s: np.ndarray, p: float) -> np.ndarray:
    """s phi_p'(s)^2 / phi_p(s): its infimum is the Lojasiewicz constant of the Fisher-Rao geometry."""
    return np.asarray(s * slope(s, p) ** 2 / entropy(s, p))


def plain_constant(p: float) -> float:
    """c in I >= c D_p for Fisher-Rao flows, and their sums with transport, on positive measures: 1 / (1 - p) for
    p <= 1/2, none (0) beyond (Zhu and Mielke 2024, Corollaries 6.5 and 6.7).

    >>> plain_constant(0.5), plain_constant(0), plain_constant(1)
    (2.0, 1.0, 0.0)
    """
    return 1 / (1 - p) if p <= 0.5 else 0.0


def bounded_constant(depth: float) -> float:
    """c_B in I >= c_B KL where s >= exp(-B), B = `depth` (derived): B^2 / (e^B - 1 - B).

    >>> [round(bounded_constant(depth), 3) for depth in (0.5, 1, 2, 4)]
    [1.681, 1.392, 0.911, 0.323]
    """
    return depth**2 / (math.expm1(depth) - depth)


def spherical_constant(p: float) -> float:
    """inf Var_mu(phi_p') / D_p over probability densities for p <= 1/2, by two-point densities: a part of pi with the
    ratio r, and all other mass on a null set, so that s is infinite there (derived; see `rates.spherical`).

    >>> round(spherical_constant(0.35), 4), round(spherical_constant(0.45), 4)
    (1.5319, 1.4163)
    """

    def value(r: float) -> float:
        mass, top, s = 1 - r, 1 / (1 - p), np.array(r)
        mean = mass * top + r * float(slope(s, p))
        variance = mass * top**2 + r * float(slope(s, p)) ** 2 - mean**2
        return variance / (mass * top + float(entropy(s, p)))

    grid = np.concatenate(
        [np.geomspace(1e-14, 1e-2, 200), np.linspace(0.01, 0.99, 400), 1 - np.geomspace(1e-2, 1e-5, 60)]
    )
    values = np.array([value(float(r)) for r in grid])
    best = int(np.argmin(values))
    low, high = float(grid[max(best - 1, 0)]), float(grid[min(best + 1, len(grid) - 1)])
    return min(float(values[best]), float(minimize_scalar(value, bounds=(low, high), method="bounded").fun))


def implicit_constant(step: float) -> float:
    """kappa in KL(next) <= KL / (1 + kappa) for a minimising-movement step of KL by Fisher-Rao (derived):
    b / (e^b - b - 1) with b = 2 / step."""
    b = 2 / step
    return b / (math.expm1(b) - b)


def relaxed(start: np.ndarray, p: float, t: float) -> np.ndarray:
    """s(t) of s' = -s phi_p'(s): w = s^(1-p) relaxes to 1 like e^-t (derived); zeros take the branch that escapes
    where p < 1, and stay where p >= 1."""
    if p == 1:
        return np.asarray(start ** math.exp(-t))
    if p > 1:
        with np.errstate(divide="ignore"):
            return np.asarray((1 + (start ** (1 - p) - 1) * math.exp(-t)) ** (1 / (1 - p)))
    return np.asarray((1 + (start ** (1 - p) - 1) * math.exp(-t)) ** (1 / (1 - p)))

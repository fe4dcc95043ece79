"""Constants of the spherical geometry, c_S(p) = inf Var_mu(phi_p'(s)) / D_p over probability densities s.

Two points suffice (derived). The variance is min_m int s (phi'(s) - m)^2 dpi, so I >= c D for all s says that for every
m the function G(s) = s (phi'(s) - m)^2 - c phi(s) has int G(s) dpi >= 0 under the one constraint int s dpi = 1: its
convex envelope must not be negative at s = 1, and on a line an envelope needs two points, one of which may lie at
infinity. With s < 1 < t the ratio is, in closed form, what `two_points` returns; `theorems.spherical_constant` takes t
to infinity at once.
"""

from __future__ import annotations

import numpy as np

from mudot.validation.rates.theorems import entropy, slope


def two_points(s: np.ndarray, t: np.ndarray, p: float) -> np.ndarray:
    """Var/D of the density that is s < 1 on a part of pi and t > 1 on the rest, of mass one; of their common shape.

    >>> float(two_points(np.array(0.25), np.array(4.0), 0.5).round(12))       # 1 + A, A = int sqrt(s)
    1.8
    """
    low, high = (t - 1) / (t - s), (1 - s) / (t - s)
    jump = slope(t, p) - slope(s, p)
    return np.asarray(low * s * high * t * jump**2 / (low * entropy(s, p) + high * entropy(t, p)))


def least_two_points(p: float, size: int) -> tuple[float, float]:
    """The least ratio over a grid of size^2 pairs, finite ones with t up to 1e14, and the t where it lies.

    >>> value, t = least_two_points(0.4, 200)
    >>> round(value, 3), t > 1e13
    (1.55, True)
    """
    s = np.concatenate([np.geomspace(1e-14, 0.05, size // 2, endpoint=False), 1 - np.geomspace(0.95, 1e-4, size // 2)])
    t = 1 + np.geomspace(5e-3, 1e14, size)
    values = two_points(s[:, None], t[None, :], p)
    row, column = np.unravel_index(int(np.argmin(values)), values.shape)
    return float(values[row, column]), float(t[column])

"""Difference quotients of convex functions, (U(b) - U(a))/(b - a), and their slopes: what discrete gradients and
Stolarsky means are made of.

With l = log(b/a) every quotient is a power of a times a function of l that has a limit at l = 0, so nothing is lost
where a and b are close, and nothing overflows where they are far apart (Gonzalez 1996; own form).
"""

from __future__ import annotations

from mudot.meshes.arrays import Array, array_module

_NEAR = 1e-3
_FAR = 600.0
_LARGEST = 700.0


def power_quotient(m: float, l: Array) -> Array:
    """(e^(m l) - 1)/(e^l - 1), m at l = 0, for |l| up to some hundred.

    >>> import numpy as np
    >>> power_quotient(2.0, np.array([0.0, np.log(3.0)])).round(12)
    array([2., 4.])
    """
    xp = array_module(l)
    l = xp.clip(l, -_FAR, _FAR / max(1.0, abs(m)))
    near = xp.abs(l) < 1e-300
    return xp.where(near, m, xp.expm1(m * l) / xp.where(near, 1.0, xp.expm1(l)))


def power_quotient_slope(m: float, l: Array) -> Array:
    """Its derivative by l."""
    xp = array_module(l)
    l = xp.clip(l, -_FAR, _FAR / max(1.0, abs(m)))
    near = xp.abs(l) < _NEAR
    safe = xp.where(near, 1.0, l)
    e, em = xp.expm1(safe), xp.expm1(m * safe)
    far = (m * (em + 1) - (1 + 1 / e) * em) / e
    # m (m - 1)/2 + l m (m - 1)(2 m - 1)/6
    return xp.where(near, m * (m - 1) / 2 * (1 + l * (2 * m - 1) / 3), far)


def power_change(m: float, log_a: Array, l: Array) -> Array:
    """(b^m - a^m)/(b - a) from log a and l = log(b/a). For m > 1 it is told from the larger of the two, which rules it:
    from the smaller one, e^(m l) would overflow where a cell fills from 1e-100.

    >>> import numpy as np
    >>> power_change(3.0, np.array([-500.0]), np.array([500.0]))
    array([1.])
    """
    xp = array_module(l)
    if m > 1:
        return exp_below(_LARGEST, (m - 1) * (log_a + xp.maximum(l, 0.0))) * power_quotient(m, -xp.abs(l))
    return exp_below(_LARGEST, (m - 1) * log_a) * power_quotient(m, l)


def power_change_slope(m: float, log_a: Array, l: Array) -> Array:
    """Its derivative by log b."""
    xp = array_module(l)
    if m > 1:
        below, slope = -xp.abs(l), power_quotient_slope(m, -xp.abs(l))
        slope = xp.where(l > 0, (m - 1) * power_quotient(m, below) - slope, slope)
        return exp_below(_LARGEST, (m - 1) * (log_a + xp.maximum(l, 0.0))) * slope
    return exp_below(_LARGEST, (m - 1) * log_a) * power_quotient_slope(m, l)


def exp_below(largest: float, x: Array) -> Array:
    """exp, infinite beyond `largest` instead of an overflow: nothing that large is taken for a number."""
    xp = array_module(x)
    return xp.where(x > largest, xp.inf, xp.exp(xp.minimum(x, largest)))


def logarithm_quotient(l: Array) -> Array:
    """l/(e^l - 1), 1 at l = 0: (log b - log a)/(b - a) times a.

    >>> import numpy as np
    >>> logarithm_quotient(np.array([0.0, np.log(2.0)])).round(6)
    array([1.      , 0.693147])
    """
    xp = array_module(l)
    l = xp.clip(l, -1e300, _FAR)
    near = xp.abs(l) < 1e-300
    return xp.where(near, 1.0, l / xp.where(near, 1.0, xp.expm1(l)))


def logarithm_quotient_slope(l: Array) -> Array:
    """Its derivative by l."""
    xp = array_module(l)
    l = xp.clip(l, -_FAR, _FAR)
    near = xp.abs(l) < _NEAR
    safe = xp.where(near, 1.0, l)
    e = xp.expm1(safe)
    return xp.where(near, -0.5 + l / 6, (1 - safe * (e + 1) / e) / e)


def entropy_quotient(l: Array) -> Array:
    """l/(1 - e^-l), 1 at l = 0: (b log b - a log a)/(b - a) - log a."""
    return logarithm_quotient(-l)


def entropy_quotient_slope(l: Array) -> Array:
    """Its derivative by l."""
    return -logarithm_quotient_slope(-l)


def logarithmic_growth(l: Array) -> Array:
    """(e^l - 1)/l, 1 at l = 0: the logarithmic mean of a and b over a."""
    xp = array_module(l)
    l = xp.clip(l, -1e300, _FAR)
    near = xp.abs(l) < 1e-300
    return xp.where(near, 1.0, xp.expm1(l) / xp.where(near, 1.0, l))


def logarithmic_growth_slope(l: Array) -> Array:
    """Its derivative by l."""
    xp = array_module(l)
    l = xp.clip(l, -1e300, _FAR)
    near = xp.abs(l) < _NEAR
    safe = xp.where(near, 1.0, l)
    e = xp.expm1(safe)
    return xp.where(near, 0.5 + l / 3, ((e + 1) - e / safe) / safe)

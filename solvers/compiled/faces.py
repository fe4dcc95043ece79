"""Gradient, divergence and bounded logarithmic mean on the faces of uniform meshes, one pass each.

An axis of n cells is seen as (before, n, after): along it the neighbour of a cell stands `after` places on, so that all
faces between walls are one contiguous run for each of `before`. Gradient and divergence add in the order of the
array passes and give their bits.
"""

from __future__ import annotations

import math

import numpy as np

from mudot.solvers.compiled.jit import compiled

_BLOCK = 2048
_NEAR = 1.0 / 16.0
"""Of ((b - a)/(a + b))^2: below it the series of the logarithmic mean has all digits, and the bound plays no part."""


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def gradient(out: np.ndarray, f: np.ndarray, before: int, n: int, after: int, seam: bool, slope: float) -> None:
    """out = slope (f_right - f_left) for the faces of one axis; out: (before * faces * after,), f: (cells,)."""
    faces = n if seam else n - 1
    run = (n - 1) * after
    for b in range(before):
        x, g = f[b * n * after : (b + 1) * n * after], out[b * faces * after : (b + 1) * faces * after]
        for k in range(run):
            g[k] = slope * (x[k + after] - x[k])
        if seam:
            for k in range(after):
                g[run + k] = slope * (x[k] - x[run + k])


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def momentum(
    out: np.ndarray,
    f: np.ndarray,
    mobility: np.ndarray,
    before: int,
    n: int,
    after: int,
    seam: bool,
    slope: float,
    volume: float,
) -> None:
    """out = gradient(f) (mobility volume) for the faces of one axis, with the bits of the single passes."""
    faces = n if seam else n - 1
    run = (n - 1) * after
    for b in range(before):
        x = f[b * n * after : (b + 1) * n * after]
        g = out[b * faces * after : (b + 1) * faces * after]
        m = mobility[b * faces * after : (b + 1) * faces * after]
        for k in range(run):
            g[k] = (slope * (x[k + after] - x[k])) * (m[k] * volume)
        if seam:
            for k in range(after):
                g[run + k] = (slope * (x[k] - x[run + k])) * (m[run + k] * volume)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def add_inflow(
    out: np.ndarray,
    velocity: np.ndarray,
    mobility: np.ndarray,
    factor: float,
    before: int,
    n: int,
    after: int,
    seam: bool,
    share: float,
) -> None:
    """out -= div(mobility factor velocity) for the faces of one axis, with the bits of the single passes."""
    faces = n if seam else n - 1
    run = (n - 1) * after
    for b in range(before):
        o = out[b * n * after : (b + 1) * n * after]
        v = velocity[b * faces * after : (b + 1) * faces * after]
        m = mobility[b * faces * after : (b + 1) * faces * after]
        for k in range(after):
            o[k] += share * (v[k] * factor * -m[k])
            if seam:
                o[k] -= share * (v[run + k] * factor * -m[run + k])
        for k in range(after, run):
            o[k] = (o[k] - share * (v[k - after] * factor * -m[k - after])) + share * (v[k] * factor * -m[k])
        for k in range(run, run + after):
            o[k] -= share * (v[k - after] * factor * -m[k - after])
            if seam:
                o[k] += share * (v[k] * factor * -m[k])


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def add_divergence(
    out: np.ndarray, flux: np.ndarray, before: int, n: int, after: int, seam: bool, share: float
) -> None:
    """out += share (flux_right - flux_left) for the faces of one axis; share: area over volume."""
    faces = n if seam else n - 1
    run = (n - 1) * after
    for b in range(before):
        o, j = out[b * n * after : (b + 1) * n * after], flux[b * faces * after : (b + 1) * faces * after]
        for k in range(after):
            o[k] += share * j[k]
            if seam:
                o[k] -= share * j[run + k]
        for k in range(after, run):
            o[k] = (o[k] - share * j[k - after]) + share * j[k]
        for k in range(run, run + after):
            o[k] -= share * j[k - after]
            if seam:
                o[k] += share * j[k]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def bounded_mean(out: np.ndarray, mu: np.ndarray, before: int, n: int, after: int, seam: bool, steepest: float) -> None:
    """out = the smooth minimum of Lambda(a, b) and steepest min(a, b) for the faces of one axis; all positive."""
    faces = n if seam else n - 1
    run = (n - 1) * after
    for b in range(before):
        x, m = mu[b * n * after : (b + 1) * n * after], out[b * faces * after : (b + 1) * faces * after]
        for start in range(0, run, _BLOCK):
            stop = min(start + _BLOCK, run)
            _means(m[start:stop], x[start:stop], x[start + after : stop + after], steepest)
        if seam:
            _means(m[run:], x[run:], x[:after], steepest)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _means(out: np.ndarray, a: np.ndarray, b: np.ndarray, steepest: float) -> None:
    """With s = (b - a)/(a + b), Lambda = (a + b)/2 s/artanh s = (a + b)/2 / (1 + s^2/3 + s^4/5 + ...)."""
    steep = 0
    for k in range(out.size):
        total = a[k] + b[k]
        s = (b[k] - a[k]) / total
        w = s * s
        tail = w * (1 / 23 + w * (1 / 25 + w * (1 / 27 + w * (1 / 29))))
        tail = w * (1 / 13 + w * (1 / 15 + w * (1 / 17 + w * (1 / 19 + w * (1 / 21 + tail)))))
        series = 1.0 + w * (1 / 3 + w * (1 / 5 + w * (1 / 7 + w * (1 / 9 + w * (1 / 11 + tail)))))
        mean = 0.5 * total / series
        share = mean / (steepest * (a[k] if a[k] < b[k] else b[k]))
        share *= share
        share *= share
        out[k] = mean * (1.0 - 0.125 * share * share)
        steep += 0 if w < _NEAR else 1
    if steep > 0:
        for k in range(out.size):
            low, high = min(a[k], b[k]), max(a[k], b[k])
            if not high - low < 0.25 * (high + low):
                out[k] = _steep(low, high, steepest)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _steep(low: float, high: float, steepest: float) -> float:
    if not low > 0.0:
        return 0.0
    ratio = high / low
    logarithm = math.log1p((high - low) / low) if ratio < 1e300 else math.log(high) - math.log(low)
    mean, bound = (high - low) / logarithm, steepest * low
    less, more = min(mean, bound), max(mean, bound)
    return float(less / (1.0 + (less / more) ** 8) ** 0.125)

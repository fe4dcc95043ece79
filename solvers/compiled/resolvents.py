"""Resolvents of tridiagonal generators for many complex shifts at once, along many lines.

    (z_k - A) x_k = b,     A e_i = right_i e_(i+1) + left_i e_(i-1) - (right_i + left_i) e_i   on masses.

The columns of z - A sum to z, so elimination from the first cell to the last needs no subtraction: with q_0 = z the
pivots are p_i = q_i + right_i and q_(i+1) = z + left_(i+1) q_i / p_i. Every q_i lies in the sector between the positive
axis and z, where sums do not cancel: rates of 1e10 beside shifts of 1 lose no digit (Grassmann, Taksar and Heyman 1985
for z = 0).
"""

from __future__ import annotations

import numpy as np

from mudot.solvers.compiled.jit import compiled


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def factor(right: np.ndarray, left: np.ndarray, shifts: np.ndarray, pivots: np.ndarray) -> None:
    """pivots = 1/p_i of every shift.

    right, left: rates from a cell to the next and to the one before, shape (n,), zero at the ends
    shifts:      real and imaginary parts, shape (2, shifts);   pivots: shape (2, n, shifts)
    """
    n, count = right.size, shifts.shape[1]
    zr, zi, qr, qi = shifts[0], shifts[1], shifts[0].copy(), shifts[1].copy()
    for i in range(n):
        go, back = right[i], left[i + 1] if i + 1 < n else 0.0
        pr, pi = pivots[0, i], pivots[1, i]
        for k in range(count):
            s, t = qr[k] + go, qi[k]
            d = 1.0 / (s * s + t * t)
            u, v = s * d, -t * d
            pr[k], pi[k] = u, v
            a, b = qr[k] * u - qi[k] * v, qr[k] * v + qi[k] * u
            qr[k], qi[k] = zr[k] + back * a, zi[k] + back * b


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def few(
    right: np.ndarray,
    left: np.ndarray,
    pivots: np.ndarray,
    weights: np.ndarray,
    lines: np.ndarray,
    found: np.ndarray,
) -> None:
    """For the columns b of `lines`, with y_k = w_k x_k: found += Re sum_k y_k, Im sum_k (-1)^k y_k, and the sizes
    sum_k |Re y_k| + |Im y_k|.

    weights: real and imaginary parts, shape (2, shifts), a multiple of 4;   lines: shape (n, lines)
    found:   shape (3, n, lines)
    """
    n, count = lines.shape[0], weights.shape[1]
    wr, wi = weights[0], weights[1]
    y = np.empty((2, n, count))
    xr, xi = np.empty(count), np.empty(count)
    for j in range(lines.shape[1]):
        ur, ui = y[0, 0], y[1, 0]
        for k in range(count):
            ur[k], ui[k] = wr[k] * lines[0, j], wi[k] * lines[0, j]
        for i in range(1, n):
            here, go = lines[i, j], right[i - 1]
            a, b, vr, vi, ur, ui = pivots[0, i - 1], pivots[1, i - 1], y[0, i - 1], y[1, i - 1], y[0, i], y[1, i]
            for k in range(count):
                ur[k] = wr[k] * here + go * (a[k] * vr[k] - b[k] * vi[k])
                ui[k] = wi[k] * here + go * (a[k] * vi[k] + b[k] * vr[k])
        xr[:], xi[:] = 0.0, 0.0
        for i in range(n - 1, -1, -1):
            back = left[i + 1] if i + 1 < n else 0.0
            a, b, ur, ui = pivots[0, i], pivots[1, i], y[0, i], y[1, i]
            for k in range(count):
                s, t = ur[k] + back * xr[k], ui[k] + back * xi[k]
                xr[k], xi[k] = a[k] * s - b[k] * t, a[k] * t + b[k] * s
            # In four parts that do not wait for each other.
            s0, s1, s2, s3, m0, m1, m2, m3, g0, g1 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for k in range(0, count, 4):
                s0, m0 = s0 + xr[k], m0 + (abs(xr[k]) + abs(xi[k]))
                s1, m1 = s1 + xr[k + 1], m1 + (abs(xr[k + 1]) + abs(xi[k + 1]))
                s2, m2 = s2 + xr[k + 2], m2 + (abs(xr[k + 2]) + abs(xi[k + 2]))
                s3, m3 = s3 + xr[k + 3], m3 + (abs(xr[k + 3]) + abs(xi[k + 3]))
                g0, g1 = g0 + (xi[k] + xi[k + 2]), g1 + (xi[k + 1] + xi[k + 3])
            found[0, i, j] += (s0 + s2) + (s1 + s3)
            found[1, i, j] += g0 - g1
            found[2, i, j] += (m0 + m1) + (m2 + m3)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def many(
    right: np.ndarray,
    left: np.ndarray,
    pivots: np.ndarray,
    weights: np.ndarray,
    lines: np.ndarray,
    found: np.ndarray,
    block: int,
) -> None:
    """The same for lines beside each other, a block of them at a time, so that what one shift needs stays in cache."""
    n, lines_in_all = lines.shape
    y = np.empty((2, n, block))
    for first in range(0, lines_in_all, block):
        part = slice(first, min(first + block, lines_in_all))
        for k in range(weights.shape[1]):
            _block(right, left, pivots, k, weights[0, k], weights[1, k], lines, found, part, y)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _block(
    right: np.ndarray,
    left: np.ndarray,
    pivots: np.ndarray,
    k: int,
    wr: float,
    wi: float,
    lines: np.ndarray,
    found: np.ndarray,
    part: slice,
    y: np.ndarray,
) -> None:
    n, width = lines.shape[0], part.stop - part.start
    xr, xi, sign = np.zeros(width), np.zeros(width), 1.0 - 2.0 * (k % 2)
    for i in range(n):
        here, ur, ui = lines[i, part], y[0, i, :width], y[1, i, :width]
        if i == 0:
            for j in range(width):
                ur[j], ui[j] = wr * here[j], wi * here[j]
            continue
        a, b = right[i - 1] * pivots[0, i - 1, k], right[i - 1] * pivots[1, i - 1, k]
        vr, vi = y[0, i - 1, :width], y[1, i - 1, :width]
        for j in range(width):
            ur[j] = wr * here[j] + (a * vr[j] - b * vi[j])
            ui[j] = wi * here[j] + (a * vi[j] + b * vr[j])
    for i in range(n - 1, -1, -1):
        back = left[i + 1] if i + 1 < n else 0.0
        a, b, ur, ui = pivots[0, i, k], pivots[1, i, k], y[0, i, :width], y[1, i, :width]
        total, gap, size = found[0, i, part], found[1, i, part], found[2, i, part]
        for j in range(width):
            s, t = ur[j] + back * xr[j], ui[j] + back * xi[j]
            u, v = a * s - b * t, a * t + b * s
            xr[j], xi[j] = u, v
            total[j] += u
            gap[j] += sign * v
            size[j] += abs(u) + abs(v)

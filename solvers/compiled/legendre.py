"""One step of the Runge-Kutta-Legendre scheme for mu' = div grad mu^m on a uniform mesh: every stage is one pass.

A stage combines four arrays and a stencil of a fifth; in array passes that is several times the memory traffic."""

from __future__ import annotations

import numpy as np

from mudot.solvers.compiled.jit import compiled, inlined


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def legendre_step(
    ring: np.ndarray,
    power: np.ndarray,
    density: np.ndarray,
    rate: np.ndarray,
    tau: float,
    table: np.ndarray,
    m: float,
    factors: np.ndarray,
    periodic: np.ndarray,
    tiny: float,
) -> int:
    """The place in `ring`, shape (3, nx, ny, nz), of the density after a step, or -1 where a stage is negative.

    power:    scratch of the shape of density and rate, (nx, ny, nz); missing axes come first and have one cell
    table:    mu, nu, tilde mu, tilde gamma of every stage, shape (stages, 4);   factors: weight over h^2 of every axis
    Walls carry nothing; periodic: per axis. Values below `tiny`, of either sign, become zero.
    """
    nx, ny, nz = density.shape
    row, square = np.empty(nz), m == 2.0
    now, before, new = 0, 1, 2
    ring[before] = density
    negative = _first_stage(ring[now], density, rate, table[0, 2] * tau, tiny)
    for stage in range(1, table.shape[0]):
        if negative:
            return -1
        mu, nu = table[stage, 0], table[stage, 1]
        weights = (1.0 - mu - nu, table[stage, 3] * tau, nu, mu)
        gain = table[stage, 2] * tau
        gains = (gain * factors[0], gain * factors[1], gain * factors[2])
        if not square:
            power[:] = ring[now] ** m
        level = ring[now] if square else power
        for i in range(nx):
            a = i - 1 if i > 0 else (nx - 1 if periodic[0] else i)
            b = i + 1 if i + 1 < nx else (0 if periodic[0] else i)
            for j in range(ny):
                c = j - 1 if j > 0 else (ny - 1 if periodic[1] else j)
                d = j + 1 if j + 1 < ny else (0 if periodic[1] else j)
                arrays = (density[i, j], rate[i, j], ring[before, i, j], ring[now, i, j])
                _combine(row, arrays, weights)
                if nx > 1:
                    _across(row, level[i, j], level[a, j], level[b, j], gains[0], square)
                if ny > 1:
                    _across(row, level[i, j], level[i, c], level[i, d], gains[1], square)
                _along(row, level[i, j], gains[2], square, periodic[2])
                negative |= _written(ring[new, i, j], row, tiny)
        before, now, new = now, new, before
    return -1 if negative else now


# Loops over few arrays each: with more, the compiler does not find out that they may be vectorised.


@inlined  # type: ignore[untyped-decorator, unused-ignore]
def _combine(row: np.ndarray, arrays: tuple[np.ndarray, ...], weights: tuple[float, ...]) -> None:
    """row = sum of weights times arrays."""
    w, x, y, z = arrays
    p, q, r, s = weights
    for k in range(row.size):
        row[k] = (p * w[k] + q * x[k]) + (r * y[k] + s * z[k])


@inlined  # type: ignore[untyped-decorator, unused-ignore]
def _across(row: np.ndarray, here: np.ndarray, a: np.ndarray, b: np.ndarray, gain: float, square: bool) -> None:
    """Second differences with the neighbouring rows; of the squares, where `square`."""
    if square:
        for k in range(row.size):
            t = here[k] * here[k]
            row[k] += gain * ((b[k] * b[k] - t) - (t - a[k] * a[k]))
        return
    for k in range(row.size):
        row[k] += gain * ((b[k] - here[k]) - (here[k] - a[k]))


@inlined  # type: ignore[untyped-decorator, unused-ignore]
def _along(row: np.ndarray, here: np.ndarray, gain: float, square: bool, periodic: bool) -> None:
    """Second differences within the row; of the squares, where `square`."""
    last = here.size - 1
    if last == 0:
        return
    inner, left, middle, right = row[1:-1], here[:-2], here[1:-1], here[2:]
    if square:
        for k in range(inner.size):
            t = middle[k] * middle[k]
            inner[k] += gain * ((right[k] * right[k] - t) - (t - left[k] * left[k]))
        first, second, one, end = here[0] ** 2, here[1] ** 2, here[last - 1] ** 2, here[last] ** 2
    else:
        for k in range(inner.size):
            inner[k] += gain * ((right[k] - middle[k]) - (middle[k] - left[k]))
        first, second, one, end = here[0], here[1], here[last - 1], here[last]
    wrap = gain * (first - end) if periodic else 0.0
    row[0] += gain * (second - first) - wrap
    row[last] += wrap - gain * (end - one)


@inlined  # type: ignore[untyped-decorator, unused-ignore]
def _written(out: np.ndarray, row: np.ndarray, tiny: float) -> bool:
    """out = row without what is below `tiny`; whether a cell is negative or undefined."""
    negative = 0
    for k in range(row.size):
        negative |= 0 if row[k] > -tiny else 1
        out[k] = row[k] if row[k] >= tiny else 0.0
    return negative > 0


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _first_stage(out: np.ndarray, density: np.ndarray, rate: np.ndarray, factor: float, tiny: float) -> bool:
    """out = density + factor rate without what is below `tiny`; whether a cell is negative or undefined."""
    negative = 0
    x, y, z = out.reshape(-1), density.reshape(-1), rate.reshape(-1)
    for i in range(x.size):
        value = y[i] + factor * z[i]
        negative |= 0 if value > -tiny else 1
        x[i] = value if value >= tiny else 0.0
    return negative > 0

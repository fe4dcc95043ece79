"""One step of the Runge-Kutta-Legendre scheme for mu' = div grad mu^m on a uniform mesh: every stage is one pass.

Vacuum is left out: of every row only the part is swept that mass may have reached, a cell further on every side with
every stage. Beyond it all terms are zero, so that every bit is that of a sweep over all cells. For the same reason a
slab of planes may be stepped alone, from data that reach as many planes further as there are stages.

Arrays are flat and places in them unsigned: so the compiler knows that it may do several cells at once.
"""

from __future__ import annotations

import numpy as np

from mudot.solvers.compiled.jit import compiled

_LANES = 8
"""Spans begin and end at multiples of this; sums go in so many parts, by column, and do not depend on spans."""
_EDGE = 1
"""Cells that rows of scratch have more at either end: what stands there is what a wall or a circle makes of them."""

Three = tuple[float, float, float]
Sides = tuple[bool, bool, bool]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def legendre_step(
    scratch: np.ndarray,
    spans: np.ndarray,
    density: np.ndarray,
    rate: np.ndarray,
    new: np.ndarray,
    slope: np.ndarray,
    sums: np.ndarray,
    slab: tuple[int, int],
    tau: float,
    table: np.ndarray,
    m: float,
    factors: Three,
    periodic: Sides,
    tiny: float,
) -> bool:
    """Density and rate after a step, into `new` and `slope`, for the planes of a slab; whether no stage is negative.

    The four arrays of cells have shape (nx, ny, nz); missing axes have one cell and the factor zero.
    scratch:  shape (2, planes, ny, nz + 2), or 3 instead of 2 unless m = 2, for the slab and stages + 1 planes before
              and behind it, cut at the ends of the mesh;   spans: of all rows, as `occupied` gives them
    sums:     of |0.8 (old - new) + 0.4 tau (old rate + new rate)| and |new rate| over every row, shape (nx, ny, 2)
    table:    mu, nu, tilde mu, tilde gamma of every stage, shape (stages, 4);   factors: weight over h^2 of every axis
    periodic: per axis, where walls carry nothing; the first one only for a slab of all planes
    Values below `tiny`, of either sign, become zero.
    """
    nx, ny, nz = density.shape
    stages, square, offset = table.shape[0], m == 2.0, max(0, slab[0] - table.shape[0] - 1)
    now, out, level = scratch[0], scratch[1], scratch[-1]
    spans = spans[offset : offset + now.shape[0]]
    scratch[:] = 0.0
    for stage in range(stages):
        spans = _grown(spans, nz, periodic)
        mu, nu, gain = table[stage, 0], table[stage, 1], table[stage, 2] * tau
        weights, gains = (1.0 - mu - nu, table[stage, 3] * tau, nu, mu), _scaled(factors, gain)
        if stage == 0:  # along the rate that is given
            weights, gains = (1.0, gain, 0.0, 0.0), _scaled(factors, 0.0)
        elif stage == 1:  # what came before it was the start
            weights = (1.0 - mu, weights[1], 0.0, mu)
        source, far = now if square else level, stages - stage
        planes = max(0, slab[0] - far), min(nx, slab[1] + far)
        if (
            _swept(
                out, _EDGE, 0, density, rate, now, source, square, spans, offset, planes, weights, gains, periodic, tiny
            )
            > 0
        ):
            return False
        now, out = out, now
        _close(now, spans, periodic[2])
        if not square:
            _raise(level, now, spans, m)
            _close(level, spans, periodic[2])
    # The rate of what was found: a stage of nothing else, in which nothing is too small.
    spans, weights = _grown(spans, nz, periodic), (0.0, 0.0, 0.0, 0.0)
    _finish(new, slope, now, spans, slab, offset)
    source = now if square else level
    _swept(
        slope, 0, offset, density, rate, now, source, square, spans, offset, slab, weights, factors, periodic, -np.inf
    )
    for i in range(slab[0], slab[1]):
        for j in range(ny):
            part = slice(spans[i - offset, j, 0], max(spans[i - offset, j, 0], spans[i - offset, j, 1]))
            old, after = (density[i, j, part], rate[i, j, part]), (new[i, j, part], slope[i, j, part])
            sums[i, j, 0], sums[i, j, 1] = _sizes(old[0], old[1], after[0], after[1], tau)
    return True


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _scaled(factors: Three, gain: float) -> Three:
    return gain * factors[0], gain * factors[1], gain * factors[2]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def occupied(density: np.ndarray) -> np.ndarray:
    """Where mass begins and ends in every row, shape (nx, ny, 2)."""
    planes, ny, nz = density.shape
    spans = np.empty((planes, ny, 2), np.int64)
    for i in range(planes):
        for j in range(ny):
            low, high = 0, nz
            while low < nz and density[i, j, low] == 0.0:
                low += 1
            while high > low and density[i, j, high - 1] == 0.0:
                high -= 1
            _set(spans, i, j, low, high, nz)
    return spans


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _set(spans: np.ndarray, i: int, j: int, low: int, high: int, nz: int) -> None:
    if low < high:
        spans[i, j, 0], spans[i, j, 1] = low // _LANES * _LANES, min(nz, -(-high // _LANES) * _LANES)
    else:
        spans[i, j, 0], spans[i, j, 1] = nz, 0


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _grown(spans: np.ndarray, nz: int, periodic: Sides) -> np.ndarray:
    """The same after mass may have moved by one cell."""
    planes, ny = spans.shape[:2]
    grown = np.empty_like(spans)
    for i in range(planes):
        for j in range(ny):
            a, b, c, d = _neighbours(i, j, planes, ny, periodic)
            low = min(min(spans[a, j, 0], spans[b, j, 0]), min(spans[i, c, 0], spans[i, d, 0]))
            high = max(max(spans[a, j, 1], spans[b, j, 1]), max(spans[i, c, 1], spans[i, d, 1]))
            if spans[i, j, 0] < spans[i, j, 1]:
                low, high = min(low, spans[i, j, 0] - 1), max(high, spans[i, j, 1] + 1)
                if periodic[2] and (low < 0 or high > nz):
                    low, high = 0, nz
            _set(grown, i, j, max(0, low), min(nz, high), nz)
    return grown


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _neighbours(i: int, j: int, nx: int, ny: int, periodic: Sides) -> tuple[int, int, int, int]:
    """Planes before and behind, rows below and above: at a wall the same one."""
    a = i - 1 if i > 0 else (nx - 1 if periodic[0] else i)
    b = i + 1 if i + 1 < nx else (0 if periodic[0] else i)
    c = j - 1 if j > 0 else (ny - 1 if periodic[1] else j)
    d = j + 1 if j + 1 < ny else (0 if periodic[1] else j)
    return a, b, c, d


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _close(array: np.ndarray, spans: np.ndarray, around: bool) -> None:
    """What stands beside the ends of every row: the first and last cell, or each other's where the row leads around."""
    last = array.shape[2] - 1 - _EDGE
    for i in range(array.shape[0]):
        for j in range(array.shape[1]):
            if spans[i, j, 0] < spans[i, j, 1]:
                array[i, j, 0] = array[i, j, last if around else _EDGE]
                array[i, j, last + 1] = array[i, j, _EDGE if around else last]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _raise(power: np.ndarray, density: np.ndarray, spans: np.ndarray, m: float) -> None:
    for i in range(power.shape[0]):
        for j in range(power.shape[1]):
            for k in range(spans[i, j, 0] + _EDGE, spans[i, j, 1] + _EDGE):
                power[i, j, k] = density[i, j, k] ** m


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _finish(
    new: np.ndarray, slope: np.ndarray, now: np.ndarray, spans: np.ndarray, slab: tuple[int, int], offset: int
) -> None:
    nz = new.shape[2]
    for i in range(slab[0], slab[1]):
        for j in range(new.shape[1]):
            new[i, j] = now[i - offset, j, _EDGE : _EDGE + nz]
            slope[i, j] = 0.0


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _swept(
    out: np.ndarray,
    edge: int,
    shift: int,
    density: np.ndarray,
    rate: np.ndarray,
    now: np.ndarray,
    source: np.ndarray,
    square: bool,
    spans: np.ndarray,
    offset: int,
    planes: tuple[int, int],
    weights: tuple[float, float, float, float],
    gains: Three,
    periodic: Sides,
    tiny: float,
) -> int:
    """A stage on some planes: `out` holds the stage before last and becomes the new one. More than zero where a cell is
    negative or undefined.

    edge, shift: cells that rows of `out` have besides, and planes that come before those of the spans
    source:      of the stencil: the powers, or where `square` the stage itself
    """
    ny, nz = density.shape[1:]
    count, negative = now.shape[0], 0
    to, cells, rates, last, level = (
        out.reshape(-1),
        density.reshape(-1),
        rate.reshape(-1),
        now.reshape(-1),
        source.reshape(-1),
    )
    wide = nz + 2 * _EDGE
    for i in range(planes[0] - offset, planes[1] - offset):
        for j in range(ny):
            low, size = spans[i, j, 0], spans[i, j, 1] - spans[i, j, 0]
            if size <= 0:
                continue
            a, b, c, d = _neighbours(i, j, count, ny, periodic)
            first = low + _EDGE
            places = (
                np.uint64(((shift + i) * ny + j) * (nz + 2 * edge) + low + edge),
                np.uint64(((offset + i) * ny + j) * nz + low),
                np.uint64((i * ny + j) * wide + first),
                np.uint64((a * ny + j) * wide + first),
                np.uint64((b * ny + j) * wide + first),
                np.uint64((i * ny + c) * wide + first),
                np.uint64((i * ny + d) * wide + first),
            )
            if ny == 1:
                negative |= _plane(to, cells, rates, last, level, places, np.uint64(size), weights, gains, square, tiny)
            else:
                negative |= _space(to, cells, rates, last, level, places, np.uint64(size), weights, gains, square, tiny)
    return negative


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _plane(
    out: np.ndarray,
    cells: np.ndarray,
    rates: np.ndarray,
    now: np.ndarray,
    level: np.ndarray,
    places: tuple[np.uint64, ...],
    size: np.uint64,
    weights: tuple[float, float, float, float],
    gains: Three,
    square: bool,
    tiny: float,
) -> int:
    """Five points."""
    to, given, here, before, behind = places[0], places[1], places[2], places[3], places[4]
    p, q, r, s = weights
    gx, _, gz = gains
    one, negative = np.uint64(1), 0
    for k in range(size):
        i = here + k
        total = (p * cells[given + k] + q * rates[given + k]) + (r * out[to + k] + s * now[i])
        t, a, b, e, f = level[i], level[before + k], level[behind + k], level[i - one], level[i + one]
        if square:
            t, a, b, e, f = t * t, a * a, b * b, e * e, f * f
        total += gx * ((b - t) - (t - a)) + gz * ((f - t) - (t - e))
        negative |= 0 if total > -tiny else 1
        out[to + k] = total if total >= tiny else 0.0
    return negative


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _space(
    out: np.ndarray,
    cells: np.ndarray,
    rates: np.ndarray,
    now: np.ndarray,
    level: np.ndarray,
    places: tuple[np.uint64, ...],
    size: np.uint64,
    weights: tuple[float, float, float, float],
    gains: Three,
    square: bool,
    tiny: float,
) -> int:
    """Seven points."""
    to, given, here, before, behind, below, above = places
    p, q, r, s = weights
    gx, gy, gz = gains
    one, negative = np.uint64(1), 0
    for k in range(size):
        i = here + k
        total = (p * cells[given + k] + q * rates[given + k]) + (r * out[to + k] + s * now[i])
        t, a, b, e, f = level[i], level[before + k], level[behind + k], level[i - one], level[i + one]
        c, d = level[below + k], level[above + k]
        if square:
            t, a, b, c, d, e, f = t * t, a * a, b * b, c * c, d * d, e * e, f * f
        total += (gx * ((b - t) - (t - a)) + gy * ((d - t) - (t - c))) + gz * ((f - t) - (t - e))
        negative |= 0 if total > -tiny else 1
        out[to + k] = total if total >= tiny else 0.0
    return negative


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _sizes(
    density: np.ndarray, rate: np.ndarray, new: np.ndarray, slope: np.ndarray, tau: float
) -> tuple[float, float]:
    """Sums of |0.8 (old - new) + 0.4 tau (old rate + new rate)| and |new rate|, for columns from a multiple of the
    lanes on."""
    # In four parts that do not wait for each other.
    g0, g1, g2, g3, m0, m1, m2, m3 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    whole = new.size // 4 * 4
    for i in range(0, whole, 4):
        g0 += abs(0.8 * (density[i] - new[i]) + 0.4 * tau * (rate[i] + slope[i]))
        g1 += abs(0.8 * (density[i + 1] - new[i + 1]) + 0.4 * tau * (rate[i + 1] + slope[i + 1]))
        g2 += abs(0.8 * (density[i + 2] - new[i + 2]) + 0.4 * tau * (rate[i + 2] + slope[i + 2]))
        g3 += abs(0.8 * (density[i + 3] - new[i + 3]) + 0.4 * tau * (rate[i + 3] + slope[i + 3]))
        m0, m1 = m0 + abs(slope[i]), m1 + abs(slope[i + 1])
        m2, m3 = m2 + abs(slope[i + 2]), m3 + abs(slope[i + 3])
    gap, move = (g0 + g2) + (g1 + g3), (m0 + m2) + (m1 + m3)
    for i in range(whole, new.size):
        gap += abs(0.8 * (density[i] - new[i]) + 0.4 * tau * (rate[i] + slope[i]))
        move += abs(slope[i])
    return gap, move

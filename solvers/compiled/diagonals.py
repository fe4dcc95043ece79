"""Three-term recurrences with matrices of a few diagonals, several terms in one pass through memory.

A vector is cut into chunks no shorter than the reach of the stencil, so that a chunk of one term needs three chunks of
the term before. One wave of the sweep computes chunk i of the first term, chunk i - 1 of the second, and so on: what
the waves share stays in cache, and `depth` terms cost the memory traffic of one (time skewing: Wonnacott 2000, IPDPS).
Chunks between the first and the last term live in a window that slides through `scratch` and is carried back when it
comes to its end; terms are added into the weighted sums while they are hot.
"""

from __future__ import annotations

import numpy as np

from mudot.solvers.compiled.jit import compiled

Vector = np.ndarray


def window(cells: int, depth: int, chunk: int) -> int:
    """Numbers of scratch that a sweep needs: few, and none for two terms or one."""
    return min(cells + 3 * chunk * (depth + 2), 5 * depth * chunk) if depth > 2 else 1


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def sweep(
    before: np.ndarray,
    now: np.ndarray,
    scratch: np.ndarray,
    offsets: np.ndarray,
    rates: np.ndarray,
    losses: np.ndarray,
    shift: float,
    scale: np.ndarray,
    back: np.ndarray,
    weights: np.ndarray,
    totals: np.ndarray,
    chunk: int,
) -> None:
    """v_(s+2) = scale_s M v_(s+1) - back_s v_s for s = 0, ..., depth - 1, and totals_j += weights_js v_(s+2).

    before, now:     v_0 and v_1, shape (cells,); replaced by the last two terms (by v_2 and v_1 for depth 1)
    scratch:         finite, overwritten, at least `window(cells, depth, chunk)` numbers
    offsets, rates:  M[j - offsets_k, j] = rates[k, j] off the diagonal, offsets increasing, |offsets| <= chunk
    losses, shift:   M[j, j] = shift - losses_j
    scale, back:     shape (depth,);   weights: shape (sums, depth);   totals: shape (sums, cells)
    """
    cells, depth, count = now.size, scale.size, offsets.size
    reach = max(-offsets[0], offsets[-1])
    chunks = (cells + chunk - 1) // chunk
    gone = 0
    for wave in range(chunks + depth - 1):
        # This wave needs chunks wave + 7 - depth to wave + 3 depth - 2 of the window, the last of them to write.
        if (wave + 3 * depth - 2) * chunk - gone > scratch.size:
            back_by = (wave + 7 - depth) * chunk - gone
            for i in range((4 * depth - 10) * chunk):
                scratch[i] = scratch[i + back_by]
            gone += back_by
        for s in range(max(0, wave - chunks + 1), min(depth, wave + 1)):
            low = (wave - s) * chunk
            size = min(chunk, cells - low)
            # Where the terms s + 1, s and s + 2 lie: the ends of the recurrence in their vectors, the rest in between.
            source, at = now, low
            if s > 0:
                source, at = (before, low) if s == depth - 1 else (scratch, 3 * chunk * (depth - s) + low - gone)
            if s == 0:
                old = before[low : low + size]
            elif s == 1:
                old = now[low : low + size]
            else:
                start = 3 * chunk * (depth - s + 1) + low - gone
                old = scratch[start : start + size]
            if s == depth - 1 and depth > 1:
                out = now[low : low + size]
            elif s >= depth - 2:
                out = before[low : low + size]
            else:
                start = 3 * chunk * (depth - s - 1) + low - gone
                out = scratch[start : start + size]
            loss = losses[low : low + size]
            if count in (2, 4, 6) and low >= reach and low + size + reach <= cells:
                _inner(out, source, at, old, offsets, rates, loss, low, shift, scale[s], back[s])
            else:
                _edge(out, source, at, old, offsets, rates, loss, low, shift, scale[s], back[s])
            for j in range(totals.shape[0]):
                _add(totals[j, low : low + size], weights[j, s], out)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _add(total: np.ndarray, weight: float, term: np.ndarray) -> None:
    for i in range(term.size):
        total[i] += weight * term[i]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _edge(
    out: np.ndarray,
    source: np.ndarray,
    at: int,
    old: np.ndarray,
    offsets: np.ndarray,
    rates: np.ndarray,
    loss: np.ndarray,
    low: int,
    shift: float,
    scale: float,
    back: float,
) -> None:
    """One chunk of any stencil, also where it reaches over the ends of the vector."""
    cells, size = rates.shape[1], out.size
    for i in range(size):
        out[i] = scale * (shift - loss[i]) * source[at + i] - back * old[i]
    for k in range(offsets.size):
        first, stop = max(0, -offsets[k] - low), min(size, cells - offsets[k] - low)
        if first < stop:
            near, far = low + offsets[k], at + offsets[k]
            _couple(out[first:stop], scale, rates[k, near + first : near + stop], source[far + first : far + stop])


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _couple(out: np.ndarray, scale: float, rate: np.ndarray, source: np.ndarray) -> None:
    for i in range(out.size):
        out[i] += scale * rate[i] * source[i]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _inner(
    out: np.ndarray,
    source: np.ndarray,
    at: int,
    old: np.ndarray,
    offsets: np.ndarray,
    rates: np.ndarray,
    loss: np.ndarray,
    low: int,
    shift: float,
    scale: float,
    back: float,
) -> None:
    """One chunk of a stencil of 3, 5 or 7 points away from the ends of the vector."""
    size, half = out.size, offsets.size // 2
    near, far = low + offsets, at + offsets
    a, b = rates[half - 1, near[half - 1] : near[half - 1] + size], rates[half, near[half] : near[half] + size]
    x, y = source[far[half - 1] : far[half - 1] + size], source[far[half] : far[half] + size]
    z = source[at : at + size]
    if half == 1:
        _three(out, scale, a, x, b, y, shift, loss, z, back, old)
        return
    c, d = (
        rates[half - 2, near[half - 2] : near[half - 2] + size],
        rates[half + 1, near[half + 1] : near[half + 1] + size],
    )
    u, v = source[far[half - 2] : far[half - 2] + size], source[far[half + 1] : far[half + 1] + size]
    if half == 2:
        _five(out, scale, a, x, b, y, c, u, d, v, shift, loss, z, back, old)
        return
    e, f = rates[0, near[0] : near[0] + size], rates[5, near[5] : near[5] + size]
    p, q = source[far[0] : far[0] + size], source[far[5] : far[5] + size]
    _seven(out, scale, a, x, b, y, c, u, d, v, e, p, f, q, shift, loss, z, back, old)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _three(
    out: Vector,
    scale: float,
    a: Vector,
    x: Vector,
    b: Vector,
    y: Vector,
    shift: float,
    loss: Vector,
    z: Vector,
    back: float,
    old: Vector,
) -> None:
    for i in range(out.size):
        out[i] = scale * (a[i] * x[i] + b[i] * y[i] + (shift - loss[i]) * z[i]) - back * old[i]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _five(
    out: Vector,
    scale: float,
    a: Vector,
    x: Vector,
    b: Vector,
    y: Vector,
    c: Vector,
    u: Vector,
    d: Vector,
    v: Vector,
    shift: float,
    loss: Vector,
    z: Vector,
    back: float,
    old: Vector,
) -> None:
    for i in range(out.size):
        total = a[i] * x[i] + b[i] * y[i] + c[i] * u[i] + d[i] * v[i]
        out[i] = scale * (total + (shift - loss[i]) * z[i]) - back * old[i]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _seven(
    out: Vector,
    scale: float,
    a: Vector,
    x: Vector,
    b: Vector,
    y: Vector,
    c: Vector,
    u: Vector,
    d: Vector,
    v: Vector,
    e: Vector,
    p: Vector,
    f: Vector,
    q: Vector,
    shift: float,
    loss: Vector,
    z: Vector,
    back: float,
    old: Vector,
) -> None:
    for i in range(out.size):
        total = a[i] * x[i] + b[i] * y[i] + c[i] * u[i] + d[i] * v[i] + e[i] * p[i] + f[i] * q[i]
        out[i] = scale * (total + (shift - loss[i]) * z[i]) - back * old[i]

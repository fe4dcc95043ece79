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
    flat, sums = rates.reshape(-1), totals.reshape(-1)
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
            if s <= 1:
                old, past = (before, low) if s == 0 else (now, low)
            else:
                old, past = scratch, 3 * chunk * (depth - s + 1) + low - gone
            if s == depth - 1 and depth > 1:
                out, to = now, low
            elif s >= depth - 2:
                out, to = before, low
            else:
                out, to = scratch, 3 * chunk * (depth - s - 1) + low - gone
            # Only cells within reach of the ends of the vector need care.
            first = min(low + size, max(low, reach)) if count in (2, 4, 6) else low + size
            last = max(first, min(low + size, cells - reach))
            for part, stop in ((low, first), (last, low + size)):
                if part < stop:
                    o, p = out[to + part - low : to + stop - low], old[past + part - low : past + stop - low]
                    loss = losses[part:stop]
                    _edge(o, source, at + part - low, p, offsets, rates, loss, part, shift, scale[s], back[s])
            if first < last:
                go = first - low
                _inner(
                    *(out, to + go, source, at + go, old, past + go, offsets, flat, losses, first, last - first),
                    *(shift, scale[s], back[s]),
                )
            for j in range(totals.shape[0]):
                _add(sums, np.uint64(j * cells + low), weights[j, s], out, np.uint64(to), np.uint64(size))


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _add(total: np.ndarray, at: np.uint64, weight: float, term: np.ndarray, here: np.uint64, size: np.uint64) -> None:
    for i in range(size):
        total[at + i] += weight * term[here + i]


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
    out: Vector,
    to: int,
    source: Vector,
    at: int,
    old: Vector,
    past: int,
    offsets: np.ndarray,
    rates: Vector,
    losses: Vector,
    low: int,
    size: int,
    shift: float,
    scale: float,
    back: float,
) -> None:
    """One chunk of a stencil of 3, 5 or 7 points away from the ends of the vector."""
    half, cells = offsets.size // 2, losses.size
    ends = np.uint64(to), np.uint64(at), np.uint64(past), np.uint64(low)
    x, a = _places(offsets, half - 1, at, low, cells)
    y, b = _places(offsets, half, at, low, cells)
    if half == 1:
        _three(out, source, old, rates, losses, ends, (x, y), (a, b), np.uint64(size), shift, scale, back)
        return
    u, c = _places(offsets, half - 2, at, low, cells)
    v, d = _places(offsets, half + 1, at, low, cells)
    if half == 2:
        _five(out, source, old, rates, losses, ends, (x, y, u, v), (a, b, c, d), np.uint64(size), shift, scale, back)
        return
    p, e = _places(offsets, 0, at, low, cells)
    q, f = _places(offsets, 5, at, low, cells)
    near, far = (x, y, u, v, p, q), (a, b, c, d, e, f)
    _seven(out, source, old, rates, losses, ends, near, far, np.uint64(size), shift, scale, back)


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _places(offsets: np.ndarray, k: int, at: int, low: int, cells: int) -> tuple[np.uint64, np.uint64]:
    """Of the neighbours in the source, and of the rates from them."""
    return np.uint64(at + offsets[k]), np.uint64(k * cells + low + offsets[k])


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _three(
    out: Vector,
    source: Vector,
    old: Vector,
    rates: Vector,
    losses: Vector,
    ends: tuple[np.uint64, ...],
    near: tuple[np.uint64, ...],
    far: tuple[np.uint64, ...],
    size: np.uint64,
    shift: float,
    scale: float,
    back: float,
) -> None:
    to, at, past, low = ends
    x, y = near
    a, b = far
    for i in range(size):
        total = rates[a + i] * source[x + i] + rates[b + i] * source[y + i]
        out[to + i] = scale * (total + (shift - losses[low + i]) * source[at + i]) - back * old[past + i]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _five(
    out: Vector,
    source: Vector,
    old: Vector,
    rates: Vector,
    losses: Vector,
    ends: tuple[np.uint64, ...],
    near: tuple[np.uint64, ...],
    far: tuple[np.uint64, ...],
    size: np.uint64,
    shift: float,
    scale: float,
    back: float,
) -> None:
    to, at, past, low = ends
    x, y, u, v = near
    a, b, c, d = far
    for i in range(size):
        total = rates[a + i] * source[x + i] + rates[b + i] * source[y + i]
        total = total + rates[c + i] * source[u + i] + rates[d + i] * source[v + i]
        out[to + i] = scale * (total + (shift - losses[low + i]) * source[at + i]) - back * old[past + i]


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def _seven(
    out: Vector,
    source: Vector,
    old: Vector,
    rates: Vector,
    losses: Vector,
    ends: tuple[np.uint64, ...],
    near: tuple[np.uint64, ...],
    far: tuple[np.uint64, ...],
    size: np.uint64,
    shift: float,
    scale: float,
    back: float,
) -> None:
    to, at, past, low = ends
    x, y, u, v, p, q = near
    a, b, c, d, e, f = far
    for i in range(size):
        total = rates[a + i] * source[x + i] + rates[b + i] * source[y + i]
        total = total + rates[c + i] * source[u + i] + rates[d + i] * source[v + i]
        total = total + rates[e + i] * source[p + i] + rates[f + i] * source[q + i]
        out[to + i] = scale * (total + (shift - losses[low + i]) * source[at + i]) - back * old[past + i]

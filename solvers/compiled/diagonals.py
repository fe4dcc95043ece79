"""Products with matrices of a few diagonals (stencils of 3, 5, 7 points, numbered row by row), fused with what follows.

Terms are added in the order of the columns, as the CSR product does, so that both give the same bits."""

from __future__ import annotations

import numba  # type: ignore[import-untyped, unused-ignore]
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
def chebyshev_step(
    out: np.ndarray, offsets: np.ndarray, diagonals: np.ndarray, now: np.ndarray, before: np.ndarray
) -> None:
    """out = 2 P now - before;   all of shape (cells,) but offsets: increasing, shape (3, 5 or 7,), and diagonals:
    shape (offsets, cells), diagonals[d, i] = P[i, i + offsets[d]], of which nothing outside P is read."""
    cells, count = now.size, offsets.size
    reach = min(max(-offsets[0], offsets[-1]), cells)
    stop = max(reach, cells - reach)
    for i in range(cells):
        if reach <= i < stop:
            continue
        total = 0.0
        for d in range(count):
            j = i + offsets[d]
            if 0 <= j < cells:
                total += diagonals[d, i] * now[j]
        out[i] = 2.0 * total - before[i]
    inner = stop - reach
    end, old = out[reach:stop], before[reach:stop]
    a, b, c = diagonals[0, reach:stop], diagonals[1, reach:stop], diagonals[2, reach:stop]
    x = now[reach + offsets[0] :]
    y = now[reach + offsets[1] :]
    z = now[reach + offsets[2] :]
    if count == 3:
        for i in range(inner):
            end[i] = 2.0 * (a[i] * x[i] + b[i] * y[i] + c[i] * z[i]) - old[i]
        return
    d4, e5 = diagonals[3, reach:stop], diagonals[4, reach:stop]
    u = now[reach + offsets[3] :]
    v = now[reach + offsets[4] :]
    if count == 5:
        for i in range(inner):
            end[i] = 2.0 * (a[i] * x[i] + b[i] * y[i] + c[i] * z[i] + d4[i] * u[i] + e5[i] * v[i]) - old[i]
        return
    f6, g7 = diagonals[5, reach:stop], diagonals[6, reach:stop]
    p = now[reach + offsets[5] :]
    q = now[reach + offsets[6] :]
    for i in range(inner):
        total = a[i] * x[i] + b[i] * y[i] + c[i] * z[i] + d4[i] * u[i] + e5[i] * v[i] + f6[i] * p[i] + g7[i] * q[i]
        end[i] = 2.0 * total - old[i]

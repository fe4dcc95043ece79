"""Stencils on three axes (missing ones have one cell) of uniform meshes, fused into one pass over the cells."""

from __future__ import annotations

import numpy as np

from mudot.solvers.compiled.jit import compiled


@compiled  # type: ignore[untyped-decorator, unused-ignore]
def add_laplacian_of_power(
    out: np.ndarray, density: np.ndarray, m: float, factors: np.ndarray, periodic: np.ndarray
) -> None:
    """out += div grad density^m; both of shape (nx, ny, nz), factors: the weight over h^2 of every axis.

    Walls carry nothing; periodic: per axis."""
    nx, ny, nz = density.shape
    power = density * density if m == 2.0 else density**m
    for i in range(nx):
        left, right = i - 1, i + 1
        a = left if left >= 0 else (nx - 1 if periodic[0] else i)
        b = right if right < nx else (0 if periodic[0] else i)
        for j in range(ny):
            below, above = j - 1, j + 1
            c = below if below >= 0 else (ny - 1 if periodic[1] else j)
            d = above if above < ny else (0 if periodic[1] else j)
            for k in range(nz):
                here = power[i, j, k]
                total = factors[0] * ((power[b, j, k] - here) - (here - power[a, j, k]))
                total += factors[1] * ((power[i, d, k] - here) - (here - power[i, c, k]))
                if nz > 1:
                    e = k - 1 if k > 0 else (nz - 1 if periodic[2] else k)
                    f = k + 1 if k + 1 < nz else (0 if periodic[2] else k)
                    total += factors[2] * ((power[i, j, f] - here) - (here - power[i, j, e]))
                out[i, j, k] += total

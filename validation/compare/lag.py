"""The time lag of clouds: the shift in time by which they fit a result best."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mudot.solvers.results import Result
from mudot.validation.compare import distances
from mudot.validation.compare.clouds import Clouds
from mudot.validation.compare.deposit import on_mesh
from mudot.validation.compare.draws import density_at


def lag(result: Result, clouds: Clouds, bandwidth: float) -> float:
    """The shift s for which the clouds at t are nearest in MMD to the exact flow at t + s; parabola at the minimum.
    NaN for one frame or one cloud."""
    times = result.times
    room = float(times[-1] - times[0])
    if result.committed < 2 or room <= 0 or len(clouds.times) < 2:
        return float("nan")
    mesh, kernel = result.mesh, distances.kernels(result.mesh, bandwidth)["MMD"]
    gathered = [on_mesh(mesh, x, w) for x, w in zip(clouds.positions, clouds.weights, strict=True)]

    def misfit(shift: float) -> float:
        total, used = 0.0, 0
        for time, mine in zip(clouds.times, gathered, strict=True):
            if times[0] <= time + shift <= times[-1]:
                masses = density_at(result, float(time + shift)) * mesh.volumes
                total += distances.quadratic(mesh, kernel, mine - masses / masses.sum())
                used += 1
        return total / used if used >= max(1, len(gathered) // 2) else float("inf")

    return _least(misfit, np.linspace(-room / 4, room / 4, 41))


def _least(function: Callable[[float], float], places: np.ndarray) -> float:
    values = np.array([function(float(p)) for p in places])
    best = int(np.argmin(values))
    if 0 < best < len(places) - 1 and np.all(np.isfinite(values[best - 1 : best + 2])):
        a, b, c = values[best - 1 : best + 2]
        bend = a - 2 * b + c
        if bend > 0:
            return float(places[best] + (a - c) / (2 * bend) * (places[1] - places[0]))
    return float(places[best])

"""Independent draws, marginals, quantiles and expectations of a density on a mesh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.expressions import parse
from mudot.solvers.results import Result

AXES = "xyz"


def density_at(result: Result, time: float) -> np.ndarray:
    """The density of a result at a time, linear between its frames; of a certified reference the extrapolated one.

    Raises MudotError outside its times.
    """
    times = result.times
    if not result.committed or not times[0] <= time <= times[-1]:
        span = f"from {times[0]:g} to {times[-1]:g}" if result.committed else "of a finished frame"
        raise MudotError(f"{result.path}: expected a time {span}, got {time:g}")
    after = int(np.searchsorted(times, time))
    if times[after] == time:
        return result.best_density(after)
    share = (time - times[after - 1]) / (times[after] - times[after - 1])
    return np.asarray((1 - share) * result.best_density(after - 1) + share * result.best_density(after))


def draws(mesh: Cartesian, density: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Independent draws of the piecewise constant density, shape (count, d).

    >>> mesh = Cartesian(2, 0.0, 2.0)
    >>> bool(np.all(draws(mesh, np.array([0.0, 3.0]), 5) >= 1.0))
    True
    """
    if count < 1:
        raise MudotError(f"number: expected a positive integer, got {count}")
    rng = np.random.default_rng(seed)
    cumulated = np.cumsum((density * mesh.volumes).reshape(-1))
    cells = np.minimum(np.searchsorted(cumulated, rng.random(count) * cumulated[-1], side="right"), mesh.size - 1)
    index = np.unravel_index(cells, mesh.shape)
    low = [edge[:-1][i] for edge, i in zip(mesh.edges, index, strict=True)]
    width = [w[i] for w, i in zip(mesh.widths, index, strict=True)]
    return np.asarray(np.stack(low, axis=1) + rng.random((count, mesh.dimension)) * np.stack(width, axis=1))


def marginal(mesh: Cartesian, density: np.ndarray, axis: int) -> np.ndarray:
    """Cell averages of the marginal on an axis, shape (cells of the axis,)."""
    others = tuple(a for a in range(mesh.dimension) if a != axis)
    return np.asarray((density * mesh.volumes).sum(axis=others) / mesh.widths[axis])


def quantiles(mesh: Cartesian, density: np.ndarray, axis: int, levels: Sequence[float]) -> np.ndarray:
    """Quantiles of the marginal on an axis: exact for the piecewise constant density.

    >>> quantiles(Cartesian(4, 0.0, 4.0), np.ones(4), 0, [0.5, 0.75])
    array([2., 3.])
    """
    masses = marginal(mesh, density, axis) * mesh.widths[axis]
    distribution = np.concatenate([[0.0], np.cumsum(masses)])
    return np.interp(levels, distribution / distribution[-1], mesh.edges[axis])


def expectation(mesh: Cartesian, density: np.ndarray, expression: str) -> float:
    """The mean of an expression in x, y, z under the density, over its mass; midpoint values in cells.

    >>> round(expectation(Cartesian(200, -1.0, 1.0), np.ones(200), "x**2"), 6)
    0.333325
    """
    function = parse(expression, tuple(AXES[: mesh.dimension]))
    masses = density * mesh.volumes
    values = np.broadcast_to(function(*mesh.coordinates), mesh.shape)
    if not np.all(np.isfinite(values)):
        raise MudotError(f"expression {expression!r}: not finite everywhere on the box")
    return float((values * masses).sum() / masses.sum())

"""Particle clouds from files and arrays: positions, weights and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mudot.meshes.errors import MudotError


@dataclass(frozen=True, eq=False)
class Clouds:
    """One cloud per time.

    times: increasing, shape (k,);   positions: k arrays of shape (n, d);   weights: k arrays of shape (n,), sum 1
    """

    times: np.ndarray
    positions: tuple[np.ndarray, ...]
    weights: tuple[np.ndarray, ...]


def clouds(times: Any, positions: Any, weights: Any = None) -> Clouds:
    """Clouds from arrays of NumPy, PyTorch, JAX or CuPy, or lists of them.

    positions: one array of shape (k, n, d), or (n, d) for one time, or k arrays of shape (n_i, d); on a line (k, n)
    serves too. weights: of the same shape without the last axis; None for equal ones. Raises MudotError, naming the
    array, for shapes that do not fit and numbers that are not finite.

    >>> clouds([0.0, 1.0], np.zeros((2, 5, 3))).positions[1].shape
    (5, 3)
    """
    when = np.atleast_1d(on_host(times).astype(float))
    places = [on_host(p).astype(float) for p in _separate(positions, when.size, 2)]
    if len(places) != when.size:
        raise MudotError(f"positions: expected one cloud per time, got {len(places)} clouds and {when.size} times")
    places = [p[:, None] if p.ndim == 1 else p for p in places]
    for number, place in enumerate(places):
        if place.ndim != 2 or not place.size or not np.all(np.isfinite(place)):
            raise MudotError(f"positions[{number}]: expected finite numbers of shape (n, d), got shape {place.shape}")
    if np.any(np.diff(when) <= 0) or not np.all(np.isfinite(when)):
        raise MudotError("times: expected increasing finite numbers")
    if weights is None:
        return Clouds(when, tuple(places), tuple(np.full(len(p), 1 / len(p)) for p in places))
    shares = [on_host(w).astype(float).reshape(-1) for w in _separate(weights, when.size, 1)]
    for number, (share, place) in enumerate(zip(shares, places, strict=False)):
        if share.shape != (len(place),) or not np.all(share >= 0) or not share.sum() > 0:
            raise MudotError(f"weights[{number}]: expected {len(place)} numbers of at least 0, got shape {share.shape}")
    if len(shares) != len(places):
        raise MudotError(f"weights: expected {len(places)} arrays, got {len(shares)}")
    return Clouds(when, tuple(places), tuple(s / s.sum() for s in shares))


def _separate(arrays: Any, count: int, dimension: int) -> Sequence[Any]:
    """One array per time."""
    if isinstance(arrays, list | tuple):
        return arrays
    whole = on_host(arrays)
    if whole.dtype == object:
        return list(whole)
    return [whole] if count == 1 and whole.ndim <= dimension else list(whole)


def on_host(array: Any) -> np.ndarray:
    """A NumPy array with the values of an array of any library."""
    for way in ("detach", "cpu"):  # PyTorch keeps gradients and devices apart
        array = getattr(array, way)() if hasattr(array, way) else array
    array = array.get() if hasattr(array, "get") and hasattr(array, "device") else array
    try:
        return np.asarray(array)
    except TypeError as error:  # such as numbers of sixteen bits that NumPy does not know
        raise MudotError(f"arrays: expected numbers that NumPy knows; {error}") from None


def read_clouds(path: Path, dimension: int) -> Clouds:
    """Clouds from a file: .npz with `positions`, and `times`, `weights` where wanted; or .csv with a header among
    time, x, y, z, weight.

    Raises MudotError, naming the file, for what cannot be used.
    """
    try:
        if path.suffix == ".csv":
            return _from_csv(path, dimension)
        with np.load(path, allow_pickle=False) as content:
            if "positions" not in content:
                raise MudotError(f"{path}: expected an array `positions`, found {', '.join(content) or 'nothing'}")
            times = content["times"] if "times" in content else np.zeros(1)
            return clouds(times, content["positions"], content.get("weights"))
    except MudotError as error:
        message = str(error)
        raise MudotError(message if message.startswith(str(path)) else f"{path}: {message}") from None
    except FileNotFoundError:
        raise MudotError(f"{path}: no such file; expected an .npz with `positions`, or a .csv") from None
    except (OSError, ValueError) as error:
        raise MudotError(f"{path}: expected an .npz with `positions`, or a .csv; {error}") from None


def _from_csv(path: Path, dimension: int) -> Clouds:
    with path.open() as file:
        names = [name.strip() for name in file.readline().split(",")]
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    axes = list("xyz"[:dimension])
    missing = [axis for axis in axes if axis not in names]
    if missing or table.shape[1] != len(names):
        raise MudotError(
            f"{path}: expected a header with {', '.join(axes)}, and time, weight where wanted; got {names}"
        )
    columns = {name: table[:, i] for i, name in enumerate(names)}
    time = columns.get("time", np.zeros(len(table)))
    order = np.unique(time)
    rows = [time == t for t in order]
    places = [np.stack([columns[axis][row] for axis in axes], axis=1) for row in rows]
    shares = [columns["weight"][row] for row in rows] if "weight" in columns else None
    return clouds(order, places, shares)

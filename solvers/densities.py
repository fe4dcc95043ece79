"""Densities of problem files: formulas, Gaussian mixtures and arrays, as cell averages scaled to a mass."""

from __future__ import annotations

import math
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.meshes.averages import average, check_density, integrate, log_average
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.expressions import Expression, first_place, parse
from mudot.solvers.messages import naming, quoted
from mudot.solvers.schema import DensityTable, Mixture

VARIABLES = ("x", "y", "z")
"""Names of the axes in formulas."""

_ROUND_OFF = 1e-9


@dataclass(frozen=True, eq=False)
class CellAverages:
    """A density given by its cell averages, host arrays of the mesh's shape.

    log_values: logarithms of the averages; finite where the averages underflow, -inf where the density is 0
    """

    values: np.ndarray
    log_values: np.ndarray


def check_form(table: DensityTable, dimension: int) -> None:
    """Raise MudotError, beginning with the key, for a formula or mixture unfit for `dimension` axes."""
    with naming(f"{table.form}: "):
        if table.mixture is not None:
            log_mixture(table.mixture, dimension)
        for text in (table.log_density, table.density):
            if text is not None:
                parse(text, VARIABLES[:dimension])


def cell_averages(table: DensityTable, mesh: Cartesian, folder: Path) -> CellAverages:
    """The density of a table on a mesh, scaled to the table's mass; data files are looked for in `folder`.

    Raises MudotError, beginning with the key, for what is no density on the mesh.
    """
    axes = VARIABLES[: mesh.dimension]
    with np.errstate(all="ignore"), naming(f"{table.form}: "):
        if table.log_density is not None:
            result = _from_logs(mesh, log_average(mesh, _below_infinity(parse(table.log_density, axes))), table.mass)
        elif table.mixture is not None:
            result = _from_logs(mesh, log_average(mesh, log_mixture(table.mixture, mesh.dimension)), table.mass)
        elif table.density is not None:
            result = _from_values(mesh, average(mesh, _nonnegative(parse(table.density, axes))), table.mass)
        else:
            result = _from_values(mesh, _array(folder, str(table.data), mesh), table.mass)
        mass = integrate(mesh, result.values)
    if not math.isclose(mass, table.mass, rel_tol=_ROUND_OFF):
        raise MudotError(f"mass: {table.mass} on this box is beyond double precision; expected a mass nearer to 1")
    for values in (result.values, result.log_values):
        values.setflags(write=False)
    return result


def log_mixture(mixture: Mixture, dimension: int) -> Callable[..., np.ndarray]:
    """The logarithm of a Gaussian mixture's density, a function of `dimension` coordinate arrays.

    Summed in logarithms: finite where every component underflows. Not periodised on periodic axes.
    Raises MudotError unless the sizes fit and every covariance is symmetric and positive definite.
    """
    sizes = len(mixture.weights), len(mixture.means), len(mixture.covariances)
    if len(set(sizes)) > 1:
        raise MudotError(
            f"expected equally many weights, means and covariances, got {sizes[0]}, {sizes[1]} and {sizes[2]}"
        )
    for number, mean in enumerate(mixture.means):
        if len(mean) != dimension:
            raise MudotError(f"means[{number}]: expected {dimension} numbers (one per axis), got {len(mean)}")
    whitenings = [_whitening(number, rows, dimension) for number, rows in enumerate(mixture.covariances)]
    components = [
        (math.log(weight) + float(np.sum(np.log(np.diag(whitening)))), mean, whitening)
        for weight, mean, whitening in zip(mixture.weights, mixture.means, whitenings, strict=True)
    ]

    def log_density(*coordinates: np.ndarray) -> np.ndarray:
        total: np.ndarray = np.full(1, -np.inf)
        for constant, mean, whitening in components:
            shifted = [x - m for x, m in zip(coordinates, mean, strict=True)]
            squares = sum(sum(w * d for w, d in zip(row, shifted, strict=True)) ** 2 for row in whitening)
            total = np.logaddexp(total, constant - squares / 2)
        return total - dimension / 2 * math.log(2 * math.pi)

    return log_density


def _whitening(number: int, rows: list[list[float]], dimension: int) -> np.ndarray:
    """The inverse Cholesky factor W of a covariance C: C^-1 = W^T W, shape (dimension, dimension)."""
    place = f"covariances[{number}]"
    if [len(row) for row in rows] != [dimension] * dimension:
        raise MudotError(f"{place}: expected a {dimension} x {dimension} matrix, got {quoted(rows)}")
    matrix = np.array(rows, dtype=float)
    refusal = MudotError(f"{place}: expected a symmetric positive definite matrix, got {quoted(rows)}")
    if not np.allclose(matrix, matrix.T, rtol=_ROUND_OFF, atol=0):
        raise refusal
    try:
        with np.errstate(all="ignore"):
            whitening = np.linalg.inv(np.linalg.cholesky(matrix))
    except np.linalg.LinAlgError:
        raise refusal from None
    if not np.all(np.isfinite(whitening)):
        raise refusal
    return np.tril(whitening)


def _below_infinity(log_density: Expression) -> Callable[..., np.ndarray]:
    def values(*coordinates: np.ndarray) -> np.ndarray:
        result: np.ndarray = log_density(*coordinates)
        if np.any(result == np.inf):
            place = first_place(result == np.inf, VARIABLES, coordinates)
            raise MudotError(
                f"expression {quoted(log_density.text)}: infinite at {place}; expected values below infinity"
            )
        return result

    return values


def _nonnegative(density: Expression) -> Callable[..., np.ndarray]:
    def values(*coordinates: np.ndarray) -> np.ndarray:
        result: np.ndarray = density(*coordinates)
        wrong = (result < 0) | (result == np.inf)
        if np.any(wrong):
            kind = "negative" if np.any(result < 0) else "infinite"
            place = first_place(wrong, VARIABLES, coordinates)
            raise MudotError(f"expression {quoted(density.text)}: {kind} at {place}; expected values >= 0")
        return result

    return values


def _array(folder: Path, name: str, mesh: Cartesian) -> np.ndarray:
    """Cell averages from a .npy file: mapped first, a wrong header costs no memory; never unpickled."""
    with naming(f"file {quoted(name)}: "):
        try:
            if not (folder / name).is_file():
                raise MudotError("not found; expected a .npy file beside the problem file")
            mapped = np.lib.format.open_memmap(folder / name, mode="r")
        except MudotError:
            raise
        except (OSError, ValueError, TypeError, OverflowError, SyntaxError, tokenize.TokenError) as error:
            raise MudotError(f"expected a complete .npy file of numbers ({quoted(str(error))})") from None
        if mapped.dtype.kind not in "iuf":
            raise MudotError(f"expected real numbers, got an array of type {mapped.dtype}")
        if mapped.shape != mesh.shape:
            raise MudotError(f"expected shape {mesh.shape} (cells per axis), got {mapped.shape}")
        values = np.array(mapped, dtype=float, order="C")
    check_density(mesh, values, f"file {quoted(name)}")
    return values


def _from_logs(mesh: Cartesian, logs: np.ndarray, mass: float) -> CellAverages:
    """Averages with the given logarithms up to a constant, scaled to a mass."""
    top = _largest(logs, -np.inf)
    scaled = (logs - top) + (math.log(mass) - np.log(integrate(mesh, np.exp(logs - top))))
    return CellAverages(np.exp(scaled), scaled)


def _from_values(mesh: Cartesian, values: np.ndarray, mass: float) -> CellAverages:
    """Averages proportional to the given values, scaled to a mass."""
    relative = values / _largest(values, 0.0)
    factor = mass / integrate(mesh, relative)
    return CellAverages(relative * factor, np.log(relative) + np.log(factor))


def _largest(values: np.ndarray, zero: float) -> float:
    largest = float(values.max())
    if largest == zero:
        raise MudotError("the density is zero on the whole box; expected positive values somewhere")
    return largest

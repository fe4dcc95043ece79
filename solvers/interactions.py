"""Interaction potentials W(x - y) on uniform meshes: convolutions of cell averages, singular W averaged over cells."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.fft

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.meshes.averages import Function, average
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError

_LEVELS = 30
"""Halvings towards the origin in the cell of lag zero, where W may be infinite but integrable."""


@dataclass(frozen=True, eq=False)
class Interaction:
    """The potential of two places at a displacement.

    function: W of as many displacement arrays as the mesh has axes; its even part counts. On a periodic axis the
              displacement is the shortest one
    name:     for results

    >>> mesh = Cartesian(3, 0.0, 3.0)
    >>> Interaction(lambda x: x**2 / 2).potential(mesh, np.array([1.0, 0.0, 0.0])).round(12)   # averages over the cell
    array([0.04166667, 0.54166667, 2.04166667])
    """

    function: Function
    name: str = "W"

    def potential(self, mesh: Cartesian, density: Array) -> Array:
        """(W * mu)_K = sum_L rho_L int_L W(x_K - y) dy, of the mesh's shape. Raises MudotError on graded meshes."""
        lengths, spectrum = _spectrum(self, mesh, library_of(density))
        fft = library_of(density).fft
        full = fft.irfftn(fft.rfftn(density, s=lengths) * spectrum, s=lengths)
        return array_module(density).ascontiguousarray(full[tuple(slice(n) for n in mesh.shape)])


@lru_cache(maxsize=4)
def _spectrum(interaction: Interaction, mesh: Cartesian, library: ArrayLibrary) -> tuple[tuple[int, ...], Array]:
    """Lengths of the transform and the transform of h^d times the averages of W over the cells around all lags."""
    if not mesh.uniform:
        raise MudotError("interaction: expected a uniform mesh")
    counts, boundary = mesh.shape, mesh.boundary
    lengths = tuple(
        n if kind == "periodic" else scipy.fft.next_fast_len(2 * n - 1, real=True)
        for n, kind in zip(counts, boundary, strict=True)
    )
    reach = [n // 2 if kind == "periodic" else n - 1 for n, kind in zip(counts, boundary, strict=True)]
    widths = [float(width[0]) for width in mesh.widths]
    lags = [2 * r + 1 for r in reach]
    ends = [(r + 0.5) * h for r, h in zip(reach, widths, strict=True)]
    around = Cartesian(lags, [-e for e in ends], ends)
    values = average(around, interaction.function)
    values[tuple(reach)] = _at_zero(interaction, widths)
    if not np.all(np.isfinite(values)):
        raise MudotError(f"interaction {interaction.name}: expected an integrable potential, found infinity or NaN")
    values = (values + np.flip(values)) / 2 * float(np.prod(widths))
    kernel = np.zeros(lengths)
    # The lag -n/2 of an even periodic axis is the lag n/2: it must not count twice.
    keep = [
        slice(1, None) if kind == "periodic" and n % 2 == 0 else slice(None)
        for n, kind in zip(counts, boundary, strict=True)
    ]
    places = [(np.arange(m) - r)[k] % n for m, r, k, n in zip(lags, reach, keep, lengths, strict=True)]
    kernel[np.ix_(*places)] = values[tuple(keep)]
    return lengths, library.to_device(scipy.fft.rfftn(kernel))


def _at_zero(interaction: Interaction, widths: list[float]) -> float:
    """The average over the cell around the origin, by cells that shrink towards it."""
    levels = _LEVELS if len(widths) == 1 else _LEVELS // (2 * len(widths) - 2)
    half = 0.5 ** np.arange(1, levels + 2)
    edges = [h * np.concatenate([-half, [0.0], half[::-1]]) for h in widths]
    cell = Cartesian.graded(edges)
    return float((average(cell, interaction.function) * cell.volumes).sum() / np.prod(widths))

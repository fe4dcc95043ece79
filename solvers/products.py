"""The generator of a jump process on cells, by its rates: the matrix that everything linear spends its time in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, ArrayLibrary, library_of, to_host
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import compiled
from mudot.solvers.compiled.cells import LARGEST, Diagonals


@dataclass(frozen=True, eq=False)
class Rates:
    """A = exchange - diag(losses): nonnegative rates between cells and the rate at which each cell is left.

    exchange: sparse (cells, cells), nonnegative: by diagonals on the host (DIA) and where a device has fused kernels,
              else CSR
    losses:   shape (cells,), nonnegative
    exit_rate: the largest of the losses
    radius:   a bound of the spectrum, which lies in [-radius, 0]
    """

    exchange: Any
    losses: Array
    exit_rate: float
    radius: float

    _decay: Array = None
    _steps: dict[float, Any] = field(default_factory=dict, repr=False)

    @property
    def decay(self) -> Array:
        """Shape (cells,): whatever set of cells mass is confined to, in the norm of L2(1/pi) it leaves the set at the
        smallest `decay` in it or faster (Gershgorin; |grad V|^2/4 - Delta V/2 on fine meshes). Made anew on the host,
        where memory is scarcer than the time for it."""
        if self._decay is not None:
            return self._decay
        coupling = _coupling(self.exchange.data, list(self.exchange.offsets))
        return np.subtract(self.losses, coupling, out=coupling)

    def __matmul__(self, density: Array) -> Array:
        """A rho for a flat density."""
        return self.exchange @ density - self.losses * density

    def step(self, rate: float) -> Any:
        """P = I + A/rate, to be multiplied with: nonnegative if rate >= losses; by diagonals where possible."""
        if isinstance(self.exchange, Diagonals):
            return FusedStep(self.exchange, self.losses, rate)
        if rate not in self._steps:
            stay = 1 - to_host(self.losses) / rate
            if isinstance(self.exchange, scipy.sparse.dia_array):
                data = np.concatenate([self.exchange.data / rate, stay[None]])
                offsets = np.append(self.exchange.offsets, 0)
                self._steps[rate] = scipy.sparse.dia_array((data, offsets), shape=self.exchange.shape)
            else:
                kept = library_of(self.losses).sparse(scipy.sparse.diags_array(stay, format="csr"))
                self._steps[rate] = kept + self.exchange * (1 / rate)
        return self._steps[rate]

    @staticmethod
    def of(matrix: Any) -> Rates:
        """The rates of a generator in CSR, on its device."""
        diagonal = matrix.diagonal()
        library, host = library_of(diagonal), to_host(diagonal)
        kept = library.sparse(scipy.sparse.diags_array(host, format="csr"))
        largest = float(-host.min())
        return Rates(matrix - kept, -diagonal, largest, 2 * largest, 0 * diagonal)


@dataclass(frozen=True, eq=False)
class FusedStep:
    """P = I + A/rate on a device, by the rates of A: every product is one pass, whatever follows it."""

    exchange: Diagonals
    losses: Array
    rate: float

    def __matmul__(self, density: Array) -> Array:
        return self.exchange.recurrence(self.rate, 1 / self.rate, 0.0, self.losses, density)

    def doubled(self, now: Array, before: Array) -> Array:
        """2 P now - before."""
        return self.exchange.recurrence(self.rate, 2 / self.rate, 1.0, self.losses, now, before)


def rates(
    mesh: Cartesian, pairs: Iterator[tuple[np.ndarray, np.ndarray]], weight: float, library: ArrayLibrary
) -> Rates:
    """The rates of the two-point fluxes (|e|/d) (forward rho_K - backward rho_L), times a weight.

    pairs: forward and backward of the faces of one axis after another, on the host, in the mesh's shape but for the
           faces' axis;   library: of the device that the rates are for
    """
    strides = [int(np.prod(mesh.shape[axis + 1 :], dtype=int)) for axis in range(mesh.dimension)]
    jumps = {stride for stride, n in zip(strides, mesh.shape, strict=True) if n > 1}
    seams = zip(strides, mesh.shape, mesh.boundary, strict=True)
    jumps |= {(n - 1) * stride for stride, n, kind in seams if kind == "periodic" and n > 1}
    offsets = sorted(jumps | {-jump for jump in jumps})
    data = np.zeros((len(offsets), mesh.size))
    by_offset = {offset: row.reshape(mesh.shape) for offset, row in zip(offsets, data, strict=True)}
    losses = np.zeros(mesh.shape)
    for axis, (n, width) in enumerate(zip(mesh.shape, mesh.widths, strict=True)):
        # Not in the head of the loop, which would keep a pair while the next one is made.
        forward, backward = next(pairs)
        if n == 1:
            continue
        stride = strides[axis]
        parts = [(slice(0, n - 1), slice(1, n), stride)]
        if mesh.boundary[axis] == "periodic" and n > 1:
            parts.append((slice(n - 1, n), slice(0, 1), -(n - 1) * stride))
        first = 0
        for left, right, step in parts:
            count = left.stop - left.start
            faces = _at(axis, slice(first, first + count))
            first += count
            column = (-1,) + (1,) * (mesh.dimension - axis - 1)
            gap = (width[left] + width[right]) / 2
            into_left, into_right = (weight / (width[side] * gap) for side in (left, right))
            out, back = forward[faces], backward[faces]
            # DIA: column j of row `offset` is the rate from cell j to cell j - offset.
            by_offset[-step][_at(axis, left)] += out * into_right.reshape(column)
            by_offset[step][_at(axis, right)] += back * into_left.reshape(column)
            losses[_at(axis, left)] += out * into_left.reshape(column)
            losses[_at(axis, right)] += back * into_right.reshape(column)
        del forward, backward, out, back
    exchange: Any = scipy.sparse.dia_array((data, offsets), shape=(mesh.size, mesh.size))
    losses = losses.reshape(-1)
    outer = _coupling(data, offsets)
    outer += losses
    largest = float(losses.max())
    host = Rates(exchange, losses, largest, min(float(outer.max()), 2 * largest))
    if library.xp is np:
        return host
    kernels = compiled.fused_on(library) if exchange.data.size < LARGEST else None
    there = library.sparse(exchange.tocsr()) if kernels is None else kernels.diagonals(exchange)
    return Rates(there, library.to_device(losses), largest, host.radius, library.to_device(host.decay))


def _coupling(data: np.ndarray, offsets: list[int]) -> np.ndarray:
    """Row sums of the matrix with entries sqrt(A_ij A_ji): A is similar to the symmetric one with these entries off its
    diagonal, by detailed balance, so that Gershgorin's circles have these radii. In steep places they are small."""
    cells = data.shape[1]
    radii, rows = np.zeros(cells), dict(zip(offsets, data, strict=True))
    for k in (k for k in offsets if k > 0):
        both = rows[k][k:] * rows[-k][: cells - k]
        np.sqrt(both, out=both)
        radii[k:] += both
        radii[: cells - k] += both
    return radii


def _at(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)

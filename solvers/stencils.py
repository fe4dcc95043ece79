"""Linear systems of a mesh's stencil, a diagonal and two neighbours along every axis, without a matrix.

Such are the Jacobians of implicit transport: what flows out of a cell enters its neighbour. On a line between walls
they are tridiagonal and solved directly. Elsewhere stabilised biconjugate gradients solve them, preconditioned by one
V-cycle of multigrid: blocks of 2^d cells are joined, their fluxes added up, so that every level is a stencil like the
first and conserves what flows (Brandt 1977; for aggregates with rescaled fluxes Braess 1995). Near vacuum a flux is
mostly advection, by many cells per step: its share is not rescaled, and coarse levels take it upwind. Array passes
alone, so the same on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import scipy.linalg.lapack
import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.linear import LinearSolution, NotConverged, stabilised_biconjugate_gradients

_SWEEPS, _DAMPING = 4, 0.8
_COARSEST, _LAST = 3, 12
"""Cells per axis that are not joined any more, and sweeps on the level that has no coarser one."""
_DIRECT = {1: math.inf, 2: 5000, 3: 1500}
"""Cells by dimension up to which elimination on the host takes hundredths of a second. Iterations are faster where
diffusion rules, but beside vacuum that a drift has long been draining Newton's method does better with the former."""
_LIMIT, _PATIENCE = 200, 40
"""Iterations with something beyond the stencil, and without: there systems of steps that have a solution take five or
so, and more than this many stand in Newton iterations that lead nowhere."""
Beyond = Callable[[Array], Array]
"""What a matrix has besides its stencil, as a product."""


@dataclass(frozen=True, eq=False)
class Coupling:
    """Flows over the faces of one axis, from the cell behind each face to the one ahead of it: behind x_K + ahead x_L.

    behind, ahead: at every cell what belongs to the face ahead of the cell, of the shape of the mesh; zero at a wall
    periodic:      whether the last cells' faces lead to the first cells
    """

    axis: int
    behind: Array
    ahead: Array
    periodic: bool

    @cached_property
    def diagonal(self) -> Array:
        """What leaves a cell on both sides per unit of its own value."""
        return self.behind - array_module(self.ahead).roll(self.ahead, 1, self.axis)

    def add(self, out: Array, x: Array) -> None:
        """out += what x lets flow from neighbours, less the diagonal. Neighbours are one stride apart in memory."""
        stride = math.prod(x.shape[self.axis + 1 :])
        y, z = out.reshape(-1), x.reshape(-1)
        y[:-stride] += self._inner_ahead.reshape(-1)[:-stride] * z[stride:]
        y[stride:] -= self._inner_behind.reshape(-1)[:-stride] * z[:-stride]
        if self.periodic:
            first, last = self._ends
            out[last] += self.ahead[last] * x[first]
            out[first] -= self.behind[last] * x[last]

    @property
    def leaving(self) -> Array:
        """The sum of the absolute values in a cell's column besides the diagonal."""
        xp = array_module(self.ahead)
        return xp.abs(self.behind) + xp.roll(xp.abs(self.ahead), 1, self.axis)

    def joined(self, axes: tuple[int, ...]) -> Coupling:
        """Between blocks of two cells along the given axes; along its own, half of what diffuses over their faces and
        all that is advected, upwind."""
        behind, ahead = self.behind, self.ahead
        if self.axis in axes:
            odd = tuple(slice(1, None, 2) if i == self.axis else slice(None) for i in range(behind.ndim))
            behind, ahead = (_even(f, self.axis)[odd] for f in (behind, ahead))
        others = tuple(axis for axis in axes if axis != self.axis)
        behind, ahead = _blocks(behind, others), _blocks(ahead, others)
        if self.axis in axes:
            advected, diffused = (behind + ahead) / 2, (behind - ahead) / 4
            diffused = array_module(behind).maximum(diffused, abs(advected))
            behind, ahead = advected + diffused, advected - diffused
        return Coupling(self.axis, behind, ahead, self.periodic)

    @property
    def _ends(self) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        def at(part: slice) -> tuple[slice, ...]:
            return tuple(part if i == self.axis else slice(None) for i in range(self.ahead.ndim))

        return at(slice(0, 1)), at(slice(-1, None))

    @cached_property
    def _inner_ahead(self) -> Array:
        return self._without_seam(self.ahead)

    @cached_property
    def _inner_behind(self) -> Array:
        return self._without_seam(self.behind)

    def _without_seam(self, values: Array) -> Array:
        if not self.periodic:
            return values
        values = values + 0
        values[self._ends[1]] = 0.0
        return values


@dataclass(frozen=True, eq=False)
class StencilMatrix:
    """A x = mass x + what flows out of every cell, arrays of one shape; mass > 0."""

    mass: Array
    couplings: tuple[Coupling, ...]

    def apply(self, x: Array) -> Array:
        """A x."""
        out = self.whole * x
        for coupling in self.couplings:
            coupling.add(out, x)
        return out

    @cached_property
    def whole(self) -> Array:
        """The diagonal."""
        return sum((coupling.diagonal for coupling in self.couplings), self.mass)

    def solve(self, right: Array, tolerance: float, beyond: Beyond | None = None) -> LinearSolution:
        """(A + beyond) x = right to a residual of `tolerance` in the Euclidean norm, A alone on a line and on few cells
        of the host directly. Raises NotConverged."""
        host = isinstance(right, np.ndarray)
        inverse = self._elimination() if host and right.size <= _DIRECT[right.ndim] else self.cycle
        if beyond is None and inverse != self.cycle:
            return LinearSolution(inverse(right), 0.0, 1)

        def apply(x: Array) -> Array:
            return self.apply(x) if beyond is None else self.apply(x) + beyond(x)

        limit = _PATIENCE if beyond is None else _LIMIT
        return stabilised_biconjugate_gradients(apply, inverse, right, tolerance, limit)

    def _elimination(self) -> Beyond:
        """Right-hand sides to solutions."""
        if self.mass.ndim == 1 and not self.couplings[0].periodic:
            return self._tridiagonal
        try:
            factors = scipy.sparse.linalg.splu(self.matrix())
        except RuntimeError as reason:
            raise NotConverged(f"linear system: {reason}") from None
        return lambda right: factors.solve(right.reshape(-1)).reshape(right.shape)

    def matrix(self) -> scipy.sparse.csc_array:
        """A as a sparse matrix of the host."""
        shape = self.mass.shape
        numbers = np.arange(math.prod(shape)).reshape(shape)
        rows, columns, entries = [numbers], [numbers], [self.whole]
        for coupling in self.couplings:
            ahead = np.roll(numbers, -1, coupling.axis)
            rows += [numbers, ahead]
            columns += [ahead, numbers]
            entries += [coupling.ahead, -coupling.behind]
        flat = [np.concatenate([a.reshape(-1) for a in part]) for part in (entries, rows, columns)]
        return scipy.sparse.coo_array((flat[0], (flat[1], flat[2])), shape=(numbers.size,) * 2).tocsc()

    def cycle(self, right: Array) -> Array:
        """About A^-1 right: one V-cycle with damped Jacobi sweeps."""
        factor, coarse = self._relaxation, self._coarse
        x = factor * right
        for _ in range((_SWEEPS if coarse is not None else _LAST) - 1):
            x = x + factor * (right - self.apply(x))
        if coarse is None:
            return x
        x = x + _spread(coarse.cycle(_blocks(right - self.apply(x), self._axes)), self._axes, right.shape)
        for _ in range(_SWEEPS):
            x = x + factor * (right - self.apply(x))
        return x

    @cached_property
    def _relaxation(self) -> Array:
        """Over the mass and, damped, what leaves a cell in absolute value: in L1 a sweep makes nothing grow as long as
        fluxes run downhill, and where little leaves it is all but exact."""
        rest = sum((coupling.leaving for coupling in self.couplings), 0 * self.mass)
        return 1 / (self.mass + rest / _DAMPING)

    @cached_property
    def _axes(self) -> tuple[int, ...]:
        """Those along which blocks are made: an odd number of cells on a circle has none."""
        return tuple(
            c.axis
            for c in self.couplings
            if self.mass.shape[c.axis] > _COARSEST and not (c.periodic and self.mass.shape[c.axis] % 2)
        )

    @cached_property
    def _coarse(self) -> StencilMatrix | None:
        if not self._axes:
            return None
        return StencilMatrix(_blocks(self.mass, self._axes), tuple(c.joined(self._axes) for c in self.couplings))

    def _tridiagonal(self, right: np.ndarray) -> np.ndarray:
        (line,) = self.couplings
        *_, solved, info = scipy.linalg.lapack.dgtsv(-line.behind[:-1], self.whole, line.ahead[:-1], right)
        if info:
            raise NotConverged("a tridiagonal system is singular")
        return cast(np.ndarray, solved)


def from_faces(mesh: Cartesian, mass: Array, by_left: Array, by_right: Array) -> StencilMatrix:
    """mass x + what flows out of every cell, where by_left x_K + by_right x_L, shape (faces,), flows over a face.

    >>> mesh = Cartesian(3, 0.0, 3.0)
    >>> from_faces(mesh, np.ones(3), np.array([2.0, 2.0]), np.array([-1.0, -1.0])).apply(np.array([1.0, 0.0, 0.0]))
    array([ 3., -2.,  0.])
    """
    couplings = []
    for axis, part in enumerate(mesh.face_blocks):
        periodic = mesh.boundary[axis] == "periodic" and mesh.shape[axis] > 1
        if part.start < part.stop:
            left, right = (_at_cells(mesh, axis, periodic, faces[part]) for faces in (by_left, by_right))
            couplings.append(Coupling(axis, left, right, periodic))
    return StencilMatrix(mass, tuple(couplings))


def _at_cells(mesh: Cartesian, axis: int, periodic: bool, faces: Array) -> Array:
    """Values on the faces of an axis as an array of the mesh's shape: at every cell that of the face ahead of it."""
    if periodic:
        return faces.reshape(mesh.shape)
    inner = tuple(n - (i == axis) for i, n in enumerate(mesh.shape))
    out = array_module(faces).zeros(mesh.shape)
    out[tuple(slice(n) for n in inner)] = faces.reshape(inner)
    return out


def _even(x: Array, axis: int) -> Array:
    """x with a zero appended along an axis of odd length."""
    if x.shape[axis] % 2 == 0:
        return x
    xp = array_module(x)
    return xp.concatenate([x, xp.zeros([1 if i == axis else n for i, n in enumerate(x.shape)])], axis=axis)


def _blocks(x: Array, axes: tuple[int, ...]) -> Array:
    """Sums over pairs of cells along axes; an odd last cell stays alone."""
    for axis in axes:
        x = _even(x, axis)
        shape = (*x.shape[:axis], x.shape[axis] // 2, 2, *x.shape[axis + 1 :])
        x = x.reshape(shape).sum(axis=axis + 1)
    return x


def _spread(x: Array, axes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """Values of blocks at their cells."""
    for axis in axes:
        x = array_module(x).repeat(x, 2, axis=axis)
    return x[tuple(slice(n) for n in shape)]

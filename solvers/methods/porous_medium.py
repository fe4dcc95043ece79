"""The porous-medium equation mu' = c div grad mu^m, m > 1, by centred differences of mu^m: a fast right-hand side.

It is the Wasserstein flow of c int mu^m/(m-1) with the Stolarsky mobility. Vacuum stays vacuum until mass arrives, one
cell at a time, so that explicit schemes may work on a box around the mass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.compiled import stencils
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.operators import across


@dataclass(frozen=True, eq=False)
class PorousMedium:
    """The right-hand side on a mesh; m = `exponent`, c = `weight`. Raises MudotError for an exponent up to one."""

    mesh: Cartesian
    exponent: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not 1 < self.exponent < math.inf:
            raise MudotError(f"porous medium: expected an exponent above 1, got {self.exponent}")

    def frozen(self, density: Array) -> TwoPointFlux:
        """-c grad mu^m as c (rho_K^(m-1) rho_K - rho_L^(m-1) rho_L)/d: linear with coefficients that are frozen."""
        return TwoPointFlux(*across(self.mesh, self.weight * density ** (self.exponent - 1)))

    def rate(self, density: Array) -> Array:
        """mu', of the mesh's shape."""
        out = array_module(density).zeros_like(density)
        self.add_rate(out, density, 1.0)
        return out

    def add_rate(self, out: Array, density: Array, factor: float) -> None:
        """out += factor * mu': compiled where that is to be had, else by slices along the axes."""
        loops = stencils() if self._compilable(out, density) else None
        if loops is not None:
            scale, periodic = self._per_axis
            loops.add_laplacian_of_power(
                out.reshape(self._cube), density.reshape(self._cube), self.exponent, factor * scale, periodic
            )
            return
        self.add_rate_by_passes(out, density, factor)

    def add_rate_by_passes(self, out: Array, density: Array, factor: float) -> None:
        """The same in array passes, on any device and mesh."""
        powers = self._powers(density)
        powers *= factor * self.weight
        for axis in range(self.mesh.dimension):
            self._add_along(out, powers, axis)

    def _compilable(self, out: Array, density: Array) -> bool:
        host = isinstance(out, np.ndarray) and isinstance(density, np.ndarray)
        return host and self.mesh.uniform and out.flags.c_contiguous and density.flags.c_contiguous

    @cached_property
    def _cube(self) -> tuple[int, ...]:
        """The shape as one of three axes: those that are missing come first, so that rows stay long."""
        return (*(1,) * (3 - self.mesh.dimension), *self.mesh.shape)

    @cached_property
    def _per_axis(self) -> tuple[np.ndarray, np.ndarray]:
        """weight/h^2 and whether the axis is periodic, for three axes."""
        missing = 3 - self.mesh.dimension
        widths = [np.inf] * missing + [float(w[0]) for w in self.mesh.widths]
        periodic = [False] * missing + [b == "periodic" for b in self.mesh.boundary]
        return self.weight / np.array(widths) ** 2, np.array(periodic)

    def spectral_radius(self, density: Array, guess: Array | None = None) -> tuple[float, None]:
        """A bound by Gershgorin's circles; it needs no guess."""
        diffusion = self.weight * self.exponent * float(density.max()) ** (self.exponent - 1)
        return 4 * diffusion * sum(1 / float(width.min()) ** 2 for width in self.mesh.widths), None

    def around(self, density: Array, margin: int) -> tuple[slice, ...]:
        """The cells within `margin` of mass, as a box; axes that are periodic are taken whole."""
        xp, there = array_module(density), density > 0
        box = []
        for axis in range(self.mesh.dimension):
            others = tuple(i for i in range(self.mesh.dimension) if i != axis)
            found = np.flatnonzero(library_of(density).to_host(xp.any(there, axis=others)))
            if self.mesh.boundary[axis] == "periodic" or not found.size:
                box.append(slice(0, self.mesh.shape[axis]))
            else:
                box.append(slice(max(0, int(found[0]) - margin), min(there.shape[axis], int(found[-1]) + 1 + margin)))
        return tuple(box)

    def within(self, box: tuple[slice, ...]) -> PorousMedium:
        """The same on a box of cells whose walls mass does not reach."""
        edges = [axis[part.start : part.stop + 1] for axis, part in zip(self.mesh.edges, box, strict=True)]
        return PorousMedium(Cartesian.graded(edges, self.mesh.boundary), self.exponent, self.weight)

    def _powers(self, density: Array) -> Array:
        return density * density if self.exponent == 2 else density**self.exponent

    def _add_along(self, out: Array, powers: Array, axis: int) -> None:
        """Add the divergence of the difference quotients along an axis. Neighbours are one stride apart in memory: one
        contiguous pass over all cells, where what would cross a wall is set to zero."""
        widths, shape = self.mesh.widths[axis], [-1 if i == axis else 1 for i in range(out.ndim)]
        send, stride = library_of(out).to_device, math.prod(out.shape[axis + 1 :])
        jump = array_module(out).empty_like(powers)
        jump.reshape(-1)[:-stride] = powers.reshape(-1)[stride:]
        jump.reshape(-1)[:-stride] -= powers.reshape(-1)[:-stride]
        first, last = _part(0, 1, axis, out.ndim), _part(-1, None, axis, out.ndim)
        periodic = self.mesh.boundary[axis] == "periodic"
        jump[last] = powers[first] - powers[last] if periodic else 0.0
        equal = bool(widths.min() == widths.max())
        # For equal widths the quotients of flux and divergence are one factor.
        jump *= 1 / float(widths[0]) ** 2 if equal else send((2 / (widths + np.roll(widths, -1))).reshape(shape))
        out += jump if equal else jump / send(widths.reshape(shape))
        if not equal:
            jump /= send(np.roll(widths, -1).reshape(shape))
        if periodic:
            out[first] -= jump[last]
            jump[last] = 0.0
        out.reshape(-1)[stride:] -= jump.reshape(-1)[:-stride]


def _part(start: int | None, stop: int | None, axis: int, dimension: int) -> tuple[slice, ...]:
    return tuple(slice(start, stop) if i == axis else slice(None) for i in range(dimension))

"""The Fokker-Planck semigroup exp(t A): the Wasserstein flow of KL, exact in time for the semidiscrete equation.

Three ways of applying the same exponential, chosen by what is declared about the problem and by predicted work:
dense factors per axis (separable potentials), the Chebyshev series where its result is certified in every cell, and
uniformization, which is always right. All keep mass, positivity and pi.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby, repeat
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import TwoPointFlux, generator, scharfetter_gummel
from mudot.solvers.methods import chebyshev, tensor, uniformization
from mudot.solvers.methods.protocol import Advance
from mudot.solvers.products import shared

# The cost model: orders of magnitude of one core, so that the choice does not depend on the machine.
_FLOPS = 2e10
_BANDWIDTH, _BYTES_PER_CELL, _CALL = 8e9, 100.0, 1e-5
_CACHED_BYTES = 256e6


@dataclass(frozen=True, eq=False)
class FokkerPlanck:
    """exp(t A) for rho' = alpha div(grad rho + rho grad V), V = -log pi, alpha = `transport`.

    log_target: log of the cell averages of pi, shape `mesh.shape`; its device is the method's
    flux:       a two-point flux of the detailed-balance family (Scharfetter-Gummel if None)
    separable:  whether V is a sum of functions of one coordinate each; None finds out
    """

    mesh: Cartesian
    log_target: Array
    transport: float = 1.0
    flux: TwoPointFlux | None = None
    separable: bool | None = None
    _factors: OrderedDict[tuple[float, int], Array] = field(default_factory=OrderedDict, repr=False)

    @property
    def description(self) -> str:
        """One line for logs and results."""
        kind = (
            "separable potential, one exponential per axis" if self._by_axes else "uniformization or Chebyshev series"
        )
        return f"Fokker-Planck semigroup, {kind}, no time error"

    def rate(self, density: Array) -> Array:
        """alpha A rho, shape of the density."""
        return (self.matrix @ density.reshape(-1)).reshape(self.mesh.shape)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """exp(duration A) density; the mass, which the products keep to round-off, is put back to the last digit."""
        return next(self.trace(density, [duration], step, rtol))

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """All durations from one Chebyshev recurrence where that pays; the rest by what is right in every cell."""
        mass, now = integrate(self.mesh, density), 0.0
        results = list(self._series(density, durations, mass)) or [None] * len(durations)
        for resolved, run in groupby(zip(durations, results, strict=True), key=lambda pair: pair[1] is not None):
            times, ready = zip(*run, strict=True)
            found = ready if resolved else self._certain(density, [t - now for t in times])
            for result in found:
                density = result * (mass / integrate(self.mesh, result))
                yield Advance(density, step)
            now = times[-1]

    @cached_property
    def fluxes(self) -> TwoPointFlux:
        """The two-point flux in use."""
        return self.flux if self.flux is not None else scharfetter_gummel(self.mesh, self.log_target)

    @cached_property
    def matrix(self) -> Any:
        """alpha A, sparse (cells, cells)."""
        return generator(self.mesh, self.fluxes) * self.transport

    @cached_property
    def exit_rate(self) -> float:
        """Lambda: the largest rate at which mass leaves a cell."""
        return float(-self.matrix.diagonal().min()) if self.mesh.size > 1 else 0.0

    @cached_property
    def _step(self) -> Any:
        """P = I + A/Lambda."""
        identity = library_of(self.log_target).sparse(scipy.sparse.eye_array(self.mesh.size, format="csr"))
        return shared(identity + self.matrix * (1 / self.exit_rate))

    def _series(self, density: Array, durations: Sequence[float], mass: float) -> Iterator[Array | None]:
        """Results of the Chebyshev series, None where it is not certified. The part of the density along pi does not
        move: only the rest is put through the series, so that pi stays to the digit."""
        rate_times = [self.exit_rate * duration for duration in durations]
        if self._prefers_axes(durations):
            return
        if 2 * chebyshev.products(rate_times[-1]) > uniformization.products(rate_times):
            return
        flat = density.reshape(-1)
        rest = self._equilibrium * (mass / self._equilibrium_mass)
        moved = chebyshev.apply_exponentials(self._step, self.exit_rate, flat - rest, durations)
        for change in moved:
            result = rest + change
            certified = chebyshev.resolved(self._log_scale, flat, result)
            yield result.reshape(self.mesh.shape) if certified else None

    def _certain(self, density: Array, durations: Sequence[float]) -> Iterator[Array]:
        """By axes or by uniformization: right in every cell."""
        now, flat, reach = 0.0, density.reshape(-1), sum(self.mesh.shape)
        if self._prefers_axes(durations):
            for duration in durations:
                density = self._tensor(density, duration - now)
                now = duration
                yield density
        elif self.exit_rate == 0:
            yield from repeat(density, len(durations))
        else:
            for result in uniformization.apply_exponentials(self._step, self.exit_rate, flat, durations, reach):
                yield result.reshape(self.mesh.shape)

    @cached_property
    def _equilibrium(self) -> Array:
        xp = array_module(self.log_target)
        return xp.exp(self.log_target - self.log_target.max()).reshape(-1)

    @cached_property
    def _equilibrium_mass(self) -> float:
        return integrate(self.mesh, self._equilibrium.reshape(self.mesh.shape))

    @cached_property
    def _log_scale(self) -> Array:
        """log sqrt(|K|/pi_K), shape (cells,)."""
        library = library_of(self.log_target)
        volumes = library.to_device(self.mesh.volumes)
        return ((library.xp.log(volumes) - (self.log_target - self.log_target.max())) / 2).reshape(-1)

    @cached_property
    def _by_axes(self) -> bool:
        if max(self.mesh.shape) > tensor.LARGEST_AXIS or self.flux is not None:
            return False
        return is_separable(self.log_target) if self.separable is None else self.separable

    def _prefers_axes(self, durations: Sequence[float]) -> bool:
        """Whether dense factors, one per axis and duration, are predicted to cost less than sparse products."""
        if not self._by_axes:
            return False
        rate_time = self.exit_rate * durations[-1]
        setup = sum(2.0 * n**3 * tensor.squarings(rate_time) for n in self.mesh.shape)
        apply = sum(2.0 * n * self.mesh.size for n in self.mesh.shape)
        count = min(chebyshev.products(rate_time), uniformization.products([rate_time]))
        product = _BYTES_PER_CELL * self.mesh.size / _BANDWIDTH + _CALL
        return len(durations) * (setup + apply) / _FLOPS < 2 * count * product

    def _tensor(self, density: Array, duration: float) -> Array:
        for axis in range(self.mesh.dimension):
            density = tensor.apply_along(self._factor(duration, axis), density, axis)
        return density

    def _factor(self, duration: float, axis: int) -> Array:
        """The exponential of one axis; the latest ones are kept, within a bounded number of bytes."""
        key = (duration, axis)
        if key not in self._factors:
            line, log_line = self._lines[axis]
            matrix = generator(line, scharfetter_gummel(line, log_line)) * self.transport
            self._factors[key] = library_of(self.log_target).to_device(
                tensor.exponential(matrix, line.widths[0], duration)
            )
            while sum(8 * m.shape[0] ** 2 for m in self._factors.values()) > _CACHED_BYTES and len(self._factors) > 3:
                self._factors.popitem(last=False)
        return self._factors[key]

    @cached_property
    def _lines(self) -> list[tuple[Cartesian, np.ndarray]]:
        """The mesh and log pi of one line along every axis (through the mode of pi), on the host."""
        host = library_of(self.log_target).to_host(self.log_target)
        mode = np.unravel_index(int(np.argmax(host)), host.shape)
        lines = []
        for axis in range(self.mesh.dimension):
            index = tuple(slice(None) if a == axis else int(m) for a, m in enumerate(mode))
            line = Cartesian.graded([self.mesh.edges[axis]], self.mesh.boundary[axis])
            lines.append((line, np.ascontiguousarray(host[index])))
        return lines


def is_separable(log_target: Array) -> bool:
    """Whether log pi is a sum of functions of one coordinate each, to round-off.

    >>> x, y = np.ix_(np.linspace(0, 1, 4), np.linspace(0, 1, 3))
    >>> is_separable(-x**2 - y), is_separable(-x * y)
    (True, False)
    """
    xp = array_module(log_target)
    host_mode = np.unravel_index(int(log_target.argmax()), log_target.shape)
    mode = tuple(int(m) for m in host_mode)
    top = log_target[mode]
    total = top * xp.ones_like(log_target)
    for axis in range(log_target.ndim):
        index = tuple(slice(None) if a == axis else slice(m, m + 1) for a, m in enumerate(mode))
        total = total + (log_target[index] - top)
    gap = float(xp.abs(log_target - total).max())
    return gap <= 1e-12 * max(1.0, float(xp.abs(log_target - top).max()))

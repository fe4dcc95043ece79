"""The Fokker-Planck semigroup exp(t A): the Wasserstein flow of KL, exact in time for the semidiscrete equation.

Four ways of applying the same exponential, chosen by what is declared about the problem and by predicted work:

- dense factors per axis for separable potentials, right in every cell;
- rational approximations along their lines, for long ones: they see in every cell how right they are, and where that is
  not enough (tails of early times) one of the others takes their place;
- uniformization, right in every cell, about Lambda t products;
- the Chebyshev series, about sqrt(70 Lambda t) products, right in the bulk: it encloses every cell between two numbers,
  which are far apart in tails. Tails forget fast. So the series goes almost to the end, and uniformization takes both
  ends of the enclosure over the rest of the time: by positivity they stay an enclosure, and where they have met every
  cell is right. If they do not meet in a short time, uniformization goes all the way.

All keep mass, positivity and pi.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import pairwise
from typing import Any

import numpy as np

from mudot.meshes import threads
from mudot.meshes.arrays import Array, array_module, library_of, numpy_library, to_host
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import TwoPointFlux, by_axes, scharfetter_gummel_along
from mudot.solvers.methods import chebyshev, costs, rational, tensor, uniformization
from mudot.solvers.methods.protocol import Advance
from mudot.solvers.methods.tails import FLOOR, MEAN_ERROR, TAIL_ERROR, THIN, Enclosure, Tails
from mudot.solvers.products import Rates, rates

_CACHED_BYTES = 256e6
_ENOUGH = (1e-13, 1e-4)
"""Shares of a cell that may be missing in the middle of an enclosure and in its half width, which need not be sharp."""


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
        return (self.rates @ density.reshape(-1)).reshape(self.mesh.shape)

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """exp(duration A) density; the mass, which the products keep to round-off, is put back to the last digit."""
        return next(self.trace(density, [duration], step, rtol))

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """All durations from one recurrence where that pays. The last density is right in every cell; those before it
        are positive and right in L1 to 1e-12, which is what integrals over time need."""
        mass = integrate(self.mesh, density)
        for result in self._results(density, durations):
            found = result.reshape(self.mesh.shape)
            yield Advance(found * (mass / integrate(self.mesh, found)), step)

    @cached_property
    def rates(self) -> Rates:
        """alpha A, by its rates."""
        return rates(self.mesh, self._pairs(), self.transport, library_of(self.log_target))

    def _pairs(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        if self.flux is not None:
            yield from by_axes(self.mesh, self.flux.on(numpy_library()))
            return
        log_target = to_host(self.log_target)
        for axis in range(self.mesh.dimension):
            yield scharfetter_gummel_along(self.mesh, log_target, axis)

    def _results(self, density: Array, durations: Sequence[float]) -> Iterator[Array]:
        if self._by_axes and sum(line.exit_rate for line in self._lines) > 0:
            yield from self._along_axes(density, durations)
        elif self.rates.exit_rate == 0:
            yield from [density] * len(durations)
        else:
            yield from self._by_products(density, durations)

    def _along_axes(self, density: Array, durations: Sequence[float]) -> Iterator[Array]:
        """Axis by axis where that is predicted to pay: by rational approximations, until one does not know enough."""
        loaded = self._loaded(durations)
        if loaded is not None:
            while (
                durations and (found := self._rational(density, durations[0], len(durations) == 1, loaded)) is not None
            ):
                yield found
                durations = durations[1:]
        if not durations:
            return
        dense, products = self._predicted(durations)
        if products <= dense:
            yield from self._by_products(density, durations)
            return
        for before, now in pairwise([0.0, *durations]):
            density = self._tensor(density, now - before)
            yield density

    def _by_products(self, density: Array, durations: Sequence[float]) -> Iterator[Array]:
        flat = density.reshape(-1)
        yield from self._series(flat, durations) or self._certain(flat, durations)

    def _loaded(self, durations: Sequence[float]) -> bool | None:
        """Whether compiled loops are loaded for rational approximations; None where these do not pay."""
        least = min(self._predicted(durations))
        here, there = (cost(self.mesh.shape, len(durations)) for cost in (costs.eliminations, costs.resolvents))
        if least < max(costs.WORTH_RESOLVENTS, min(here, there)) or not self._has_resolvents:
            return None
        if here > costs.WORTH_LOADING and there < least and rational.compilable():
            return True
        return False if here < least else None

    def _rational(self, density: Array, duration: float, last: bool, loaded: bool = True) -> Array | None:
        """Along one axis after the other: exponentials of other axes are positive and take a share of every cell, or of
        the mass, to that share. None where more is unknown than is allowed."""
        for axis, line in enumerate(self._lines):
            found = rational.along(line, density, axis, duration, loaded)
            unknown = integrate(self.mesh, found.half)
            if unknown > MEAN_ERROR * integrate(self.mesh, found.middle) or (last and not found.settled(TAIL_ERROR)):
                return None
            density = np.maximum(found.middle, FLOOR * found.half)
        return density

    def _certain(self, flat: Array, durations: Sequence[float], **how: Any) -> Iterator[Array]:
        """By uniformization: right in every cell, unless `how` allows for less."""
        reach = sum(self.mesh.shape)
        return uniformization.apply_exponentials(self.rates, self.rates.exit_rate, flat, durations, reach, **how)

    def _series(self, flat: Array, durations: Sequence[float]) -> list[Array] | None:
        """By the Chebyshev series and, for the tails at the end, a while of uniformization; None where uniformization
        alone costs less. The part of the density along pi does not move: only the rest is put through the series, so
        that pi stays to the digit."""
        rate, stop = self.rates.exit_rate, durations[-1]
        whole = costs.powers(rate, durations)
        count = chebyshev.products(self.rates.radius / 2 * stop)
        if 2 * costs.terms(count, len(durations) + 1) > whole:
            return None
        tails = Tails.of(self.mesh, self.log_target, flat)
        if tails.error > MEAN_ERROR:
            return None
        first, guess = tails.forgetting(self.rates.decay), count / 4 / rate
        tries = (guess, 4 * guess) if math.isinf(first) else (first, 2 * first or guess, 5 * first or 4 * guess)
        lates = [late for late in tries if late < stop and 4 * costs.powers(rate, [late]) < whole]
        if len(durations) == 1 and not lates:
            return None
        times = [*durations[:-1], *(stop - late for late in lates[:1])]
        moved = list(chebyshev.apply_exponentials(self.rates, tails.change, times, True))
        found = [tails.middle(change) for change in moved[: len(durations) - 1]]
        ready = moved[len(durations) - 1 :]
        del moved
        for late in lates:
            if not ready:
                ready = list(chebyshev.apply_exponentials(self.rates, tails.change, [stop - late], True))
            enclosure = tails.enclosed(ready.pop())
            if enclosure.doubtful > THIN:
                del enclosure
                break
            if late > 0:
                parts = [enclosure.middle, enclosure.half]
                del enclosure
                enclosure = self._smoothed(parts, late)
            if enclosure.settled(TAIL_ERROR):
                return [*found, enclosure.middle]
            del enclosure
        return [*found, *self._certain(flat, [stop])]

    def _smoothed(self, parts: list[Array], duration: float) -> Enclosure:
        """The enclosure of middle and half `parts`, which are used up, after a duration of uniformization; both side by
        side where there are threads."""

        def work(i: int) -> None:
            parts[i] = next(self._certain(parts[i], [duration], spare=True, relative=_ENOUGH[i]))

        tasks = [partial(work, 0), partial(work, 1)]
        if isinstance(parts[0], np.ndarray):
            threads.run(tasks)
        else:
            for task in tasks:
                task()
        half, middle = parts.pop(), parts.pop()
        return Enclosure(middle, half)

    @cached_property
    def _by_axes(self) -> bool:
        if self.flux is not None and self.mesh.dimension > 1:
            return False
        return is_separable(self.log_target) if self.separable is None else self.separable

    @property
    def _has_resolvents(self) -> bool:
        return library_of(self.log_target).xp is np and all(rational.available(line) for line in self._lines)

    def _predicted(self, durations: Sequence[float]) -> tuple[float, float]:
        """Costs of dense factors, one per axis and duration, and of sparse products."""
        stop = durations[-1]
        rate, radius = (sum(getattr(line, name) for line in self._lines) for name in ("exit_rate", "radius"))
        series = 2 * chebyshev.products(radius / 2 * stop)
        count = min(series, uniformization.products([rate * stop]))
        sparse = count * costs.CALL + costs.terms(count, len(durations)) * self.mesh.size
        if max(self.mesh.shape) > tensor.LARGEST_AXIS:
            return math.inf, sparse
        return costs.factors(self.mesh.shape, rate * stop, len(durations)), sparse

    def _tensor(self, density: Array, duration: float) -> Array:
        for axis in range(self.mesh.dimension):
            density = tensor.apply_along(self._factor(duration, axis), density, axis)
        return density

    def _factor(self, duration: float, axis: int) -> Array:
        """The exponential of one axis; the latest ones are kept, within a bounded number of bytes."""
        key = (duration, axis)
        if key not in self._factors:
            self._factors[key] = tensor.exponential(*self._generators[axis], duration)
            while sum(8 * m.shape[0] ** 2 for m in self._factors.values()) > _CACHED_BYTES and len(self._factors) > 3:
                self._factors.popitem(last=False)
        return self._factors[key]

    @cached_property
    def _generators(self) -> list[tuple[Any, Array]]:
        """Matrix and cell widths of every line on the device, sent once: sparse or dense on the host, else dense."""
        library, made = library_of(self.log_target), list[tuple[Any, Array]]()
        for line in self._lines:
            matrix: Any = line.generator()
            if library.xp is not np:
                matrix = library.to_device(matrix if isinstance(matrix, np.ndarray) else matrix.toarray())
            made.append((matrix, library.to_device(line.widths)))
        return made

    @cached_property
    def _lines(self) -> list[rational.Line]:
        """The generator of one line along every axis, through the mode of pi."""
        host = to_host(self.log_target)
        mode = np.unravel_index(int(np.argmax(host)), host.shape)
        lines = []
        for axis, (widths, gaps) in enumerate(zip(self.mesh.widths, self.mesh.gaps, strict=True)):
            index = tuple(slice(None) if a == axis else int(m) for a, m in enumerate(mode))
            logs, flux = np.ascontiguousarray(host[index]), None if self.flux is None else self.flux.on(numpy_library())
            if flux is None:
                line = Cartesian.graded([self.mesh.edges[axis]], self.mesh.boundary[axis])
                flux = TwoPointFlux(*scharfetter_gummel_along(line, logs, 0))
            faces = (self.transport * flux.forward, self.transport * flux.backward)
            lines.append(rational.Line.of(widths, gaps, logs, *faces))
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

"""What a time-stepping method is to the rest of the code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from mudot.meshes.arrays import Array


@dataclass(frozen=True, eq=False)
class Advance:
    """density: after the duration; step: the step size that the error control would try next (its whole memory)."""

    density: Array
    step: float


@dataclass(frozen=True, eq=False)
class Booked:
    """One step of a method that keeps its own books.

    density, step: as in `Advance`;   length: of the step
    rate, slope:   int R and int R* over the step, by parts of the geometry
    """

    density: Array
    step: float
    length: float
    rate: tuple[float, ...]
    slope: tuple[float, ...]


@dataclass(frozen=True)
class Progress:
    """Where a march of steps stands.

    time:       since its start;   steps, rejected: counted;   dissipated: what the exact balances say that F has lost
    unrelaxed:  sum of |F(new) - F(old) + dissipated| over the steps whose balance is not exact by construction
    """

    time: float = 0.0
    steps: int = 0
    rejected: int = 0
    dissipated: float = 0.0
    unrelaxed: float = 0.0


class Method(Protocol):
    """Solves the semidiscrete flow mu' = rate(mu)."""

    @property
    def description(self) -> str:
        """One line for logs and results: what is done, and what time error it makes."""

    def advance(self, density: Array, duration: float, step: float, rtol: float) -> Advance:
        """The density after a duration > 0. `step` is a suggestion for the first step (methods without time error hand
        it through); `rtol` bounds the relative L1 error per unit of the duration asked for."""

    def trace(self, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
        """The densities after increasing durations, one by one: where a method can share work between them, it does.
        The last one is the result; those before it serve integrals over time, and may be known in L1 only."""

    def rate(self, density: Array) -> Array:
        """mu' of the semidiscrete flow, as this method discretises it, shape of the density."""


def by_steps(method: Method, density: Array, durations: Sequence[float], step: float, rtol: float) -> Iterator[Advance]:
    """`Method.trace` from one duration to the next."""
    now = 0.0
    for duration in durations:
        moved = method.advance(density, duration - now, step, rtol)
        density, step, now = moved.density, moved.step, duration
        yield moved


class DenseStep(Protocol):
    """One accepted step that knows the density also on its way."""

    @property
    def new(self) -> Array:
        """The density at its end."""

    @property
    def length(self) -> float:
        """Of the step."""

    @property
    def suggestion(self) -> float:
        """The length to try next."""

    def within(self, share: float) -> Array:
        """The density at a share of the step, to the order of the error that controls it."""


def by_interpolation(steps: Iterable[DenseStep], durations: Sequence[float]) -> Iterator[Advance]:
    """`Method.trace` with steps that end at the last duration only; densities on the way are interpolated."""
    now, waiting = 0.0, list(durations)
    for done in steps:
        while len(waiting) > 1 and waiting[0] < now + done.length:
            yield Advance(done.within((waiting.pop(0) - now) / done.length), done.suggestion)
        now, last = now + done.length, done
    for _ in waiting:
        yield Advance(last.new, last.suggestion)


@runtime_checkable
class Bookkeeper(Protocol):
    """A method whose energy-dissipation balance holds step by step, so that the ledger takes its word for R and R*."""

    def booked(self, density: Array, duration: float, step: float, rtol: float) -> Booked:
        """One accepted step of at most `duration` > 0."""


@runtime_checkable
class Stepper(Protocol):
    """A method whose steps know the density on their way, so that the ledger integrates R and R* along them."""

    def stepped(self, density: Array, duration: float, step: float, rtol: float) -> DenseStep:
        """One accepted step of at most `duration` > 0."""

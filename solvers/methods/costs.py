"""What the ways of applying an exponential cost, in nanoseconds per cell on one core: the measured model of the choice.

Only ratios matter. `python -m bench.constants` measures them beside those below, which were found on an AMD EPYC of two
cores that others used too. They are constants of the code, not of the machine at hand, so that a run takes the same
path everywhere and resumes to the same bits. So no bandwidth measured at hand enters, either: it could save at most
what `python -m bench.choices` shows the choice to lose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from mudot.solvers.methods import rational, tensor, uniformization

TERM, GATHER = 1.0, 0.2
"""One more term of a recurrence on a stencil of five points, and adding it to one sum."""
CALL = 1e4
"""Of a product besides, whatever the number of cells."""
FLOP = 0.05
"""One operation of the products of dense matrices; not per cell. For `CALL` and `FLOP` 4e3 and 0.03 were measured under
load; both stand at about twice that, since the choice depends on their ratio."""
POLE = 5.0
"""One shift of a resolvent along a line; per cell."""
ELIMINATION, SWEEP = 2.6e3, 22.0
"""By LAPACK: the factors of all shifts along a line, per cell; one shift for one line, per cell."""
WORTH_RESOLVENTS = 2e7
"""Of a single call by other methods, from which on resolvents are tried, which know tails to fewer digits."""
WORTH_LOADING = 3e6
"""Of a single call by LAPACK, from which on the 0.4 s of loading compiled loops are risked: whole runs on shorter lines
take less than that."""
SPARED = 0.85
"""Share of the predicted products that uniformization makes before nothing more matters."""


def terms(count: float, sums: int) -> float:
    """So many terms of a recurrence, gathered into so many sums; per cell."""
    return count * (TERM + GATHER * sums)


def powers(rate: float, durations: Sequence[float]) -> float:
    """Uniformization for all durations; per cell. Far durations have blocks, and sums, of their own."""
    rate_times = [rate * duration for duration in durations]
    blocks = max(1.0, rate_times[-1] / uniformization.BLOCK)
    return SPARED * uniformization.products(rate_times) * (TERM + GATHER * max(1.0, len(durations) / blocks))


def factors(shape: Sequence[int], rate_time: float, count: int) -> float:
    """Dense exponentials along every axis for `count` durations, made and applied; in all."""
    cells = math.prod(shape)
    made = sum(2.0 * n**3 * tensor.squarings(rate_time) for n in shape)
    applied = sum(2.0 * n * cells for n in shape)
    return FLOP * count * (made + applied)


def resolvents(shape: Sequence[int], count: int) -> float:
    """Rational approximations along every axis for `count` durations; in all."""
    # The factors, what moves, and twice both what moves and what is not known.
    solves = 2 * rational.STEPS - 1
    return CALL * 10 * len(shape) * count + POLE * rational.SHIFTS * count * (
        sum(shape) + solves * len(shape) * math.prod(shape)
    )


def eliminations(shape: Sequence[int], count: int) -> float:
    """The same by LAPACK."""
    size = math.prod(shape)
    # Twice what moves and what is not known.
    sweeps = sum(2 * rational.STEPS * SWEEP * size + rational.STEPS * CALL / 2 for _ in shape)
    return count * (ELIMINATION * sum(shape) + rational.SHIFTS * sweeps)

"""exp(t A) rho as a Poisson-weighted sum of powers: only nonnegative numbers are added and multiplied.

With Lambda at least every exit rate, P = I + A/Lambda is entrywise nonnegative and

    exp(t A) = sum_k exp(-Lambda t) (Lambda t)^k / k!  P^k,

so every cell is computed to relative accuracy, tails of 1e-280 included, and no density is ever negative. The price is
about Lambda t products (Jensen 1953, Skand. Aktuarietidskr. 36).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.solvers.methods.series import BATCH, series
from mudot.solvers.products import Rates

BLOCK = 500.0
"""Largest Lambda t of one sum: exp(-745) underflows."""
RELATIVE = 1e-17
"""Share of every cell from which on the next term matters no more."""
_SLICE = 1 << 14


def products(rate_times: Sequence[float]) -> float:
    """Expected number of matrix products for increasing values of Lambda t."""
    blocks = max(1, math.ceil(rate_times[-1] / BLOCK))
    share = rate_times[-1] / blocks
    return blocks * (share + 9 * math.sqrt(share) + 16)


def apply_exponentials(
    rates: Rates,
    rate: float,
    density: Array,
    durations: Sequence[float],
    reach: int,
    spare: bool = False,
    relative: float = RELATIVE,
) -> Iterator[Array]:
    """exp(t A) density for every t of the increasing `durations`, one by one; flat densities of shape (cells,).

    rates: the generator A;   rate: Lambda, no less than any of its exit rates
    reach: cells that mass crosses to fill the mesh; bounds the number of terms, since mass moves one cell a product
    spare: whether the density may be written over
    relative: share of a cell below which a term, and all after it, may be left out
    """
    now, waiting = 0.0, list(durations)
    while waiting:
        block = [t for t in waiting if rate * (t - now) <= BLOCK]
        if block:
            results = _block(rates, rate, [rate * (t - now) for t in block], density, reach, spare, relative)
            yield from results
            now, density, spare = block[-1], results[-1], False
        else:
            # The next time is far: go there in equal blocks.
            count = math.ceil(rate * (waiting[0] - now) / BLOCK)
            hop = (waiting[0] - now) / count
            density = _block(rates, rate, [rate * hop], density, reach, spare, relative)[-1]
            now, spare = now + hop, True
        waiting = waiting[len(block) :]


def _block(
    rates: Rates, rate: float, rate_times: list[float], density: Array, reach: int, spare: bool, relative: float
) -> Array:
    """Results for several values of Lambda t up to BLOCK, shape (values, cells), from one sequence of powers."""
    largest = max(rate_times)
    last = math.ceil(max(largest + 10 * math.sqrt(largest), reach)) + 40
    weights = _poisson(rate_times, last + 1)
    # For short times the weights underflow long before the mass could have crossed the mesh.
    weights = weights[:, : int(np.flatnonzero(weights.max(axis=0))[-1]) + 1]
    terms = weights.shape[1]
    done = min(max(math.ceil(largest), BATCH), terms)
    powers = series(rates, rate, density, weights, doubled=False, spare=spare)
    powers.extend(done - 1)
    while done < terms and not _negligible(float(weights[-1, done - 1]) / relative, powers.last, powers.total[-1]):
        count = min(BATCH, terms - done)
        powers.extend(count)
        done += count
    # Scaled so that the weights sum to one and mass is exact: a remainder added to the last power would drown tails.
    given = library_of(density).to_device(weights[:, :done].sum(axis=1))
    total = powers.total
    total /= given[:, None]
    return total


def _poisson(means: list[float], terms: int) -> np.ndarray:
    """exp(-x) x^k / k!, shape (means, terms)."""
    k = np.arange(terms)
    x = np.array(means)[:, None]
    factors = np.concatenate([np.exp(-x), x / k[1:]], axis=1)
    return np.asarray(np.cumprod(factors, axis=1))


def _negligible(weight: float, power: Array, total: Array) -> bool:
    """Whether the last term no longer matters in any cell; a cell still empty may be about to be reached. On the host
    in slices: mostly the first one says no."""
    xp = array_module(power)
    size = _SLICE if isinstance(power, np.ndarray) else power.shape[0]
    return all(
        bool(xp.all((weight * power[part] <= total[part]) & (total[part] > 0)))
        for part in (slice(start, start + size) for start in range(0, power.shape[0], size))
    )

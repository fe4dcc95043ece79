"""exp(t A) rho as a Poisson-weighted sum of powers: only nonnegative numbers are added and multiplied.

With Lambda at least every exit rate, P = I + A/Lambda is entrywise nonnegative and

    exp(t A) = sum_k exp(-Lambda t) (Lambda t)^k / k!  P^k,

so every cell is computed to relative accuracy, tails of 1e-280 included, and no density is ever negative. The price is
about Lambda t products (Jensen 1953, Skand. Aktuarietidskr. 36).
"""

from __future__ import annotations

import math
from typing import Any

from mudot.meshes.arrays import Array, array_module

BLOCK = 500.0
"""Largest Lambda t of one sum: exp(-745) underflows."""
_CHECK_EVERY = 8
_RELATIVE = 1e-17


def products(rate_time: float) -> float:
    """Expected number of matrix products for Lambda t = `rate_time`."""
    blocks = max(1, math.ceil(rate_time / BLOCK))
    share = rate_time / blocks
    return blocks * (share + 9 * math.sqrt(share) + 16)


def apply_exponential(step: Any, rate: float, density: Array, duration: float, reach: int) -> Array:
    """exp(duration A) density for flat `density`, shape (cells,).

    step:  the nonnegative matrix P = I + A/rate;   rate: Lambda
    reach: cells that mass crosses to fill the mesh; bounds the number of terms, since mass moves one cell a product
    """
    blocks = max(1, math.ceil(rate * duration / BLOCK))
    share = rate * duration / blocks
    for _ in range(blocks):
        density = _block(step, share, density, reach)
    return density


def _block(step: Any, share: float, density: Array, reach: int) -> Array:
    weight = math.exp(-share)
    given = weight
    power = density
    total = weight * power
    last = math.ceil(max(share + 10 * math.sqrt(share), reach)) + 40
    for k in range(1, last + 1):
        power = step @ power
        weight *= share / k
        given += weight
        total += weight * power
        if k > share and k % _CHECK_EVERY == 0 and _negligible(weight * power, total):
            break
    # The weights left out go to the last power: then they sum to one, and mass is exact.
    return total + max(0.0, 1 - given) * power


def _negligible(term: Array, total: Array) -> bool:
    """Whether the term no longer matters in any cell; a cell still empty may be about to be reached."""
    xp = array_module(term)
    return bool(xp.all((term <= _RELATIVE * total) & (total > 0)))

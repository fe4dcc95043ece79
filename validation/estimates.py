"""What nested meshes alone tell about the error on the finest of them: densities and numbers, plain and extrapolated.

On meshes of h, h/2, h/4, ... a quantity u_1, u_2, ... has the gaps e_k = |u_(k+1) - u_k|. Where two orders in a row are
near 2 the last member is off by e_k/3. Elsewhere, as at jumps and fronts, it is off by at most the larger of e_k and
e_(k-1)/2 over 2^p - 1, where p is the lower of the two orders, at most 1 and at least 1/2: a jump that the meshes
happen to cut well falls as fast as a smooth solution once, and need not go on. Three meshes show one order only, so
that second order is not believed before the fourth.

Richardson's extrapolation u_k + (u_k - u_(k-1))/3 has gaps of its own. Where they fall at least as fast as third order
would (2.5 is asked), they bound its error; elsewhere it is not used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mudot.meshes.averages import integrate, norm, prolong, restrict
from mudot.meshes.cartesian import Cartesian

FEWEST = 3
"""Meshes without which there is no estimate."""
_NEAR = 0.3
_STEEP = 2.5
"""Least order of extrapolated values."""
_ROUND_OFF = 1e-13
FLOOR = 3e-11
"""No bar is below this times the quantity: what round-off and the sums over the images of kernels may add up to."""


@dataclass(frozen=True, eq=False)
class Remainder:
    """How far the last member of a sequence is from its limit, at every output.

    error:  without any margin, shape (outputs,)
    order:  observed between the last two gaps, NaN where they are noise, shape (outputs,)
    smooth: where second order was seen twice in a row, shape (outputs,)
    """

    error: np.ndarray
    order: np.ndarray
    smooth: np.ndarray


def remainder(gaps: Sequence[np.ndarray], noise: np.ndarray, distrusted: np.ndarray | None = None) -> Remainder:
    """The error of the last of at least three members from their gaps, each of shape (outputs,).

    noise:      how much of a gap does not come from the mesh, shape (outputs,)
    distrusted: where second order is not believed whatever the gaps say, shape (outputs,)

    >>> found = remainder([np.array([16e-3]), np.array([4e-3]), np.array([1e-3])], np.zeros(1))
    >>> bool(found.smooth[0]), float(round(found.error[0], 7))
    (True, 0.0003333)
    >>> float(round(remainder([np.array([4e-3]), np.array([1e-3])], np.zeros(1)).error[0], 7))
    0.002
    """
    last, before = gaps[-1], gaps[-2]
    first = gaps[-3] if len(gaps) > 2 else np.full_like(last, np.nan)
    order, earlier = _order(before, last), _order(first, before)
    clear = np.maximum(last, before / 2) > 3 * noise + _ROUND_OFF
    smooth = clear & (np.abs(order - 2) <= _NEAR) & (np.abs(earlier - 2) <= 2 * _NEAR)
    smooth = smooth if distrusted is None else smooth & ~distrusted
    slow = np.clip(np.nan_to_num(np.fmin(order, earlier), nan=0.5), 0.5, 1.0)
    rough = np.maximum(last, before / 2) / (2**slow - 1)
    error = np.where(smooth, last / 3, np.where(clear, rough, last))
    return Remainder(error, np.where(clear & np.isfinite(order), order, np.nan), smooth)


def after_extrapolation(gaps: Sequence[np.ndarray], noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The error of the last extrapolated member from the gaps between them, and where it is to be believed; both of
    shape (outputs,). With one gap it is believed nowhere."""
    last = gaps[-1]
    if len(gaps) < 2:
        return np.full_like(last, np.inf), np.zeros(last.shape, dtype=bool)
    order, fallen = _order(gaps[-2], last), np.maximum(last, gaps[-2] / 16)
    quiet = fallen <= 3 * noise + _ROUND_OFF
    steep = np.nan_to_num(order, nan=0.0) >= _STEEP
    error = fallen / (2 ** np.clip(np.nan_to_num(order, nan=_STEEP), _STEEP, 3.0) - 1)
    return np.where(quiet, fallen, error), quiet | steep


def _order(coarse: np.ndarray, fine: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log2(coarse / fine))


@dataclass(frozen=True, eq=False)
class Numbers:
    """A number at every output, extrapolated where that is to be believed, and its bar; both of shape (outputs,)."""

    value: np.ndarray
    bar: np.ndarray


def number(members: Sequence[np.ndarray], noise: np.ndarray, rough: np.ndarray, margin: float) -> Numbers:
    """The limit of values on nested meshes, coarsest first, each of shape (outputs,).

    noise: their error in time;   rough: where the density is not of second order, so that no order of theirs is trusted

    >>> found = number([1 + np.array([4.0**-k]) for k in range(1, 5)], np.zeros(1), np.zeros(1, dtype=bool), 1.5)
    >>> float(round(found.value[0], 12)), bool(found.bar[0] < 1e-10)
    (1.0, True)
    """
    rest = remainder([np.abs(b - a) for a, b in pairwise(members)], noise, rough)
    better = [b + (b - a) / 3 for a, b in pairwise(members)]
    error, believed = after_extrapolation([np.abs(b - a) for a, b in pairwise(better)], noise)
    use = believed & rest.smooth
    last = members[-1]
    bar = margin * (np.where(use, error, rest.error) + np.where(use, 5 / 3, 1) * noise) + FLOOR * np.abs(last)
    return Numbers(np.where(use, better[-1], last), bar)


def distances(mesh: Cartesian, densities: np.ndarray, others: np.ndarray, fine: Cartesian) -> np.ndarray:
    """Relative L1 distance at every output to densities on the same mesh or on its refinement, shape (outputs,)."""
    same = fine.shape == mesh.shape
    pairs = zip(densities, others, strict=True)
    apart = np.array([norm(mesh, a - (b if same else restrict(fine, b))) for a, b in pairs])
    return np.asarray(apart / [integrate(fine, b) for b in others])


def correction(coarse: Cartesian, before: np.ndarray, fine: Cartesian, last: np.ndarray) -> np.ndarray:
    """What Richardson's extrapolation adds to a density on the finer of two nested meshes, shape `fine.shape`.

    Cell averages are compared on the coarse mesh, where that is exact, and a third of the difference is carried to the
    fine one linearly, which keeps it to fourth order and keeps its integral.
    """
    return np.asarray(prolong(coarse, (restrict(fine, last) - before) / 3))


def extrapolated(coarse: Cartesian, before: np.ndarray, fine: Cartesian, last: np.ndarray) -> np.ndarray:
    """The extrapolated density on the fine mesh: never negative, of the extrapolated mass.

    Where the correction is more than half of the density, in tails that the coarse mesh does not resolve, the density
    stays; what that takes from the mass or adds to it is shared in proportion.

    >>> coarse, fine = Cartesian(2, 0.0, 1.0), Cartesian(4, 0.0, 1.0)
    >>> extrapolated(coarse, np.array([1.0, 0.0]), fine, np.array([1.3, 1.3, 1e-9, 1e-9])).round(3)
    array([1.4, 1.4, 0. , 0. ])
    """
    change = correction(coarse, before, fine, last)
    better = np.where(np.abs(change) <= last / 2, last + change, last)
    mass = integrate(fine, last + change)
    return np.asarray(better * (mass / integrate(fine, better))) if mass > 0 else last


def shared(mesh: Cartesian, shape: np.ndarray, density: np.ndarray, total: float) -> np.ndarray:
    """An error density with integral `total` times the mass: proportional to `shape` >= 0, or to the density where
    that is zero everywhere; shape `mesh.shape`."""
    size = integrate(mesh, shape)
    if size > _ROUND_OFF * integrate(mesh, density):
        return np.asarray(shape * (total * integrate(mesh, density) / size))
    return np.asarray(density * total)

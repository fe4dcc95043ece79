"""The Laplace kernel on a line or ring of points: its Gram matrix has a tridiagonal inverse (Markov property).

With gaps d between neighbours i and j, f^T G^-1 f is the sum over gaps of
tanh(d/2h)/2 (f_i^2 + f_j^2) + (f_i - f_j)^2 / (2 sinh(d/h)), plus f^2/2 at either wall: the norm of the reproducing
kernel Hilbert space, exact for any spacing. The boundary rows are those of the matrix (Robin), not of a no-flux
condition. Lines are solved on the host: one LAPACK sweep.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg.lapack

from mudot.solvers.kernels.functions import Kernel, LaplaceKernel, MaternKernel
from mudot.solvers.kernels.points import Axis


def is_markov(kernel: Kernel) -> bool:
    """Whether the kernel is exp(-r/h), under either of its names."""
    return isinstance(kernel, LaplaceKernel) or (isinstance(kernel, MaternKernel) and kernel.nu == 0.5)


@dataclass(frozen=True, eq=False)
class MarkovInverse:
    """G^-1 of exp(-r/h) on the host: symmetric, with negative off-diagonal entries and positive row sums.

    excess:      row sums, shape (n,)
    conductance: minus the entries beside the diagonal, shape (n - 1,)
    seam:        minus the entry that joins the ends of a ring, 0 on a line
    """

    excess: np.ndarray
    conductance: np.ndarray
    seam: float

    def apply(self, f: np.ndarray) -> np.ndarray:
        """G^-1 f, shape (n,): differences first, so that smooth functions lose no digits."""
        flow = self.conductance * np.diff(f)
        image: np.ndarray = self.excess * f
        image[:-1] -= flow
        image[1:] += flow
        around = self.seam * (f[0] - f[-1])
        image[0] += around
        image[-1] -= around
        return image

    def norm_squared(self, f: np.ndarray) -> float:
        """f^T G^-1 f, a sum of squares."""
        return float(self.excess @ f**2 + self.conductance @ np.diff(f) ** 2 + self.seam * (f[0] - f[-1]) ** 2)

    def solve(self, weights: np.ndarray, factor: float, right: np.ndarray) -> np.ndarray:
        """(diag(weights) + factor G^-1)^-1 right, weights >= 0, factor > 0; shape (n,)."""
        diagonal = weights + factor * self.excess
        diagonal[:-1] += factor * self.conductance
        diagonal[1:] += factor * self.conductance
        factors = scipy.linalg.lapack.dpttrf(diagonal, -factor * self.conductance)
        found = self._sweep(factors, factor, right)
        # The diagonal hides small weights behind large differences: one correction with the differences taken first.
        rest = right - weights * found - factor * self.apply(found)
        return np.asarray(found + self._sweep(factors, factor, rest))

    def _sweep(self, factors: tuple[np.ndarray, np.ndarray, int], factor: float, right: np.ndarray) -> np.ndarray:
        pivots, lower, _ = factors
        found = scipy.linalg.lapack.dpttrs(pivots, lower, right)[0]
        if self.seam:
            # The seam adds seam u u^T, u = e_first - e_last, to the matrix of the open line.
            jump = np.zeros_like(right)
            jump[0], jump[-1] = 1.0, -1.0
            response = scipy.linalg.lapack.dpttrs(pivots, lower, jump)[0]
            strength = factor * self.seam
            found = found - response * (
                strength * (found[0] - found[-1]) / (1 + strength * (response[0] - response[-1]))
            )
        return np.asarray(found)


def markov_inverse(bandwidth: float, axis: Axis) -> MarkovInverse:
    """The inverse Gram matrix of exp(-r/bandwidth) on at least two points of an axis, summed over images on a ring."""
    gaps = np.diff(axis.coordinates) / bandwidth
    if axis.spacing is not None:
        gaps = np.full_like(gaps, axis.spacing / bandwidth)
    excess = np.zeros(axis.coordinates.size)
    half = np.tanh(gaps / 2) / 2
    excess[:-1] += half
    excess[1:] += half
    seam = 0.0
    if axis.period is None:
        excess[[0, -1]] += 0.5
    else:
        around = axis.period / bandwidth - float(gaps.sum())
        excess[[0, -1]] += np.tanh(around / 2) / 2
        seam = float(_conductance(np.array(around)))
    return MarkovInverse(excess, _conductance(gaps), seam)


def _conductance(gaps: np.ndarray) -> np.ndarray:
    """1 / (2 sinh(gap)) without overflow."""
    return np.asarray(-np.exp(-gaps) / np.expm1(-2 * gaps))

"""Gaussian densities of any mass: logarithms, cell averages, Kullback-Leibler divergence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, erfcx

from mudot.meshes.averages import log_average
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(24)
_SYMMETRY = 1e-12


@dataclass(frozen=True, eq=False, init=False)
class Gaussian:
    """mass times the normal density of given mean and covariance, in any dimension.

    mean: shape (d,); covariance: shape (d, d), symmetric positive definite; plain numbers serve for d = 1
    Raises MudotError for shapes that do not fit, a covariance that is none, and a mass that is not positive.

    >>> bell = Gaussian(2.0, 0.25, mass=0.5)
    >>> float(bell.log_density(np.array(2.0)).round(12)) == round(math.log(0.5 / math.sqrt(math.pi / 2)), 12)
    True
    """

    mean: np.ndarray
    covariance: np.ndarray
    mass: float

    def __init__(self, mean: ArrayLike, covariance: ArrayLike, mass: float = 1.0) -> None:
        center = np.array(mean, dtype=float, ndmin=1)
        matrix = np.array(covariance, dtype=float, ndmin=2)
        _check(center, matrix, mass)
        for array in (center, matrix):
            array.setflags(write=False)
        object.__setattr__(self, "mean", center)
        object.__setattr__(self, "covariance", matrix)
        object.__setattr__(self, "mass", float(mass))

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return self.mean.size

    @property
    def axis_aligned(self) -> bool:
        """Whether the coordinates are independent."""
        return not np.any(self.covariance - np.diag(np.diag(self.covariance)))

    def log_density(self, *coordinates: np.ndarray) -> np.ndarray:
        """Logarithm of the density at `dimension` coordinate arrays that broadcast against each other."""
        whitening = np.linalg.inv(np.linalg.cholesky(self.covariance))
        shifted = [x - m for x, m in zip(coordinates, self.mean, strict=True)]
        squares = sum(sum(w * d for w, d in zip(row, shifted, strict=True)) ** 2 for row in whitening)
        constant = math.log(self.mass) + float(np.sum(np.log(np.diag(whitening) / math.sqrt(2 * math.pi))))
        return np.asarray(constant - squares / 2)

    def log_cell_averages(self, mesh: Cartesian) -> np.ndarray:
        """Logarithms of the cell averages, shape `mesh.shape`: finite where the averages underflow.

        Along the axes of a mesh they are products of normal probabilities, here to round-off relative to each average.
        Correlated Gaussians are integrated by Gauss quadrature. Periodic axes are not wrapped.
        """
        if mesh.dimension != self.dimension:
            raise MudotError(f"mesh: expected {self.dimension} axes, as the Gaussian has, got {mesh.dimension}")
        if not self.axis_aligned:
            return log_average(mesh, self.log_density)
        total = np.full(mesh.shape, math.log(self.mass))
        deviations = np.sqrt(np.diag(self.covariance))
        per_axis = [
            log_probability((edges[:-1] - m) / s, (edges[1:] - m) / s) - np.log(np.diff(edges))
            for edges, m, s in zip(mesh.edges, self.mean, deviations, strict=True)
        ]
        for axis in np.ix_(*per_axis):
            total = total + axis
        return total

    def cell_averages(self, mesh: Cartesian) -> np.ndarray:
        """Cell averages, shape `mesh.shape`."""
        return np.asarray(np.exp(self.log_cell_averages(mesh)))


def _check(mean: np.ndarray, covariance: np.ndarray, mass: float) -> None:
    d = mean.size
    if mean.ndim != 1 or covariance.shape != (d, d):
        raise MudotError(
            f"Gaussian: expected a mean of d numbers and a d x d covariance, got {mean.shape} and {covariance.shape}"
        )
    if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(covariance))):
        raise MudotError("Gaussian: expected a finite mean and covariance")
    symmetric = np.all(np.abs(covariance - covariance.T) <= _SYMMETRY * np.abs(covariance).max())
    if not symmetric or np.linalg.eigvalsh(covariance)[0] <= 0:
        raise MudotError(f"Gaussian: expected a symmetric positive definite covariance, got {covariance.tolist()}")
    if not 0 < mass < math.inf:
        raise MudotError(f"Gaussian: expected a positive mass, got {mass}")


def log_probability(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """log P(lower < X < upper) of a standard normal X, arrays of one shape with lower < upper.

    The relative error of the probability is round-off everywhere: narrow intervals by Gauss quadrature of a positive
    integrand, wide ones by scaled complementary error functions, where nothing cancels.

    >>> float(log_probability(np.array(40.0), np.array(41.0)).round(6))
    -804.608442
    """
    center, half = (lower + upper) / 2, (upper - lower) / 2
    narrow = (half <= 0.5) & (np.abs(center) * half <= 4)
    return np.where(narrow, _narrow(center, np.where(narrow, half, 0.5)), _wide(lower, upper))


def _narrow(center: np.ndarray, half: np.ndarray) -> np.ndarray:
    """phi(c + h x) = phi(c) exp(-c h x - (h x)^2/2), integrated over -1 < x < 1."""
    tilt = np.clip(center * half, -4, 4)
    integral = sum(w * np.exp(-tilt * x - (half * x) ** 2 / 2) for x, w in zip(_NODES, _WEIGHTS, strict=True))
    return np.asarray(-(center**2) / 2 + np.log(half * integral / math.sqrt(2 * math.pi)))


def _wide(lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Reflected so that the centre is not negative: then either zero lies inside, and two positive error functions
    add, or both ends are positive, and the two tails differ by more than a third."""
    reflected = lower + upper < 0
    low = np.where(reflected, -upper, lower) / math.sqrt(2)
    high = np.where(reflected, -lower, upper) / math.sqrt(2)
    start, before = np.maximum(low, 0.0), np.maximum(-low, 0.0)
    tails = erfcx(start) - np.exp((start - high) * (start + high)) * erfcx(high)
    beyond = np.log(np.where(low < 0, 1.0, tails)) - start**2
    return np.where(low < 0, np.log(erf(high) + erf(before)), beyond) - math.log(2)


def kl(mu: Gaussian, pi: Gaussian) -> float:
    """Kullback-Leibler divergence of Gaussians of any mass, int mu log(mu/pi) - mu + pi.

    kappa log(kappa/kappa*) - kappa + kappa* + kappa KL(N(m, S) | N(n, G)) with
    KL = (tr(G^-1 S) - d + (m - n).G^-1 (m - n) - log det(G^-1 S)) / 2 (Kullback and Leibler 1951).

    >>> round(kl(Gaussian(2.0, 0.25), Gaussian(0.0, 1.0)), 11)
    2.31814718056
    """
    gap = mu.mean - pi.mean
    spread = np.linalg.solve(pi.covariance, mu.covariance)
    distance = float(gap @ np.linalg.solve(pi.covariance, gap))
    volume = float(np.linalg.slogdet(spread)[1])
    shape = (float(np.trace(spread)) - mu.dimension + distance - volume) / 2
    return mu.mass * math.log(mu.mass / pi.mass) - mu.mass + pi.mass + mu.mass * shape

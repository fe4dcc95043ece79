"""Self-similar solutions of nonlinear diffusion and of aggregation: Barenblatt profiles, free and in a well, and
measures that keep their shape under their own attraction."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import beta, betainc

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian

_POINTS = 8
"""Gauss points per axis, in more than one dimension: profiles have a kink at their front."""


def _sphere(dimension: int) -> float:
    """Area of the unit sphere."""
    return float(2 * math.pi ** (dimension / 2) / math.gamma(dimension / 2))


def _height(k: float, exponent: float, dimension: int) -> float:
    """C so that (C - k |x|^2)_+^(1/(m-1)) has mass one; k has the sign of m - 1."""
    half = dimension / 2
    other = exponent / (exponent - 1) if exponent > 1 else 1 / (1 - exponent) - half
    mass = _sphere(dimension) / 2 * abs(k) ** -half * float(beta(half, other))
    return float(mass ** (-1 / (1 / (exponent - 1) + half)))


def _averages(mesh: Cartesian, distribution: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Cell averages on a line from a distribution function."""
    edges = mesh.edges[0]
    return np.diff(distribution(edges)) / np.diff(edges)


def _line_averages(mesh: Cartesian, front: float, exponent: float) -> np.ndarray:
    """Cell averages of (1 - (x/R)^2)_+^(1/(m-1)) of mass one: its distribution is an incomplete beta function."""

    def distribution(x: np.ndarray) -> np.ndarray:
        y = np.clip(x / front, -1.0, 1.0)
        return np.asarray(np.sign(y) * betainc(0.5, exponent / (exponent - 1), y**2) / 2)

    return _averages(mesh, distribution)


@dataclass(frozen=True)
class Barenblatt:
    """rho = t^-a (C - k |x|^2 t^(-2a/d))_+^(1/(m-1)) of mass one solves rho_t = div grad rho^m in d dimensions, with
    a = d/(d(m-1) + 2) and k = a(m-1)/(2 m d) (Barenblatt 1952). For fast diffusion, (d-2)/d < m < 1, k is negative and
    the density falls like |x|^(-2/(1-m)) (Vazquez 2006): its box must be wide.

    >>> round(Barenblatt(2.0).front(1.0), 9)
    2.080083823
    """

    exponent: float
    dimension: int = 1

    @property
    def decay(self) -> float:
        """a."""
        return float(self.dimension / (self.dimension * (self.exponent - 1) + 2))

    @property
    def curvature(self) -> float:
        """k."""
        return self.decay * (self.exponent - 1) / (2 * self.exponent * self.dimension)

    @property
    def height(self) -> float:
        """C."""
        return _height(self.curvature, self.exponent, self.dimension)

    def front(self, time: float) -> float:
        """Radius of the support: infinite for fast diffusion."""
        if self.exponent < 1:
            return math.inf
        return float(math.sqrt(self.height / self.curvature) * time ** (self.decay / self.dimension))

    def density(self, time: float) -> Callable[..., np.ndarray]:
        """rho at a time, a function of coordinates."""
        a, m = self.decay, self.exponent

        def values(*x: np.ndarray) -> np.ndarray:
            square = sum(c**2 for c in x) * time ** (-2 * a / self.dimension)
            return np.asarray(time**-a * np.maximum(self.height - self.curvature * square, 0.0) ** (1 / (m - 1)))

        return values

    def averages(self, mesh: Cartesian, time: float) -> np.ndarray:
        """Cell averages, exact on a line with fronts."""
        if mesh.dimension == 1 and self.exponent > 1:
            return _line_averages(mesh, self.front(time), self.exponent)
        return average(mesh, self.density(time), _POINTS)


@dataclass(frozen=True)
class ConfinedBarenblatt:
    """rho = rho_inf(x/sigma) / sigma^d with rho_inf = (C - (m-1)/(2m) |x|^2)_+^(1/(m-1)) of mass one solves
    rho_t = div grad rho^m + div(x rho) for sigma(t) = [1 + (sigma_0^e - 1) exp(-e t)]^(1/e), e = d(m-1) + 2
    (compare Carrillo and Toscani 2000; Otto 2001)."""

    exponent: float
    start: float = 0.5
    dimension: int = 1

    @property
    def height(self) -> float:
        """C."""
        return _height((self.exponent - 1) / (2 * self.exponent), self.exponent, self.dimension)

    def width(self, time: float) -> float:
        """sigma(t)."""
        e = self.dimension * (self.exponent - 1) + 2
        return float((1 + (self.start**e - 1) * math.exp(-e * time)) ** (1 / e))

    def averages(self, mesh: Cartesian, time: float) -> np.ndarray:
        """Cell averages, exact on a line; time may be infinite."""
        sigma, m = self.width(time), self.exponent
        k = (m - 1) / (2 * m)
        if mesh.dimension == 1:
            return _line_averages(mesh, sigma * math.sqrt(self.height / k), m)

        def values(*x: np.ndarray) -> np.ndarray:
            profile = np.maximum(self.height - k * sum((c / sigma) ** 2 for c in x), 0.0) ** (1 / (m - 1))
            return np.asarray(profile / sigma**self.dimension)

        return average(mesh, values, _POINTS)


@dataclass(frozen=True)
class Aggregation:
    """A measure of mass one on the line that keeps its shape in the flow rho_t = div(rho grad(W * rho)).

    `interval`: W = x^2/2 - |x|: uniform on [-a, a], a = 1 - exp(-t)/2, F = a^2/6 - a/3
    `semicircle`: W = x^2/2 - log|x|: 2 sqrt(R^2 - x^2)/(pi R^2), R^2 = 2 - 7/4 exp(-2t),
                  F = R^2/8 - (log(R/2) - 1/4)/2      (steady states: Carrillo, Chertock and Huang 2015)
    """

    shape: str

    def potential(self, x: np.ndarray) -> np.ndarray:
        """W."""
        size = np.abs(x)
        return np.asarray(x**2 / 2 - (size if self.shape == "interval" else np.log(size)))

    def radius(self, time: float) -> float:
        """a or R."""
        return 1 - math.exp(-time) / 2 if self.shape == "interval" else math.sqrt(2 - 1.75 * math.exp(-2 * time))

    def energy(self, time: float) -> float:
        """F."""
        r = self.radius(time)
        return float(r**2 / 6 - r / 3) if self.shape == "interval" else r**2 / 8 - (math.log(r / 2) - 0.25) / 2

    def averages(self, mesh: Cartesian, time: float) -> np.ndarray:
        """Cell averages."""
        r = self.radius(time)

        def distribution(x: np.ndarray) -> np.ndarray:
            y = np.clip(x / r, -1.0, 1.0)
            return y / 2 if self.shape == "interval" else (y * np.sqrt(1 - y**2) + np.arcsin(y)) / math.pi

        return _averages(mesh, distribution)

"""Drift-diffusion in a linear potential on an interval or a box, with walls."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.integrate import quad
from scipy.special import exprel, xlogy

from mudot.meshes.averages import Function
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError


@dataclass(frozen=True)
class DriftDiffusion:
    """The flow of KL in the Wasserstein geometry for V = -g x on [0, 1], constant along further axes, at time t.

    rho = exp(-a t + g x/2) (pi cos pi x + (g/2) sin pi x) + pi exp(g (x - 1/2)), a = pi^2 + g^2/4, pi = 3.14...
    (Cancès, Gallouët and Todeschi 2020, arXiv:1907.08305). The initial density has a double zero at x = 1.
    The target is the second term; it has the same mass. Raises MudotError for g = 0 and for t < 0.

    >>> problem = DriftDiffusion(drift=1.0, time=0.1)
    >>> round(problem.mass, 12), round(float(problem.density(np.array(0.25))), 11)
    (3.274138367119, 3.50733030231)
    """

    drift: float
    time: float

    def __post_init__(self) -> None:
        if self.drift == 0 or not self.time >= 0:
            raise MudotError(f"drift-diffusion: expected g != 0 and t >= 0, got g = {self.drift} and t = {self.time}")

    @property
    def _decay(self) -> float:
        return math.exp(-(math.pi**2 + self.drift**2 / 4) * self.time)

    def target(self, x: np.ndarray) -> np.ndarray:
        """Stationary density of the same mass."""
        return np.asarray(math.pi * np.exp(self.drift * (x - 0.5)))

    def excess(self, x: np.ndarray) -> np.ndarray:
        """rho/target - 1."""
        g = self.drift
        wave = np.cos(math.pi * x) + g / (2 * math.pi) * np.sin(math.pi * x)
        return np.asarray(self._decay * np.exp(g * (1 - x) / 2) * wave)

    def density(self, x: np.ndarray) -> np.ndarray:
        """rho at points of [0, 1]."""
        return np.asarray(self.target(x) * (1 + self.excess(x)))

    def target_averages(self, mesh: Cartesian) -> np.ndarray:
        """Exact cell averages of the target, shape `mesh.shape`; x is axis 0, from 0 to 1."""
        g, edges = self.drift, _edges(mesh)
        return _spread(mesh, math.pi * np.exp(g * (edges[:-1] - 0.5)) * exprel(g * np.diff(edges)))

    def averages(self, mesh: Cartesian) -> np.ndarray:
        """Exact cell averages of rho, shape `mesh.shape`; x is axis 0, from 0 to 1.

        The decaying term is the derivative of exp(g x/2) sin pi x; its differences are expanded about the cell centre,
        where nothing cancels.
        """
        edges = _edges(mesh)
        center, half, g = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2, self.drift
        even = np.cosh(g * half / 2) * np.sin(math.pi * half) * np.cos(math.pi * center)
        odd = np.sinh(g * half / 2) * np.cos(math.pi * half) * np.sin(math.pi * center)
        decaying = self._decay * np.exp(g * center / 2) * (even + odd) / half
        return np.asarray(self.target_averages(mesh) + _spread(mesh, decaying))

    @property
    def mass(self) -> float:
        """(2 pi/g) sinh(g/2), per unit area of the further axes."""
        return 2 * math.pi / self.drift * math.sinh(self.drift / 2)

    @property
    def kl(self) -> float:
        """KL(rho | target) per unit area, by adaptive quadrature."""

        def integrand(x: np.ndarray) -> np.ndarray:
            # Round-off puts the ratio below zero at x = 1, t = 0.
            excess = np.maximum(self.excess(x), -1.0)
            return np.asarray(self.target(x) * (xlogy(1 + excess, 1 + excess) - excess))

        return _integral(integrand)

    @property
    def free_energy(self) -> float:
        """int rho log rho - g x rho per unit area: KL plus a constant, as the masses agree."""
        return self.kl + self.mass * (math.log(math.pi) - self.drift / 2)

    @property
    def first_moment(self) -> float:
        """int x rho per unit area, in closed form."""
        g = self.drift
        stationary = (math.pi * math.exp(g / 2) - self.mass) / g
        return stationary - self._decay * math.pi * (1 + math.exp(g / 2)) / (math.pi**2 + g**2 / 4)


def _edges(mesh: Cartesian) -> np.ndarray:
    edges = mesh.edges[0]
    if edges[0] != 0 or edges[-1] != 1:
        raise MudotError(f"drift-diffusion: expected x from 0 to 1, got {edges[0]:g} to {edges[-1]:g}")
    return edges


def _spread(mesh: Cartesian, values: np.ndarray) -> np.ndarray:
    """Values along x, constant along the other axes."""
    return np.broadcast_to(values.reshape(-1, *[1] * (mesh.dimension - 1)), mesh.shape).copy()


def _integral(function: Function) -> float:
    value, _ = quad(lambda x: float(function(np.asarray(x))), 0.0, 1.0, epsabs=0.0, epsrel=1e-13, limit=400)
    return float(value)

"""The problems of the benchmark, with references that share nothing with the solvers that are measured.

P1   Fokker-Planck, V = (x^2-1)^2 + y^2/2, separable       P1n  the same with + 0.4 x y, not separable
P2   the same in space, V = |x|^2/2                        P3   on a line, V = 2 (x^2-1)^2, 4096 cells, T = 10
P4   porous medium, exponent 2, Barenblatt                 P5   a right-hand side div(mu K(mu grad xi))

References of P1 to P3 are Legendre-Galerkin series for the density over sqrt(pi), whose equation is self-adjoint, with
the walls exact; P4 has its closed form, P5 a direct sum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.polynomial import Polynomial, legendre


@dataclass(frozen=True, eq=False)
class FokkerPlanckProblem:
    """rho' = div(grad rho + rho grad V), V(x) = sum of `wells` over the axes + coupling x y, on a cube with no flux.

    half: half the length of the cube's edges;   mean, spread: of the Gaussian at the start
    """

    wells: tuple[Polynomial, ...]
    coupling: float
    half: float
    mean: tuple[float, ...]
    spread: float
    stop: float

    @property
    def dimension(self) -> int:
        """1, 2 or 3."""
        return len(self.wells)

    def potential(self, *x: np.ndarray) -> np.ndarray:
        """V, of coordinates that broadcast."""
        total = sum(well(axis) for well, axis in zip(self.wells, x, strict=True))
        return np.asarray(total + self.coupling * x[0] * x[1] if self.coupling else total)

    def drift(self, axis: int, *x: np.ndarray) -> np.ndarray:
        """dV/dx_axis."""
        other = self.coupling * x[1 - axis] if self.coupling and axis < 2 else 0.0
        return np.asarray(self.wells[axis].deriv()(x[axis]) + other)

    def log_start(self, *x: np.ndarray) -> np.ndarray:
        """log of the density at the start, up to a constant."""
        return np.asarray(-sum((a - m) ** 2 for a, m in zip(x, self.mean, strict=True)) / (2 * self.spread**2))

    def edges(self, cells: int) -> np.ndarray:
        """Coordinates of the faces along every axis."""
        return np.linspace(-self.half, self.half, cells + 1)

    def start(self, cells: int) -> np.ndarray:
        """Cell averages at the start, of mass one, exact for the Gaussian cut to the cube."""
        from scipy.special import erf

        total = np.ones(())
        for mean in self.mean:
            line = np.diff(erf((self.edges(cells) - mean) / (self.spread * np.sqrt(2))))
            total = np.multiply.outer(total, line / line.sum() * cells / (2 * self.half))
        return total

    def reference(self, cells: int, kept: Path | None = None) -> np.ndarray:
        """Cell averages at the end. `kept` names a file for the series of a coupled problem, which takes seconds."""
        if self.coupling:
            return _on_cells(self, _series(_kept(self, kept), self.half), cells)
        total = np.ones(())
        for axis in range(self.dimension):
            line = FokkerPlanckProblem((self.wells[axis],), 0.0, self.half, (self.mean[axis],), self.spread, self.stop)
            total = np.multiply.outer(total, _on_cells(line, _line(line), cells))
        return total


_X = Polynomial([0.0, 1.0])
_WELL, _SQUARE = (_X**2 - 1) ** 2, _X**2 / 2
PROBLEMS = {
    "P1": FokkerPlanckProblem((_WELL, _SQUARE), 0.0, 3.0, (-0.6, 0.8), 0.3, 1.0),
    "P1n": FokkerPlanckProblem((_WELL, _SQUARE), 0.4, 3.0, (-0.6, 0.8), 0.3, 1.0),
    "P2": FokkerPlanckProblem((_SQUARE,) * 3, 0.0, 5.0, (1.0, 0.5, -0.5), 0.6, 1.0),
    "P3": FokkerPlanckProblem((2 * _WELL,), 0.0, 2.5, (-0.6,), 0.3, 10.0),
}


@dataclass(frozen=True)
class PorousMediumProblem:
    """rho' = Delta rho^2 on [-3, 3]^2 from Barenblatt's solution of mass one at t = 0.5 to t = 2."""

    half: float = 3.0
    first: float = 0.5
    last: float = 2.0

    def edges(self, cells: int) -> np.ndarray:
        """Coordinates of the faces along every axis."""
        return np.linspace(-self.half, self.half, cells + 1)

    def exact(self, cells: int, time: float) -> np.ndarray:
        """Cell averages by 6 x 6 Gauss points: rho = t^(-1/2) (C - |x|^2 / (16 t^(1/2)))_+ with C = (8 pi)^(-1/2)."""
        nodes, weights = np.polynomial.legendre.leggauss(6)
        edges = self.edges(cells)
        points = edges[:-1, None] + (1 + nodes) / 2 * np.diff(edges)[:, None]
        squares = points.reshape(-1) ** 2
        density = np.maximum((8 * np.pi) ** -0.5 - (squares[:, None] + squares) / (16 * time**0.5), 0) / time**0.5
        shaped = density.reshape(cells, 6, cells, 6)
        return np.asarray(np.einsum("iajb,a,b->ij", shaped, weights / 2, weights / 2))


POROUS = PorousMediumProblem()
_MODES = 96
_GAUSS = 128


@cache
def _basis(half: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Gauss points and weights on [-half, half]; orthonormal Legendre polynomials there and their derivatives, shape
    (points, modes)."""
    nodes, weights = legendre.leggauss(_GAUSS)
    scale = np.sqrt((2 * np.arange(_MODES) + 1) / (2 * half))
    values = legendre.legvander(nodes, _MODES - 1) * scale
    slopes = np.stack([legendre.legval(nodes, legendre.legder(row)) for row in np.eye(_MODES)], axis=1) * scale / half
    return half * nodes, half * weights, values, slopes


def _line(problem: FokkerPlanckProblem) -> Callable[[np.ndarray], np.ndarray]:
    """The density at the end over sqrt(pi), on a line."""
    x, w, values, slopes = _basis(problem.half)
    lowered = slopes + problem.drift(0, x)[:, None] / 2 * values
    rates, modes = np.linalg.eigh(lowered.T @ (w[:, None] * lowered))
    start = np.exp(problem.log_start(x) + problem.potential(x) / 2)
    coefficients = modes @ (np.exp(-problem.stop * rates) * (modes.T @ (values.T @ (w * start))))
    return lambda at: _values(at / problem.half, problem.half) @ coefficients


def _kept(problem: FokkerPlanckProblem, path: Path | None) -> np.ndarray:
    if path is not None and path.exists():
        return np.asarray(np.load(path))
    found = _coupled(problem)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, found)
    return found


def _series(coefficients: np.ndarray, half: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda at: _values(at / half, half) @ coefficients @ _values(at / half, half).T


@cache
def _coupled(problem: FokkerPlanckProblem) -> np.ndarray:
    """The coefficients of the same on a square, shape (modes, modes): exp(-T H) with H = B_x' B_x + B_y' B_y and
    B = grad + grad V / 2, by its Chebyshev series."""
    from scipy.special import ive

    x, w, values, slopes = _basis(problem.half)
    c, roots = problem.coupling, np.sqrt(w)[:, None]
    place = roots * x[:, None] * values
    plain = roots * values
    one, two = (roots * (slopes + well.deriv()(x)[:, None] / 2 * values) for well in problem.wells)

    def multiplied(y: np.ndarray) -> np.ndarray:
        # Both parts act on values at the Gauss points of both axes, where products with x and y are pointwise.
        first = one @ y @ plain.T + c / 2 * plain @ y @ place.T
        second = plain @ y @ two.T + c / 2 * place @ y @ plain.T
        result = one.T @ first @ plain + c / 2 * plain.T @ first @ place
        return np.asarray(result + plain.T @ second @ two + c / 2 * place.T @ second @ plain)

    grid = np.ix_(x, x)
    now = values.T @ ((w[:, None] * w) * np.exp(problem.log_start(*grid) + problem.potential(*grid) / 2)) @ values
    radius = _largest(multiplied, now)
    z = problem.stop * radius / 2
    weights = ive(np.arange(int(8 * np.sqrt(z)) + 60), z)
    weights[1:] *= 2
    weights = weights[: int(np.flatnonzero(weights > 1e-15)[-1]) + 1]
    before, total = now, weights[0] * now
    now = now - 2 / radius * multiplied(now)
    total = total + weights[1] * now
    for weight in weights[2:]:
        before, now = now, 2 * (now - 2 / radius * multiplied(now)) - before
        total = total + weight * now
    return np.asarray(total)


def _largest(multiplied: Callable[[np.ndarray], np.ndarray], start: np.ndarray) -> float:
    """A bound of the largest eigenvalue, by the power method."""
    vector = np.random.default_rng(0).normal(size=start.shape)
    for _ in range(60):
        image = multiplied(vector)
        size = float(np.linalg.norm(image))
        vector = image / size
    return 1.1 * size


def _values(at: np.ndarray, half: float) -> np.ndarray:
    """Orthonormal Legendre polynomials at points of [-1, 1], shape (points, modes)."""
    return np.asarray(legendre.legvander(at, _MODES - 1) * np.sqrt((2 * np.arange(_MODES) + 1) / (2 * half)))


def _on_cells(problem: FokkerPlanckProblem, series: Callable[[np.ndarray], np.ndarray], cells: int) -> np.ndarray:
    """Cell averages of the density, of mass one."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    edges = problem.edges(cells)
    points = (edges[:-1, None] + (1 + nodes) / 2 * np.diff(edges)[:, None]).reshape(-1)
    axes = np.ix_(*[points] * problem.dimension)
    density = series(points) * np.exp(-problem.potential(*axes) / 2)
    for axis in range(problem.dimension):
        shape = (*density.shape[:axis], cells, 3, *density.shape[axis + 1 :])
        density = np.tensordot(density.reshape(shape), weights / 2, axes=(axis + 1, 0))
    return np.asarray(density / (density.sum() * (2 * problem.half / cells) ** problem.dimension))

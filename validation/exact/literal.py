"""Flows on a line or ring written out once more: dense matrices, formulas of textbooks, SciPy's integrators.

A second opinion that shares nothing with the solvers but the finite-volume mesh: for identities between flows, each of
which must be one equation on the mesh already. Cubic in the number of cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg
from scipy.integrate import solve_ivp

from mudot.meshes.cartesian import Cartesian

Profile = Callable[[np.ndarray], np.ndarray]
"""A kernel as a function of the distance."""
Rate = Callable[[np.ndarray], np.ndarray]
_IMAGES = 30
_TOLERANCE = 1e-11


def gaussian(width: float) -> Profile:
    """exp(-r^2/(2 h^2))."""
    return lambda r: np.exp(-(r**2) / (2 * width**2))


def laplace(length: float) -> Profile:
    """exp(-r/h)."""
    return lambda r: np.exp(-r / length)


@dataclass(frozen=True, eq=False)
class Line:
    """Matrices of a uniform mesh with one axis; functions on cells have shape (cells,), on faces (faces,)."""

    mesh: Cartesian

    @property
    def points(self) -> np.ndarray:
        """Cell centres."""
        return np.asarray(self.mesh.centers[0])

    @property
    def h(self) -> float:
        """Cell width."""
        return float(self.mesh.volumes.flat[0])

    @cached_property
    def slope(self) -> np.ndarray:
        """Difference quotients, shape (faces, cells); -slope^T is the divergence."""
        count = self.points.size
        jump = (np.roll(np.eye(count), 1, axis=1) - np.eye(count)) / self.h
        return jump if self._length else jump[:-1]

    def kernel(self, profile: Profile) -> np.ndarray:
        """K between cells: sum_j k(x_i - x_j) f_j h, over all images on a ring."""
        return self._kernel(profile, self.points)

    def face_kernel(self, profile: Profile) -> np.ndarray:
        """K between faces."""
        faces = self.points + self.h / 2
        return self._kernel(profile, faces if self._length else faces[:-1])

    def moved(self, mobility: np.ndarray, force: np.ndarray) -> np.ndarray:
        """div(m grad xi)."""
        return np.asarray(-self.slope.T @ (mobility * (self.slope @ force)))

    def logarithmic(self, density: np.ndarray) -> np.ndarray:
        """Lambda(a, b) = sqrt(ab) sinh(u)/u, u = log(b/a)/2, of the cells beside each face."""
        a, b = self.sides(density)
        return _logarithmic(a, b)

    def fitted(self, target: np.ndarray) -> np.ndarray:
        """1/Lambda(1/a, 1/b): the mean of Scharfetter and Gummel."""
        a, b = self.sides(target)
        return np.asarray(1 / _logarithmic(1 / a, 1 / b))

    def diffusive(self, density: np.ndarray, target: np.ndarray) -> np.ndarray:
        """The mobility of Wasserstein flows of KL: the fitted mean of pi times the logarithmic one of mu/pi."""
        return np.asarray(self.fitted(target) * self.logarithmic(density / target))

    def sides(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The values left and right of every face."""
        return (f, np.roll(f, -1)) if self._length else (f[:-1], f[1:])

    @property
    def _length(self) -> float:
        """Of the ring; 0 for a line with walls."""
        ring = self.mesh.boundary[0] == "periodic"
        return float(self.mesh.edges[0][-1] - self.mesh.edges[0][0]) if ring else 0.0

    def _kernel(self, profile: Profile, points: np.ndarray) -> np.ndarray:
        gap = np.subtract.outer(points, points)
        shifts = self._length * np.arange(-_IMAGES, _IMAGES + 1) if self._length else np.zeros(1)
        return np.asarray(sum(profile(np.abs(gap + shift)) for shift in shifts) * self.h)


def _logarithmic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    u = np.log(b / a) / 2
    safe = np.where(u == 0, 1.0, u)
    return np.asarray(np.sqrt(a * b) * np.where(u == 0, 1.0, np.sinh(safe) / safe))


def followed(rate: Rate, start: np.ndarray, times: Sequence[float]) -> np.ndarray:
    """The solution of mu' = rate(mu) at the times, which begin with 0; shape (times, cells). Stiff or not."""

    def right(_: float, state: np.ndarray) -> np.ndarray:
        return rate(state)

    span, outputs = (0.0, float(times[-1])), np.array(times)
    found = solve_ivp(right, span, start, "LSODA", t_eval=outputs, rtol=_TOLERANCE, atol=1e-3 * _TOLERANCE)
    densities = np.asarray(found.y.T)
    # A density that becomes negative makes logarithms NaN, which the integrator goes on with.
    if not (found.success and densities.shape[0] == outputs.size and np.all(np.isfinite(densities))):
        raise RuntimeError(f"integration of a flow written out: {found.message}")
    return densities


def exponentials(matrix: np.ndarray, start: np.ndarray, times: Sequence[float]) -> np.ndarray:
    """exp(t A) mu_0 at the times; shape (times, cells)."""
    return np.array([scipy.linalg.expm(t * matrix) @ start for t in times])


def as_matrix(apply: Callable[[np.ndarray], np.ndarray], size: int) -> np.ndarray:
    """The matrix of a linear map."""
    return np.stack([apply(row) for row in np.eye(size)], axis=1)

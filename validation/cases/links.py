"""What the page of the hidden link compares: densities of one equation by different paths, and one table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import Geometry
from mudot.solvers.methods.protocol import Method
from mudot.validation.outcome import Check, Outcome, Table

RTOL = 1e-8
"""Relative tolerance of the runs, and of their L1 distances over the way travelled: the accuracy of the solver."""
WRITTEN = "the equation written out"
"""Dense matrices and SciPy: the other path of every identity."""


@dataclass(frozen=True)
class Link:
    """Two paths to one flow.

    number: of the identity, I1 to I11;   apart: largest L1 distance over the way travelled
    """

    number: str
    equation: str
    first: str
    second: str
    apart: float
    tolerance: float

    @property
    def check(self) -> Check:
        """The verdict."""
        return Check(f"{self.number}: {self.first} = {self.second}", self.apart, self.tolerance)


def on_line(cells: int) -> tuple[Cartesian, np.ndarray, np.ndarray]:
    """A line with walls, start and target of mass one."""
    mesh = Cartesian(cells, -2.5, 2.5)
    (x,) = mesh.centers
    mu, pi = np.exp(-((x + 0.5) ** 2) / 0.8) + 0.01, np.exp(-((x - 0.4) ** 2)) + 0.02
    return mesh, mu / integrate(mesh, mu), pi / integrate(mesh, pi)


def on_ring(cells: int) -> tuple[Cartesian, np.ndarray, np.ndarray]:
    """A ring of length one, start and target of mass one."""
    mesh = Cartesian(cells, 0.0, 1.0, "periodic")
    x = 2 * np.pi * mesh.centers[0]
    return mesh, 1 + 0.5 * np.sin(x), 1 + 0.4 * np.cos(x + 0.3)


def run(
    mesh: Cartesian, energy: Energy, geometry: Geometry, start: np.ndarray, times: Sequence[float], rtol: float = RTOL
) -> np.ndarray:
    """The densities of a flow at the times, which begin with 0, by the method that mudot chooses for it."""
    return traced(GradientFlow(mesh, energy, geometry).method, start, times, rtol)


def traced(method: Method, start: np.ndarray, times: Sequence[float], rtol: float = RTOL) -> np.ndarray:
    """The same by a given method; shape (times, cells)."""
    steps = method.trace(start, times[1:], times[1], rtol)
    return np.array([start, *(step.density for step in steps)])


def links(
    mesh: Cartesian, number: str, equation: str, paths: dict[str, np.ndarray], tolerance: float = RTOL
) -> list[Link]:
    """The first path against every other one."""
    (first, one), *others = paths.items()
    way = max(norm(mesh, density - one[0]) for density in one)
    found = []
    for second, two in others:
        gaps = [norm(mesh, a - b) for a, b in zip(one, two, strict=True)]
        found.append(Link(number, equation, first, second, float(np.max(gaps)) / way, tolerance))
    return found


def page(found: Sequence[Link]) -> Outcome:
    """The table, and a check for every line of it."""
    columns = ("", "equation", "first path", "second path", "distance / way", "tolerance", "verdict")
    rows = tuple(
        (k.number, k.equation, k.first, k.second, k.apart, k.tolerance, "equal" if k.check.passed else "DIFFERENT")
        for k in found
    )
    return Outcome([k.check for k in found], [Table("I1 to I11: one equation, two paths", columns, rows)])

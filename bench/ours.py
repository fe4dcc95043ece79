"""mudot on the problems of the benchmark. Every function sets up all it needs: that is part of the time."""

from __future__ import annotations

import numpy as np

from bench.problems import POROUS, FokkerPlanckProblem
from mudot.meshes import Cartesian, log_average
from mudot.solvers.methods.semigroup import FokkerPlanck


def mesh_of(problem: FokkerPlanckProblem, cells: int) -> Cartesian:
    d = problem.dimension
    return Cartesian((cells,) * d, (-problem.half,) * d, (problem.half,) * d)


def exponential(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """The semigroup by the way of choice, positive and without error in time."""
    mesh = mesh_of(problem, cells)
    method = FokkerPlanck(mesh, log_target_of(problem, mesh), separable=not problem.coupling)
    return np.asarray(method.advance(problem.start(cells), problem.stop, 1.0, 1e-6).density)


def set_up(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """What every way of the above does first: the start, the averages of pi, and the rates."""
    mesh = mesh_of(problem, cells)
    method = FokkerPlanck(mesh, log_target_of(problem, mesh), separable=not problem.coupling)
    given = method.rates.losses if problem.coupling else method._lines[0].right
    return np.asarray(problem.start(cells)) + 0 * float(given[0])


def log_target_of(problem: FokkerPlanckProblem, mesh: Cartesian) -> np.ndarray:
    """Log of the averages of pi, axis by axis where V is a sum over the axes; by 3 Gauss points, of order six."""
    if problem.coupling:
        return log_average(mesh, lambda *x: -problem.potential(*x), points=3)
    total = np.zeros(mesh.shape)
    for axis, well in enumerate(problem.wells):
        line = Cartesian.graded([mesh.edges[axis]])
        total += log_average(line, lambda x, well=well: -well(x), points=3).reshape(
            (-1,) + (1,) * (mesh.dimension - axis - 1)
        )
    return total


def extrapolated(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """Of fourth order in space, on a mesh of `cells` from this one and its refinement; not positive in the tails."""
    coarse, fine = exponential(problem, cells), exponential(problem, 2 * cells)
    for axis in range(problem.dimension):
        fine = (np.take(fine, range(0, 2 * cells, 2), axis) + np.take(fine, range(1, 2 * cells, 2), axis)) / 2
    return np.asarray((4 * fine - coarse) / 3)


def porous(start: np.ndarray) -> np.ndarray:
    """Super-time-stepping at its own choice of steps, at a tolerance that adds a tenth to the mesh's error at most."""
    from mudot.solvers.methods.porous_medium import PorousMedium
    from mudot.solvers.methods.super_time_stepping import SuperTimeStepping

    mesh = Cartesian(start.shape, (-POROUS.half,) * 2, (POROUS.half,) * 2)
    method = SuperTimeStepping(PorousMedium(mesh, 2.0))
    return np.asarray(method.march(start, POROUS.last - POROUS.first, 5e-3)[0])


def stein(cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Density, field and div(mu K(mu grad xi)) for a Gaussian kernel of width 0.3 on [-3, 3]^2."""
    from mudot.solvers.geometries import Stein
    from mudot.solvers.kernels.functions import GaussianKernel

    mesh = Cartesian((cells, cells), (-3.0, -3.0), (3.0, 3.0))
    x, y = mesh.coordinates
    density, field = np.exp(-((x - 0.5) ** 2) - y**2), x**2 - x * y
    onsager = Stein(GaussianKernel(0.3)).onsager(mesh, density)
    return density, field, -onsager.apply(field)

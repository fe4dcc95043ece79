"""The constants of `mudot.solvers.methods.costs` on this machine: `python -m bench.constants`.

Nanoseconds of processor time, the least of several runs on one thread; compare ratios.
"""

from __future__ import annotations

import numpy as np

from bench.__main__ import machine
from bench.measure import timed
from bench.ours import mesh_of
from bench.problems import PROBLEMS
from mudot.meshes import Cartesian, log_average
from mudot.solvers.fluxes import generator, scharfetter_gummel
from mudot.solvers.methods import costs, eliminations, rational, tensor, uniformization
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.series import Stepped, series


def terms(sums: int, cells: int = 256, count: int = 96) -> float:
    """One term of a recurrence, gathered into so many sums; per cell."""
    mesh = mesh_of(PROBLEMS["P1n"], cells)
    rates = FokkerPlanck(mesh, log_average(mesh, lambda *x: -PROBLEMS["P1n"].potential(*x))).rates
    table, start = np.full((sums, count + 1), 1e-3), np.ones(mesh.size)
    series(rates, rates.radius / 2, start, table, True).extend(1)  # imports and compiles
    _, best, _ = timed(lambda: series(rates, rates.radius / 2, start, table, True).extend(count), 0.4)
    return 1e9 * best / count / mesh.size


def call(count: int = 400) -> float:
    """One product of a matrix of very few cells."""
    mesh = Cartesian(8, 0.0, 1.0)
    rates = FokkerPlanck(mesh, np.zeros(8)).rates
    table = np.full((1, count + 1), 1e-3)
    _, best, _ = timed(lambda: Stepped(rates, rates.exit_rate, np.ones(8), table, False).extend(count), 0.2)
    return 1e9 * best / count


def flop(size: int = 256) -> float:
    """One operation of the products that make a dense exponential, with all that is done to it besides."""
    line = Cartesian(size, -3.0, 3.0)
    matrix = generator(line, scharfetter_gummel(line, -(line.centers[0] ** 2) / 2))
    rate_time = float(-matrix.diagonal().min())
    _, best, _ = timed(lambda: tensor.exponential(matrix, line.widths[0], 1.0), 0.4)
    return 1e9 * best / (2 * size**3 * tensor.squarings(rate_time))


def pole(cells: int = 1024, loaded: bool = True) -> float:
    """One shift of a resolvent along a line; per cell."""
    mesh = mesh_of(PROBLEMS["P3"], cells)
    method = FokkerPlanck(mesh, log_average(mesh, lambda x: -PROBLEMS["P3"].potential(x)))
    density = PROBLEMS["P3"].start(cells)[:, None]
    line = method._lines[0]
    rational.enclosed(line, density, 1.0, loaded)  # imports, compiles and factors
    _, best, _ = timed(lambda: rational.enclosed(line, density, 1.0, loaded), 0.2)
    columns = 2 * rational.STEPS - 1 if loaded else 2 * rational.STEPS
    return 1e9 * best / columns / rational.SHIFTS / cells


def elimination(cells: int = 1024) -> float:
    """The factors of all shifts by LAPACK's twin of the compiled loops; per cell."""
    line = FokkerPlanck(mesh_of(PROBLEMS["P3"], cells), np.zeros(cells))._lines[0]
    shifts, pivots = np.ones((2, rational.SHIFTS)), np.empty((2, cells, rational.SHIFTS))
    _, best, _ = timed(lambda: eliminations.factor(line.right, line.left, shifts, pivots), 0.2)
    return 1e9 * best / cells


def measured() -> dict[str, tuple[float, float]]:
    """Every constant as it is in the code and as it is here."""
    one, ten = terms(1), terms(10)
    gather = (ten - one) / 9
    here = {"TERM": one - gather, "GATHER": gather, "CALL": call(), "FLOP": flop(), "POLE": pole()}
    here |= {"ELIMINATION": elimination(), "SWEEP": pole(loaded=False)}
    return {name: (getattr(costs, name), value) for name, value in here.items()}


if __name__ == "__main__":
    about = machine()
    print(f"{about['processors']} x {about['processor']}, load {about['load']:.1f}, blocks of {uniformization.BLOCK:g}")
    for name, (kept, here) in measured().items():
        print(f"{name:11} in the code {kept:9.3g}   here {here:9.3g}")

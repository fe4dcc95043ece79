"""One measurement in a process of its own, as JSON: `python -m bench.measure PROBLEM SOLVER CELLS SECONDS REFERENCE`.

Processor time of this process and its children, set-up counted, imports and compilation not: a tiny problem goes
before (py-pde compiles for every grid and is measured without its set-up). The least of several runs, as many as fit
into so many seconds, and the least time by the clock; REFERENCE is a file to keep what is costly.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench import ours, peers
from bench.limits import SET_UP
from bench.problems import POROUS, PROBLEMS

LINEAR: dict[str, Callable[..., np.ndarray]] = {
    "mudot": ours.exponential,
    "mudot, extrapolated": ours.extrapolated,
    SET_UP: ours.set_up,
    "CN + splu": peers.crank_nicolson,
    "expm_multiply": peers.krylov,
    "solve_ivp BDF": peers.bdf,
    "solve_ivp RK45": peers.runge_kutta,
    "FiPy": peers.fipy,
    "FiPy, 200 steps": peers.fipy_finely,
    "fplanck": peers.fplanck,
}
POROUS_MEDIUM: dict[str, Callable[..., np.ndarray]] = {
    "mudot": ours.porous,
    "solve_ivp BDF": peers.porous_bdf,
}


def measured(problem: str, solver: str, cells: int, seconds: float, kept: Path | None = None) -> dict[str, Any]:
    """What a solver needs and misses. `error` is relative, in L1; for P5 against a direct sum."""
    if problem == "P5":
        return _right_hand_side(solver, cells, seconds)
    case = PROBLEMS.get(problem)
    reference = POROUS.exact(cells, POROUS.last) if case is None else case.reference(cells, kept)
    if case is None:
        start = POROUS.exact(cells, POROUS.first)
        run = peers.py_pde_porous(start) if solver == "py-pde" else partial(POROUS_MEDIUM[solver], start)
        if solver != "py-pde":
            POROUS_MEDIUM[solver](POROUS.exact(16, POROUS.first))
    elif solver == "py-pde":
        run = peers.py_pde(case, cells)
    else:
        run = partial(LINEAR[solver], case, cells)
        LINEAR[solver](case, 16)
    if solver.startswith("mudot"):
        _compiled()
    arrays = _arrays(run) if solver.startswith("mudot") else None  # loads what only this size needs, too
    found, best, clock = timed(run, seconds)
    return {
        "seconds": best,
        "clock": clock,
        "error": None if solver == SET_UP else float(np.abs(found - reference).sum() / np.abs(reference).sum()),
        "minimum": float(found.min()),
        "mass": float(found.sum() / reference.sum() - 1),
        "peak": _peak(),
        "arrays": arrays,
    }


def _arrays(run: Callable[[], np.ndarray]) -> float:
    """Arrays of the mesh's size that NumPy holds at once in a run, its set-up and result counted."""
    run()  # what is loaded and compiled is no array
    tracemalloc.start()
    try:
        size = run().size
        return tracemalloc.get_traced_memory()[1] / (8 * size)
    finally:
        tracemalloc.stop()


def _peak() -> int:
    """The most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _compiled() -> None:
    """Load the compiled loops, which small problems do without."""
    from mudot.meshes import Cartesian
    from mudot.solvers.methods.semigroup import FokkerPlanck

    mesh = Cartesian((160, 160), (0.0, 0.0), (1.0, 1.0))
    x, y = mesh.coordinates
    line = Cartesian(600, 0.0, 1.0)
    lines = Cartesian((600, 20), (0.0, 0.0), (1.0, 1.0))
    for space, log_target in (
        (mesh, x * y),
        (line, line.centers[0]),
        (lines, lines.coordinates[0] + 0 * lines.coordinates[1]),
    ):
        FokkerPlanck(space, log_target).advance(np.ones(space.shape) + space.coordinates[0], 1e-2, 1e-2, 1e-6)


def timed(run: Callable[[], Any], seconds: float) -> tuple[Any, float, float]:
    """The result, the least processor time and the least time by the clock."""
    stop, best, clock = time.monotonic() + seconds, float("inf"), float("inf")
    while True:
        start, began = _clock(), time.perf_counter()
        found = run()
        best, clock = min(best, _clock() - start), min(clock, time.perf_counter() - began)
        if time.monotonic() > stop:
            return found, best, clock


def _clock() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def _right_hand_side(solver: str, cells: int, seconds: float) -> dict[str, Any]:
    """P5: all of a right-hand side, its two rounds of matrix products alone, and a dense sum."""
    density, field, found = ours.stein(cells)
    mesh_line = np.linspace(-3, 3, cells + 1)
    centers = (mesh_line[1:] + mesh_line[:-1]) / 2
    factor = np.exp(-((centers[:, None] - centers) ** 2) / (2 * 0.09))
    if solver == "mudot":
        from mudot.meshes import Cartesian
        from mudot.meshes.memory import keep_freed
        from mudot.solvers.geometries import Stein
        from mudot.solvers.kernels.functions import GaussianKernel

        keep_freed()  # as every run does
        mesh, geometry = Cartesian((cells, cells), (-3.0, -3.0), (3.0, 3.0)), Stein(GaussianKernel(0.3))
        _, best, clock = timed(lambda: geometry.onsager(mesh, density).apply(field), seconds)
    elif solver == "matrix products alone":
        _, best, clock = timed(lambda: [factor @ density @ factor for _ in range(2)], seconds)
    else:
        matrix = np.kron(factor, factor)
        _, best, clock = timed(lambda: [matrix @ density.ravel() for _ in range(2)], seconds)
    return {
        **{"seconds": best, "clock": clock, "error": None, "minimum": float(found.min()), "mass": 0.0},
        **{"peak": _peak(), "arrays": None},
    }


def triad(cells: int) -> float:
    """Bytes a second of a = b + s c on arrays of so many numbers, compiled, on one thread: 32 bytes each, as the memory
    sees it (b and c read, a read before it is written)."""
    import numba  # type: ignore[import-untyped, unused-ignore]

    @numba.njit(fastmath=False)  # type: ignore[untyped-decorator, unused-ignore]
    def run(a: np.ndarray, b: np.ndarray, c: np.ndarray, repeat: int) -> None:
        for k in range(repeat):
            s = 1.0 + k
            for i in range(a.size):
                a[i] = b[i] + s * c[i]

    a, b, c = (np.ones(cells) for _ in range(3))
    repeat = max(1, 10**8 // cells)
    run(a, b, c, 1)
    _, best, _ = timed(lambda: run(a, b, c, repeat), 0.5)
    return 32.0 * cells * repeat / best


def sweep(cells: int) -> float:
    """Seconds of one term of the recurrence on cells x cells, with the sum it goes into."""
    from mudot.meshes import Cartesian
    from mudot.solvers.methods.semigroup import FokkerPlanck
    from mudot.solvers.methods.series import series

    mesh = Cartesian((cells, cells), (0.0, 0.0), (1.0, 1.0))
    x, y = mesh.coordinates
    rates = FokkerPlanck(mesh, x * y).rates
    terms = max(8, 10**8 // mesh.size // 8 * 8)
    table, start = np.full((1, terms + 1), 1e-3), np.ones(mesh.size)
    series(rates, rates.radius / 2, start, table, True).extend(8)  # imports and compiles
    _, best, _ = timed(lambda: series(rates, rates.radius / 2, start, table, True).extend(terms), 0.5)
    return best / terms


def hot(cells: int = 1024) -> float:
    """Seconds of one term per cell where all that it reads and writes stays in the first-level cache: what the loop
    itself needs, whatever the memory gives."""
    import numba

    from mudot.solvers.compiled.diagonals import _add, _five

    @numba.njit(error_model="numpy")  # type: ignore[untyped-decorator, unused-ignore]
    def run(repeat: int, out: np.ndarray, rates: np.ndarray, source: np.ndarray, total: np.ndarray) -> None:
        n, zero = np.uint64(out.size), np.uint64(0)
        near = np.uint64(63), np.uint64(65), zero, np.uint64(128)
        far = zero, n, n + n, n + n + n
        ends = zero, np.uint64(64), zero, zero
        losses, old, flat = rates[4], rates[5], rates.reshape(-1)
        for _ in range(repeat):
            _five(out, source, old, flat, losses, ends, near, far, n, 1.0, 1e-3, 1.0)
            _add(total, zero, 1e-3, out, zero, n)

    given = np.ones(cells), np.ones((6, cells)), np.ones(cells + 128), np.ones(cells)
    repeat = 10**7 // cells
    run(1, *given)
    _, best, _ = timed(lambda: run(repeat, *given), 0.5)
    return best / repeat / cells


if __name__ == "__main__":
    name, what, number, least, reference = sys.argv[1:]
    if name == "triad":
        answer: dict[str, Any] = {"bandwidth": triad(int(number) ** 2), "sweep": sweep(int(number)), "hot": hot()}
    else:
        answer = measured(name, what, int(number), float(least), Path(reference))
    print(json.dumps(answer | {"load": os.getloadavg()[0]}))

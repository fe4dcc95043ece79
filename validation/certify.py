"""Certified references: the flow of a problem file on nested meshes until the estimated error is small enough.

Meshes have n, 2n, 4n, ... cells per axis. From the third on `estimates` tells how far densities, energy and moments are
from their limits, as they are and extrapolated (Richardson); the better of the two counts. The error of the time
integration is the distance to a run with a twentieth of the tolerance and further outputs half-way, on the second mesh.
All is multiplied by 1.5.

Refinement cannot see that the box may be too small. For problems meant on the whole space `box` adds the distance, on
the second mesh, to the solution on a box a quarter wider (the same cells and more around them), and twice what mass
that one has outside; the bars of energy and moments grow by what changes in them. No-flux axes are widened, periodic
ones are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from time import monotonic as now

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import norm, prolong, restrict
from mudot.meshes.errors import MudotError
from mudot.solvers.flows import Solution, solve
from mudot.solvers.inputs import Inputs
from mudot.solvers.problem import build
from mudot.solvers.resources import in_bytes, needs
from mudot.validation.compare.distances import deviation
from mudot.validation.estimates import (
    FEWEST,
    FLOOR,
    after_extrapolation,
    distances,
    extrapolated,
    number,
    remainder,
    shared,
)
from mudot.validation.numbers import numbers_of

MARGIN = 1.5


@dataclass(frozen=True, eq=False)
class Certified:
    """A solution with error bars. Arrays over outputs have shape (outputs,); errors are infinite where three meshes did
    not fit into the time and memory given.

    solution:      on the finest mesh;   target: its cell averages there
    error:         estimated relative L1 error of its density
    better:        the density extrapolated where that is to be believed, else as it is; positive where that is, of the
                   same mass; shape (outputs, *mesh.shape)
    better_error:  estimated relative L1 error of that
    where:         an error density of `better`, whose integral is its error times the mass; of the same shape
    in_time:       the share of the error that the time integration makes
    in_box:        the share that cutting the box makes, zero where it was not asked for
    order:         observed order in space between the last two differences, NaN where there is none
    values, bars:  by name (energy, mmd, mean x, variance x, ...), extrapolated values and their bars
    bandwidth:     of the Gaussian kernel of mmd, the distance to the target
    cells:         of the finest mesh;   reached: whether every error is below the tolerance;   message: one sentence
    """

    solution: Solution
    target: np.ndarray
    error: np.ndarray
    better: np.ndarray
    better_error: np.ndarray
    where: np.ndarray
    in_time: np.ndarray
    in_box: np.ndarray
    order: np.ndarray
    values: dict[str, np.ndarray]
    bars: dict[str, np.ndarray]
    bandwidth: float
    cells: tuple[int, ...]
    reached: bool
    message: str


class _OutOfTime(Exception):
    """A run took longer than was foreseen."""


@dataclass(frozen=True)
class _Limits:
    """When to stop, and the bytes that a run may take; None: what is available."""

    begin: float
    seconds: float
    memory: float | None

    def watch(self, _: float) -> None:
        """Called after every panel of a run."""
        if now() - self.begin > self.seconds:
            raise _OutOfTime


@dataclass(frozen=True, eq=False)
class _Run:
    """A solution, and cell averages of the target on its mesh."""

    solution: Solution
    target: np.ndarray

    mesh = property(lambda self: self.solution.flow.mesh)
    density = property(lambda self: self.solution.density)


@dataclass(eq=False)
class _Ladder:
    """What is known so far: runs, coarsest first, the seconds they took, and errors that the mesh does not make, of the
    density and by name of the numbers. Until they are measured they are infinite."""

    runs: list[_Run]
    lengths: list[float]
    in_time: np.ndarray
    in_box: np.ndarray
    bandwidth: float
    shaken: dict[str, np.ndarray]
    cut: dict[str, np.ndarray]

    def numbers(self, run: _Run) -> dict[str, np.ndarray]:
        """Energy, distance to the target and moments of a run."""
        return numbers_of(run.mesh, run.density, run.solution.energy, run.target, self.bandwidth)


def certify(
    inputs: Inputs,
    rtol: float,
    seconds: float = 600.0,
    memory: float | None = None,
    box: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> Certified:
    """Refine until the estimated error of the density is below `rtol` at every output.

    inputs:  a checked problem file; its cells are the coarsest mesh
    seconds: a mesh that is predicted to end later than this is not begun, and one that does is given up
    memory:  bytes that a run may take; what is available by default
    box:     whether the problem is meant on the whole space, so that cutting the box is an error
    Raises MudotError for a tolerance that is none, for targets or starts given as arrays, which cannot be refined, and
    where not even the coarsest mesh can be solved within these limits.
    """
    _check(inputs, rtol, seconds, memory)
    limits = _Limits(now(), seconds, memory)
    outputs = len(inputs.time.times())
    unknown = np.full(outputs, np.inf)
    ladder = _Ladder([], [], unknown, unknown if box else np.zeros(outputs), 0.0, {}, {})
    while True:
        stop = _climb(ladder, inputs, rtol, limits, box)
        if not ladder.runs:
            raise MudotError(f"{inputs.path}: not even the coarsest mesh: {stop}")
        if len(ladder.runs) < FEWEST and not stop:
            continue
        found = _judged(ladder, rtol, stop)
        size = "x".join(map(str, found.cells))
        say(f"{size} cells: error {float(found.better_error.max()):.2e}, order {_typical(found.order)}")
        # No mesh helps where the box is too small.
        if found.reached or stop or MARGIN * float(found.in_box.max()) > rtol:
            return found


def _check(inputs: Inputs, rtol: float, seconds: float, memory: float | None) -> None:
    if not 0 < rtol < 1:
        raise MudotError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    if not seconds > 0 or (memory is not None and not memory > 0):
        name, value = ("--memory", memory) if seconds > 0 else ("--time", seconds)
        raise MudotError(f"{name}: expected a positive number, got {value}")
    for name, table in (("target", inputs.target), ("initial", inputs.initial)):
        if table.data is not None:
            raise MudotError(f"{inputs.path}: [{name}] data: an array cannot be refined; give a formula or a mixture")


def _climb(ladder: _Ladder, inputs: Inputs, rtol: float, limits: _Limits, box: bool) -> str:
    """Add the next mesh; why it cannot be added, empty where it was."""
    level, inner = len(ladder.runs), min(inputs.time.rtol, rtol / 20)
    finer = refined(inputs, level, inner)
    stop = _obstacle(finer, ladder.lengths, limits)
    if stop:
        return stop
    size = "x".join(map(str, finer.mesh.cells))
    try:
        start = now()
        ladder.runs.append(_run(finer, limits))
        ladder.lengths.append(now() - start)
        if level == 0:
            ladder.bandwidth = float(f"{deviation(ladder.runs[0].mesh, ladder.runs[0].target) / 2:.2g}")
        if level == 1:
            _measure(ladder, inputs, inner, limits, box)
    except _OutOfTime:
        return f"{size} cells did not end within {limits.seconds:g} s"
    except MudotError as reason:
        if level == 0:
            raise MudotError(f"{inputs.path}: on {size} cells: {reason}") from None
        return f"on {size} cells: {reason}"
    return ""


def _measure(ladder: _Ladder, inputs: Inputs, inner: float, limits: _Limits, box: bool) -> None:
    """Errors in time and of the box, on the second mesh."""
    run, mesh = ladder.runs[1], ladder.runs[1].mesh
    if box:
        wide = _run(_widened(refined(inputs, 1, inner)), limits)
        pads = [(m - n) // 2 for m, n in zip(wide.mesh.shape, mesh.shape, strict=True)]
        window = tuple(slice(pad, pad + n) for pad, n in zip(pads, mesh.shape, strict=True))
        ladder.in_box = _cut(run.solution, wide.solution, window)
        ladder.cut = _shifts(ladder, run, wide)
    fine = _run(refined(inputs, 1, inner / 20), limits, True)
    ladder.in_time, ladder.shaken = distances(mesh, run.density, fine.density, mesh), _shifts(ladder, run, fine)


def refined(inputs: Inputs, level: int, rtol: float) -> Inputs:
    """The same problem on a mesh of 2^level times the cells per axis, with another tolerance in time."""
    mesh = inputs.mesh.model_copy(update={"cells": [n * 2**level for n in inputs.mesh.cells]})
    return replace(inputs, mesh=mesh, time=inputs.time.model_copy(update={"rtol": rtol}))


def _widened(inputs: Inputs) -> Inputs:
    """The same cells with an eighth more on either side of every axis that is not periodic."""
    table, mesh = inputs.mesh, inputs.mesh.build()
    pads = [0 if side == "periodic" else -(-n // 8) for n, side in zip(mesh.shape, mesh.boundary, strict=True)]
    lower, upper = np.asarray(mesh.lower, dtype=float), np.asarray(mesh.upper, dtype=float)
    margin = pads * (upper - lower) / mesh.shape
    update = {
        "cells": [n + 2 * pad for n, pad in zip(mesh.shape, pads, strict=True)],
        "lower": (lower - margin).tolist(),
        "upper": (upper + margin).tolist(),
    }
    return replace(inputs, mesh=table.model_copy(update=update))


def _cut(inner: Solution, wide: Solution, window: tuple[slice, ...]) -> np.ndarray:
    """Relative L1 distance at every output to the solution on a wider box, and the mass which that has outside."""
    mesh, inside = inner.flow.mesh, [density[window] for density in wide.density]
    within = np.array([norm(mesh, density) for density in inside])
    apart = np.array([norm(mesh, a - b) for a, b in zip(inner.density, inside, strict=True)])
    return np.asarray((apart + 2 * (wide.mass - within).clip(0)) / wide.mass)


def _shifts(ladder: _Ladder, one: _Run, two: _Run) -> dict[str, np.ndarray]:
    """What another box or tolerance changes of the numbers: their errors by the mesh cancel, the cells are the same."""
    a, b = (ladder.numbers(run) for run in (one, two))
    return {name: np.abs(a[name] - b[name]) for name in a}


def _run(inputs: Inputs, limits: _Limits, halved: bool = False) -> _Run:
    """Solve; `halved`: with further outputs half-way, so that no step is what it was, however loose the tolerance."""
    problem = build(inputs)
    times = problem.times
    if halved:
        middles = [(a + b) / 2 for a, b in pairwise((0.0, *times)) if a < b]
        times = tuple(sorted({*times, *middles}))
    solution = solve(problem.flow(), problem.start, times, problem.rtol, observer=limits.watch)
    solution = replace(solution, frames=tuple(f for f in solution.frames if f.time in problem.times))
    if solution.status != "complete":
        raise MudotError(solution.message)
    return _Run(solution, problem.target)


def _obstacle(inputs: Inputs, lengths: list[float], limits: _Limits) -> str:
    """Why the next mesh is out of reach, empty where it is not."""
    cells, outputs = tuple(inputs.mesh.cells), len(inputs.time.times())
    kernel = inputs.energy.uses_kernel or inputs.geometry.uses_kernel
    demand = needs(cells, inputs.geometry.works_on_faces, kernel, 0.0, inputs.path.parent, numpy_library())
    # Densities of all meshes, extrapolated ones and error densities are kept.
    size = (
        demand.memory + 8.0 * 4 * outputs * float(np.prod(cells)) + inputs.energy.extra_bytes(cells, inputs.path.parent)
    )
    room = demand.memory_available if limits.memory is None else limits.memory
    if size > room:
        return f"the next mesh, {'x'.join(map(str, cells))}, needs {in_bytes(size)} of {in_bytes(room)}"
    if not lengths:
        return ""
    growth = 2.0 ** len(cells)
    if len(lengths) > 1:
        growth = max(lengths[-1] / max(lengths[-2], 1e-2), growth)
    expected = now() - limits.begin + lengths[-1] * growth
    return (
        f"the next mesh would end after {expected:.3g} s of {limits.seconds:g} s" if expected > limits.seconds else ""
    )


def _judged(ladder: _Ladder, rtol: float, stop: str) -> Certified:
    runs, in_time, in_box = ladder.runs[-4:], ladder.in_time, ladder.in_box
    last, mesh = runs[-1].solution, runs[-1].mesh
    table = [ladder.numbers(run) for run in runs]
    values, bars = dict(table[-1]), {name: np.full_like(in_time, np.inf) for name in table[-1]}
    error = better_error = order = np.full_like(in_time, np.inf)
    better = where = last.density
    if len(runs) >= FEWEST and np.all(np.isfinite(in_time)):
        gaps = [distances(a.mesh, a.density, b.density, b.mesh) for a, b in pairwise(runs)]
        rest, (richer, gain, believed) = remainder(gaps, in_time), _richardson(runs, in_time)
        order, use = rest.order, believed & rest.smooth & (gain < rest.error)
        rough = np.isfinite(order) & ~rest.smooth
        error = MARGIN * (rest.error + in_time + in_box) + FLOOR
        better_error = np.where(use, MARGIN * (gain + 5 / 3 * in_time + in_box) + FLOOR, error)
        better = np.array([richer[n] if use[n] else last.density[n] for n in range(use.size)])
        where = np.array(
            [shared(mesh, s, d, float(e)) for s, d, e in zip(_places(runs), better, better_error, strict=True)]
        )
        for name in table[0]:
            found = number([entry[name] for entry in table], ladder.shaken[name], rough, MARGIN)
            values[name], bars[name] = found.value, found.bar + MARGIN * ladder.cut.get(name, 0.0)
    reached = bool(np.all(better_error <= rtol))
    if not stop and MARGIN * float(in_box.max()) > rtol:
        stop = "the box is too small; widen it"
    size = "x".join(map(str, mesh.shape))
    message = f"error below {rtol:g} on {size} cells" if reached else f"not reached: {stop}"
    if not np.all(np.isfinite(error)):
        message += f"; {len(ladder.runs)} of the {FEWEST} meshes that an estimate takes were done"
    return Certified(
        last,
        runs[-1].target,
        error,
        better,
        better_error,
        where,
        in_time,
        in_box,
        order,
        values,
        bars,
        ladder.bandwidth,
        tuple(mesh.shape),
        reached,
        message,
    )


def _richardson(runs: list[_Run], noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Extrapolated densities on the finest mesh, their error by the mesh, and where it is to be believed."""
    better = [
        np.array([extrapolated(a.mesh, u, b.mesh, v) for u, v in zip(a.density, b.density, strict=True)])
        for a, b in pairwise(runs)
    ]
    meshes = [run.mesh for run in runs[1:]]
    pairs = pairwise(zip(meshes, better, strict=True))
    gaps = [distances(mesh, one, two, fine) for (mesh, one), (fine, two) in pairs]
    return better[-1], *after_extrapolation(gaps, noise)


def _places(runs: list[_Run]) -> Iterator[np.ndarray]:
    """Where the last two meshes differ, on the finest one, at every output."""
    coarse, fine = runs[-2], runs[-1]
    for u, v in zip(coarse.density, fine.density, strict=True):
        yield prolong(coarse.mesh, np.abs(restrict(fine.mesh, v) - u))


def _typical(order: np.ndarray) -> str:
    known = order[np.isfinite(order)]
    return f"{float(np.median(known)):.2f}" if known.size else "not observed"

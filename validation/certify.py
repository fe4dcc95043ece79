"""Certified references: the flow of a problem file on nested meshes until the estimated error is small enough.

On meshes of n, 2n, 4n, ... cells per axis the densities differ by e_1, e_2, ... (L1, relative to the mass; fine ones
restricted). Where two orders in a row are near 2, the finest density is off by e_k/3, and the estimate is 3/2 of that;
elsewhere, as at jumps and fronts, it is 3/2 of the larger of e_k and e_(k-1)/2 over 2^p - 1, p the lower of the two
orders, at most 1 and at least 1/2. The error of the time integration
is the distance to a run with a hundredth of the tolerance, on the second mesh. Both are added. Energies and moments are
extrapolated (Richardson), with the distance of two extrapolations as bar where the order is near 2, else unextrapolated
with a wide one.

Refinement cannot see that the box may be too small. For problems meant on the whole space `box` adds the distance, on
the second mesh, to the solution on a box a quarter wider (the same cells and more around them), and twice what mass
that one has outside; the bars of energy and moments grow by what changes in them. No-flux axes are widened, periodic
ones are not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import norm, restrict
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.flows import Solution, solve
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.problem import build
from mudot.solvers.resources import in_bytes, needs

MARGIN = 1.5
_FEWEST = 4
_NEAR = 0.3


@dataclass(frozen=True, eq=False)
class Certified:
    """A solution with error bars.

    solution:      on the finest mesh; its densities are positive and not extrapolated
    error:         estimated relative L1 error of the density at every output, shape (outputs,)
    in_time:       the share of it that the time integration makes, shape (outputs,)
    in_box:        the share of it that cutting the box makes, zero where it was not asked for, shape (outputs,)
    order:         observed order in space between the last two differences, shape (outputs,), NaN where there is none
    values, bars:  by name (energy, mean x, variance x, ...), extrapolated values and their bars, shape (outputs,)
    cells:         of the finest mesh;   reached: whether every error is below the tolerance;   message: one sentence
    """

    solution: Solution
    error: np.ndarray
    in_time: np.ndarray
    in_box: np.ndarray
    order: np.ndarray
    values: dict[str, np.ndarray]
    bars: dict[str, np.ndarray]
    cells: tuple[int, ...]
    reached: bool
    message: str


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
    seconds: stop refining where the next mesh is predicted to end later than this
    memory:  bytes that a run may take; what is available by default
    box:     whether the problem is meant on the whole space, so that cutting the box is an error
    Raises MudotError for a tolerance that is none and for targets or starts given as arrays, which cannot be refined.
    """
    if not 0 < rtol < 1:
        raise MudotError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    for name, table in (("target", inputs.target), ("initial", inputs.initial)):
        if table.data is not None:
            raise MudotError(f"{inputs.path}: [{name}] data: an array cannot be refined; give a formula or a mixture")
    begin, runs, lengths = time.monotonic(), list[Solution](), list[float]()
    in_time = np.zeros(len(inputs.time.times()))
    in_box, cut = np.zeros_like(in_time), dict[str, np.ndarray]()
    while True:
        level = len(runs)
        inner = min(inputs.time.rtol, rtol / 20)
        refined = _refined(inputs, level, inner)
        stop = _obstacle(refined, lengths, begin, seconds, memory) if level >= _FEWEST else ""
        if not stop:
            start = time.monotonic()
            runs.append(_run(refined))
            lengths.append(time.monotonic() - start)
            if level == 1:
                in_time = _distance(runs[1], _run(_refined(inputs, 1, inner / 100)))
                if box:
                    wide = _run(_widened(refined))
                    in_box, cut = _cut(runs[1], wide), _shifts(runs[1], wide)
        if len(runs) < _FEWEST:
            continue
        found = _judged(runs, in_time, in_box, rtol, stop)
        for name, shift in cut.items():
            found.bars[name] += MARGIN * shift
        size = "x".join(map(str, found.cells))
        say(f"{size} cells: error {float(found.error.max()):.2e}, order {_typical(found.order)}")
        # No mesh helps where the box is too small.
        if found.reached or stop or MARGIN * float(in_box.max()) > rtol:
            return found


def _refined(inputs: Inputs, level: int, rtol: float) -> Inputs:
    mesh = inputs.mesh.model_copy(update={"cells": [n * 2**level for n in inputs.mesh.cells]})
    return replace(inputs, mesh=mesh, time=inputs.time.model_copy(update={"rtol": rtol}))


def _padding(cells: int, boundary: str) -> int:
    return 0 if boundary == "periodic" else -(-cells // 8)


def _widened(inputs: Inputs) -> Inputs:
    """The same cells with an eighth more on either side of every axis that is not periodic."""
    table, mesh = inputs.mesh, inputs.mesh.build()
    pads = [_padding(n, side) for n, side in zip(mesh.shape, mesh.boundary, strict=True)]
    lower, upper = np.asarray(mesh.lower, dtype=float), np.asarray(mesh.upper, dtype=float)
    margin = pads * (upper - lower) / mesh.shape
    update = {
        "cells": [n + 2 * pad for n, pad in zip(mesh.shape, pads, strict=True)],
        "lower": (lower - margin).tolist(),
        "upper": (upper + margin).tolist(),
    }
    return replace(inputs, mesh=table.model_copy(update=update))


def _cut(inner: Solution, wide: Solution) -> np.ndarray:
    """Relative L1 distance at every output to the solution on a wider box, and the mass which that has outside."""
    mesh = inner.flow.mesh
    pads = [(m - n) // 2 for m, n in zip(wide.flow.mesh.shape, mesh.shape, strict=True)]
    window = tuple(slice(pad, pad + n) for pad, n in zip(pads, mesh.shape, strict=True))
    inside = [density[window] for density in wide.density]
    within = [norm(mesh, density) for density in inside]
    apart = [norm(mesh, a - b) for a, b in zip(inner.density, inside, strict=True)]
    return np.asarray((np.array(apart) + 2 * (wide.mass - np.array(within)).clip(0)) / wide.mass)


def _run(inputs: Inputs) -> Solution:
    problem = build(inputs)
    solution = solve(problem.flow(), problem.start, problem.times, problem.rtol)
    if solution.status != "complete":
        raise MudotError(f"{inputs.path}: on {'x'.join(map(str, problem.mesh.shape))} cells: {solution.message}")
    return solution


def _obstacle(inputs: Inputs, lengths: list[float], begin: float, seconds: float, memory: float | None) -> str:
    """Why the next mesh is out of reach, empty where it is not."""
    growth = max(lengths[-1] / max(lengths[-2], 1e-3), 2.0 ** len(inputs.mesh.cells))
    expected = time.monotonic() - begin + lengths[-1] * growth
    if expected > seconds:
        return f"the next mesh would end after {expected:.0f} s of {seconds:g} s"
    kernel = inputs.energy.uses_kernel or inputs.geometry.uses_kernel
    cells = tuple(inputs.mesh.cells)
    demand = needs(cells, inputs.geometry.works_on_faces, kernel, 0.0, inputs.path.parent, numpy_library())
    room = demand.memory_available if memory is None else memory
    return f"the next mesh needs {in_bytes(demand.memory)} of {in_bytes(room)}" if demand.memory > room else ""


def _distance(one: Solution, two: Solution) -> np.ndarray:
    """Relative L1 distance at every output, of solutions on one mesh or on a mesh and its refinement."""
    mesh, fine = one.flow.mesh, two.flow.mesh
    same = fine.shape == mesh.shape
    pairs = zip(one.density, two.density, strict=True)
    return np.asarray([norm(mesh, a - (b if same else restrict(fine, b))) for a, b in pairs] / two.mass)


def _judged(runs: list[Solution], in_time: np.ndarray, in_box: np.ndarray, rtol: float, stop: str) -> Certified:
    first, before, last = (_distance(a, b) for a, b in pairwise(runs[-4:]))
    with np.errstate(divide="ignore", invalid="ignore"):
        order, earlier = np.log2(before / last), np.log2(first / before)
    # Differences at the level of the time error tell nothing about the mesh.
    clear = (last > 3 * in_time) & np.isfinite(order)
    # Second order is believed where two orders in a row say so. A jump that the meshes happen to cut well falls as fast
    # once, and may not go on: then the larger difference counts, at the lower of the two orders and at most the first.
    clean = (np.abs(order - 2) <= _NEAR) & (np.abs(earlier - 2) <= 2 * _NEAR)
    slow = np.clip(np.minimum(order, earlier), 0.5, 1.0)
    rough = np.maximum(last, before / 2) / (2**slow - 1)
    in_space = np.where(clean | ~clear, last / np.where(clean, 3.0, 1.0), rough)
    error = MARGIN * (in_space + in_time + in_box) + 1e-13
    values, bars = _functionals(runs[-3:], in_time)
    reached = bool(np.all(error <= rtol))
    if not stop and MARGIN * float(in_box.max()) > rtol:
        stop = "the box is too small; widen it"
    cells = runs[-1].flow.mesh.shape
    message = f"error below {rtol:g} on {'x'.join(map(str, cells))} cells" if reached else f"not reached: {stop}"
    return Certified(
        runs[-1], error, in_time, in_box, np.where(clear, order, np.nan), values, bars, tuple(cells), reached, message
    )


def _shifts(inner: Solution, wide: Solution) -> dict[str, np.ndarray]:
    """What a wider box changes of energy and moments: their errors by the mesh cancel, the cells are the same."""
    one, two = ({"energy": run.energy, **_moments(run)} for run in (inner, wide))
    return {name: np.abs(np.asarray(one[name]) - np.asarray(two[name])) for name in one}


def _functionals(runs: list[Solution], in_time: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    tables = [{"energy": run.energy, **_moments(run)} for run in runs]
    values, bars = {}, {}
    for name in tables[0]:
        a, b, c = (np.asarray(table[name], dtype=float) for table in tables)
        with np.errstate(divide="ignore", invalid="ignore"):
            order = np.log2(np.abs((a - b) / (b - c)))
        clean = np.abs(order - 2) <= _NEAR
        one, two = (4 * b - a) / 3, (4 * c - b) / 3
        scale = in_time * np.maximum(np.abs(c), 1e-300)
        values[name] = np.where(clean, two, c)
        bars[name] = np.where(clean, np.abs(two - one), 3 * np.abs(c - b)) + MARGIN * scale + 1e-13 * np.abs(c)
    return values, bars


def _moments(run: Solution) -> dict[str, np.ndarray]:
    """Mass, means and variances along the axes, at every output."""
    mesh: Cartesian = run.flow.mesh
    found: dict[str, np.ndarray] = {"mass": run.mass}
    for axis, name in zip(range(mesh.dimension), "xyz", strict=False):
        x = mesh.coordinates[axis]
        masses = run.density * mesh.volumes
        axes = tuple(range(1, mesh.dimension + 1))
        mean = (masses * x).sum(axis=axes) / run.mass
        second = (masses * x**2).sum(axis=axes) / run.mass
        found[f"mean {name}"], found[f"variance {name}"] = mean, second - mean**2
    return found


def _typical(order: np.ndarray) -> str:
    known = order[np.isfinite(order)]
    return f"{float(np.median(known)):.2f}" if known.size else "not observed"


def in_words(found: Certified) -> list[str]:
    """The certificate, line by line."""
    lines = [f"{'t':>8s}  {'error':>8s}  {'order':>6s}  " + "  ".join(f"{name:>24s}" for name in found.values)]
    for n, t in enumerate(found.solution.times):
        numbers = "  ".join(f"{found.values[k][n]:>14.9g} ±{found.bars[k][n]:8.1e}" for k in found.values)
        order = f"{found.order[n]:6.2f}" if math.isfinite(found.order[n]) else "     -"
        lines.append(f"{t:8g}  {found.error[n]:8.1e}  {order}  {numbers}")
    return lines


def write(inputs: Inputs, found: Certified, output: Path, overwrite: bool) -> None:
    """The finest solution as a result file, with the certificate among its attributes."""
    flow = found.solution.flow
    errors = ", ".join(f"{e:.3e}" for e in found.error)
    attributes: dict[str, str | int | float] = {
        "title": inputs.title,
        "problem": inputs.text,
        "energy_name": str(flow.energy),
        "geometry": str(flow.geometry),
        "method": flow.method.description,
        "device": "cpu",
        "density_error": errors,
        "certificate": "\n".join(in_words(found)),
    }
    target = build(_refined(inputs, round(math.log2(found.cells[0] / inputs.mesh.cells[0])), inputs.time.rtol)).target
    trajectory = storage.FileTrajectory.create(
        output, flow.mesh, found.solution.times, target, flow.geometry.parts, attributes=attributes, overwrite=overwrite
    )
    for frame in found.solution.frames:
        trajectory.append(frame)
    trajectory.finish("complete")


def run(
    problem_file: Path,
    rtol: float,
    output: Path,
    seconds: float,
    memory: float | None,
    overwrite: bool,
    box: bool = False,
) -> bool:
    """`mudot reference`: whether the tolerance was reached. What was reached is written in any case."""
    inputs = read(problem_file)
    if output.exists() and not overwrite:
        raise MudotError(f"{output}: exists already; give --overwrite to replace it")
    if not output.parent.is_dir():
        raise MudotError(f"{output}: there is no folder {output.parent}; make it or write elsewhere")
    found = certify(inputs, rtol, seconds, memory, box, lambda line: print(f"  {line}", flush=True))
    print("\n".join(in_words(found)))
    write(inputs, found, output, overwrite)
    print(f"  {found.message}; {output}")
    return found.reached

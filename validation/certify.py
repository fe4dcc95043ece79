"""Certified references: the flow of a problem file on nested meshes until the estimated error is small enough.

Meshes have n, 2n, 4n, ... cells per axis. From the third on `estimates` tells how far densities, energy and moments are
from their limits, as they are and extrapolated (Richardson); the better of the two counts. The error of the time
integration is the distance to a run with a twentieth of the tolerance and further outputs half-way, on the second mesh;
where it alone is too large, all begins again with a twentieth. All is multiplied by 1.5.

Refinement cannot see that the box may be too small. For problems meant on the whole space `box` adds the distance, on
the second mesh, to the solution on a box a quarter wider (the same cells and more around them), and twice what mass
that one has outside; the bars of energy and moments grow by what changes in them. No-flux axes are widened, periodic
ones are not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from mudot.meshes.averages import prolong, restrict
from mudot.meshes.errors import MudotError
from mudot.solvers.flows import Solution
from mudot.solvers.inputs import Inputs
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
from mudot.validation.ladder import Ladder, Limits, Run

MARGIN = 1.5
_INNER = 20
"""The tolerance asked for over that of the time integration."""
_LEAST = 1e-11
"""Tolerance of the time integration from which on it is not refined: round-off is next."""


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
    ladder = Ladder(inputs, Limits(seconds, memory), min(inputs.time.rtol, rtol / _INNER), box)
    looser: Certified | None = None
    while True:
        stop = ladder.climb()
        if stop and looser is not None and len(ladder.runs) < FEWEST:
            return replace(looser, message=f"not reached: {stop}")
        if not ladder.runs:
            raise MudotError(f"{inputs.path}: not even the coarsest mesh: {stop}")
        if len(ladder.runs) < FEWEST and not stop:
            continue
        found = _judged(ladder, rtol, stop)
        size = "x".join(map(str, found.cells))
        say(f"{size} cells: error {float(found.better_error.max()):.2e}, order {_typical(found.order)}")
        if found.reached or stop or _small(found.in_box, rtol):
            return found
        if MARGIN * float(found.in_time.max()) > rtol:
            if ladder.inner < _LEAST:
                return found
            looser, ladder = found, ladder.closer()
            say(f"time integration alone errs by {float(found.in_time.max()):.1e}: again, to {ladder.inner:.1e}")


def _small(in_box: np.ndarray, rtol: float) -> str:
    """Why no mesh helps, empty where one may."""
    return "the box is too small; widen it" if MARGIN * float(in_box.max()) > rtol else ""


def _check(inputs: Inputs, rtol: float, seconds: float, memory: float | None) -> None:
    if not 0 < rtol < 1:
        raise MudotError(f"--rtol: expected a number between 0 and 1, got {rtol}")
    if not seconds > 0 or (memory is not None and not memory > 0):
        name, value = ("--memory", memory) if seconds > 0 else ("--time", seconds)
        raise MudotError(f"{name}: expected a positive number, got {value}")
    for name, table in (("target", inputs.target), ("initial", inputs.initial)):
        if table.data is not None:
            raise MudotError(f"{inputs.path}: [{name}] data: an array cannot be refined; give a formula or a mixture")


def _judged(ladder: Ladder, rtol: float, stop: str) -> Certified:
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
    stop = stop or _small(in_box, rtol) or f"time integration alone errs by {float(in_time.max()):.1e}"
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


def _richardson(runs: list[Run], noise: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Extrapolated densities on the finest mesh, their error by the mesh, and where it is to be believed."""
    better = [
        np.array([extrapolated(a.mesh, u, b.mesh, v) for u, v in zip(a.density, b.density, strict=True)])
        for a, b in pairwise(runs)
    ]
    meshes = [run.mesh for run in runs[1:]]
    pairs = pairwise(zip(meshes, better, strict=True))
    gaps = [distances(mesh, one, two, fine) for (mesh, one), (fine, two) in pairs]
    return better[-1], *after_extrapolation(gaps, noise)


def _places(runs: list[Run]) -> Iterator[np.ndarray]:
    """Where the last two meshes differ, on the finest one, at every output."""
    coarse, fine = runs[-2], runs[-1]
    for u, v in zip(coarse.density, fine.density, strict=True):
        yield prolong(coarse.mesh, np.abs(restrict(fine.mesh, v) - u))


def _typical(order: np.ndarray) -> str:
    known = order[np.isfinite(order)]
    return f"{float(np.median(known)):.2f}" if known.size else "not observed"

"""Runs of one problem on nested meshes, within limits of time and memory: what a certificate is judged from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise
from time import monotonic as now

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.errors import MudotError
from mudot.solvers.flows import Solution, solve
from mudot.solvers.inputs import Inputs
from mudot.solvers.problem import build
from mudot.solvers.resources import in_bytes, needs
from mudot.validation.boxes import cut, widened
from mudot.validation.compare.distances import deviation
from mudot.validation.estimates import distances
from mudot.validation.numbers import numbers_of

_CLOSER = 20
"""A tolerance in time over the next smaller one."""


class _OutOfTime(Exception):
    """A run took longer than was foreseen."""


@dataclass(frozen=True)
class Limits:
    """When to stop, and the bytes that a run may take; None: what is available."""

    seconds: float
    memory: float | None
    begin: float = field(default_factory=lambda: now())

    def watch(self, _: float) -> None:
        """Called after every panel of a run."""
        if now() - self.begin > self.seconds:
            raise _OutOfTime


@dataclass(frozen=True, eq=False)
class Run:
    """A solution, and cell averages of the target on its mesh."""

    solution: Solution
    target: np.ndarray

    mesh = property(lambda self: self.solution.flow.mesh)
    density = property(lambda self: self.solution.density)


@dataclass(eq=False)
class Ladder:
    """What is known so far of a problem.

    runs:            coarsest first;   lengths: the seconds they took
    inner:           tolerance in time of the runs
    in_time, in_box: errors of the density that the mesh does not make, shape (outputs,); infinite until they are
                     measured, on the second mesh
    shaken, cut:     the same of numbers, by name
    bandwidth:       of the kernel of their mmd
    """

    inputs: Inputs
    limits: Limits
    inner: float
    box: bool
    runs: list[Run] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    in_time: np.ndarray = field(init=False)
    in_box: np.ndarray = field(init=False)
    shaken: dict[str, np.ndarray] = field(default_factory=dict)
    cut: dict[str, np.ndarray] = field(default_factory=dict)
    bandwidth: float = 0.0

    def __post_init__(self) -> None:
        unknown = np.full(len(self.inputs.time.times()), np.inf)
        self.in_time, self.in_box = unknown, unknown if self.box else np.zeros_like(unknown)

    def numbers(self, run: Run) -> dict[str, np.ndarray]:
        """Energy, distance to the target and moments of a run."""
        return numbers_of(run.mesh, run.density, run.solution.energy, run.target, self.bandwidth)

    def closer(self) -> Ladder:
        """From the start, with a smaller tolerance in time, within the same limits."""
        return Ladder(self.inputs, self.limits, self.inner / _CLOSER, self.box)

    def climb(self) -> str:
        """Add the next mesh; why it cannot be added, empty where it was. Raises MudotError where the first cannot."""
        level = len(self.runs)
        finer = refined(self.inputs, level, self.inner)
        stop = self._obstacle(finer)
        if stop:
            return stop
        what = size = "x".join(map(str, finer.mesh.cells)) + " cells"
        try:
            start = now()
            self.runs.append(self._run(finer))
            self.lengths.append(now() - start)
            if level == 0:
                self.bandwidth = float(f"{deviation(self.runs[0].mesh, self.runs[0].target) / 2:.2g}")
            if level == 1:
                what = f"{size} (once more, for the errors of time and box)"
                self._measure()
        except _OutOfTime:
            return f"{what} did not end within {self.limits.seconds:g} s"
        except MudotError as reason:
            if level == 0:
                raise MudotError(f"{self.inputs.path}: on {what}: {reason}") from None
            return f"on {what}: {reason}"
        return ""

    def _measure(self) -> None:
        """Errors in time and of the box, on the second mesh."""
        run, level = self.runs[1], 1
        if self.box:
            wide = self._run(widened(refined(self.inputs, level, self.inner)))
            self.in_box, self.cut = cut(run.solution, wide.solution), self._shifts(run, wide)
        fine = self._run(refined(self.inputs, level, self.inner / _CLOSER), halved=True)
        self.in_time = distances(run.mesh, run.density, fine.density, run.mesh)
        self.shaken = self._shifts(run, fine)

    def _shifts(self, one: Run, two: Run) -> dict[str, np.ndarray]:
        """What another box or tolerance changes of the numbers: their errors by the mesh cancel, the cells are the
        same."""
        a, b = (self.numbers(run) for run in (one, two))
        return {name: np.abs(a[name] - b[name]) for name in a}

    def _run(self, inputs: Inputs, halved: bool = False) -> Run:
        """Solve; `halved`: with further outputs half-way, so that no step is what it was, however loose the
        tolerance."""
        problem = build(inputs)
        times = problem.times
        if halved:
            middles = [(a + b) / 2 for a, b in pairwise((0.0, *times)) if a < b]
            times = tuple(sorted({*times, *middles}))
        solution = solve(problem.flow(), problem.start, times, problem.rtol, observer=self.limits.watch)
        solution = replace(solution, frames=tuple(f for f in solution.frames if f.time in problem.times))
        if solution.status != "complete":
            raise MudotError(solution.message)
        return Run(solution, problem.target)

    def _obstacle(self, inputs: Inputs) -> str:
        """Why the next mesh is out of reach, empty where it is not."""
        cells, outputs, limits = tuple(inputs.mesh.cells), len(inputs.time.times()), self.limits
        kernel = inputs.energy.uses_kernel or inputs.geometry.uses_kernel
        faces, folder = inputs.geometry.works_on_faces, inputs.path.parent
        demand = needs(cells, faces, kernel, 0.0, folder, numpy_library(), inputs.linear)
        # Densities of all meshes, extrapolated ones and error densities are kept.
        size = demand.memory + 8.0 * 4 * outputs * float(np.prod(cells))
        size += inputs.energy.extra_bytes(cells, folder)
        room = demand.memory_available if limits.memory is None else limits.memory
        if size > room:
            return f"the next mesh, {'x'.join(map(str, cells))}, needs {in_bytes(size)} of {in_bytes(room)}"
        if not self.lengths:
            return ""
        growth = 2.0 ** len(cells)
        if len(self.lengths) > 1:
            growth = max(self.lengths[-1] / max(self.lengths[-2], 1e-2), growth)
        expected = now() - limits.begin + self.lengths[-1] * growth
        late = expected > limits.seconds
        return f"the next mesh would end after {expected:.3g} s of {limits.seconds:g} s" if late else ""


def refined(inputs: Inputs, level: int, rtol: float) -> Inputs:
    """The same problem on a mesh of 2^level times the cells per axis, with another tolerance in time."""
    mesh = inputs.mesh.model_copy(update={"cells": [n * 2**level for n in inputs.mesh.cells]})
    return replace(inputs, mesh=mesh, time=inputs.time.model_copy(update={"rtol": rtol}))

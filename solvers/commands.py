"""`mudot run` and `mudot info`: from a problem file to a result file, and what a result file holds."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import sys
from collections.abc import Iterator
from pathlib import Path

from mudot.meshes.arrays import ArrayLibrary, library_for
from mudot.meshes.boundaries import IN_WORDS
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.flows import Observer, Solution, solve
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.messages import naming
from mudot.solvers.problem import Problem, build
from mudot.solvers.resources import Needs, needs


def run(problem_file: Path, output: Path, resume: bool = False, overwrite: bool = False, device: str = "cpu") -> bool:
    """Solve the problem of a file and write the result; standard output says what it needs and what came of it.

    device: 'cpu' or 'gpu'; a run begun on one is resumed on either

    Returns whether the run is complete. Raises MudotError, before anything is written, for input that cannot be used
    and for runs that cannot fit.
    """
    inputs = read(problem_file)
    asked = resume or overwrite
    storage.check_place(output, None if asked else "give --resume to go on with it, --overwrite to start anew")
    kept = storage.result_of(output, inputs.text, verify=False) if resume and output.exists() else None
    library = library_for(device)
    demand = _needs(inputs, output, library)
    print(f"{inputs.title or problem_file.stem}\n  needs     {demand}", flush=True)
    demand.check()
    problem = build(inputs)
    flow = problem.flow()
    with _room(library):
        if problem.integrator != "automatic":
            flow.on(library)  # refuses a device that the integrator does not know, before anything is written
        start = library.to_device(problem.start)
    print(f"  mesh      {problem.mesh!r}\n  flow      {_in_words(problem)}")
    print(f"  method    {flow.method.description}", flush=True)
    restart = None
    if kept and kept.status == "complete":
        print(f"  complete  already; {output} holds every frame")
        return True
    if kept:
        trajectory, restart = storage.FileTrajectory.resume(output, problem.text)
        print(f"  resume    from t = {restart.time:g}" if restart else "  resume    from the start", flush=True)
    else:
        trajectory = _create(output, problem, flow.method.description, library.device, overwrite)
    with _progress(problem.times[-1], restart.time if restart else 0.0) as observer:
        solution = solve(flow, start, problem.times, problem.rtol, trajectory, restart, observer)
    _report(output, solution)
    return solution.status == "complete"


@contextlib.contextmanager
def _room(library: ArrayLibrary) -> Iterator[None]:
    """Raise MudotError where the memory of the device does not even hold what is sent to it first."""
    try:
        yield
    except library.exhausted:
        raise MudotError(f"[mesh] cells: no memory left on the {library.device}; use fewer cells") from None


def _create(output: Path, problem: Problem, method: str, device: str, overwrite: bool) -> storage.FileTrajectory:
    attributes: dict[str, str | int | float] = {
        "title": problem.title,
        "problem": problem.text,
        "energy_name": str(problem.energy),
        "geometry": str(problem.geometry),
        "method": method,
        "vacuum": problem.vacuum,
        "rtol": problem.rtol,
        "device": device,
    }
    parts = problem.geometry.parts
    return storage.FileTrajectory.create(
        output, problem.mesh, problem.times, problem.target, parts, attributes=attributes, overwrite=overwrite
    )


def _needs(inputs: Inputs, output: Path, library: ArrayLibrary) -> Needs:
    cells = tuple(inputs.mesh.cells)
    disk = storage.disk_bytes(math.prod(cells), len(inputs.time.times()))
    kernel = inputs.energy.uses_kernel or inputs.geometry.uses_kernel
    with naming(f"{inputs.path}: [energy] "):
        extra = inputs.energy.extra_bytes(cells, inputs.path.parent)
    faces, linear = inputs.geometry.works_on_faces, inputs.linear
    demand = needs(cells, faces, kernel, float(disk), output.parent, library, linear)
    return dataclasses.replace(demand, memory=demand.memory + extra)


def _in_words(problem: Problem) -> str:
    return f"{problem.energy} by {problem.geometry}, to t = {problem.times[-1]:g}, rtol {problem.rtol:g}"


@contextlib.contextmanager
def _progress(stop: float, start: float) -> Iterator[Observer | None]:
    """A bar with the time left on a terminal; nothing in a pipe."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("t = {task.completed:.4g} of {task.total:g}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("run", total=stop)
        bar.update(task, completed=start)
        yield lambda time: bar.update(task, completed=time)


def _report(output: Path, solution: Solution) -> None:
    result = storage.read(output)
    print(f"  {solution.status:9s} {solution.message}; {result.committed} frames in {output}")
    if result.committed:
        last = result.committed - 1
        print(
            f"  ledger    energy {result.energy[last]:.6g}, dissipation {result.dissipation[last]:.6g}, "
            f"balance {result.balance[last]:.1e}, mass {result.mass[last]:.12g}, minimum {result.minimum[last]:.2g}"
        )


def info(path: Path) -> None:
    """Print what a result file holds: problem, versions, status, and the ledger at every output."""
    from rich.console import Console
    from rich.table import Table

    result = storage.read(path)
    console = Console(width=160, highlight=False, markup=False)
    mesh, attributes = result.mesh, result.attributes
    console.print(f"{path}: {attributes.get('title') or 'untitled'}")
    console.print(f"status    {result.status}; {result.committed} of {len(result.times)} frames")
    console.print(f"mesh      {mesh!r}")
    for axis, boundary in zip("xyz", mesh.boundary, strict=False):
        console.print(f"          {axis}: {IN_WORDS[boundary]}")
    for key in ("energy_name", "geometry", "method", "vacuum", "rtol", "device", "wall_time"):
        if key in attributes:
            console.print(f"{key.removesuffix('_name'):9s} {attributes[key]}")
    versions = ", ".join(f"{k.removesuffix('_version')} {v}" for k, v in attributes.items() if k.endswith("_version"))
    console.print(f"versions  {versions}")
    if "density_error" in attributes:
        console.print(f"error     relative L1 error of the density, estimated: {attributes['density_error']}")
    else:
        console.print("error     no error estimate is stored in this file; `mudot reference` makes one")
    bars = {key: result.extras[key] for key in _BARS if key in result.extras}
    titles = (*_part_titles(result.parts), *(_BARS[key] for key in bars))
    table = Table("t", "mass", "minimum", "energy", "dissipation", "balance", *titles, box=None)
    for n in range(result.committed):
        parts = [f"{r + s:.6g}" for r, s in zip(result.rate[n], result.slope[n], strict=True)]
        numbers = (result.mass[n], result.minimum[n], result.energy[n], result.dissipation[n], result.balance[n])
        formats = ("{:.12g}", "{:.2e}", "{:.8g}", "{:.8g}", "{:.1e}")
        cells = [form.format(x) for form, x in zip(formats, numbers, strict=True)]
        errors = [f"± {values[n]:.1e}" for values in bars.values()]
        table.add_row(f"{result.times[n]:g}", *cells, *(parts if len(parts) > 1 else ()), *errors)
    console.print(table)


_BARS = {"density_error": "density", "density_extrapolated_error": "extrapolated", "energy_error": "energy"}
"""Bars of a certified reference that are shown, and their headings."""


def _part_titles(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"by {part}" for part in parts) if len(parts) > 1 else ()

"""`mudot run` and `mudot info`: from a problem file to a result file, and what a result file holds."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from mudot.meshes.boundaries import IN_WORDS
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.flows import Observer, Solution, solve
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.problem import Problem, build
from mudot.solvers.resources import Needs, needs


def run(problem_file: Path, output: Path, resume: bool = False, overwrite: bool = False) -> Solution:
    """Solve the problem of a file and write the result, announcing on standard output what it needs and what came of it.

    Raises MudotError, before anything is written, for input that cannot be used and for runs that cannot fit.
    """
    inputs = read(problem_file)
    _check_output(output, resume, overwrite)
    demand = _needs(inputs, output)
    print(f"{inputs.title or problem_file.stem}\n  needs     {demand}", flush=True)
    demand.check()
    problem = build(inputs)
    flow = problem.flow()
    print(f"  mesh      {problem.mesh!r}\n  flow      {_in_words(problem)}\n  method    {flow.method.description}", flush=True)
    if resume and output.exists():
        trajectory, restart = storage.FileTrajectory.resume(output, problem.text)
        print(f"  resume    from t = {restart.time:g}" if restart else "  resume    from the start", flush=True)
    else:
        restart = None
        trajectory = storage.FileTrajectory.create(
            output,
            problem.mesh,
            problem.times,
            problem.target,
            problem.geometry.parts,
            attributes=_attributes(problem, flow.method.description),
            overwrite=overwrite,
        )
    with _progress(problem.times[-1], restart.time if restart else 0.0) as observer:
        solution = solve(flow, problem.start, problem.times, problem.rtol, trajectory, restart, observer)
    _report(output, solution)
    return solution


def _check_output(output: Path, resume: bool, overwrite: bool) -> None:
    if output.exists() and not (resume or overwrite):
        raise MudotError(f"{output}: exists already; give --resume to go on with it, --overwrite to start anew")
    if not output.parent.is_dir():
        raise MudotError(f"{output}: there is no folder {output.parent}; make it or write elsewhere")


def _needs(inputs: Inputs, output: Path) -> Needs:
    cells = tuple(inputs.mesh.cells)
    size = 1
    for n in cells:
        size *= n
    disk = storage.disk_bytes(size, len(inputs.time.times()))
    return needs(cells, "wasserstein" in inputs.geometry.name, float(disk), output.parent)


def _attributes(problem: Problem, method: str) -> dict[str, str | int | float]:
    return {
        "title": problem.title,
        "problem": problem.text,
        "energy_name": problem.energy,
        "method": method,
        "vacuum": problem.vacuum,
        "rtol": problem.rtol,
        "device": "cpu",
    }


def _in_words(problem: Problem) -> str:
    energy = problem.energy if problem.energy != "power" else f"power (p = {problem.power:g})"
    return f"{energy} by {problem.geometry}, to t = {problem.times[-1]:g}, rtol {problem.rtol:g}"


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
        task = bar.add_task("run", total=stop, completed=start)
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
    console = Console(soft_wrap=True)
    mesh, attributes = result.mesh, result.attributes
    console.print(f"{path}: {attributes.get('title') or 'untitled'}", highlight=False)
    console.print(f"status    {result.status}; {result.committed} of {len(result.times)} frames", highlight=False)
    console.print(f"mesh      {mesh!r}", highlight=False)
    for axis, boundary in zip("xyz", mesh.boundary, strict=False):
        console.print(f"          {axis}: {IN_WORDS[boundary]}", highlight=False)
    for key in ("energy_name", "method", "vacuum", "rtol", "device", "wall_time"):
        if key in attributes:
            console.print(f"{key.removesuffix('_name'):9s} {attributes[key]}", highlight=False)
    versions = ", ".join(f"{k.removesuffix('_version')} {v}" for k, v in attributes.items() if k.endswith("_version"))
    console.print(f"versions  {versions}", highlight=False)
    console.print("error     no error estimate is stored in this file", highlight=False)
    table = Table("t", "mass", "minimum", "energy", "dissipation", "balance", *_part_titles(result.parts))
    for n in range(result.committed):
        parts = [f"{r + s:.6g}" for r, s in zip(result.rate[n], result.slope[n], strict=True)]
        numbers = (result.mass[n], result.minimum[n], result.energy[n], result.dissipation[n], result.balance[n])
        formats = ("{:.12g}", "{:.2e}", "{:.8g}", "{:.8g}", "{:.1e}")
        cells = [form.format(x) for form, x in zip(formats, numbers, strict=True)]
        table.add_row(f"{result.times[n]:g}", *cells, *(parts if len(parts) > 1 else ()))
    console.print(table)


def _part_titles(parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"by {part}" for part in parts) if len(parts) > 1 else ()

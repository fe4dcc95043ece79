"""`mudot compare`, `mudot sample` and `mudot expect`."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.validation.compare.clouds import read_clouds
from mudot.validation.compare.comparison import Comparison, compare
from mudot.validation.compare.draws import density_at, draws, expectation, quantiles


def run_compare(
    result_file: Path, particle_file: Path, bandwidth: float | None, output: Path | None, figure: Path | None
) -> bool:
    """Print the comparison, and write it as JSON and as a picture; whether it is consistent with independent draws."""
    result = storage.read(result_file)
    found = compare(result, read_clouds(particle_file, result.mesh.dimension), bandwidth)
    _print(found)
    if output is not None:
        content = {**dataclasses.asdict(found), "verdict": found.verdict}
        output.write_text(json.dumps(content, indent=1, default=float) + "\n")
        print(output)
    if figure is not None:
        from mudot.validation.figures import comparison_figure, save

        print(save(comparison_figure(found), figure))
    return found.consistent


def _print(found: Comparison) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=160, highlight=False, markup=False)
    table = Table("t", "particles", "number", "value", "noise floor", "ratio", "verdict", box=None)
    for row in found.rows:
        for i, measure in enumerate(row.measures):
            head = (f"{row.time:g}", f"{row.particles}") if i == 0 else ("", "")
            verdict = "within noise" if measure.within_noise else "biased"
            ratio = measure.value / measure.floor if measure.floor else float("inf")
            table.add_row(*head, measure.name, f"{measure.value:.4g}", f"{measure.floor:.4g}", f"{ratio:.3g}", verdict)
        for moment in row.moments:
            text = f"{moment.errors:+.1f} standard errors"
            table.add_row("", "", moment.name, f"{moment.cloud:.5g}", f"exact {moment.exact:.5g}", "", text)
        if row.energy:
            text, mine = f"{row.energy.deviations:+.1f} deviations of draws", row.energy
            both = f"exact {mine.exact:.5g}, draws {mine.draws:.5g}"
            table.add_row("", "", mine.name, f"{mine.cloud:.5g}", both, "", text)
        if row.outside:
            table.add_row("", "", "outside the box", f"{row.outside:.2%}", "", "", "")
    console.print(table)
    console.print(f"bandwidth of MMD {found.bandwidth:.4g}; best time lag {found.lag:+.3g}")
    console.print(found.transport)
    if found.without_energy:
        console.print(found.without_energy)
    console.print(found.verdict)


def run_sample(result_file: Path, time: float, number: int, seed: int, output: Path) -> None:
    """Write independent draws as .npz (`positions`, `times`) or .csv."""
    result = storage.read(result_file)
    points = draws(result.mesh, density_at(result, time), number, seed)
    if output.suffix == ".csv":
        header = ",".join("xyz"[: result.mesh.dimension])
        np.savetxt(output, points, delimiter=",", header=header, comments="", fmt="%.17g")
    elif output.suffix == ".npz":
        np.savez(output, positions=points[None], times=np.array([time]))
    else:
        raise MudotError(f"{output}: expected a name that ends in .npz or .csv")
    print(f"{number} draws at t = {time:g} in {output}")


def run_expect(result_file: Path, expressions: Sequence[str], time: float | None) -> None:
    """Print the means of expressions, and quartiles of the marginals, at one time or at all."""
    result = storage.read(result_file)
    for t in result.times if time is None else [time]:
        density = density_at(result, float(t))
        means = "  ".join(f"<{e}> = {expectation(result.mesh, density, e):.10g}" for e in expressions)
        spans = "  ".join(
            f"{name}: " + " ".join(f"{q:.5g}" for q in quantiles(result.mesh, density, axis, (0.25, 0.5, 0.75)))
            for axis, name in zip(range(result.mesh.dimension), "xyz", strict=False)
        )
        print(f"t = {t:g}  {means}  quartiles {spans}")

"""What the table of limits is made of: a distance that falls with a parameter, and the power at which it must."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import Geometry
from mudot.validation.convergence import orders
from mudot.validation.outcome import Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]


@dataclass(frozen=True, eq=False)
class Limit:
    """One line of the table.

    number:    L1 to L12;   name: from what to what;   compared: which numbers are
    parameter: its letter;  ladder: three values, towards the limit;   distance: at a value
    power:     predicted;   band: about the power measured on the last two values
    """

    number: str
    name: str
    compared: str
    parameter: str
    ladder: Sequence[float]
    distance: Callable[[float], float]
    power: float
    band: float = 0.08


def table_of(limits: Sequence[Limit]) -> Outcome:
    """Rows and checks of the limits, in the order of their numbers, and the plot of all distances."""
    outcome = Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    shown: dict[float, list[tuple[float, float, str]]] = {}
    for limit in sorted(limits, key=lambda limit: int(limit.number[1:])):
        distances = [limit.distance(value) for value in limit.ladder]
        power = -float(orders(list(limit.ladder), distances)[-1])
        check = Check(f"{limit.number} {limit.name}, {limit.compared}: power", power, limit.band, "within", limit.power)
        outcome.checks.append(check)
        ladder = ", ".join(f"{value:g}" for value in limit.ladder)
        gaps = ", ".join(f"{distance:.2e}" for distance in distances)
        verdict = "as predicted" if check.passed else "NOT AS PREDICTED"
        head = (limit.number, limit.name, limit.compared, f"{limit.parameter} = {ladder}")
        rows.append((*head, gaps, round(power, 3), limit.power, verdict))
        for value, distance in zip(limit.ladder, distances, strict=True):
            place = (float(value / limit.ladder[0]), float(distance / distances[0]), limit.number)
            shown.setdefault(limit.power, []).append(place)
    columns = ("", "limit", "compared", "parameter", "distances", "power", "predicted", "verdict")
    outcome.tables.append(Table("L1 to L12: which geometry converges to which", columns, tuple(rows)))
    outcome.plots.append(_collapsed(shown))
    return outcome


def _collapsed(shown: dict[float, list[tuple[float, float, str]]]) -> Plot:
    """All distances over their first ones: limits of one power fall on one line."""
    series = []
    for power, places in sorted(shown.items()):
        places.sort()
        numbers = ", ".join(dict.fromkeys(sorted((n for *_, n in places), key=lambda n: int(n[1:]))))
        label, least = f"power {power:g}: {numbers}", places[0][0]
        series.append(Series(label, [x for x, *_ in places], [y for _, y, _ in places]))
        series.append(Series(label, [least, 1.0], [least**power, 1.0], exact=True))
    title = "Distances over their first ones"
    return Plot(title, "parameter over its first value", "distance over the first", tuple(series), True, True)


def end(
    mesh: Cartesian, energy: Energy, geometry: Geometry, start: np.ndarray, time: float, rtol: float = 1e-8
) -> np.ndarray:
    """The density of a flow at a time."""
    return np.asarray(GradientFlow(mesh, energy, geometry).method.advance(start, time, time, rtol).density)


def to_flow(
    mesh: Cartesian,
    energy: Energy,
    limit: Geometry,
    family: Callable[[float], Geometry],
    start: np.ndarray,
    time: float,
    rtol: float = 1e-8,
) -> Callable[[float], float]:
    """The L1 distance at a time of the flows of a family of geometries to that of their limit."""
    known: list[np.ndarray] = []

    def distance(value: float) -> float:
        if not known:
            known.append(end(mesh, energy, limit, start, time, rtol))
        return norm(mesh, end(mesh, energy, family(value), start, time, rtol) - known[0])

    return distance


def on_ring(cells: int) -> tuple[Cartesian, np.ndarray, np.ndarray]:
    """A ring of length one, start and target of mass one, trigonometric."""
    mesh = Cartesian(cells, 0.0, 1.0, "periodic")
    x = 2 * np.pi * mesh.centers[0]
    return mesh, 1 + 0.5 * np.sin(x), 1 + 0.5 * np.cos(x)


def bells(cells: int) -> tuple[Cartesian, np.ndarray, np.ndarray]:
    """Gaussians on a line: log(mu/pi) is quadratic, in the span of the quadratic kernel, its slope in the bilinear."""
    mesh = Cartesian(cells, -6.0, 6.0)
    (x,) = mesh.centers
    mu, pi = np.exp(-((x + 0.4) ** 2) / 1.6), np.exp(-((x - 0.3) ** 2) / 1.2)
    return mesh, mu / integrate(mesh, mu), pi / integrate(mesh, pi)

"""Free fronts: Barenblatt's profiles, spreading and in a well, on a line, in the plane and in space.

What order to expect. Near its front a profile is (distance)^(1/(m-1)), and so is the error in the few cells that the
front crosses: of the size h^(1/(m-1)) in a layer of width h, which is h^(m/(m-1)) in L1. What the layer has too much is
missing elsewhere, for mass is kept, so that no error is larger; inside the error of a smooth solution is h^2. Together

    order min(2, m/(m-1)) in L1:    2 for m = 2,    3/2 for m = 3,    4/3 for m = 4

with a constant that depends on where in its cell the front stands: on a line it is averaged over four such places, in
the plane and in space the front passes cells at all of them. Profiles are even, so an orthant between walls will do.
"""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import average, integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import Wasserstein
from mudot.validation.cases.runs import box
from mudot.validation.convergence import orders
from mudot.validation.exact.porous_medium import Barenblatt, ConfinedBarenblatt
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]
_PLACES = (1 / 8, 3 / 8, 5 / 8, 7 / 8)
_WIDTH = 0.2
"""How far an observed order may be from the expected one: what certificates ask for, too."""
_SHARE = 0.3
"""Error in time, over the number of cells to the power of the expected order: below that of the mesh."""
_LONG = 0.02
"""Tolerance of steps on the way to rest."""


def expected(m: float) -> float:
    """The order in L1.

    >>> expected(2.0), expected(3.0), expected(0.8)
    (2.0, 1.5, 2.0)
    """
    return 2.0 if m <= 2 else m / (m - 1)


def orthant(dimension: int, front: float, cells: int, place: float) -> Cartesian:
    """[0, a]^d with so many whole cells and a share of one from the origin to the front, and a few beyond."""
    width, count = front / (cells + place), cells + max(3, cells // 8)
    return Cartesian((count,) * dimension, (0.0,) * dimension, (count * width,) * dimension)


def books(outcome: Outcome, name: str, solution: Solution) -> None:
    """What every flow must keep. Zeros of the start are lifted to 1e-12 of the largest value: that much is lost."""
    worst = float(np.max(np.abs(solution.balance)) / solution.dissipation[-1])
    outcome.checks.append(Check(f"{name}: balance over dissipation", worst, 1e-9))
    outcome.checks.append(Check(f"{name}: mass drift", float(np.ptp(solution.mass) / solution.mass[0]), 1e-12))
    outcome.checks.append(Check(f"{name}: least density", float(solution.minimum[1:].min()), 0.0, "at least"))
    outcome.checks.append(Check(f"{name}: largest rise of the energy", float(np.diff(solution.energy).max()), 0.0))


def _spread(outcome: Outcome, m: float, dimension: int, cells: int) -> tuple[float, int]:
    """L1 error at t = 2 from t = 1, over the mass, and steps; with fronts the mean over their places."""
    exact, errors, steps = Barenblatt(m, dimension), [], 0
    if m < 1:
        meshes, share = [box(16.0, cells, dimension)], 1.0
    else:
        places, share = (_PLACES if dimension == 1 else (0.5,)), 2.0**dimension
        meshes = [orthant(dimension, exact.front(2.0), cells, place) for place in places]
    rtol = 1e-4 if m < 1 else min(0.03, _SHARE * cells ** -expected(m))
    for mesh in meshes:
        flow = GradientFlow(mesh, FreeEnergy(1.0, m), Wasserstein())
        solution = solve(flow, exact.averages(mesh, 1.0), [0.0, 1.0], rtol)
        errors.append(share * norm(mesh, solution.density[-1] - exact.averages(mesh, 2.0)))
        steps = max(steps, solution.frames[-1].steps)
    books(outcome, f"m = {m:g} in {dimension}D, {cells} cells", solution)
    if m > 1:
        beyond = sum(x**2 for x in mesh.coordinates) > (exact.front(2.0) + 3 * float(mesh.widths[0][0])) ** 2
        ahead = float((solution.density[-1] * mesh.volumes * beyond).max())
        outcome.checks.append(Check(f"m = {m:g} in {dimension}D, {cells} cells: mass of a cell ahead", ahead, 1e-10))
    return float(np.mean(errors)), steps


def _spreading(quick: bool) -> Outcome:
    """Orders of the error for fronts, and for fast diffusion, which has none."""
    studies: list[tuple[float, int, tuple[int, ...]]]
    if quick:
        studies = [(2.0, 1, (20, 40)), (3.0, 1, (20, 40)), (4.0, 1, (20, 40)), (3.0, 2, (8, 16)), (0.8, 1, (48, 96))]
    else:
        ladders: tuple[tuple[int, tuple[int, ...]], ...] = ((1, (20, 40, 80)), (2, (8, 16, 32)), (3, (6, 12, 24)))
        studies = [(m, d, cells) for d, cells in ladders for m in (2.0, 3.0, 4.0)]
        studies += [(0.8, 1, (48, 96, 192)), (0.9, 2, (24, 48, 96))]
    outcome, rows, series = Outcome(), list[Row](), {1: list[Series](), 2: list[Series](), 3: list[Series]()}
    for m, dimension, cells in studies:
        name = f"m = {m:g} in {dimension}D"
        found = [_spread(outcome, m, dimension, n) for n in cells]
        errors = [error for error, _ in found]
        order = float(orders([cells[0], cells[-1]], [errors[0], errors[-1]])[0])
        outcome.checks.append(Check(f"{name}: order in space", order, _WIDTH, "within", expected(m)))
        rows += [(name, n, *pair, "") for n, pair in zip(cells[:-1], found, strict=False)]
        rows.append((name, cells[-1], *found[-1], f"{order:.2f} ({expected(m):.2f})"))
        series[dimension].append(Series(name, list(map(float, cells)), errors, -round(expected(m), 2)))
    columns = ("profile", "cells to the front", "L1 error", "steps", "order (expected)")
    outcome.tables.append(Table("From t = 1 to 2; fast diffusion: cells per axis of a box", columns, tuple(rows)))
    for dimension, curves in series.items():
        if curves:
            title = f"Barenblatt in {dimension}D"
            outcome.plots.append(Plot(title, "cells to the front", "$L^1$ error", tuple(curves), True, True))
    return outcome


def _rest(m: float, dimension: int) -> float:
    """P, half the second moment of the stationary state."""
    # A virial identity gives its internal energy: d (m - 1) U = 2 P.
    k = (m - 1) / (2 * m)
    radius = math.sqrt(ConfinedBarenblatt(m, 0.5, dimension).height / k)
    return radius**2 * dimension / (2 * (dimension + 2 * m / (m - 1)))


def _well(mesh: Cartesian, m: float) -> FreeEnergy:
    """Diffusion in |x|^2/2."""
    return FreeEnergy(1.0, m, average(mesh, lambda *x: np.asarray(sum(c**2 for c in x) / 2)))


def _front(exact: ConfinedBarenblatt, time: float) -> float:
    """Radius of the support."""
    m = exact.exponent
    return exact.width(time) * math.sqrt(exact.height * 2 * m / (m - 1))


def _at_rest(
    outcome: Outcome, d: int, cells: tuple[int, int], bound: float, width: float = 0.5, time: float = 3.0
) -> None:
    """The energy at rest, extrapolated from two meshes. It is reached by long steps: what they err on the way is
    forgotten, and the exact flow is within 1e-7 of rest. The start has mass one on the mesh, too."""
    exact, found, rows = ConfinedBarenblatt(2.0, width, d), [], list[Row]()
    half, share = _rest(2.0, d), 2.0**d
    for n in cells:
        mesh = orthant(d, _front(exact, math.inf), n, 0.5)
        start = exact.averages(mesh, 0.0)
        start /= share * integrate(mesh, start)
        solution = solve(GradientFlow(mesh, _well(mesh, 2.0), Wasserstein()), start, [0.0, time], _LONG)
        books(outcome, f"to rest in {d}D, {n} cells", solution)
        found.append(share * float(solution.energy[-1]))
        rows.append((f"{d}D", n, solution.frames[-1].steps, found[-1], ""))
    limit = half * (2 / d + 1)
    weights = [(n + 0.5) ** 2 for n in cells]
    extrapolated = (weights[1] * found[1] - weights[0] * found[0]) / (weights[1] - weights[0])
    outcome.checks.append(Check(f"m = 2 in {d}D: energy at rest, extrapolated", extrapolated, bound, "within", limit))
    rows.append((f"{d}D, extrapolated", "", "", extrapolated, extrapolated - limit))
    columns = ("flow", "cells to the front", "steps", "energy", "off the exact one")
    outcome.tables.append(Table(f"At rest in |x|²/2, {d}D", columns, tuple(rows)))


def _underway(outcome: Outcome, d: int, cells: tuple[int, ...]) -> None:
    """Orders at t = 1/2. The front stands at another place in its cells on every mesh, which moves the order of two
    neighbouring meshes by as much as 0.5 either way: so means over two places, and the ends of a longer ladder."""
    exact, rows, errors = ConfinedBarenblatt(2.0, 0.5, d), list[Row](), []
    half, share, width = _rest(2.0, d), 2.0**d, exact.width(0.5)
    for n in cells:
        found = []
        for place in (0.25, 0.75):
            mesh = orthant(d, _front(exact, math.inf), n, place)
            square = sum(x**2 for x in mesh.coordinates) + 0 * mesh.volumes
            flow = GradientFlow(mesh, _well(mesh, 2.0), Wasserstein())
            end = solve(flow, exact.averages(mesh, 0.0), [0.0, 0.5], _SHARE / n**2).density[-1]
            spread = share * integrate(mesh, end * square) / (2 * half) - width**2
            found.append((share * norm(mesh, end - exact.averages(mesh, 0.5)), abs(spread)))
        errors.append(np.mean(found, axis=0))
        rows.append((f"{d}D", n, *map(float, errors[-1])))
    found_orders = [float(orders([cells[0], cells[-1]], [errors[0][k], errors[-1][k]])[0]) for k in (0, 1)]
    for what, order in zip(("density in L1", "squared width"), found_orders, strict=True):
        outcome.checks.append(Check(f"m = 2 in {d}D, t = 1/2: order of the {what}", order, _WIDTH, "within", 2.0))
    rows.append((f"{d}D, order", "", *found_orders))
    columns = ("flow", "cells to the front", "L1 error", "error of the squared width")
    outcome.tables.append(Table(f"Under way in |x|²/2, {d}D, t = 1/2", columns, tuple(rows)))


def _confined(quick: bool) -> Outcome:
    """From a profile of half the stationary width: transient, decay of energy and distance, energy at rest."""
    outcome, rows, times = Outcome(), list[Row](), [0.0, 0.25, 0.5, 1.5]
    if quick:
        _at_rest(outcome, 2, (8, 16), 1.5e-5)
    else:
        _at_rest(outcome, 2, (16, 32), 1e-6)
        _at_rest(outcome, 3, (12, 18), 1e-6, 0.9, 1.2)
        _underway(outcome, 2, (8, 16, 32))
    studies = [(2.0, 2, (5, 10))] if quick else [(2.0, 2, (8, 16)), (2.0, 3, (4, 8))]
    for m, d, cells in studies:
        exact, ends = ConfinedBarenblatt(m, 0.5, d), []
        half, share = _rest(m, d), 2.0**d
        sigma = exact.width(times[-1])
        exact_end = half * (2 / (d * (m - 1)) * sigma ** (-d * (m - 1)) + sigma**2)
        front = _front(exact, math.inf)
        name = f"m = {m:g} in {d}D"
        for n in cells:
            mesh = orthant(d, front, n, 0.5)
            square = sum(x**2 for x in mesh.coordinates) + 0 * mesh.volumes
            energy = _well(mesh, m)
            start = exact.averages(mesh, 0.0)
            solution = solve(GradientFlow(mesh, energy, Wasserstein()), start, times, _SHARE / n**2)
            ends.append(share * float(solution.energy[-1]))
            books(outcome, f"{name}, {n} cells", solution)
            # Profiles scale: the distance to the stationary state is |sigma - 1| sqrt(2 P).
            widths = [math.sqrt(share * integrate(mesh, rho * square) / (2 * half)) for rho in solution.density]
            strong = share * norm(mesh, solution.density[2] - exact.averages(mesh, 0.5))
            limit = share * energy.value(mesh, exact.averages(mesh, math.inf))
            excess = [share * float(e) - limit for e in solution.energy]
            decays = [
                (e / excess[0] * math.exp(2 * t), abs(w - 1) / abs(widths[0] - 1) * math.exp(t))
                for t, e, w in zip(times[1:3], excess[1:], widths[1:], strict=False)
            ]
            rows.append((name, n, strong, ends[-1], exact_end, *map(float, np.max(decays, axis=0))))
        worst = max(a for a, _ in decays)
        outcome.checks.append(Check(f"{name}: energy above rest, times exp(2t), over its first", worst, 1.0))
        worst = max(b for _, b in decays)
        outcome.checks.append(Check(f"{name}: distance to rest, times exp(t), over its first", worst, 1.0))
        order = float(orders([n + 0.5 for n in cells], [end - exact_end for end in ends])[-1])
        outcome.checks.append(Check(f"{name}: order of the energy at the end", order, 0.1, "within", 2.0))
    columns = ("flow", "cells", "L1 error at t = 1/2", "F(3/2)", "exact", "F over bound", "distance over bound")
    outcome.tables.append(Table("Porous-medium diffusion in |x|²/2", columns, tuple(rows)))
    return outcome


FRONTS = (
    Case(
        "barenblatt",
        "Self-similar solutions of the porous-medium equation",
        "Discrete gradients with Stolarsky mobilities follow Barenblatt profiles with the order min(2, m/(m-1)) that "
        "their fronts allow, second order for fast diffusion, and an exact balance at every step.",
        "Barenblatt 1952; scheme: own design; orders: derived",
        "mass one, t = 1 to 2, m = 2, 3, 4 in 1D to 3D; fast diffusion with m = 4/5 in 1D and 9/10 in 2D",
        _spreading,
    ),
    Case(
        "confined-barenblatt",
        "Porous-medium diffusion in a well, in the plane and in space",
        "Energy and distance to the stationary state decay at least like exp(-2t) and exp(-t); density, width, energy "
        "converge with second order, the extrapolated energy at rest to 1e-6.",
        "Carrillo and Toscani 2000; Otto 2001; constants and transient derived",
        "rho_t = div grad rho^m + div(x rho), m = 2, from a profile of half the stationary width, t = 3/2",
        _confined,
    ),
)

"""Convexity of power entropies along Hellinger-Kantorovich geodesics on the line."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.geometries import FisherRao, Wasserstein
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates.geodesics import Geodesic, curvature_form, waves

CONVEX = (1 / 3, 0.4, 0.5, 1.5, 2.0, 3.0)
NOT_CONVEX = (0.1, 0.2, 0.3, 0.6, 0.75)
"""Powers inside and outside [1/3, 1/2] and (1, inf), the range of dimension one."""
STEP, WIDE = 1e-3, 0.05
"""Of second differences in time; the wide one where energies are all but constant, on geodesics that bend little."""
FAINT = 1e-4
"""The density, far below the target, at which powers that are not convex are seen to fail."""
ROOM = 2e-3
"""By which curvatures of size one may be missed: the cells of geodesics are 1/400."""


def constant(p: float) -> float:
    """Lambda of D_p(.|dx): the power itself is convex, and the mass, whose second derivative is half of the squared
    distance, enters with the factor 1/(1 - p)."""
    return 1 / (2 * (1 - p))


def random_geodesic(mesh: Cartesian, rng: np.random.Generator, size: float) -> Geodesic:
    """From a random density, wide or narrow in height, along a random force."""
    density = np.exp(rng.normal(0, 3) + waves(mesh, rng, 4)[0])
    level, pull, levels, slope = (size * part for part in waves(mesh, rng, 6))
    return Geodesic(mesh, density, level, pull, levels, slope)


def curvature(geodesic: Geodesic, p: float, t: float, step: float = STEP) -> float:
    """F'' over the squared distance."""

    def value(s: float) -> float:
        mesh, density = geodesic.at(s)
        # What moved walls leave behind is empty.
        left = float(geodesic.mesh.volumes.sum() - mesh.volumes.sum())
        return PowerDivergence(p, np.ones(mesh.shape)).value(mesh, density) + left / p

    return (value(t - step) - 2 * value(t) + value(t + step)) / step**2 / geodesic.squared_speed


def least(p: float, dimension: int = 1) -> float:
    """The least eigenvalue of the quadratic form of the power."""
    return float(np.linalg.eigvalsh(curvature_form(p, dimension))[0])


def _is_geodesic(outcome: Outcome) -> None:
    """R of the difference quotient, by the geometry of the solvers on fixed cells, is half of the squared distance."""
    gaps = []
    for cells in (100, 200, 400):
        fine, fixed = Cartesian(4 * cells, 0.0, 1.0), Cartesian(cells, 0.0, 1.0)
        curve = random_geodesic(fine, np.random.default_rng(2), 0.015)
        before, after = (_on(fixed, *curve.at(t)) for t in (0.5 - 1 / cells, 0.5 + 1 / cells))
        onsager = (Wasserstein() + FisherRao()).onsager(fixed, (before + after) / 2)
        action = sum(onsager.primal((after - before) * cells / 2, None))
        gaps.append(abs(2 * action / curve.squared_speed - 1))
    order = math.log2(gaps[-2] / gaps[-1])
    outcome.checks += [
        Check("2R of a geodesic's rate over its squared distance, farthest from 1", gaps[-1], 2e-3),
        Check("order of that in cells and steps", order, 0.3, "within", 2.0),
    ]


def _on(mesh: Cartesian, moved: Cartesian, density: np.ndarray) -> np.ndarray:
    """Averages on other cells, by the distribution function."""
    from scipy.interpolate import CubicSpline

    masses = np.concatenate([[0.0], np.cumsum(density * moved.widths[0])])
    return np.asarray(np.diff(CubicSpline(moved.edges[0], masses)(mesh.edges[0])) / mesh.widths[0])


def _convexity(quick: bool) -> Outcome:
    """Least curvatures over random geodesics, and geodesics along which powers fail to be convex."""
    outcome, rng = Outcome(), np.random.default_rng(1)
    rows: list[tuple[str | int | float, ...]] = []
    mesh = Cartesian(400, 0.0, 1.0)
    _is_geodesic(outcome)
    geodesics = [random_geodesic(mesh, rng, float(rng.uniform(0.002, 0.015))) for _ in range(8 if quick else 60)]
    for p in CONVEX:
        lowest = min(curvature(g, p, t) for g in geodesics for t in (0.25, 0.75))
        # The constant is attained where the mass decides: far above the target for p < 1, far below it for p > 1.
        sharp = curvature(_level(1e8 if p < 1 else 1e-6), p, 0.5, WIDE)
        name = f"p = {p:.3g}: F'' over the squared distance"
        outcome.checks += [
            Check(f"{name}, least over random geodesics", lowest, constant(p) - ROOM, "at least"),
            Check(f"{name} where the constant is sharp", sharp, 5e-3, "within", constant(p)),
        ]
        rows.append((f"{p:.4g}", "convex", constant(p), lowest, sharp))
    for p in NOT_CONVEX:
        jet = np.linalg.eigh(curvature_form(p))[1][:, 0]
        failed = curvature(_along(jet), p, 0.0, WIDE)
        exact = constant(p) + least(p) * FAINT ** (p - 1) / (1 - jet[2] ** 2)
        name = f"p = {p:.3g}: F'' over the squared distance along the worst force"
        outcome.checks += [
            Check(f"{name} (no constant)", failed, constant(p) - 1),
            Check(f"{name}, over the quadratic form", failed / exact, 1e-3, "within", 1.0),
        ]
        rows.append((f"{p:.4g}", "not convex", "none", failed, "–"))
    columns = ("p", "power", "1/(2(1-p))", "least F''/HK² found", "where it is sharp")
    outcome.tables.append(Table("Curvature of D_p along geodesics, d = 1", columns, tuple(rows)))
    _ranges(outcome)
    return outcome


def _ranges(outcome: Outcome) -> None:
    """The powers whose form is nonnegative, in dimensions one to three."""
    powers = [n / 600 for n in range(60, 1501) if n != 600]
    curves = []
    for dimension, low in ((1, 1 / 3), (2, 1 / 2), (3, math.inf)):
        values = [least(p, dimension) for p in powers]
        convex = [p for p, value in zip(powers, values, strict=True) if value > -1e-12]
        exact = [p for p in powers if low <= p <= 0.5 or p > 1]
        differing = len(set(convex) ^ set(exact))
        outcome.checks.append(
            Check(f"d = {dimension}: powers (of {len(powers)}) where form and theorem disagree", differing, 0.0)
        )
        shown = [(p, v) for p, v in zip(powers, values, strict=True) if 0.25 <= p <= 0.8 and v > -3]
        curves.append(Series(f"$d = {dimension}$", [p for p, _ in shown], [v for _, v in shown], exact=True))
    outcome.plots.append(
        Plot("curvature of powers below 1: convex where it is not negative", "$p$", "least eigenvalue", tuple(curves))
    )


def _along(jet: np.ndarray) -> Geodesic:
    """A geodesic on a short interval whose force has this jet in the middle, far below the target, so that the power
    outweighs the mass."""
    mesh = Cartesian(20, -0.01, 0.01)

    def force(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return 0.1 * (jet[0] + jet[1] * x + jet[2] * x**2 / 2), 0.1 * (jet[1] + jet[2] * x)

    return Geodesic(mesh, np.full(mesh.shape, FAINT), *force(mesh.centers[0]), *force(mesh.edges[0]))


def _level(density: float) -> Geodesic:
    """Nothing moves: u = density (1 + t)^2 everywhere."""
    mesh = Cartesian(2, 0.0, 1.0)
    return Geodesic(mesh, np.full(2, density), np.full(2, 2.0), np.zeros(2), np.full(3, 2.0), np.zeros(3))


RATES_GEODESICS = (
    Case(
        "hellinger-kantorovich-convexity",
        "Convexity along Hellinger-Kantorovich geodesics",
        "D_p(·|dx) is convex along geodesics for p in [d/(d+2), 1/2] (d = 1, 2) and above 1, with the constant "
        "1/(2(1-p)), negative for p > 1; elsewhere it has none.",
        "Liero, Mielke and Savaré 2023, arXiv:2208.14299; quadratic form and constants derived",
        "closed-form geodesics on 400 moving cells from random densities along random forces, second differences of "
        "the energy; the action of such a curve by the geometry of the solvers; the form in dimensions 1 to 3",
        _convexity,
    ),
)

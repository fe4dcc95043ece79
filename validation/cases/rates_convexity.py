"""What Fisher-Rao geometry gives besides decay: convexity along geodesics, slopes at zero, a bound for KL."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, Spherical
from mudot.validation.cases.rates import two_wells
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates.measured import random_starts, ratio_of
from mudot.validation.rates.table import Rate, rates_table

STEP = 1e-3
"""Of second differences along geodesics: errors of 1e-6 in curvatures of size one."""
CURVATURE = 1e-4


def convexity(p: float) -> float:
    """Lambda = inf s phi'' + phi'/2 over s > 0, the convexity of D_p along Fisher-Rao geodesics: 1/(2 (1 - p)) for
    p <= 1/2, -1/(2 (p - 1)) for p > 1, none between (derived; Zhu and Mielke 2024, Rem. 6.6 for p <= 1/2).

    >>> convexity(0.5), convexity(2.0), convexity(1.0)
    (1.0, -0.5, -inf)
    """
    return 1 / (2 * (1 - p)) if p <= 0.5 or p > 1 else -math.inf


def curvature(mesh: Cartesian, energy: Energy, one: np.ndarray, two: np.ndarray) -> float:
    """F'' over FR^2 in the middle of a geodesic ((1 - s) sqrt mu + s sqrt nu)^2; FR^2 = 4 int (sqrt mu - sqrt nu)^2."""
    a, b = np.sqrt(one), np.sqrt(two)
    before, at, after = (energy.value(mesh, ((1 - s) * a + s * b) ** 2) for s in (0.5 - STEP, 0.5, 0.5 + STEP))
    return (before - 2 * at + after) / STEP**2 / (4 * integrate(mesh, (a - b) ** 2))


def _convexity(quick: bool) -> Outcome:
    """The least curvature over random pairs, and pairs where the constant is sharp."""
    mesh, outcome = Cartesian(40, -2.0, 2.0), Outcome()
    pi = two_wells(mesh)
    rows: list[tuple[str | int | float, ...]] = []
    slopes_at_zero: list[tuple[str | int | float, ...]] = []
    pairs = random_starts(mesh, pi, 20 if quick else 400, 2.0)
    for p in (-1.0, 0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0):
        energy, exact = PowerDivergence(p, pi), convexity(p)
        least = min(curvature(mesh, energy, a, b) for a, b in zip(pairs[::2], pairs[1::2], strict=True))
        # Sharp far above the target for p <= 1/2, far below it for p > 1; for KL it falls like log(s)/2 there.
        scale = 1e8 if p <= 0.5 else 1e-6
        sharp = curvature(mesh, energy, scale * pi, 1.5 * scale * pi)
        if math.isfinite(exact):
            outcome.checks += [
                Check(f"p = {p:g}: least curvature over random pairs", least, exact - CURVATURE, "at least"),
                Check(f"p = {p:g}: curvature where it is sharp", sharp, 2e-2 * abs(exact), "within", exact),
            ]
        else:
            outcome.checks.append(Check(f"p = {p:g}: curvature near zero (no constant)", sharp, -5.0))
        rows.append((f"{p:g}", exact, least, sharp))
    for p, limit in ((0.25, math.inf), (0.5, 2.0), (0.75, 0.0), (1.0, 0.0)):
        energy = PowerDivergence(p, pi)
        slopes = [_slope(mesh, energy, share * pi) for share in (1e-6, 1e-12)]
        power = math.log(slopes[0] / slopes[1]) / math.log(1e6)
        if p == 0.5:
            outcome.checks.append(Check("p = 0.5: metric slope near zero", slopes[1], 1e-5, "within", limit))
        elif p < 1:
            # s phi'^2 ~ s^(2p - 1)/(1 - p)^2
            outcome.checks.append(
                Check(f"p = {p:g}: power of s in the slope near zero", power, 2e-2, "within", p - 0.5)
            )
        else:
            outcome.checks.append(Check("p = 1: metric slope at 1e-12 of the target", slopes[1], 1e-4))
        slopes_at_zero.append((f"{p:g}", *slopes, limit))
    known = [row for row in rows if math.isfinite(float(row[1]))]
    places, constants, lowest, sharpest = ([float(row[n]) for row in known] for n in range(4))
    below = sum(place <= 0.5 for place in places)
    lines = [Series("$\\Lambda$", places[part], constants[part], exact=True)
             for part in (slice(below), slice(below, None))]  # fmt: skip
    found = (Series("least of random pairs", places, lowest), Series("where it is sharp", places, sharpest))
    outcome.plots.append(Plot("convexity along geodesics", "$p$", "$F''/FR^2$", (*lines, *found)))
    outcome.tables += [
        Table("F'' over FR² along geodesics", ("p", "Λ", "random pairs, least", "where it is sharp"), tuple(rows)),
        Table("Metric slopes at s π", ("p", "s = 1e-6", "s = 1e-12", "s to 0"), tuple(slopes_at_zero)),
    ]
    return outcome


def _slope(mesh: Cartesian, energy: Energy, density: np.ndarray) -> float:
    """|dF|, the root of 2 R*."""
    return math.sqrt(ratio_of(mesh, energy, FisherRao(), density) * energy.value(mesh, density))


def _bounded(quick: bool) -> Outcome:
    """KL <= (2 + B + e B) K e^-t for t >= log((1 + B) K), with |log s_0| <= K (1 + x^2) and second moments below B."""
    mesh, outcome, lines, curves = Cartesian(160, -8.0, 8.0), Outcome(), [], []
    x, target = mesh.centers[0], Gaussian(0.0, 1.0)
    pi = target.cell_averages(mesh)
    for mean, variance in ((1.0, 0.5), (-2.0, 2.0), (3.0, 1.0)):
        start = Gaussian(mean, variance).cell_averages(mesh)
        k = float(np.max(np.abs(np.log(start / pi)) / (1 + x**2)))
        b = max(integrate(mesh, x**2 * density) for density in (start, pi))
        begin = math.log((1 + b) * k)
        times = [0.0, *np.linspace(max(begin, 0.0), max(begin, 0.0) + 4, 9)]
        run = solve(GradientFlow(mesh, KullbackLeibler(pi), Spherical(FisherRao())), start, times, rtol=1e-8)
        bounds = [(2 + b + math.e * b) * k * math.exp(-t) for t in times]
        share = max(float(f / bound) for f, bound in zip(run.energy[1:], bounds[1:], strict=True))
        label = f"N({mean:g}, {variance:g})"
        outcome.checks.append(Check(f"{label}: largest KL over its bound", share, 1.0))
        steps = np.diff(np.log(run.energy[-3:])) / np.diff(run.times[-3:])
        outcome.checks.append(Check(f"{label}: late decay of KL", -float(steps[-1]), 0.05, "within", 2.0))
        lines.append(Rate("SFR", "KL", f"start {label}, late", "→", 2.0, None, -float(steps[-1]), 1,
                          "Chen et al. 2023; Domingo-Enrich and Pooladian 2023"))  # fmt: skip
        curves += [
            Series(label, times[1:], [float(f) for f in run.energy[1:]]),
            Series(label, times[1:], bounds[1:], exact=True),
        ]
    outcome.tables.append(rates_table(lines))
    outcome.plots.append(
        Plot("KL below its bound, from the time where that begins", "time $t$", "KL", tuple(curves), False, True)
    )
    return outcome


RATES_CONVEXITY = (
    Case(
        "fisher-rao-convexity",
        "Convexity along Fisher-Rao geodesics, and slopes at zero",
        "D_p is Λ-convex along geodesics, Λ = 1/(2(1-p)) for p ≤ 1/2, half of the constant of decay; -1/(2(p-1)) for "
        "p > 1, none between. At zero the metric slope is infinite, 2√π(Ω) or 0 for p below, at or above 1/2.",
        "Zhu and Mielke 2024, Rem. 6.6; Λ for p > 1 and the value at p = 1/2 derived",
        "bimodal target on 40 cells, second differences in the middle of geodesics between random densities",
        _convexity,
    ),
    Case(
        "spherical-kl-bound",
        "A bound for KL by spherical Fisher-Rao",
        "KL(t) ≤ (2 + B + eB) K exp(-t) for t ≥ log((1 + B)K), if |log s_0| ≤ K(1 + x²) and second moments are below "
        "B; the late rate is 2.",
        "Chen, Huang, Huang, Reich and Stuart 2023, arXiv:2302.11024",
        "Gaussian starts and target on 160 cells; lines: the bounds",
        _bounded,
    ),
)

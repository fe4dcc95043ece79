"""Figures of the papers, drawn from what the code computes and checked against formulas written out once more."""

from __future__ import annotations

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import FisherRao
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series
from mudot.validation.rates import theorems

_POWERS = (0.0, 0.25, 0.5, 1.0, 2.0)


def _entropies(quick: bool) -> Outcome:
    """One cell of mass s: F is phi_p(s), I is s phi_p'(s)^2."""
    mesh, one = Cartesian(1, 0.0, 1.0), np.ones(1)
    s = np.linspace(0.02, 1.3, 33 if quick else 65)
    values, slopes, outcome = [], [], Outcome()
    for p in _POWERS:
        energy = PowerDivergence(p, one)
        value = np.array([energy.value(mesh, r * one) for r in s])
        slope = np.array(
            [2 * sum(FisherRao().onsager(mesh, r * one).dual(energy.first_variation(mesh, r * one))) for r in s]
        )
        exact = theorems.entropy(s, p), s * theorems.slope(s, p) ** 2
        gaps = [float(np.max(np.abs(a - b))) for a, b in zip((value, slope), exact, strict=True)]
        outcome.checks += [
            Check(f"p = {p:g}: largest error of phi_p", gaps[0], 1e-12),
            Check(f"p = {p:g}: largest error of s phi_p'²", gaps[1], 1e-11),
        ]
        values.append(Series(f"$p = {p:g}$", list(map(float, s)), list(map(float, value))))
        slopes.append(Series(f"$p = {p:g}$", list(map(float, s)), list(map(float, slope))))
    kl = (values[3], slopes[3])
    pair = (Series(r"$\phi_1(s)$", kl[0].x, kl[0].y), Series(r"$s\,\log^2 s$", kl[1].x, kl[1].y))
    outcome.plots += [
        Plot("power entropies", "$s$", r"$\phi_p(s)$", tuple(values)),
        Plot("KL and its slope: no constant below", "$s$", "", pair),
        Plot("Lojasiewicz curves", "$s$", r"$s\,\phi_p'(s)^2$", tuple(slopes), logy=True),
    ]
    return outcome


def _escape(quick: bool) -> Outcome:
    """Birth from a ratio of 1e-12 for every power."""
    mesh, one, first = Cartesian(1, 0.0, 1.0), np.ones(1), 1e-12
    times, curves, outcome = [0.0, *np.linspace(0.1, 8.0, 40 if quick else 80)], [], Outcome()
    for p in _POWERS:
        flow = GradientFlow(mesh, PowerDivergence(p, one), FisherRao())
        found = solve(flow, first * one, times, rtol=1e-8).density[:, 0]
        exact = [float(theorems.relaxed(np.array(first), p, t)) for t in times]
        gap = float(np.max(np.abs(found - exact)))
        outcome.checks.append(Check(f"p = {p:g}: largest error of s over time", gap, 1e-11))
        curves += [
            Series(f"$p = {p:g}$", times, list(map(float, found))),
            Series(f"$p = {p:g}$", times, exact, exact=True),
        ]
    outcome.plots.append(Plot("birth from a ratio of 1e-12", "time $t$", r"$\mu/\pi$", tuple(curves)))
    return outcome


PAPERS = (
    Case(
        "figures-of-the-papers",
        "Power entropies and their Lojasiewicz curves",
        "F and I on one cell are φ_p(s) and s φ_p'(s)² for p = 0, 1/4, 1/2, 1, 2.",
        "Zhu and Mielke 2024, figures 1, 2 and 4",
        "one cell of mass s, target of mass one",
        _entropies,
    ),
    Case(
        "figures-escape",
        "Birth from almost nothing",
        "From s = 1e-12, flows with p ≤ 1/2 are born at once, KL late, χ² only near t = log 1e12 = 27.6.",
        "Zhu and Mielke 2024, figure 3 and Remark 6.6, computed dynamically",
        "one cell, Fisher-Rao",
        _escape,
    ),
)

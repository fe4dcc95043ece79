"""Figures of the papers, drawn from what the code computes and checked against formulas written out once more."""

from __future__ import annotations

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series
from mudot.validation.rates import theorems

_POWERS = (0.0, 0.25, 0.5, 1.0, 2.0)


def _entropies(quick: bool) -> Outcome:
    """One cell of mass s: F is phi_p(s), I is s phi_p'(s)^2. Markers are computed, lines the formulas."""
    mesh, one, outcome = Cartesian(1, 0.0, 1.0), np.ones(1), Outcome()
    s, fine = (
        np.concatenate([np.geomspace(1e-6, 1.0, 25)[:-1], np.linspace(1.01, 1.3, 5)]),
        np.geomspace(1e-6, 1.3, 400),
    )
    panels: dict[str, list[Series]] = {"value": [], "slope": [], "quotient": []}
    for p in _POWERS:
        energy = PowerDivergence(p, one)
        value = np.array([energy.value(mesh, r * one) for r in s])
        slope = np.array(
            [2 * sum(FisherRao().onsager(mesh, r * one).dual(energy.first_variation(mesh, r * one))) for r in s]
        )
        exact = theorems.entropy(s, p), s * theorems.slope(s, p) ** 2
        gaps = [float(np.max(np.abs(a - b) / (1 + b))) for a, b in zip((value, slope), exact, strict=True)]
        outcome.checks += [
            Check(f"p = {p:g}: largest error of phi_p", gaps[0], 1e-12),
            Check(f"p = {p:g}: largest error of s phi_p'²", gaps[1], 1e-11),
        ]
        label, off = f"$p = {p:g}$", fine[np.abs(fine - 1) > 1e-3]
        near, apart = s > 0.03, np.abs(s - 1) > 5e-3
        drawn = fine[fine > 0.02]
        panels["value"] += [_marks(label, s[near], value[near]), _line(label, drawn, theorems.entropy(drawn, p))]
        lines = off, off * theorems.slope(off, p) ** 2
        panels["slope"] += [_marks(label, s[apart], slope[apart]), _line(label, *lines)]
        ratio = theorems.quotient(off, p)
        panels["quotient"] += [_marks(label, s[apart], slope[apart] / value[apart]), _line(label, off, ratio)]
    drawn = fine[fine > 5e-3]
    pair = (
        _line(r"$\phi_1(s)$", drawn, theorems.entropy(drawn, 1.0)),
        _line(r"$s\,\log^2 s$", drawn, drawn * np.log(drawn) ** 2),
    )
    outcome.plots += [
        Plot("Power entropies", "$s$", r"$\phi_p(s)$", tuple(panels["value"])),
        Plot("KL and its slope: towards s = 0 the slope vanishes, KL does not", "$s$", "", pair),
        Plot("Lojasiewicz curves", "$s$", r"$s\,\phi_p'(s)^2$", tuple(panels["slope"]), True, True),
        Plot(
            "Their quotients: bounded below for p ≤ 1/2 only",
            "$s$",
            r"$s\,\phi_p'(s)^2/\phi_p(s)$",
            tuple(panels["quotient"]),
            True,
            True,
        ),
    ]
    return outcome


def _marks(label: str, x: np.ndarray, y: np.ndarray) -> Series:
    return Series(label, [float(v) for v in x], [float(v) for v in y])


def _line(label: str, x: np.ndarray, y: np.ndarray) -> Series:
    return Series(label, [float(v) for v in x], [float(v) for v in y], exact=True)


def _escape(quick: bool) -> Outcome:
    """Birth from a ratio of 1e-12 for every power."""
    mesh, one, first = Cartesian(1, 0.0, 1.0), np.ones(1), 1e-12
    times, curves, outcome = (
        [0.0, *sorted([*np.geomspace(0.05, 60.0, 40 if quick else 80), *np.linspace(25, 31, 13)])],
        [],
        Outcome(),
    )
    for p in _POWERS:
        flow = GradientFlow(mesh, PowerDivergence(p, one), FisherRao())
        found = solve(flow, first * one, times, rtol=1e-8).density[:, 0]
        exact = [float(theorems.relaxed(np.array(first), p, t)) for t in times]
        gap = float(np.max(np.abs(found - exact)))
        outcome.checks.append(Check(f"p = {p:g}: largest error of s over time", gap, 1e-11))
        curves += [
            Series(f"$p = {p:g}$", times[1:], list(map(float, found[1:]))),
            Series(f"$p = {p:g}$", times[1:], exact[1:], exact=True),
        ]
    outcome.plots.append(Plot("Birth from a ratio of 1e-12", "time $t$", r"$\mu/\pi$", tuple(curves), True))
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

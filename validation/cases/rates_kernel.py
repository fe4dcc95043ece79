"""Kernelised geometries have no constant of decay: I/F falls with the mode, and with the mass."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.geometries import KernelizedFisherRao
from mudot.validation.cases.rates_torus import AMPLITUDE, ROUGH, Mode, geometries
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates import theorems
from mudot.validation.rates.measured import ratio_of
from mudot.validation.rates.table import Rate, rates_table

MODES = (1, 2, 4, 8)
POWERS = (-1.0, 0.0, 0.5, 1.0, 2.0)
SMALL = (2.0, 4.0, 8.0, 16.0)
"""Depths B of the starts exp(-B) pi."""
BOUNDED = ("kernelized FR", "spherical kernelized FR", "ridge FR", "spherical ridge FR")
"""Geometries whose symbol tends to zero with the wave length, those of transport apart: the Laplace kernel has
omega^2 k of order one, so that Stein flows of it lose no mode."""


def _kernelized(quick: bool) -> Outcome:
    """High modes around pi = 1, and small multiples of pi."""
    outcome, lines, curves = Outcome(), [], []
    for name in BOUNDED:
        for p in POWERS[1:4] if quick else POWERS:
            ratios, symbols = [], []
            for number in MODES:
                mode = Mode(Cartesian(64, 0.0, 1.0, "periodic"), number)
                geometry, symbol = geometries(mode)[name]
                energy = PowerDivergence(p, np.ones(mode.mesh.shape))
                ratios.append(ratio_of(mode.mesh, energy, geometry, 1 + AMPLITUDE * mode.wave))
                symbols.append(2 * symbol)
            worst = max(abs(a / b - 1) for a, b in zip(ratios, symbols, strict=True))
            outcome.checks += [
                Check(f"{name}, p = {p:g}: I/F over twice the symbol, modes 1 to 8", worst, 1e-6),
                Check(f"{name}, p = {p:g}: I/F falls, largest ratio of neighbours",
                      max(b / a for a, b in pairwise(ratios)), 0.9),
            ]  # fmt: skip
            lines.append(Rate(name, f"power {p:g}", "torus, modes 1 to 8", "≥", 0.0, ratios[-1], None, len(MODES),
                              "none: Zhu and Mielke 2024, Lemma 6.8"))  # fmt: skip
        if not name.startswith("spherical"):  # waves have mean zero: the spherical ones lie on top of these
            curves += [Series(name, list(MODES), ratios), Series(name, list(MODES), symbols, exact=True)]
    rows = _multiples(outcome, quick)
    columns = ("p", *(f"I/F at exp(-{b:g}) π" for b in SMALL), "I/F tends to")
    outcome.tables += [Table("Kernelised Fisher-Rao at small multiples of the target", columns, tuple(rows)),
                       rates_table(lines)]  # fmt: skip
    outcome.plots.append(Plot("I/F by mode", "mode", "$I/F$", tuple(curves), True, True))
    return outcome


def _multiples(outcome: Outcome, quick: bool) -> list[tuple[str | int | float, ...]]:
    """I/F = k (s phi')^2/phi at s pi, pi = 1, k the integral of the kernel: zero in the limit s to 0 for p >= 0."""
    mesh, rows = Cartesian(32, 0.0, 1.0, "periodic"), []
    mode = Mode(mesh, 0)
    for p in POWERS:
        energy, geometry = PowerDivergence(p, np.ones(mesh.shape)), KernelizedFisherRao(ROUGH)
        found = [ratio_of(mesh, energy, geometry, np.full(mesh.shape, math.exp(-b))) for b in SMALL]
        s = np.exp(-np.array(SMALL))
        exact = mode.symbol(ROUGH) * (s * theorems.slope(s, p)) ** 2 / theorems.entropy(s, p)
        outcome.checks.append(
            Check(f"p = {p:g}: I/F at small multiples over the formula", float(np.max(np.abs(found / exact - 1))), 1e-9)
        )
        trend = max(b / a for a, b in pairwise(found)) if p >= 0 else min(b / a for a, b in pairwise(found))
        outcome.checks.append(
            Check(f"p = {p:g}: I/F falls with the mass, largest ratio of neighbours", trend, 0.75)
            if p >= 0
            else Check(f"p = {p:g}: I/F grows, least ratio of neighbours", trend, 2.0, "at least")
        )
        rows.append((f"{p:g}", *found, "0" if p >= 0 else "∞"))
    return rows


RATES_KERNEL = (
    Case(
        "no-constant-kernelized",
        "No constant for kernelised geometries",
        "I/F is twice the kernel's multiplier near π and so has no positive bound; at small multiples of π it tends to "
        "zero for every p ≥ 0.",
        "Zhu and Mielke 2024, Lemma 6.8 and Cor. 6.9; multiples and modes derived",
        "Laplace kernel of length 0.1 on the unit torus, ridge 0.03, amplitude 1e-4, 64 cells",
        _kernelized,
    ),
)

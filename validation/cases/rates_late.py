"""Late and single steps of decay: implicit Euler's factor, slopes far along flows, and interaction-force transport."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, InverseSobolev, KullbackLeibler, MaximumMeanDiscrepancy, PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    Spherical,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.rates import two_wells
from mudot.validation.finished import along
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates import theorems
from mudot.validation.rates.measured import constants_of, random_starts
from mudot.validation.rates.table import Rate, rates_table


def _implicit(quick: bool) -> Outcome:
    """Minimising-movement steps of KL by Fisher-Rao: log s+ = (2/h) (sqrt(s/s+) - 1) in every cell."""
    mesh = Cartesian(40, -2.0, 2.0)
    pi, outcome, rows = two_wells(mesh), Outcome(), []
    kl = KullbackLeibler(pi)
    starts = [*random_starts(mesh, pi, 3 if quick else 20, 3.0), 1e-08 * pi]
    for step in (0.25, 0.5, 1.0, 2.0, 4.0):
        bound, worst, lowest = 1 / (1 + theorems.implicit_constant(step)), 0.0, math.inf
        for start in starts:
            after = np.array([_implicit_step(s, step) for s in start / pi])
            worst = max(worst, kl.value(mesh, after * pi) / kl.value(mesh, start))
            lowest = min(lowest, float(np.log(after.min())))
        outcome.checks.append(Check(f"h = {step:g}: largest KL after over before", worst, bound))
        outcome.checks.append(Check(f"h = {step:g}: least log s after", lowest, -2 / step, "at least"))
        rows.append((step, bound, worst, -2 / step, lowest, "derived"))
    steps, bounds, factors = ([float(row[n]) for row in rows] for n in range(3))
    outcome.plots.append(
        Plot(
            "KL after one step over KL before",
            "$h$",
            "factor",
            (Series("largest found", steps, factors), Series("bound", steps, bounds, exact=True)),
            True,
        )
    )
    columns = ("h", "bound of the factor", "largest factor", "-2/h", "least log s", "status")
    outcome.tables.append(Table("One implicit step", columns, tuple(rows)))
    return outcome


def _implicit_step(s: float, step: float) -> float:
    def residual(log_after: float) -> float:
        return log_after - 2 / step * math.expm1((math.log(s) - log_after) / 2)

    low, high = sorted((math.log(s), 0.0))
    return math.exp(brentq(residual, low - 1e-9, high + 1e-9, xtol=1e-14))


def _late(quick: bool) -> Outcome:
    """V = 3 (x² - 1)²: late slopes of log F by transport, reaction and both; their limits come from a generator."""
    mesh = Cartesian(80 if quick else 160, -2.6, 2.6)
    x = mesh.centers[0]
    log_pi = -3 * (x**2 - 1) ** 2
    log_pi -= math.log(integrate(mesh, np.exp(log_pi)))
    pi = np.exp(log_pi)
    kl, square = KullbackLeibler(pi, log_pi), PowerDivergence(2.0, pi, log_pi)
    start = np.exp(-10 * (x - 1) ** 2) + 1e-4 * pi
    start /= integrate(mesh, start)
    # chi^2 and its kin need a start of finite chi^2, not a bump that outweighs the target in far tails.
    split = pi * (1 + 0.5 * np.tanh(2 * x))
    gap, outcome, rows, curves = DOUBLE_WELL_GAP, Outcome(), [], []
    times = [0.0, *np.linspace(0.5, 12.0, 12 if quick else 24)]
    flat = FlatWasserstein(pi) + FlatFisherRao(pi)
    sums = "Lu, Lu and Nolen 2019"
    flows: list[tuple[str, Energy, Geometry, np.ndarray, float, float, str]] = [
        ("W", kl, Wasserstein(), start, 2 * gap, 0.02, "spectral gap"),
        ("SFR", kl, Spherical(FisherRao()), start, 2.0, 1e-3, sums),
        ("FR", PowerDivergence(0.5, pi, log_pi), FisherRao(), start, 2.0, 1e-3, "derived"),
        ("SHK", kl, Wasserstein() + Spherical(FisherRao()), start, 2 * (gap + 1), 0.02, sums),
        ("flat WFR", square, flat, split, 2 * (gap + 1), 0.02, "derived, exact in every mode"),
        ("LAWGD", InverseSobolev(pi, log_pi), Wasserstein(), split, 2.0, 0.02, "Chewi et al. 2020"),
    ]
    for name, energy, geometry, first, rate, share, source in flows[:4] if quick else flows:
        solution = along(GradientFlow(mesh, energy, geometry), first, times, 1e-8)
        logs = -np.log(solution.energy)
        slopes = np.diff(logs) / np.diff(solution.times)
        seen = int(np.searchsorted(-solution.energy, -1e-9 * solution.energy[0]))  # before round-off
        late = float(slopes[min(seen, len(slopes)) - 1])
        outcome.checks.append(Check(f"{name}: late slope over its limit", late / rate, share, "within", 1.0))
        rows.append((name, energy.name, rate, late, float(times[min(seen, len(slopes))]), source))
        shares = [float(f / solution.energy[0]) for f in solution.energy[:seen]]
        curves.append(Series(name, times[:seen], shares))
    columns = ("flow", "energy", "limit", "measured", "at t", "source")
    outcome.tables += [
        Table("Late decay", columns, tuple(rows)),
        rates_table([Rate(r[0], r[1], "double well, late", "→", r[2], None, r[3], 1, r[5]) for r in rows]),
    ]
    outcome.plots.append(Plot("decay in a double well", "time $t$", "$F(t)/F(0)$", tuple(curves), False, True))
    return outcome


DOUBLE_WELL_GAP = 0.2418596
"""lambda_1 of -f'' + V' f' for V = 3 (x² - 1)² on [-2.6, 2.6], no flux (derived, by spectral methods)."""


_IFT = "Gladin et al. 2024, Thm 3.7"


def _interaction_force(quick: bool) -> Outcome:
    """MMD flows decay at exactly 2 beta, transport makes it faster: exp(-2 beta t) bounds interaction-force flows."""
    mesh = Cartesian(40, -2.0, 2.0)
    pi, outcome, rows = two_wells(mesh), Outcome(), []
    curves: list[Series] = []
    kernel = GaussianKernel(0.6)
    energy: Energy = MaximumMeanDiscrepancy(kernel, pi)
    x = mesh.centers[0]
    smooth = [np.exp(-((x - c) ** 2) / 0.5) + 0.05 for c in ((-0.8,) if quick else (-1.0, 0.0, 0.7))]
    starts = [s / integrate(mesh, s) for s in smooth]
    times = [0.0, 0.25, 0.5, 1.0, 2.0]
    for beta in (0.5, 1.0):
        reaction = beta * DeKernelizedFisherRao(kernel)
        flows = GradientFlow(mesh, energy, reaction), GradientFlow(mesh, energy, Wasserstein() + reaction)
        runs = [[along(flow, s, times, rtol) for s in starts] for flow, rtol in zip(flows, (1e-8, 1e-6), strict=True)]
        plain, both = map(constants_of, runs)
        for name, (run, *_) in zip((f"MMD, β = {beta:g}", f"IFT, β = {beta:g}"), runs, strict=True):
            curves.append(Series(name, times, [float(f / run.energy[0]) for f in run.energy]))
        curves.append(Series(f"exp(-2βt), β = {beta:g}", times, [math.exp(-2 * beta * t) for t in times], exact=True))
        outcome.checks += [
            Check(f"MMD, beta = {beta:g}: least rate of decay", plain.decay, 1e-6, "within", 2 * beta),
            Check(f"MMD, beta = {beta:g}: least I/F", plain.inequality, 1e-6, "within", 2 * beta),
            Check(f"IFT, beta = {beta:g}: least rate of decay", both.decay, 2 * beta, "at least"),
            Check(f"IFT, beta = {beta:g}: least I/F", both.inequality, 2 * beta, "at least"),
        ]
        rows += [
            ("MMD", beta, 2 * beta, plain.inequality, plain.decay, plain.states, _IFT + ", equality"),
            ("IFT", beta, 2 * beta, both.inequality, both.decay, both.states, _IFT),
        ]
    columns = ("flow of MMD²/2", "β", "2β", "least I/F", "least decay", "states", "source")
    lines = [
        Rate(str(r[0]), "MMD²/2", f"β = {r[1]:g}", "=" if r[0] == "MMD" else "≥", float(r[2]), r[3], r[4], r[5], r[6])
        for r in rows
    ]
    outcome.tables += [Table("Interaction-force flows", columns, tuple(rows)), rates_table(lines)]
    title = "decay of MMD²/2 from the first start"
    outcome.plots.append(Plot(title, "time $t$", "$F(t)/F(0)$", tuple(curves), False, True))
    return outcome


RATES_LATE = (
    Case(
        "implicit-steps",
        "Decay of implicit steps",
        "One minimising-movement step of KL by Fisher-Rao lifts s above exp(-2/h), and KL falls by the factor derived.",
        "derived; for steps with transport to be confirmed",
        "random starts on 40 cells; the step solved cell by cell",
        _implicit,
    ),
    Case(
        "late-slopes",
        "Late slopes in a double well",
        "log F falls at 2 λ₁ by transport, 2 by reaction, 2 (λ₁ + 1) by both, flat or not, and at 2 along LAWGD: "
        "barriers slow down transport alone.",
        "Bakry and Émery 1985; Lu, Lu and Nolen 2019, arXiv:1905.09863; Chewi et al. 2020",
        "V = 3 (x² - 1)² on [-2.6, 2.6], start near one well",
        _late,
    ),
    Case(
        "interaction-force-decay",
        "Decay of interaction-force flows",
        "MMD²/2 decays at exactly 2β by the MMD geometry, at least as fast with transport.",
        "Gladin, Dvurechensky, Mielke and Zhu 2024, Theorem 3.7",
        "Gaussian kernel of width 0.6, bimodal target on 40 cells",
        _interaction_force,
    ),
)

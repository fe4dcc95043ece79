"""Functional inequalities and decay rates: measured constants beside those of the theorems."""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, KullbackLeibler, MaximumMeanDiscrepancy, PowerDivergence
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import DeKernelizedFisherRao, FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates import theorems
from mudot.validation.rates.measured import constants, random_starts, ratio_of

ROUND_OFF = 1e-9
"""Room below a constant that is attained: energies near the target are differences."""
SPHERICAL = {0.35: 1.5319, 0.40: 1.5495, 0.45: 1.4163, 0.49: 1.1397}
"""Minimised over two- and three-point densities (derived; to be confirmed)."""


def _target(mesh: Cartesian) -> np.ndarray:
    """Two wells and a floor, mass one."""
    x = mesh.centers[0]
    pi = np.exp(-((x - 1) ** 2) / 0.3) + 0.5 * np.exp(-((x + 1) ** 2) / 0.2) + 0.02
    return np.asarray(pi / integrate(mesh, pi))


def _global(quick: bool) -> Outcome:
    """The Lojasiewicz inequality on positive measures, with and without transport."""
    mesh = Cartesian(40, -2.0, 2.0)
    pi, outcome = _target(mesh), Outcome()
    starts = [*random_starts(mesh, pi, 2 if quick else 6, 2.0), 30 * pi, 0.001 * pi]
    times = [0.0, *np.geomspace(0.02, 6.0, 8 if quick else 16)]
    rows: list[tuple[str | int | float, ...]] = []
    for p in (-1.0, 0.0, 0.25, 0.5):
        energy, c = PowerDivergence(p, pi), theorems.plain_constant(p)
        found = constants(mesh, energy, FisherRao(), starts, times, 1e-7)
        joint = min(ratio_of(mesh, energy, Wasserstein() + FisherRao(), s) for s in starts)
        outcome.checks += [
            Check(f"FR, p = {p:g}: least I/F along flows", found.inequality, c - ROUND_OFF, "at least"),
            Check(f"FR, p = {p:g}: least mean rate of decay", found.decay, c - ROUND_OFF, "at least"),
            Check(f"WFR, p = {p:g}: least I/F over the starts", joint, c - ROUND_OFF, "at least"),
        ]
        rows.append((f"{p:g}", c, found.inequality, found.decay, found.late, found.states, joint, "theorem"))
    for p in (-1.0, 0.0, 0.25, 0.5):
        huge = ratio_of(mesh, PowerDivergence(p, pi), FisherRao(), 1e12 * pi)
        c = theorems.plain_constant(p)
        outcome.checks.append(Check(f"p = {p:g}: I/F at mu = 1e12 pi, where c is sharp", huge, 2e-2 * c, "within", c))
    columns = ("p", "1/(1-p)", "FR: I/F", "FR: decay", "FR: late decay", "states", "WFR: I/F", "status")
    outcome.tables.append(Table("Constants on positive measures, p ≤ 1/2", columns, tuple(rows)))
    return outcome


def _none(quick: bool) -> Outcome:
    """No global constant for p > 1/2: I/F falls with the start as fast as predicted; c_B is what remains for KL."""
    mesh = Cartesian(40, -2.0, 2.0)
    pi, outcome, curves = _target(mesh), Outcome(), []
    depths = np.linspace(0.5, 16, 12 if quick else 24)
    rows: list[tuple[str | int | float, ...]] = []
    for p in (0.5, 0.75, 1.0, 2.0):
        energy = PowerDivergence(p, pi)
        found = [ratio_of(mesh, energy, FisherRao(), math.exp(-b) * pi) for b in depths]
        exact = [float(theorems.quotient(np.array(math.exp(-b)), p)) for b in depths]
        gap = max(abs(f / e - 1) for f, e in zip(found, exact, strict=True))
        outcome.checks.append(Check(f"p = {p:g}: I/F at mu = exp(-B) pi over s phi'²/phi", gap, 1e-10))
        if p > 0.5:
            # s phi'^2 / phi ~ p / (p - 1)^2 s^min(1, 2p-1), with log^2 s for p = 1
            power = min(1.0, 2 * p - 1)
            last = -math.log(found[-1] / found[-2]) + (2 * math.log(depths[-1] / depths[-2]) if p == 1 else 0.0)
            seen = last / (depths[-1] - depths[-2])
            outcome.checks.append(Check(f"p = {p:g}: I/F falls like s to the power", seen, 0.02, "within", power))
        curves.append(Series(f"$p = {p:g}$", list(depths), found))
        rows += [(f"{p:g}", float(b), f) for b, f in list(zip(depths, found, strict=True))[-1:]]
    kl = KullbackLeibler(pi)
    for depth in (0.5, 1.0, 2.0, 4.0):
        c = theorems.bounded_constant(depth)
        # Random densities above exp(-B) pi: bounded below, anything above.
        starts = [np.maximum(s, math.exp(-depth) * pi) for s in random_starts(mesh, pi, 200 if quick else 2000, 2.0)]
        least = min(ratio_of(mesh, kl, FisherRao(), s) for s in starts)
        attained = ratio_of(mesh, kl, FisherRao(), math.exp(-depth) * pi)
        outcome.checks.append(Check(f"KL, s ≥ exp(-{depth:g}): least I/F", least, c, "at least"))
        outcome.checks.append(Check(f"KL, s = exp(-{depth:g}): c_B is attained", attained, 1e-10, "within", c))
        rows.append((f"KL, s ≥ exp(-{depth:g})", depth, least))
    outcome.plots.append(
        Plot("no constant beyond p = 1/2", "$B$, $\\mu = e^{-B}\\pi$", "$I/F$", tuple(curves), False, True)
    )
    outcome.tables.append(Table("What remains of I/F", ("p", "B", "least I/F"), tuple(rows)))
    return outcome


def _spherical(quick: bool) -> Outcome:
    """c_S(p) = inf Var(phi_p') / D_p over probability densities."""
    outcome, rows = Outcome(), []
    # Two cells, one of them tiny, so that ratios are as large as those of measures with a singular part.
    for p in (-1.0, 0.0, 0.25, 1 / 3, *SPHERICAL, 0.5):
        expected = SPHERICAL.get(p, 1.0 if p == 0.5 else 1 / (1 - p))
        analytic = theorems.spherical_constant(p)
        least = _two_cells(p, 60 if quick else 240)
        bound = 6e-5 if p in SPHERICAL else 1e-3
        outcome.checks.append(
            Check(f"p = {p:.3g}: c_S by singular two-point densities", analytic, bound, "within", expected)
        )
        outcome.checks.append(
            Check(f"p = {p:.3g}: I/F of the code on two cells", least, expected * (1 - 1e-3), "at least")
        )
        status = "to be confirmed" if p in SPHERICAL else "derived"
        rows.append((f"{p:.4g}", expected, analytic, least, status))
    columns = ("p", "c_S", "minimised", "least I/F on two cells", "status")
    outcome.tables.append(Table("Spherical constants", columns, tuple(rows)))
    ps = [float(p) for p in np.linspace(-0.5, 0.5, 21 if quick else 81)]
    outcome.plots.append(
        Plot(
            "spherical constants",
            "$p$",
            "constant",
            (
                Series("$c_S(p)$", ps, [theorems.spherical_constant(p) for p in ps]),
                Series("$1/(1-p)$", ps, [1 / (1 - p) for p in ps], exact=True),
            ),
        )
    )
    return outcome


def _two_cells(p: float, count: int) -> float:
    """Least I/F of the spherical geometry over masses of a tiny cell and ratios in the large one."""
    tiny = 1e-9
    mesh = Cartesian.graded([[0.0, tiny, 1.0]])
    energy, geometry, values = PowerDivergence(p, np.ones(2)), Spherical(FisherRao()), []
    for r in np.concatenate([np.geomspace(1e-8, 0.05, count), np.linspace(0.05, 0.98, count)]):
        density = np.array([(1 - r * (1 - tiny)) / tiny, r])
        values.append(ratio_of(mesh, energy, geometry, density))
    return min(values)


def _implicit(quick: bool) -> Outcome:
    """Minimising-movement steps of KL by Fisher-Rao: log s+ = (2/h) (sqrt(s/s+) - 1) in every cell."""
    mesh = Cartesian(40, -2.0, 2.0)
    pi, outcome, rows = _target(mesh), Outcome(), []
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
    columns = ("h", "bound of the factor", "largest factor", "-2/h", "least log s", "status")
    outcome.tables.append(Table("One implicit step", columns, tuple(rows)))
    return outcome


def _implicit_step(s: float, step: float) -> float:
    def residual(log_after: float) -> float:
        return log_after - 2 / step * math.expm1((math.log(s) - log_after) / 2)

    low, high = sorted((math.log(s), 0.0))
    return math.exp(brentq(residual, low - 1e-9, high + 1e-9, xtol=1e-14))


def _late(quick: bool) -> Outcome:
    """V = 3 (x² - 1)²: late slopes of log KL by transport, reaction and both; their limits come from a generator."""
    mesh = Cartesian(80 if quick else 160, -2.6, 2.6)
    x = mesh.centers[0]
    log_pi = -3 * (x**2 - 1) ** 2
    log_pi -= math.log(integrate(mesh, np.exp(log_pi)))
    kl = KullbackLeibler(np.exp(log_pi), log_pi)
    start = np.exp(-10 * (x - 1) ** 2) + 1e-4 * np.exp(log_pi)
    start /= integrate(mesh, start)
    gap, outcome, rows, curves = DOUBLE_WELL_GAP, Outcome(), [], []
    times = [0.0, *np.linspace(0.5, 12.0, 24)]
    flows: dict[str, tuple[Geometry, float, float]] = {
        "W": (Wasserstein(), 2 * gap, 0.02),
        "SFR": (Spherical(FisherRao()), 2.0, 1e-3),
        "SHK": (Wasserstein() + Spherical(FisherRao()), 2 * (gap + 1), 0.02),
    }
    for name, (geometry, rate, share) in flows.items():
        solution = solve(GradientFlow(mesh, kl, geometry), start, times, rtol=1e-8)
        logs = -np.log(solution.energy)
        slopes = np.diff(logs) / np.diff(solution.times)
        seen = int(np.searchsorted(-solution.energy, -1e-9 * solution.energy[0]))  # before round-off
        late = float(slopes[min(seen, len(slopes)) - 1])
        outcome.checks.append(Check(f"{name}: late slope over its limit", late / rate, share, "within", 1.0))
        rows.append(
            (name, rate, late, float(times[min(seen, len(slopes))]), "theorem" if name == "W" else "to be confirmed")
        )
        curves.append(Series(name, times[:seen], [float(f) for f in solution.energy[:seen]]))
    outcome.tables.append(Table("Late decay of KL", ("flow", "limit", "measured", "at t", "status"), tuple(rows)))
    outcome.plots.append(
        Plot("decay in a double well", "time $t$", r"$\mathrm{KL}(\mu\,|\,\pi)$", tuple(curves), False, True)
    )
    return outcome


DOUBLE_WELL_GAP = 0.2418596
"""lambda_1 of -f'' + V' f' for V = 3 (x² - 1)² on [-2.6, 2.6], no flux (derived, by spectral methods)."""


def _interaction_force(quick: bool) -> Outcome:
    """MMD flows decay at exactly 2 beta, transport makes it faster: exp(-2 beta t) bounds interaction-force flows."""
    mesh = Cartesian(40, -2.0, 2.0)
    pi, outcome, rows = _target(mesh), Outcome(), []
    kernel = GaussianKernel(0.6)
    energy: Energy = MaximumMeanDiscrepancy(kernel, pi)
    x = mesh.centers[0]
    smooth = [np.exp(-((x - c) ** 2) / 0.5) + 0.05 for c in ((-0.8,) if quick else (-1.0, 0.0, 0.7))]
    starts = [s / integrate(mesh, s) for s in smooth]
    times = [0.0, 0.25, 0.5, 1.0, 2.0]
    for beta in (0.5, 1.0):
        reaction = beta * DeKernelizedFisherRao(kernel)
        plain = constants(mesh, energy, reaction, starts, times)
        both = constants(mesh, energy, Wasserstein() + reaction, starts, times, 1e-6)
        outcome.checks += [
            Check(f"MMD, beta = {beta:g}: least rate of decay", plain.decay, 1e-6, "within", 2 * beta),
            Check(f"MMD, beta = {beta:g}: least I/F", plain.inequality, 1e-6, "within", 2 * beta),
            Check(f"IFT, beta = {beta:g}: least rate of decay", both.decay, 2 * beta, "at least"),
            Check(f"IFT, beta = {beta:g}: least I/F", both.inequality, 2 * beta, "at least"),
        ]
        rows += [
            ("MMD", beta, 2 * beta, plain.inequality, plain.decay, "theorem, equality"),
            ("IFT", beta, 2 * beta, both.inequality, both.decay, "theorem"),
        ]
    columns = ("flow of MMD²/2", "β", "2β", "least I/F", "least decay", "status")
    outcome.tables.append(Table("Interaction-force flows", columns, tuple(rows)))
    return outcome


RATES = (
    Case(
        "lojasiewicz-global",
        "Global decay for p ≤ 1/2",
        "I ≥ c D_p and D_p ≤ exp(-ct) D_p(0), c = 1/(1-p), for every start by Fisher-Rao; I ≥ c D_p with transport.",
        "Zhu and Mielke 2024, Corollaries 6.5 and 6.7",
        "bimodal target on 40 cells; rough random starts, 30 pi and pi/1000",
        _global,
    ),
    Case(
        "lojasiewicz-none",
        "No global decay for KL and χ²",
        "For p > 1/2 I/F falls to zero where mass vanishes; above exp(-B) pi the constant c_B holds for KL.",
        "Zhu and Mielke 2024, Lemma 6.2; c_B derived",
        "mu = exp(-B) pi, and random densities above it",
        _none,
    ),
    Case(
        "lojasiewicz-spherical",
        "Constants on probability measures",
        "c_S(p) = 1/(1-p) up to p = 1/3, then a curve that ends at 1 for p = 1/2.",
        "derived by minimisation; for p > 1/3 to be confirmed",
        "two-point densities, analytic and on two cells of which one is tiny",
        _spherical,
    ),
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
        "log KL falls at 2 λ₁ by transport, 2 by spherical reaction, 2 (λ₁ + 1) by both.",
        "Bakry and Emery 1985; Lu, Lu and Nolen 2019, arXiv:1905.09863",
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

"""Fisher-Rao flows: exact in time for every power divergence."""

from __future__ import annotations

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, Spherical
from mudot.validation import reference
from mudot.validation.cases.runs import balance
from mudot.validation.exact.gaussian_flows import fisher_rao
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table


def _gaussians(quick: bool) -> Outcome:
    """Midpoint values as data: the flow is pointwise, so that space makes no error either."""
    mesh = Cartesian(160 if quick else 320, -8.0, 8.0)
    x = mesh.centers[0]
    start, target = Gaussian(2.0, 0.25), Gaussian(0.0, 1.0)
    energy = KullbackLeibler(np.exp(target.log_density(x)), target.log_density(x))
    times = sorted(reference.SPHERICAL_FISHER_RAO)
    rows, worst = [], {"mean": 0.0, "variance": 0.0, "KL": 0.0, "mass": 0.0, "density": 0.0}
    outcome = Outcome()
    for spherical in (True, False):
        geometry = Spherical(FisherRao()) if spherical else FisherRao()
        solution = solve(GradientFlow(mesh, energy, geometry), np.exp(start.log_density(x)), times, rtol=1e-9)
        for t, frame in zip(times, solution.frames, strict=True):
            exact = fisher_rao(start, target, t, spherical=spherical)
            mass = integrate(mesh, frame.density)
            mean = integrate(mesh, x * frame.density) / mass
            variance = integrate(mesh, (x - mean) ** 2 * frame.density) / mass
            gaps = {
                "mean": mean - float(exact.mean[0]),
                "variance": variance - float(exact.covariance[0, 0]),
                "mass": mass - exact.mass,
                "density": float(np.max(np.abs(frame.density - np.exp(exact.log_density(x))))),
            }
            if spherical:
                gaps["KL"] = frame.energy - reference.SPHERICAL_FISHER_RAO[t].kl
            for name, gap in gaps.items():
                worst[name] = max(worst[name], abs(gap))
            rows.append(("spherical" if spherical else "plain", t, mean, variance, mass, frame.energy))
    outcome.checks += [Check(f"largest error of the {name}", gap, 1e-11) for name, gap in worst.items()]
    outcome.checks += _averages(quick)
    columns = ("flow", "t", "mean", "variance", "mass", "KL")
    outcome.tables.append(Table("Moments along the flow", columns, tuple(rows)))
    return outcome


def _averages(quick: bool) -> list[Check]:
    """Cell averages as data: the ratio of averages is not the average of the ratio, an error of second order."""
    start, target, listed = Gaussian(2.0, 0.25), Gaussian(0.0, 1.0), reference.FISHER_RAO_ERRORS
    exact, over = reference.SPHERICAL_FISHER_RAO[1.0], {"mean": 0.0, "kl": 0.0}
    for cells in (80, 160) if quick else (80, 160, 320):
        mesh = Cartesian(cells, -8.0, 8.0)
        logs = target.log_cell_averages(mesh)
        flow = GradientFlow(mesh, KullbackLeibler(np.exp(logs), logs), Spherical(FisherRao()))
        solution = solve(flow, start.cell_averages(mesh), [1.0], rtol=1e-9)
        mean = integrate(mesh, mesh.centers[0] * solution.density[-1]) - exact.mean
        gaps = {"mean": mean, "kl": float(solution.energy[-1]) - exact.kl}
        over = {name: max(over[name], gap / listed[name][cells]) for name, gap in gaps.items()}
    return [Check(f"cell averages: error of {name} over the listed one", over[name], reference.BAND) for name in over]


def _powers(quick: bool) -> Outcome:
    mesh = Cartesian.graded([[0.0, 0.2, 0.5, 1.0]])
    start, outcome = np.array(reference.POWER_START), Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    halves = drift = 0.0
    for p in reference.POWER_PLAIN:
        flow_energy = PowerDivergence(p, np.ones(3))
        for spherical, table in ((False, reference.POWER_PLAIN), (True, reference.POWER_SPHERICAL)):
            geometry = Spherical(FisherRao()) if spherical else FisherRao()
            solution = solve(GradientFlow(mesh, flow_energy, geometry), start, [0.0, 0.5, 1.0], rtol=1e-9)
            gap = float(np.max(np.abs(solution.density[-1] - table[p])))
            kind = "spherical" if spherical else "plain"
            once = solve(GradientFlow(mesh, flow_energy, geometry), start, [1.0], rtol=1e-9).density[-1]
            halves = max(halves, float(np.max(np.abs(once - solution.density[-1]))))
            if p == 0 or spherical:
                drift = max(drift, float(np.ptp(solution.mass)))
            outcome.checks.append(Check(f"p = {p:.3g}, {kind}: largest error of s(1)", gap, 2e-12))
            rows.append((f"{p:.4g}", kind, *map(float, solution.density[-1]), gap, balance(solution)))
    columns = ("p", "flow", "s₁(1)", "s₂(1)", "s₃(1)", "error", "balance / dissipation")
    outcome.tables.append(Table("Ratios s = mu/pi on three cells", columns, tuple(rows)))
    empty = np.array([1.5, 0.0, 1.0])
    for p in (1.0, 2.0, 3.0):
        flow = GradientFlow(mesh, PowerDivergence(p, np.ones(3)), FisherRao())
        left = float(solve(flow, empty, [1.0], rtol=1e-9).density[-1][1])
        outcome.checks.append(Check(f"p = {p:g}: what grows where there was nothing", left, 0.0))
    outcome.checks += [
        Check("largest balance over dissipation", max(float(r[-1]) for r in rows), 1e-8),
        Check("two half steps against one", halves, 1e-13),
        Check("mass drift, spherical, and plain for p = 0", drift, 1e-13),
    ]
    return outcome


def _birth(quick: bool) -> Outcome:
    """Escape from (almost) zero: the smaller p, the faster mass is born where there was none."""
    mesh = Cartesian(400, -4.0, 4.0)
    x = mesh.centers[0]
    target = Gaussian(0.0, 0.8, 0.6).cell_averages(mesh) + Gaussian(2.0, 0.05, 0.4).cell_averages(mesh)
    start = Gaussian(-0.5, 0.3).cell_averages(mesh)
    cell = int(np.argmin(np.abs(x - 2.0)))
    times = [0.0, *np.linspace(0.1, 6.0, 30 if quick else 60)]
    curves, profiles, outcome = [], [], Outcome()
    for p in (0.0, 0.25, 0.5, 1.0, 2.0):
        solution = solve(GradientFlow(mesh, PowerDivergence(p, target), FisherRao()), start, times, rtol=1e-8)
        ratio = solution.density[:, cell] / target[cell]
        curves.append(Series(f"$p = {p:g}$", times, [float(r) for r in ratio]))
        first = start[cell] / target[cell]
        decay = np.exp(-np.array(times))
        exact = first**decay if p == 1 else (1 + (first ** (1 - p) - 1) * decay) ** (1 / (1 - p))
        gap = float(np.max(np.abs(ratio - exact)))
        outcome.checks.append(Check(f"p = {p:g}: largest error of s at x = 2 over time", gap, 1e-11))
        early = int(np.searchsorted(times, 1.0))
        profiles.append(Series(f"$p = {p:g}$", list(map(float, x)), list(map(float, solution.density[early]))))
    final = [float(curve.y[-1]) for curve in curves]
    outcome.checks.append(Check("s(6) at x = 2 falls with p", max(np.diff(final)), 0.0))
    outcome.plots += [
        Plot("Birth escaping zero at x = 2", "time $t$", r"$\mu/\pi$ at $x = 2$", tuple(curves)),
        Plot(
            f"Densities at t = {times[early]:.2g}: mass at x = 2 is born the earlier the smaller p",
            "$x$",
            r"density $\mu_t$",
            (
                *profiles,
                Series(r"target $\pi$", list(map(float, x)), list(map(float, target))),
            ),
        ),
    ]
    return outcome


REACTION = (
    Case(
        "fisher-rao-gaussians",
        "Fisher-Rao flows between Gaussians",
        "Fisher-Rao flows of KL, plain and spherical, are computed to round-off.",
        "Domingo-Enrich and Pooladian 2023, arXiv:2302.12229",
        "N(2, 1/4) to N(0, 1) on [-8, 8], midpoint values as data",
        _gaussians,
    ),
    Case(
        "power-divergences",
        "Fisher-Rao flows of every power divergence",
        "Closed forms for p = -1, ..., 3, plain and spherical, agree with independent integrations.",
        "Zhu and Mielke 2024, section 6",
        "three cells of volumes 0.2, 0.3, 0.5 with s = 2, 0.5, 0.9 at the start",
        _powers,
    ),
    Case(
        "birth-escaping-zero",
        "Birth escaping zero",
        "Where the start has almost no mass, flows with small p give birth at once; with large p they wait.",
        "Zhu and Mielke 2024, figure 3 and Remark 6.6, computed dynamically",
        "a target with a narrow peak at x = 2, where the start has a tail of about 1e-5 of it",
        _birth,
    ),
)

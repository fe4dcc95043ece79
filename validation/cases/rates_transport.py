"""Decay by transport: logarithmic Sobolev constants of Wasserstein flows, next to those of the theorems."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import Wasserstein
from mudot.validation import reference
from mudot.validation.convergence import richardson
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates.log_sobolev import least_quotient
from mudot.validation.rates.measured import Constants, constants_of, least_decay, random_starts, ratio_of
from mudot.validation.rates.table import Rate, rates_table

Potential = Callable[[np.ndarray], np.ndarray]
ROOM = 1e-6
"""Relative: how far flows may fall below the least quotient found by minimisation, which stops at some tolerance."""
EXTRAPOLATED = 2e-3
"""Relative error of constants extrapolated from 32 and 64 cells: what fourth order leaves."""


@dataclass(frozen=True)
class Well:
    """A potential on a box, the constant of the theorem for it, and how the true one stands to that."""

    name: str
    potential: Potential
    half_width: float
    constant: float
    relation: str
    source: str

    def mesh(self, cells: int) -> Cartesian:
        """So many cells on the box."""
        return Cartesian(cells, -self.half_width, self.half_width)

    def log_target(self, mesh: Cartesian) -> np.ndarray:
        """log pi at the centres, of mass one."""
        logs = -self.potential(mesh.centers[0])
        return np.asarray(logs - math.log(integrate(mesh, np.exp(logs))))


RIPPLE = 0.3
WELLS = (
    Well("Gaussian, variance 1", lambda x: x**2 / 2, 6.0, 2.0, "=", "Gross 1975; Bakry and Émery 1985"),
    Well("Gaussian, variance 1/2", lambda x: x**2, 4.2, 4.0, "=", "Gross 1975; Bakry and Émery 1985"),
    Well("x²/2 + x⁴/4", lambda x: x**2 / 2 + x**4 / 4, 3.0, 2.0, "≥", "Bakry and Émery 1985, V'' ≥ 1"),
    Well(
        "x²/2 + 0.3 cos 4x",
        lambda x: x**2 / 2 + RIPPLE * np.cos(4 * x),
        6.0,
        2 * math.exp(-2 * RIPPLE),
        "≥",
        "Holley and Stroock 1987, oscillation 0.6",
    ),
    Well(
        "(x² - 1)²",
        lambda x: (x**2 - 1) ** 2,
        3.0,
        2 * reference.EIGENVALUES["(x**2 - 1)**2"][0],
        "≤",
        "Rothaus 1981, twice the spectral gap",
    ),
)
"""Theorems: the constant is exact, a lower bound, or an upper bound."""


def _log_sobolev(quick: bool) -> Outcome:
    """The least I/KL by minimisation on two meshes, and flows from many starts that must not go below it."""
    outcome, rows, lines, curves = Outcome(), [], [], []
    for well in WELLS[::2] if quick else WELLS:
        least = {n: _least(well, n) for n in (32, 64)}
        limit = richardson(least[32], least[64])
        mesh = well.mesh(64)
        log_pi = well.log_target(mesh)
        flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_pi), log_pi), Wasserstein())
        times = [0.0, *np.geomspace(0.01, 8 / well.constant, 7)]
        runs = [solve(flow, start, times, rtol=1e-9) for start in _starts(mesh, np.exp(log_pi), 0 if quick else 6)]
        found = constants_of(runs)
        outcome.checks += [
            _against(well, limit),
            Check(f"{well.name}: least I/KL along flows", found.inequality, least[64] * (1 - ROOM), "at least"),
            Check(f"{well.name}: least decay of KL", found.decay, least[64] * (1 - ROOM), "at least"),
        ]
        rows.append((well.name, f"{well.relation} {well.constant:.5g}", least[32], least[64], limit, well.source))
        lines.append(_line(well, found))
        curves.append(Series(well.name, times, [float(f / runs[0].energy[0]) for f in runs[0].energy]))
    columns = ("potential", "theorem", "32 cells", "64 cells", "extrapolated", "source")
    outcome.tables += [Table("Least I/KL over all densities", columns, tuple(rows)), rates_table(lines)]
    outcome.plots.append(
        Plot("decay by transport from a narrow start", "time $t$", r"$F(t)/F(0)$", tuple(curves), False, True)
    )
    return outcome


def _line(well: Well, found: Constants) -> Rate:
    measured = found.inequality, found.decay, found.states
    return Rate("W", "KL", f"{well.name}, 64 cells", well.relation, well.constant, *measured, well.source)


def _against(well: Well, limit: float) -> Check:
    c, label = well.constant, f"{well.name}: least I/KL, extrapolated"
    if well.relation == "=":
        return Check(label, limit, EXTRAPOLATED * c, "within", c)
    if well.relation == "≥":
        return Check(label, limit, c * (1 - EXTRAPOLATED), "at least")
    return Check(label, limit, c * (1 + EXTRAPOLATED), "at most")


def _least(well: Well, cells: int) -> float:
    """From a slight step, which finds twice the gap, and a tilt, which finds what lies below it; the density found is
    given to the code under test, which must see the same quotient."""
    mesh = well.mesh(cells)
    x = mesh.centers[0]
    log_pi = well.log_target(mesh)
    pi = np.exp(log_pi)
    least, density = least_quotient(mesh, log_pi, [np.log1p(0.05 * np.tanh(2 * x)), 0.4 * x])
    flow = GradientFlow(mesh, KullbackLeibler(pi, log_pi), Wasserstein())
    seen = ratio_of(mesh, flow.energy, flow.discrete_geometry, density)
    return max(least, seen) if abs(seen / least - 1) < 1e-4 else math.nan


def _starts(mesh: Cartesian, pi: np.ndarray, count: int) -> list[np.ndarray]:
    """Narrow bumps, tilts, and rough random densities."""
    x, width = mesh.centers[0], float(mesh.edges[0][-1])
    bumps = [np.exp(-((x - c * width) ** 2) / (0.01 * width**2)) for c in (-0.3, 0.1, 0.4)]
    tilts = [pi * np.exp(b * x) for b in (-1.0, 0.3, 1.0)]
    smooth = [s / integrate(mesh, s) for s in (*bumps, *tilts)]
    return [*smooth, *random_starts(mesh, pi, count, 1.5)]


def _entropies(quick: bool) -> Outcome:
    """Fokker-Planck equation: D_p with p from 1 to 2 decays at the rate of convexity, chi^2 at twice the gap."""
    outcome, lines = Outcome(), []
    curves: list[Series] = []
    for well in WELLS[:1] if quick else WELLS[:3]:
        mesh = well.mesh(64)
        log_pi = well.log_target(mesh)
        pi = np.exp(log_pi)
        least = _least(well, 64)
        flow = GradientFlow(mesh, KullbackLeibler(pi, log_pi), Wasserstein())
        times = [0.0, *np.geomspace(0.01, 8 / well.constant, 7)]
        runs = [solve(flow, start, times, rtol=1e-9) for start in _starts(mesh, pi, 4)]
        for p in (1.0, 1.25, 1.5, 2.0):
            energy = PowerDivergence(p, pi, log_pi)
            decay = min(_decay(run, energy) for run in runs)
            outcome.checks.append(
                Check(f"{well.name}, p = {p:g}: least decay of D_p", decay, least * (1 - ROOM), "at least")
            )
            setting, source = f"Fokker-Planck, {well.name}", "Arnold et al. 2001"
            count = sum(len(run.times) for run in runs)
            lines.append(Rate("W of KL", f"power {p:g}", setting, "≥", well.constant, None, decay, count, source))
        ours = lines[-4:]
        powers = [1.0, 1.25, 1.5, 2.0]
        curves.append(Series(well.name, powers, [float(line.decay or 0) for line in ours]))
        curves.append(Series(well.name, powers, [least] * 4, exact=True))
    outcome.plots.append(Plot("decay of D_p, logarithmic Sobolev constant", "$p$", "least decay", tuple(curves)))
    outcome.tables.append(rates_table(lines))
    return outcome


def _decay(run: Solution, energy: PowerDivergence) -> float:
    """Least mean rate of decay of another energy along a flow, before round-off."""
    values = np.array([energy.value(run.flow.mesh, density) for density in run.density])
    return least_decay(run.times, values, 1e-10 * float(values[0]))


def _plane(quick: bool) -> Outcome:
    """A correlated Gaussian: starts shifted along the wide axis attain 2 over the largest variance."""
    covariance = np.array([[1.0, 0.5], [0.5, 2.0]])
    values, vectors = np.linalg.eigh(covariance)
    target, constant = Gaussian([0.0, 0.0], covariance), 2 / float(values[-1])
    outcome, rows = Outcome(), []
    curves: list[Series] = []
    for name, shift in (("along the wide axis", vectors[:, -1]), ("along the narrow axis", vectors[:, 0])):
        found = []
        for n in (24, 48):
            mesh = Cartesian((n, n), (-7.0, -8.0), (7.0, 8.0))
            logs = target.log_cell_averages(mesh)
            flow = GradientFlow(mesh, KullbackLeibler(np.exp(logs), logs), Wasserstein())
            start = Gaussian(shift, covariance).cell_averages(mesh)
            run = solve(flow, start, [0.0, 0.25, 0.5, 1.0], rtol=1e-8)
            found.append(constants_of([run]))
        ratio, decay = (richardson(*(getattr(c, what) for c in found)) for what in ("inequality", "decay"))
        exact = 2 / float(values[-1] if name == "along the wide axis" else values[0])
        outcome.checks += [
            Check(f"shift {name}: I/KL, extrapolated", ratio, 5e-3 * exact, "within", exact),
            Check(f"shift {name}: decay of KL, extrapolated", decay, 5e-3 * exact, "within", exact),
        ]
        rows.append(Rate("W", "KL", f"correlated Gaussian, shift {name}", "≥", constant, ratio, decay, 4, "Gross 1975"))
        law = [math.exp(-exact * t) for t in run.times]
        curves.append(Series(f"shift {name}", run.times.tolist(), [float(f / run.energy[0]) for f in run.energy]))
        curves.append(Series(f"exp(-{exact:.4g} t), exact", run.times.tolist(), law, exact=True))
    title = "decay of shifted copies, 48² cells"
    outcome.plots.append(Plot(title, "time $t$", "KL(t)/KL(0)", tuple(curves), False, True))
    outcome.tables.append(rates_table(rows))
    return outcome


RATES_TRANSPORT = (
    Case(
        "log-sobolev",
        "Logarithmic Sobolev constants",
        "I ≥ c KL and KL(t) ≤ exp(-ct) KL(0) by transport: c = 2/variance for Gaussians, c ≥ 2λ for V'' ≥ λ, "
        "c ≥ 2λ exp(-osc) after a bounded perturbation, c ≤ twice the spectral gap always.",
        "Gross 1975; Bakry and Émery 1985; Holley and Stroock 1987; Rothaus 1981",
        "five potentials on the line; quotient minimised over all densities on 32 and 64 cells, and flows from narrow, "
        "tilted and rough starts",
        _log_sobolev,
    ),
    Case(
        "convex-entropies",
        "Convex entropies along the Fokker-Planck equation",
        "D_p decays at least like exp(-2λt) for 1 ≤ p ≤ 2.",
        "Arnold, Markowich, Toscani and Unterreiter 2001",
        "the same potentials and starts; the bound is the logarithmic Sobolev constant on the same mesh",
        _entropies,
    ),
    Case(
        "log-sobolev-plane",
        "A correlated Gaussian in the plane",
        "Shifted copies of the target decay at 2 over the variance along the shift; the largest variance gives c.",
        "Gross 1975; the decay of shifted copies derived",
        "24² and 48² cells, extrapolated",
        _plane,
    ),
)

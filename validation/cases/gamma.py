"""Evolutionary Gamma-convergence of ridge Fisher-Rao flows: gap functionals, rates, and where the theorem stops.

D_lambda(u) = int R_lambda(u, u') + R*_lambda(u, -xi) dt,  J_lambda(u) = F(u_T) + D_lambda(u) - F(u_0)
(Zhu and Mielke 2024, Def. 6.16, Thm 6.17). J_lambda(u) = int R_lambda(u, u' + K_lambda xi) dt is evaluated at the
residual rate, so that small gaps keep their digits; it vanishes exactly on solutions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel, PolynomialKernel
from mudot.solvers.methods.reaction import PowerReaction
from mudot.validation.finished import along, solve
from mudot.validation.gamma.fits import power_of
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]
QUADRATIC = PolynomialKernel(2, 1.0)
GAPS = {1.0: 2.391108924e-1, 1e-1: 5.504078118e-3, 1e-2: 6.421592619e-5, 1e-3: 6.532467001e-7, 1e-4: 6.543787967e-9}
"""J_lambda of the Fisher-Rao solution in the quadratic family, by ridge (derived; 40-point Gauss in the three
coefficients)."""
SLOPE = 0.7598734631
"""D_0^rate = D_0^slope of the Fisher-Rao solution there."""


def _family(quick: bool) -> Outcome:
    """V6, V8 in the exactly solvable family: the Fisher-Rao solution, seen by every ridge system."""
    mesh = Cartesian(160 if quick else 320, -9.0, 9.0)
    x = mesh.centers[0]

    def normal(mean: float, variance: float, mass: float) -> np.ndarray:
        return np.asarray(mass * np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance))

    energy, start = KullbackLeibler(normal(0.4, 0.5, 1.2)), normal(-0.8, 1.3, 0.9)
    flow = PowerReaction(mesh, energy, 1.0, False)
    nodes, weights = np.polynomial.legendre.leggauss(16)
    states = [flow.advance(start, float(t), 1.0, 0.0).density for t in (nodes + 1) / 2]
    gaps: dict[float, float] = {}
    slopes: dict[float, float] = {}
    for ridge in GAPS:
        geometry = KernelApproximateFisherRao(QUADRATIC, ridge)
        gap, slope = [], []
        for density in states:
            xi = energy.first_variation(mesh, density)
            onsager = geometry.onsager(mesh, density)
            # u' + K xi = mu g with g = A xi - xi, the part of the force that the ridge regression misses, and
            # R(mu g) = |g|^2/2 in L2(mu) + ridge |g|^2/2 in the Hilbert space (Zhu and Mielke 2024, Prop. 3.3).
            missed = onsager.growth(xi) - xi
            gap.append(0.5 * integrate(mesh, density * missed**2) + 0.5 * ridge * _norm_squared(x, density, missed))
            slope.append(sum(onsager.dual(xi)))
        gaps[ridge] = float(np.array(gap) @ weights / 2)
        slopes[ridge] = float(np.array(slope) @ weights / 2)
    outcome = Outcome()
    fisher = FisherRao()
    whole = float(
        np.array([sum(fisher.onsager(mesh, d).dual(energy.first_variation(mesh, d))) for d in states]) @ weights / 2
    )
    outcome.checks.append(Check("slope part of the dissipation of the limit", whole, 1e-7, "within", SLOPE))
    rows: list[Row] = []
    for ridge, exact in GAPS.items():
        outcome.checks.append(
            Check(f"ridge {ridge:g}: gap J of the limit curve", gaps[ridge], 1e-7 * exact, "within", exact)
        )
        rows.append((f"{ridge:g}", gaps[ridge], exact, whole - slopes[ridge], slopes[ridge]))
    ladder = np.array([1e-2, 1e-3, 1e-4])
    for name, values, expected in (
        ("gap J", [gaps[r] for r in ladder], 2.0),
        ("slope part that is missing", [whole - slopes[r] for r in ladder], 1.0),
    ):
        power, width = power_of(ladder, np.array(values))
        outcome.checks.append(Check(f"{name}: power of the ridge", power, 0.02, "within", expected))
        outcome.checks.append(Check(f"{name}: 95 % half-width of the power", width, 0.05))
    columns = ("ridge", "J of the Fisher-Rao solution", "exact", "D0 - D (slope part)", "D (slope part)")
    outcome.tables.append(Table("The limit curve in the ridge systems, T = 1", columns, tuple(rows)))
    series = tuple(
        Series(name, list(GAPS), [float(v) for v in values])
        for name, values in (("gap J", gaps.values()), ("missing slope part", [whole - s for s in slopes.values()]))
    )
    outcome.plots.append(Plot("gaps", "ridge", "functional", series, True, True))
    return outcome


def _norm_squared(x: np.ndarray, density: np.ndarray, field: np.ndarray) -> float:
    """The squared norm of a quadratic polynomial in the Hilbert space of (1 + x y)^2, from its coefficients."""
    features = np.stack([np.ones_like(x), math.sqrt(2) * x, x**2], axis=1)
    weight = np.sqrt(density)
    coefficients = np.linalg.lstsq(features * weight[:, None], field * weight, rcond=None)[0]
    return float((coefficients**2).sum())


OSCILLATION = {
    1.0: (0.3, 0.21743, 0.05911),
    0.5: (0.3, 0.40911, 0.13760),
    2.0: (0.3, 0.07350, 0.02764),
    -1.0: (3.0, 0.29630, 0.00731),
    0.0: (0.3, 0.81667, 0.81667),
}
"""By p: the level, R*_FR at the constant, and the limit of R*_lambda for oscillations first fast, then lambda to 0
(derived)."""


def _oscillation(quick: bool) -> Outcome:
    """Weak lower semicontinuity of the slope, the theorem's hypothesis: it holds for p = 0 and fails otherwise."""
    cells = 1024 if quick else 4096
    mesh, kernel, outcome = Cartesian(cells, 0.0, 1.0, "periodic"), LaplaceKernel(0.15), Outcome()
    rows: list[Row] = []
    series: list[Series] = []
    weight = float(kernel.on_ring(mesh.centers[0] - mesh.centers[0][0], 1.0).mean())

    def slope(energy: PowerDivergence, density: np.ndarray, ridge: float) -> float:
        onsager = KernelApproximateFisherRao(kernel, ridge).onsager(mesh, density)
        return sum(onsager.dual(energy.first_variation(mesh, density)))

    for p, (level, plain, limit) in OSCILLATION.items():
        energy = PowerDivergence(p, np.ones(cells))
        constant = np.full(cells, level)
        xi = energy.first_variation(mesh, constant)
        outcome.checks.append(
            Check(f"p = {p:g}: R*_FR at the constant", 0.5 * integrate(mesh, constant * xi * xi), 6e-6, "within", plain)
        )
        still = slope(energy, constant, 0.01)
        moving = []
        for periods in (4, 32, 256):
            phase = np.floor(mesh.centers[0] * 2 * periods).astype(int) % 2
            density = level * (1 + 0.95 * (2 * phase - 1))
            moving.append(slope(energy, density, 0.01))
        # Homogenised: nu = mu xi tends weakly to its mean, and R* to kappa nu^2 / (2 (kappa s + lambda)).
        nu = float((density * energy.first_variation(mesh, density)).mean())
        homogenised = 0.5 * weight * nu**2 / (weight * level + 0.01)
        if p >= 0:  # for p < 0 the force is huge where the density is small: 256 periods are not yet the limit
            share = moving[-1] / homogenised
            outcome.checks.append(
                Check(f"p = {p:g}: R*_λ at 256 periods over its weak limit", share, 5e-3, "within", 1.0)
            )
        outcome.checks.append(Check(f"p = {p:g}: weak limit for λ to 0", 0.5 * nu**2 / level, 6e-6, "within", limit))
        if p == 0:
            outcome.checks.append(
                Check("p = 0: liminf over the value at the weak limit", moving[-1] / still, 1 - 1e-4, "at least")
            )
        else:
            outcome.checks.append(
                Check(f"p = {p:g}: liminf over the value at the weak limit (fails)", moving[-1] / still, 0.5)
            )
        rows.append((f"{p:g}", level, plain, still, *moving, limit))
        series.append(Series(f"$p = {p:g}$", [4.0, 32.0, 256.0], [float(v / still) for v in moving]))
    series.append(Series("value at the weak limit", [4.0, 256.0], [1.0, 1.0], exact=True))
    outcome.plots.append(Plot("slopes at oscillating densities", "periods",
                              r"$R^*_\lambda$ over that of the limit", tuple(series), True, True))  # fmt: skip
    columns = ("p", "level", "R*_FR", "R*_λ", "4 periods", "32", "256", "λ to 0 after that")
    outcome.tables.append(Table("Slopes at oscillating densities s(1 ± 0.95), λ = 0.01", columns, tuple(rows)))
    return outcome


def _structure(quick: bool) -> Outcome:
    """V4: monotone in the ridge, bounded by Fisher-Rao, Fenchel's inequality, on arbitrary states."""
    mesh, outcome, rng = Cartesian(96, -3.0, 3.0), Outcome(), np.random.default_rng(7)
    x = mesh.centers[0]
    worst: dict[str, float] = dict.fromkeys(
        ("R affine", "R increasing", "R* decreasing", "R* bound", "R bound", "Fenchel"), -np.inf
    )
    ladder = (0.01, 0.1, 1.0)
    for _ in range(5 if quick else 25):
        density = np.exp(-(x**2) / 2 + 0.3 * np.cos(rng.normal(2, 1) * x + rng.normal()))
        xi = np.cos(rng.normal(1, 0.5) * x + rng.normal()) + 0.2 * x
        # A rate whose field lies in the kernel's Hilbert space: R is finite.
        field = GaussianKernel(0.8)
        fr = FisherRao().onsager(mesh, density)
        systems = [KernelApproximateFisherRao(field, ridge).onsager(mesh, density) for ridge in ladder]
        u = systems[1].apply(np.sin(rng.normal(1, 0.5) * x))
        guess = np.sin(x)
        primal = [sum(s.primal(u, guess)) for s in systems]
        dual = [sum(s.dual(xi)) for s in systems]
        plain, bound = sum(fr.primal(u)), sum(fr.dual(xi))
        slopes = [(primal[i + 1] - primal[i]) / (ladder[i + 1] - ladder[i]) for i in range(2)]
        worst["R affine"] = max(worst["R affine"], abs(slopes[1] / slopes[0] - 1))
        worst["R increasing"] = max(worst["R increasing"], *(a / b - 1 for a, b in pairwise(primal)))
        worst["R* decreasing"] = max(worst["R* decreasing"], *(b / a - 1 for a, b in pairwise(dual)))
        worst["R* bound"] = max(worst["R* bound"], *(d / bound - 1 for d in dual))
        worst["R bound"] = max(worst["R bound"], *(1 - r / plain for r in primal))
        worst["Fenchel"] = max(
            worst["Fenchel"], *(-(r + d) - integrate(mesh, xi * u) for r, d in zip(primal, dual, strict=True))
        )
    for name, value in worst.items():
        outcome.checks.append(Check(f"{name}: worst violation", float(value), 1e-4 if name == "R affine" else 1e-8))
    rows: list[Row] = [(name, float(value)) for name, value in worst.items()]
    outcome.tables.append(Table("Worst violations; negative: none", ("claim", "violation"), tuple(rows)))
    potentials = (("R(u)", primal, plain), ("R*(ξ)", dual, bound))
    curves = [Series(name, ladder, [float(v / whole) for v in values]) for name, values, whole in potentials]
    outcome.plots.append(
        Plot("potentials over those of Fisher-Rao, one state", "ridge", "quotient", tuple(curves), True, True)
    )
    return outcome


def _prepared(quick: bool) -> Outcome:
    """V9 and V10: what well-prepared data and fixed times are needed for."""
    cells = 512
    mesh = Cartesian(cells, 0.0, 1.0, "periodic")
    energy, kernel, outcome = KullbackLeibler(np.ones(cells)), GaussianKernel(0.1), Outcome()
    geometry = KernelApproximateFisherRao(kernel, 1e-3)
    phase = np.floor(mesh.centers[0] * 128).astype(int) % 2
    waves = 0.5 * (1 + 0.9 * (2 * phase - 1))
    rows: list[Row] = []
    times = [0.0, 0.5, 1.0]
    ridge, limit = (solve(GradientFlow(mesh, energy, g), waves, times, rtol=1e-8) for g in (geometry, FisherRao()))
    calm = solve(GradientFlow(mesh, energy, FisherRao()), np.full(cells, 0.5), times, rtol=1e-8)
    for n, t in enumerate(times[1:], 1):
        means = [float(s.density[n].mean()) for s in (ridge, limit, calm)]
        rows.append((t, *means))
        outcome.checks.append(
            Check(
                f"t = {t:g}: weak limit of ridge flows minus the Fisher-Rao flow of the weak limit",
                abs(means[0] - means[2]),
                1e-2,
                "at least",
            )
        )
    names = ("ridge flow", "Fisher-Rao flow", "Fisher-Rao flow of the mean")
    runs = zip(names, (ridge, limit, calm), (False, False, True), strict=True)
    curves = [Series(name, times, [float(s) for s in run.density.mean(axis=1)], exact=line) for name, run, line in runs]
    outcome.plots.append(Plot("oscillating data: the weak limits differ", "time $t$", "mean", tuple(curves)))
    columns = ("time", "ridge flow, mean", "Fisher-Rao flow, mean", "Fisher-Rao flow of the mean")
    outcome.tables.append(
        Table("Oscillating data, 64 periods: energies do not converge, nor do the flows", columns, tuple(rows))
    )
    start = 1 + 1e-3 * np.cos(2 * np.pi * 6 * mesh.centers[0])
    late = solve(GradientFlow(mesh, energy, geometry), start, [0.0, 2.0, 4.0], rtol=1e-9)
    omega = 12 * math.pi
    k = 0.1 * math.sqrt(2 * math.pi) * math.exp(-((0.1 * omega) ** 2) / 2)
    rate = math.log(late.energy[1] / late.energy[2]) / 2
    outcome.checks.append(
        Check("rate of a high mode over twice its symbol", rate / (2 * k / (k + 1e-3)), 1e-3, "within", 1.0)
    )
    outcome.checks.append(Check("rate of a high mode (Fisher-Rao: 2)", rate, 0.5))
    return outcome


def _curve(quick: bool) -> Outcome:
    """V1: the balance of a stored curve, with R at its difference quotients: second order in the spacing."""
    mesh = Cartesian(128, 0.0, 1.0, "periodic")
    x, outcome, rows, series = mesh.centers[0], Outcome(), [], []
    energy = KullbackLeibler(1 + 0.5 * np.cos(2 * np.pi * x))
    for name, geometry in (
        ("WFR", 0.05 * Wasserstein() + FisherRao()),
        ("ridge FR", KernelApproximateFisherRao(LaplaceKernel(0.15), 1e-2)),
    ):
        flow, residuals = GradientFlow(mesh, energy, geometry), []
        for steps in list(SAMPLED)[: 2 if quick and name == "ridge FR" else 3]:
            times = list(np.linspace(0, 1, steps + 1))
            states = along(flow, 1.3 * (1 + 0.6 * np.sin(2 * np.pi * x)), times, 1e-9).density
            total = energy.value(mesh, states[-1]) - energy.value(mesh, states[0])
            for a, b in pairwise(states):
                middle, rate = (a + b) / 2, (b - a) * steps
                onsager, xi = flow.discrete_geometry.onsager(mesh, middle), energy.first_variation(mesh, middle)
                total += (sum(onsager.primal(rate, -xi)) + sum(onsager.dual(xi))) / steps
            residuals.append(abs(total))
            listed = SAMPLED[steps] if name == "WFR" else math.nan
            if name == "WFR":
                share = abs(total) / listed
                outcome.checks.append(Check(f"{steps} steps: residual over the listed one", share, 0.2, "within", 1.0))
            rows.append((name, steps, abs(total), listed if name == "WFR" else "–"))
        order = math.log2(residuals[-2] / residuals[-1])
        series.append(Series(name, [float(n) for n in list(SAMPLED)[: len(residuals)]], residuals, slope=-2))
        outcome.checks.append(Check(f"{name}: order in the spacing", order, 0.1, "within", 2.0))
    outcome.plots.append(Plot("balance of the sampled curve", "steps", "residual", tuple(series), True, True))
    outcome.tables.append(Table("Balance of the sampled curve", ("flow", "steps", "residual", "listed"), tuple(rows)))
    return outcome


SAMPLED = {20: 2.9e-5, 40: 6.9e-6, 80: 1.7e-6}
"""By the number of steps: the residual for WFR (derived, from an independent computation)."""

_Run = Callable[[bool], Outcome]


def _case(name: str, title: str, claim: str, setup: str, run: _Run) -> Case:
    return Case(name, title, claim, "Zhu and Mielke 2024, Thm 6.17 and Cor. 6.18; numbers derived", setup, run)


GAMMA = (
    _case(
        "gamma-gaps",
        "Gaps of the limit curve in the ridge systems",
        "J_λ of the Fisher-Rao solution vanishes like λ², the missing part of the slope like λ.",
        "quadratic kernel, 0.9 N(-0.8, 1.3) to 1.2 N(0.4, 0.5), T = 1: every number known",
        _family,
    ),
    _case(
        "gamma-oscillation",
        "Where the hypothesis holds, and where it fails",
        "The slope term is weakly lower semicontinuous for KL(π|μ) and not for the other powers.",
        "densities oscillating between 0.05 and 1.95 times their level, λ = 0.01",
        _oscillation,
    ),
    _case(
        "gamma-structure",
        "Monotonicity and Fenchel's inequality",
        "R_λ is affine and increasing in λ, R*_λ decreases, R_λ ≥ R_FR, R*_λ ≤ R*_FR, R + R* ≥ -⟨ξ, u⟩.",
        "random states, Gaussian kernel of bandwidth 0.8",
        _structure,
    ),
    _case(
        "gamma-prepared",
        "Ill-prepared data and long times",
        "Without convergence of the initial energies the limit is another flow; no rate is uniform in time.",
        "64 oscillations on the unit torus; one high mode, λ = 0.001",
        _prepared,
    ),
    _case(
        "gamma-curves",
        "The balance of a sampled curve",
        "With velocities from differences the balance of a stored curve closes to second order.",
        "WFR (α = 0.05, β = 1) and ridge FR (Laplace, 0.15, λ = 0.01) of KL, π = 1 + cos(2πx)/2, "
        "from 1.3 (1 + 0.6 sin 2πx), T = 1",
        _curve,
    ),
)

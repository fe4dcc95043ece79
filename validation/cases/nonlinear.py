"""Nonlinear transport by discrete gradients: exact profiles, exact balances, and what both have in common."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from mudot.meshes.averages import average, integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy, KullbackLeibler, PowerDivergence
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import FisherRao, Spherical, Wasserstein
from mudot.solvers.interactions import Interaction
from mudot.validation.cases.fronts import books
from mudot.validation.convergence import orders
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]
_LOGARITHM = Interaction(lambda a, b: np.log(np.maximum(a**2 + b**2, 1e-300)) / (4 * np.pi), "log r / (2 pi)")
"""The attraction of Keller and Segel in the plane."""


def _flow(
    mesh: Cartesian, energy: FreeEnergy | PowerDivergence, start: np.ndarray, times: list[float], rtol: float
) -> Solution:
    return solve(GradientFlow(mesh, energy, Wasserstein()), start, times, rtol=rtol)


def _smooth(quick: bool) -> Outcome:
    """Where solutions are smooth the scheme is of second order, for every power, fast diffusion included."""
    outcome, rows, series = Outcome(), list[Row](), []
    cells = (32, 64, 128) if quick else (32, 64, 128, 256)
    for p in (0.5, 2.0) if quick else (-1.0, 0.0, 0.5, 2.0, 3.0):
        found = []
        for n in cells:
            mesh = Cartesian(n, 0.0, 1.0, "periodic")
            pi = average(mesh, lambda x: 1 + 0.5 * np.cos(2 * np.pi * x))
            mu = average(mesh, lambda x: 1 + 0.5 * np.sin(2 * np.pi * x))
            solution = _flow(mesh, PowerDivergence(p, pi), mu, [0.0, 0.02], 1e-5)
            books(outcome, f"p = {p:g}, {n} cells", solution)
            found.append(solution.density[-1])
        gaps = [float(np.abs(fine.reshape(-1, 2).mean(axis=1) - coarse).mean()) for coarse, fine in pairwise(found)]
        order = float(orders(list(map(float, cells[1:])), gaps)[-1])
        outcome.checks.append(Check(f"p = {p:g}: order in space", order, 0.1, "within", 2.0))
        rows.append((f"{p:g}", *gaps, order))
        series.append(Series(f"p = {p:g}", list(map(float, cells[1:])), gaps, -2.0))
    columns = ("p", *(f"{a} to {b}" for a, b in pairwise(cells)), "order")
    outcome.tables.append(Table("L1 distance of neighbouring meshes at t = 0.02", columns, tuple(rows)))
    outcome.plots.append(Plot("smooth flows", "cells", "$L^1$ distance", tuple(series), True, True))
    return outcome


def _attraction(quick: bool) -> Outcome:
    """Keller-Segel: in the plane the second moment grows at the rate 4 M - M^2/(2 pi), linear in time, below 8 pi."""
    n, outcome, rows = 32 if quick else 64, Outcome(), list[Row]()
    mesh = Cartesian((n, n), (-6.0, -6.0), (6.0, 6.0))
    x, y = mesh.coordinates
    square = (x**2 + y**2) * np.ones(mesh.shape)
    series = []
    for share in (0.25, 0.75):
        mass = share * 8 * math.pi
        start = np.exp(-square / 2)
        start *= mass / integrate(mesh, start)
        times = [0.0, 0.1, 0.2, 0.3]
        solution = _flow(mesh, FreeEnergy(1.0, 1.0, None, _LOGARITHM), start, times, 1e-3)
        moments = [integrate(mesh, density * square) for density in solution.density]
        speed, exact = (moments[-1] - moments[0]) / times[-1], 4 * mass * (1 - share)
        name = f"{share:g} of the critical mass"
        outcome.checks.append(
            Check(
                f"{name}: rate of the second moment over the exact one",
                speed / exact,
                0.05 if quick else 0.015,
                "within",
                1.0,
            )
        )
        books(outcome, name, solution)
        rows.append((name, speed, exact, float(solution.density[-1].max() / solution.density[0].max())))
        series.append(Series(name, times, [float(m / moments[0]) for m in moments]))
    columns = ("mass", "rate of the second moment", "4 M (1 - M/8π)", "peak at the end over peak at the start")
    outcome.tables.append(Table("Diffusion against logarithmic attraction", columns, tuple(rows)))
    outcome.plots.append(Plot("second moment", "time $t$", "over its first value", tuple(series)))
    return outcome


def _collapse(quick: bool) -> Outcome:
    """Keller-Segel with twice the critical mass: before the blow-up the second moment falls at the exact rate, with an
    error of second order; afterwards the mass sits within a cell, and the books hold all the way."""
    outcome, rows, series, errors = Outcome(), list[Row](), [], []
    cells, times = (16, 24) if quick else (24, 48), [0.0, 0.05, 0.1, 0.2, 0.4, 0.6]
    for n in cells:
        mesh = Cartesian((n, n), (-4.0, -4.0), (4.0, 4.0))
        square = sum(x**2 for x in mesh.coordinates) * np.ones(mesh.shape)
        start = np.exp(-2 * square)
        mass = 16 * math.pi
        solution = _flow(
            mesh, FreeEnergy(1.0, 1.0, None, _LOGARITHM), start * mass / integrate(mesh, start), times, 1e-3
        )
        spread = [integrate(mesh, density * square) / mass for density in solution.density]
        name, width = f"{n}² cells", float(mesh.widths[0][0])
        errors.append(abs((spread[1] - spread[0]) / times[1] + 4) / 4)
        books(outcome, name, solution)
        outcome.checks.append(Check(f"{name}: second moment at the end over h²", spread[-1] / width**2, 1.0))
        rows.append((name, errors[-1], spread[-1] / width**2, float(solution.density[-1].max() / mass * width**2)))
        series.append(Series(name, times, spread))
    order = float(orders(list(map(float, cells)), errors)[-1])
    outcome.checks.append(Check("order of the rate before the blow-up", order, 0.2, "within", 2.0))
    series.append(Series("exact, 1/2 - 4t", [0.0, 0.125], [0.5, 0.0]))
    columns = ("mesh", "relative error of the rate", "second moment over h²", "mass in the fullest cell")
    outcome.tables.append(Table("Twice the critical mass, to t = 0.6", columns, tuple(rows)))
    outcome.plots.append(Plot("second moment", "time $t$", "over the mass", tuple(series)))
    return outcome


def _normal(mesh: Cartesian, variance: float) -> np.ndarray:
    return average(mesh, lambda x: np.exp(-(x**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance))


def _curves(quick: bool) -> Outcome:
    """Energies after a given time, extrapolated from two meshes, against closed forms: what a particle method is held
    against."""
    pull, early = Interaction(lambda x: x**2 / 2, "x²/2"), 1 - math.exp(-1)

    def barenblatt(mesh: Cartesian) -> np.ndarray:
        return average(mesh, lambda x: 2**-0.4 * np.maximum(1 - x**2 / 15 * 2**-0.8, 0) ** 2)

    problems: dict[
        str, tuple[float, Callable[[Cartesian], FreeEnergy], Callable[[Cartesian], np.ndarray], float, float]
    ] = {
        "heat": (24.0, lambda m: FreeEnergy(), lambda m: _normal(m, 4.0), 3.0, -2.570231079702),
        "porous medium, m = 3/2": (12.0, lambda m: FreeEnergy(1.0, 1.5), barenblatt, 3.0, 5.132908922685),
        "Fokker-Planck": (
            6.0,
            lambda m: FreeEnergy(1.0, 1.0, m.coordinates[0] ** 2 / 2),
            lambda m: _normal(m, early),
            1.0,
            -0.918297476917,
        ),
        "nonlocal Fokker-Planck": (
            6.0,
            lambda m: FreeEnergy(1.0, 1.0, None, pull),
            lambda m: _normal(m, early),
            1.0,
            -0.918297476917,
        ),
    }
    outcome, rows = Outcome(), list[Row]()
    cells, rtol, bound = ((60, 120), 1e-5, 2e-5) if quick else ((120, 240), 1e-6, 1e-6)
    for name, (half, energy, start, time, exact) in problems.items():
        found = []
        for n in cells:
            mesh = Cartesian(n, -half, half)
            solution = _flow(mesh, energy(mesh), start(mesh), [0.0, time], rtol)
            books(outcome, f"{name}, {n} cells", solution)
            found.append(float(solution.energy[-1]))
        extrapolated = (4 * found[1] - found[0]) / 3
        outcome.checks.append(Check(f"{name}: energy, extrapolated", extrapolated, bound, "within", exact))
        rows.append((name, *found, extrapolated, exact, extrapolated - exact))
    columns = ("problem", *(f"{n} cells" for n in cells), "extrapolated", "exact", "difference")
    outcome.tables.append(Table("Energies at the end", columns, tuple(rows)))
    return outcome


def _joint(quick: bool) -> Outcome:
    """Wasserstein-Fisher-Rao of powers, solved jointly: decay at least at the proven rate, part by part balanced."""
    mesh = Cartesian(64 if quick else 128, -2.0, 2.0)
    x = mesh.centers[0]
    pi = np.exp(-((x**2 - 1) ** 2))
    mu = np.exp(-((x + 0.7) ** 2) / 0.3) + 0.02
    pi, mu = pi / integrate(mesh, pi), 1.3 * mu / integrate(mesh, mu)
    outcome, rows, series = Outcome(), list[Row](), []
    times = [0.0, 0.25, 0.5, 1.0, 2.0, 3.0]
    for p in (0.0, 2.0) if quick else (-1.0, 0.0, 0.5, 2.0):
        energy = PowerDivergence(p, pi)
        flow = GradientFlow(mesh, energy, 0.3 * Wasserstein() + FisherRao())
        solution = solve(flow, mu, times, rtol=1e-4)
        worst = float(np.max(np.abs(solution.balance)) / solution.dissipation[-1])
        outcome.checks.append(Check(f"p = {p:g}: balance over dissipation", worst, 1e-10))
        if p <= 0.5:
            bound = np.exp(-np.array(times) / (1 - p)) * solution.energy[0]
            outcome.checks.append(
                Check(f"p = {p:g}: largest F(t) exp(t/(1-p)) / F(0)", float((solution.energy / bound).max()), 1 + 1e-9)
            )
        shares = (solution.rate + solution.slope)[-1]
        rows.append((f"{p:g}", *map(float, shares), float(solution.energy[0] - solution.energy[-1]), worst))
        series.append(Series(f"p = {p:g}", times, [float(e / solution.energy[0]) for e in solution.energy]))
    kl = KullbackLeibler(pi)
    spherical = solve(
        GradientFlow(mesh, PowerDivergence(2.0, pi), Spherical(Wasserstein() + FisherRao())), mu / 1.3, times, rtol=1e-4
    )
    outcome.checks.append(Check("spherical, p = 2: mass drift", float(np.ptp(spherical.mass)), 1e-12))
    outcome.checks.append(Check("spherical, p = 2: KL at the end", kl.value(mesh, spherical.density[-1]), 1e-2))
    columns = ("p", "dissipated by transport", "by reaction", "lost by the energy", "balance / dissipation")
    outcome.tables.append(Table("Where the energy went until t = 3", columns, tuple(rows)))
    outcome.plots.append(Plot("WFR of powers", "time $t$", "energy / first energy", tuple(series), False, True))
    return outcome


NONLINEAR = (
    Case(
        "nonlinear-diffusion",
        "Wasserstein flows of every power, second order in space",
        "W of D_φp is ∂(πs) = div(π∇s^p)/p, of second order in space for every p where it is smooth.",
        "identity derived; Otto 2001",
        "p = -1, 0, 1/2, 2, 3 on the unit torus, π = 1 + cos(2πx)/2",
        _smooth,
    ),
    Case(
        "keller-segel",
        "Attraction below the critical mass",
        "The second moment grows linearly at the rate 4M(1 - M/8π): no blow-up below 8π.",
        "Blanchet, Dolbeault and Perthame 2006, Electron. J. Differential Equations 44",
        "D = 1, W = log r/(2π) on [-6, 6]², 1/4 and 3/4 of the critical mass",
        _attraction,
    ),
    Case(
        "keller-segel-collapse",
        "Attraction above the critical mass",
        "The second moment falls at the rate 4M(M/8π - 1) until the mass has gathered in a point: here in a cell. The "
        "energy falls, mass and sign are kept, and the balance holds through the blow-up.",
        "Blanchet, Dolbeault and Perthame 2006, Electron. J. Differential Equations 44",
        "D = 1, W = log r/(2π) on [-4, 4]², twice the critical mass, blow-up before t = 1/8",
        _collapse,
    ),
    Case(
        "energy-curves",
        "Energies for comparison with particle methods",
        "Energies of four flows agree with closed forms to 1e-6 after extrapolation, and balance at every step.",
        "problems of Hu, Van Fleet and Wan 2024, arXiv:2407.00533; values derived",
        "heat and porous medium (m = 3/2) from t = 2 to 5, local and nonlocal Fokker-Planck from 1/2 to 3/2",
        _curves,
    ),
    Case(
        "joint-wasserstein-fisher-rao",
        "Wasserstein-Fisher-Rao of powers, unsplit",
        "One force for both parts: the joint balance is exact; for p ≤ 1/2 energies decay at least like exp(-t/(1-p)).",
        "Zhu and Mielke 2024, Cor. 6.7; scheme: own design",
        "p = -1, 0, 1/2, 2 to a double well, α = 0.3, β = 1",
        _joint,
    ),
)

"""Wasserstein flows of KL: Fokker-Planck equations with known solutions."""

from __future__ import annotations

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.fluxes import harmonic, scharfetter_gummel, square_root
from mudot.solvers.geometries import Wasserstein
from mudot.validation import reference
from mudot.validation.cases.runs import L1_ERROR, gaussian_run, relative_l1, space_study
from mudot.validation.convergence import orders, richardson
from mudot.validation.exact.drift import DriftDiffusion
from mudot.validation.exact.gaussian_flows import ornstein_uhlenbeck
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

_RTOL = 1e-7


def _line(quick: bool) -> Outcome:
    start, target = Gaussian(2.0, 0.25), Gaussian(0.0, 1.0)
    cells = (80, 160, 320) if quick else (80, 160, 320, 640)
    kl: list[float] = []

    def error_of(n: int) -> tuple[float, Solution]:
        mesh = Cartesian(n, -8.0, 8.0)
        solution = gaussian_run(mesh, start, target, Wasserstein(), [0.0, 1.0], _RTOL)
        kl.append(float(solution.energy[-1]))
        return relative_l1(
            mesh, solution.density[-1], ornstein_uhlenbeck(start, target, 1.0).cell_averages(mesh)
        ), solution

    outcome = space_study(cells, error_of, "Ornstein-Uhlenbeck density at t = 1")
    listed = reference.ORNSTEIN_UHLENBECK_ERRORS["average", "l1"]
    errors = outcome.plots[0].series[0].y
    worst = max(error / listed[n] for n, error in zip(cells, errors, strict=True))
    outcome.checks.append(Check("error over the listed one, every mesh", worst, reference.BAND))
    exact = reference.ORNSTEIN_UHLENBECK[1.0].kl
    extrapolated = richardson(kl[-2], kl[-1])
    tolerance = 2e-6 if quick else 1e-7
    outcome.checks.append(
        Check("KL(1), extrapolated from the two finest meshes", extrapolated, tolerance, "within", exact)
    )
    return outcome


_CORRELATED = {
    2: (Gaussian([1.0, -0.7], [[0.6, -0.1], [-0.1, 0.4]]), Gaussian([0.3, -0.2], [[1.0, 0.5], [0.5, 2.0]])),
    3: (
        Gaussian([0.8, -0.5, 0.3], np.diag([0.5, 0.7, 0.6])),
        Gaussian([0.0, 0.0, 0.0], [[1.0, 0.3, 0.0], [0.3, 1.2, -0.2], [0.0, -0.2, 0.9]]),
    ),
}


def _correlated(dimension: int, cells: tuple[int, ...], half: float) -> Outcome:
    start, target = _CORRELATED[dimension]

    def error_of(n: int) -> tuple[float, Solution]:
        mesh = Cartesian((n,) * dimension, (-half,) * dimension, (half,) * dimension)
        solution = gaussian_run(mesh, start, target, Wasserstein(), [0.0, 0.4], 1e-6)
        exact = ornstein_uhlenbeck(start, target, 0.4).cell_averages(mesh)
        return relative_l1(mesh, solution.density[-1], exact), solution

    return space_study(cells, error_of, "density at t = 0.4")


def _plane(quick: bool) -> Outcome:
    return _correlated(2, (24, 48, 96) if quick else (32, 64, 128, 256), 8.0)


def _space(quick: bool) -> Outcome:
    return _correlated(3, (16, 32) if quick else (16, 32, 64), 6.0)


def _drift(quick: bool) -> Outcome:
    outcome = Outcome()
    cells = (20, 40, 80) if quick else (20, 40, 80, 160, 320)
    times = [0.01 * k for k in range(1, 26)]
    makers = {"scharfetter_gummel": scharfetter_gummel, "square_root": square_root, "harmonic": harmonic}
    curves: list[Series] = []
    rows: list[tuple[str | int | float, ...]] = []
    for (drift, name), listed in reference.DRIFT_ERRORS.items():
        if name not in makers:
            continue
        errors = []
        for n in cells:
            mesh = Cartesian(n, 0.0, 1.0)
            target = DriftDiffusion(drift, 0.0).target_averages(mesh)
            geometry = Wasserstein(flux=makers[name](mesh, np.log(target)))
            flow = GradientFlow(mesh, KullbackLeibler(target), geometry)
            solution = solve(flow, DriftDiffusion(drift, 0.0).averages(mesh), times, rtol=1e-3)
            exact = [DriftDiffusion(drift, t).averages(mesh) for t in times]
            errors.append(max(relative_l1(mesh, a, b) for a, b in zip(solution.density, exact, strict=True)))
        worst = max(error / listed[n] for n, error in zip(cells, errors, strict=True))
        order = float(orders(cells, errors)[-1])
        outcome.checks.append(Check(f"g = {drift:g}, {name}: error over the listed one", worst, reference.BAND))
        outcome.checks.append(Check(f"g = {drift:g}, {name}: order", order, 0.1, "within", 2.0))
        rows.append((f"g = {drift:g}, {name}", *errors))
        first = not any(f"g = {drift:g}," in curve.label for curve in curves)
        curves.append(Series(f"g = {drift:g}, {_SHORT[name]}", cells, errors, -2.0 if first else None))
    outcome.tables.append(Table("Largest relative L1 error over t ≤ 0.25", ("flux", *map(str, cells)), tuple(rows)))
    for start in ("g = 1,", "g = 20,"):
        chosen = tuple(curve for curve in curves if curve.label.startswith(start))
        outcome.plots.append(Plot(f"drift-diffusion, {start[:-1]}", "cells", L1_ERROR, chosen, True, True))
    return outcome


_SHORT = {"scharfetter_gummel": "Scharfetter-Gummel", "square_root": "square root", "harmonic": "harmonic"}

_OU = "d/dt mu = div(grad mu + mu grad V), V quadratic; exact cell averages as data; box wide enough to cut below 1e-12"

TRANSPORT = (
    Case(
        "ornstein-uhlenbeck-1d",
        "Ornstein-Uhlenbeck on the line",
        "The Wasserstein flow of KL to a Gaussian is computed with second order in space and no error in time.",
        "Uhlenbeck and Ornstein 1930; listed errors: an independent Scharfetter-Gummel code with averaged target",
        _OU + "; N(2, 1/4) to N(0, 1) on [-8, 8]",
        _line,
    ),
    Case(
        "ornstein-uhlenbeck-2d",
        "Anisotropic, correlated Ornstein-Uhlenbeck in the plane",
        "Second order in space for a potential that is not separable.",
        "Uhlenbeck and Ornstein 1930",
        _OU + "; correlated start and target on [-8, 8]^2",
        _plane,
    ),
    Case(
        "ornstein-uhlenbeck-3d",
        "Correlated Ornstein-Uhlenbeck in space",
        "Second order in space in three dimensions.",
        "Uhlenbeck and Ornstein 1930",
        _OU + "; correlated target on [-6, 6]^3",
        _space,
    ),
    Case(
        "drift-diffusion",
        "Drift-diffusion with an initial density that vanishes",
        "Three two-point fluxes reach their listed errors with second order, weak and strong drift.",
        "Cancès, Gallouët and Todeschi 2020, arXiv:1907.08305",
        "V = -g x on [0, 1], no flux, g = 1 and 20; the initial density has a double zero at x = 1",
        _drift,
    ),
)

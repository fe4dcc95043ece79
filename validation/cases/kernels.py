"""Reaction flows with kernels: an exactly solvable family, and the link between MMD flows and relative entropies."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, MaximumMeanDiscrepancy, ReverseKullbackLeibler
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import FisherRao, Geometry, KernelApproximateFisherRao, KernelizedFisherRao, Stein
from mudot.solvers.kernels.functions import (
    GaussianKernel,
    InverseMultiquadricKernel,
    Kernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
)
from mudot.validation import reference
from mudot.validation.cases.runs import balance
from mudot.validation.convergence import orders, richardson
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table


def _normal(x: np.ndarray, mean: float, variance: float, mass: float) -> np.ndarray:
    return np.asarray(mass * np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance))


def _family(quick: bool) -> Outcome:
    """Quadratic kernel, scaled Gaussians: log(mu/pi) stays quadratic, so that every number is known for every ridge."""
    mesh = Cartesian(120 if quick else 240, -9.0, 9.0)
    x = mesh.centers[0]
    start, energy = _normal(x, -0.8, 1.3, 0.9), KullbackLeibler(_normal(x, 0.4, 0.5, 1.2))
    limit = solve(GradientFlow(mesh, energy, FisherRao()), start, [0.0, 1.0], rtol=1e-9)
    features = np.stack([np.ones_like(x), math.sqrt(2) * x, x**2], axis=1)
    weight = np.sqrt(limit.density[-1])
    outcome, rows = Outcome(), []
    for ridge, (gap, rise) in reference.QUADRATIC_FAMILY.items():
        geometry = KernelApproximateFisherRao(PolynomialKernel(2, 1.0), ridge)
        solution = solve(GradientFlow(mesh, energy, geometry), start, [0.0, 1.0], rtol=1e-10)
        difference = np.log(solution.density[-1] / limit.density[-1])
        eta = np.linalg.lstsq(features * weight[:, None], difference * weight, rcond=None)[0]
        measured = float(np.max(np.abs(eta))), float(solution.energy[-1] - limit.energy[-1])
        outcome.checks.append(Check(f"ridge {ridge:g}: |eta - eta_0|", measured[0], 2e-6 * gap, "within", gap))
        outcome.checks.append(Check(f"ridge {ridge:g}: F - F_0", measured[1], 2e-6 * rise, "within", rise))
        outcome.checks.append(Check(f"ridge {ridge:g}: balance over dissipation", balance(solution), 1e-7))
        rows.append((f"{ridge:g}", *measured, gap, rise, balance(solution)))
    columns = ("ridge", "|eta - eta_0|", "F - F_0", "exact", "exact", "balance / dissipation")
    outcome.tables.append(Table("Distance to the Fisher-Rao flow at t = 1", columns, tuple(rows)))
    ladder = [float(row[0]) for row in rows]
    outcome.plots.append(
        Plot(
            "ridge to Fisher-Rao",
            "ridge",
            "distance to the Fisher-Rao flow",
            (
                Series("coefficients", ladder, [float(row[1]) for row in rows]),
                Series("energy", ladder, [float(row[2]) for row in rows]),
            ),
            True,
            True,
        )
    )
    return outcome


_KERNELS: dict[str, Kernel] = {
    "gaussian": GaussianKernel(0.5),
    "laplace": LaplaceKernel(0.7),
    "matern 3/2": MaternKernel(0.6, 1.5),
    "inverse multiquadric": InverseMultiquadricKernel(0.6),
}


def _link(quick: bool) -> Outcome:
    """Two code paths, one equation: mu' = -mu K(mu - pi)."""
    outcome, rows, curves = Outcome(), [], []
    meshes = {"line": Cartesian(120, -5.0, 5.0), "plane": Cartesian((40, 36), (-4.0, -4.0), (4.0, 4.0))}
    times = [0.0, 0.5, 1.0, 2.0, 4.0]
    for place, mesh in meshes.items():
        centres = mesh.coordinates
        start = np.exp(-sum((x - 0.5) ** 2 for x in centres) / 1.2) / (1.2 * math.pi) ** (mesh.dimension / 2)
        target = np.exp(-sum((x + 0.3) ** 2 for x in centres) / 2) / (2 * math.pi) ** (mesh.dimension / 2)
        for name, kernel in _KERNELS.items():
            pairs: tuple[tuple[object, Geometry], ...] = (
                (ReverseKullbackLeibler(target), KernelizedFisherRao(kernel)),
                (MaximumMeanDiscrepancy(kernel, target), FisherRao()),
            )
            one, two = (
                solve(GradientFlow(mesh, energy, geometry), start, times, rtol=1e-8)  # type: ignore[arg-type]
                for energy, geometry in pairs
            )
            apart = max(norm(mesh, a - b) for a, b in zip(one.density, two.density, strict=True))
            far = norm(mesh, one.density[-1] - start)
            outcome.checks.append(Check(f"{place}, {name}: L1 distance of the two flows", apart, 1e-8))
            worst = max(balance(one), balance(two))
            outcome.checks.append(Check(f"{place}, {name}: balances over dissipation", worst, 1e-7))
            rows.append((place, name, apart, far, balance(one), balance(two)))
            if place == "line":
                curves.append(Series(name, times, [float(e) for e in two.energy]))
    columns = ("mesh", "kernel", "distance of the flows", "way travelled", "balance (KL)", "balance (MMD)")
    outcome.tables.append(Table("The two flows up to t = 4", columns, tuple(rows)))
    outcome.plots.append(Plot("decay of MMD", "time $t$", r"$\mathrm{MMD}^2/2$", tuple(curves), False, True))
    return outcome


def _stein(quick: bool) -> Outcome:
    """With k = 1 + x y Gaussians stay Gaussians; mean and variance solve two ordinary differential equations."""
    cells = (60, 120) if quick else (60, 120, 240)
    mean, variance = reference.STEIN_BILINEAR
    outcome = Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    errors, spreads = [], []
    for n in cells:
        solution = _transported(n, Gaussian(2.0, 0.25), Gaussian(0.0, 1.0))
        m, v = _moments(solution)
        errors.append(m - mean)
        spreads.append(v - variance)
        outcome.checks.append(Check(f"{n} cells: balance over dissipation", balance(solution), 1e-5))
        outcome.checks.append(Check(f"{n} cells: mass drift", float(np.ptp(solution.mass)), 1e-12))
        outcome.checks.append(Check(f"{n} cells: least density", float(solution.minimum.min()), 0.0, "at least"))
        listed = abs(errors[-1]) / reference.STEIN_BILINEAR_ERRORS[n]
        outcome.checks.append(Check(f"{n} cells: error of the mean over the listed one", listed, reference.BAND))
        if n >= 120:
            outcome.checks.append(Check(f"{n} cells: error of the variance", abs(spreads[-1]), 2e-4))
        rows.append((n, m, errors[-1], v, spreads[-1], balance(solution)))
    if not quick:
        order = float(orders(cells, errors)[-1])
        outcome.checks.append(Check("order of the mean's error on the finest pair", order, 0.2, "within", 2.0))
        extrapolated = abs(richardson(errors[-2], errors[-1]))
        outcome.checks.append(Check("error of the mean, extrapolated", extrapolated, 1e-3))
    columns = ("cells", "mean", "error", "variance", "error", "balance / dissipation")
    outcome.tables.append(Table("Mean and variance at t = 1", columns, tuple(rows)))
    outcome.tables.append(_centred(outcome, quick))
    return outcome


def _centred(outcome: Outcome, quick: bool) -> Table:
    """About its fixed mean the kernel is centred: S = q/(1 + (q/S_0 - 1) exp(-2 t)) for the variance q of the target,
    at rate 2 whatever it is (derived)."""
    rows: list[tuple[str | int | float, ...]] = []
    time, cells = 0.5, (60, 120) if quick else (80, 160)
    for q in (1.0,) if quick else (1.0, 2.0):
        exact = q / (1 + (q / 0.25 - 1) * math.exp(-2 * time))
        found = [_moments(_transported(n, Gaussian(0.0, 0.25), Gaussian(0.0, q), time, 1e-6))[1] - exact for n in cells]
        gap = abs(richardson(*found))
        outcome.checks.append(
            Check(f"centred, target of variance {q:g}: error of the variance, extrapolated", gap, 2e-5)
        )
        outcome.checks.append(
            Check(f"centred, target of variance {q:g}: errors fall by four", found[0] / found[1], 0.3, "within", 4.0)
        )
        rows.append((f"{q:g}", exact, *found, gap))
    return Table(
        f"About a fixed mean, t = {time:g}",
        ("q", "exact variance", *(f"error, {n} cells" for n in cells), "extrapolated"),
        tuple(rows),
    )


def _transported(cells: int, start: Gaussian, target: Gaussian, time: float = 1.0, rtol: float = 1e-5) -> Solution:
    """The Stein flow of KL with k = 1 + x y on [-7, 7]."""
    mesh = Cartesian(cells, -7.0, 7.0)
    flow = GradientFlow(mesh, KullbackLeibler(target.cell_averages(mesh)), Stein(PolynomialKernel(1, 1.0)))
    return solve(flow, start.cell_averages(mesh), [0.0, time], rtol=rtol)


def _moments(solution: Solution) -> tuple[float, float]:
    """Mean and variance at the end."""
    mesh, density = solution.flow.mesh, solution.density[-1]
    (x,) = mesh.centers
    mean = integrate(mesh, x * density)
    return mean, integrate(mesh, (x - mean) ** 2 * density)


KERNELS = (
    Case(
        "ridge-quadratic-family",
        "Ridge Fisher-Rao flows, exactly solvable for every ridge",
        "With a quadratic kernel, ridge Fisher-Rao flows of KL between Gaussians have known distances to their limit.",
        "family derived from Zhu and Mielke 2024, eqs. 3.6-3.8; checked by an independent integration",
        "k = (1 + x y)^2; 0.9 N(-0.8, 1.3) to 1.2 N(0.4, 0.5), t = 1",
        _family,
    ),
    Case(
        "stein-bilinear",
        "The Stein flow of a Gaussian",
        "Stein transport keeps mass and positivity and is second order in space.",
        "Liu, Ghosal, Balasubramanian and Pillai 2023, arXiv:2305.14076; equations of mean and variance derived",
        "k = 1 + x y on [-7, 7], N(2, 1/4) to N(0, 1)",
        _stein,
    ),
)

MMD_AND_KL = Case(
    "mmd-and-relative-entropy",
    "I1 with every kernel",
    "The kernelized Fisher-Rao flow of KL(pi | mu) is the Fisher-Rao flow of MMD^2/2.",
    "Zhu and Mielke 2024, Lemma 6.11 (energy MMD^2/2; the printed factor is 2 off)",
    "four kernels on boxes with walls, in one and two dimensions; two separate code paths",
    _link,
)

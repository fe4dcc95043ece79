"""Exact solutions of kernel flows beyond Gaussians with polynomial kernels: constants, quantiles, ridge transport."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, MaximumMeanDiscrepancy, ReverseKullbackLeibler
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import (
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    Stein,
    Wasserstein,
)
from mudot.solvers.kernels.functions import EnergyDistanceKernel, GaussianKernel, LaplaceKernel, PolynomialKernel
from mudot.validation.cases.ladders import end as end_of
from mudot.validation.cases.runs import balance
from mudot.validation.convergence import orders
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.exact.kernel_flows import bilinear_and_quadratic, bilinear_stein
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table


def _constants(quick: bool) -> Outcome:
    """On the torus constants stay constant: one scalar equation, with a first integral."""
    mesh, outcome = Cartesian(32, 0.0, 1.0, "periodic"), Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    level, times = 0.7, [0.0, 0.5, 1.0, 2.0, 4.0]
    energy = ReverseKullbackLeibler(np.full(32, level))
    for name, kernel, total in (
        ("gaussian", GaussianKernel(0.1), 0.1 * math.sqrt(2 * math.pi)),
        ("laplace", LaplaceKernel(0.2), None),
    ):
        weight = total if total else float(kernel.on_ring(mesh.centers[0] - mesh.centers[0][0], 1.0).mean())
        for ridge in (0.01, 0.1, 1.0):
            geometry = KernelApproximateFisherRao(kernel, ridge)
            solution = solve(GradientFlow(mesh, energy, geometry), np.full(32, 2.0), times, rtol=1e-10)
            c = solution.density.mean(axis=1)
            first = np.log(abs(c - level)) + ridge / (weight * level) * np.log(abs(c - level) / c) + solution.times
            worst = float(np.ptp(first))
            outcome.checks.append(Check(f"{name}, ridge {ridge:g}: drift of the first integral", worst, 1e-7))
            flat = float(np.ptp(solution.density, axis=1).max())
            outcome.checks.append(Check(f"{name}, ridge {ridge:g}: departure from a constant", flat, 1e-12))
            rows.append((name, ridge, float(c[-1]), worst, balance(solution)))
    columns = ("kernel", "ridge", "level at t = 4", "drift of the first integral", "balance / dissipation")
    outcome.tables.append(Table("From 2 to 0.7", columns, tuple(rows)))
    return outcome


def _quantiles(quick: bool) -> Outcome:
    """W of MMD^2/2 with k = -|x - y|: quantiles decouple, Q(t, u) = u + (Q_0(u) - u) exp(-2 t) for uniform pi."""
    cells = (50, 100) if quick else (50, 100, 200)
    outcome, errors = Outcome(), []
    rows: list[tuple[str | int | float, ...]] = []
    u = np.linspace(0, 1, 200_001)

    def cumulative(x: np.ndarray) -> np.ndarray:
        return np.asarray(x - 0.6 * np.sin(2 * np.pi * x) / (2 * np.pi))

    start_quantile = np.interp(u, cumulative(u), u)
    for n in cells:
        mesh = Cartesian(n, 0.0, 1.0)
        energy = MaximumMeanDiscrepancy(EnergyDistanceKernel(), np.ones(n))
        start = np.diff(cumulative(mesh.edges[0])) * n
        solution = solve(GradientFlow(mesh, energy, Wasserstein()), start, [0.0, 0.5], rtol=1e-8)
        quantile = u + (start_quantile - u) * math.exp(-1.0)
        exact = np.diff(np.interp(mesh.edges[0], quantile, u)) * n
        errors.append(norm(mesh, solution.density[-1] - exact))
        rows.append((n, errors[-1], float(solution.minimum.min()), balance(solution)))
        outcome.checks.append(Check(f"{n} cells: balance over dissipation", balance(solution), 1e-6))
    order = float(orders(list(map(float, cells)), errors)[-1])
    outcome.checks.append(Check("order in space", order, 0.15, "within", 2.0))
    outcome.tables.append(
        Table("At t = 1/2", ("cells", "L1 error", "least density", "balance / dissipation"), tuple(rows))
    )
    series = (Series("mudot", list(map(float, cells)), errors, -2.0),)
    outcome.plots.append(Plot("quantile flow", "cells", "$L^1$ error", series, True, True))
    return outcome


def _planar(quick: bool) -> Outcome:
    """Ridge transport of Gaussians in the plane, for every ridge: means and covariances, extrapolated in space."""
    outcome = Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    kernel, stop = PolynomialKernel(1, 1.0), 0.8
    begin, target = Gaussian([1.0, -0.7], [[0.6, -0.1], [-0.1, 0.4]]), Gaussian([0.3, -0.2], [[1.0, 0.5], [0.5, 2.0]])
    for ridge in (None, 1.0) if quick else (None, 1.0, 0.1):
        geometry: Geometry = Stein(kernel) if ridge is None else KernelApproximateWasserstein(kernel, ridge)
        end = bilinear_stein(begin, target, stop, ridge)
        found = []
        for cells in (24, 48) if quick else (32, 64):
            mesh = Cartesian((cells, cells), (-5.0, -6.0), (6.0, 5.0))
            energy = KullbackLeibler(target.cell_averages(mesh), target.log_cell_averages(mesh))
            flow = GradientFlow(mesh, energy, geometry)
            density = solve(flow, begin.cell_averages(mesh), [0.0, stop], rtol=1e-5).density[-1]
            x, y = (np.broadcast_to(c, mesh.shape) for c in mesh.coordinates)
            m = np.array([integrate(mesh, density * c) for c in (x, y)])
            second = [integrate(mesh, density * a * b) for a in (x - m[0], y - m[1]) for b in (x - m[0], y - m[1])]
            found.append(np.concatenate([m, second]))
        exact = np.concatenate([end.mean, end.covariance.reshape(-1)])
        errors = [float(np.abs(f - exact).max()) for f in (*found, (4 * found[1] - found[0]) / 3)]
        label = "Stein" if ridge is None else f"{ridge:g}"
        outcome.checks.append(
            Check(f"ridge {label}: error of the moments, extrapolated", errors[2], 2e-3 if quick else 3e-4)
        )
        outcome.checks.append(Check(f"ridge {label}: errors fall by four", errors[0] / errors[1], 0.8, "within", 4.0))
        rows.append((label, *errors))
    columns = ("ridge", "error, coarse mesh", "error, fine mesh", "extrapolated")
    outcome.tables.append(Table("Largest error of means and covariances at t = 0.8", columns, tuple(rows)))
    outcome.tables.append(_joint(outcome, quick))
    return outcome


def _joint(outcome: Outcome, quick: bool) -> Table:
    """Ridge transport and ridge reaction together, of masses 0.9 and 1.2 on the line."""
    begin, target, stop = Gaussian(-0.8, 1.3, 0.9), Gaussian(0.4, 0.5, 1.2), 0.7
    rows: list[tuple[str | int | float, ...]] = []
    for ridge in (0.1,) if quick else (0.1, 1.0):
        transport, reaction = (PolynomialKernel(degree, 1.0) for degree in (1, 2))
        both = KernelApproximateWasserstein(transport, ridge) + KernelApproximateFisherRao(reaction, ridge)
        end = bilinear_and_quadratic(begin, target, stop, ridge)
        exact = np.array([end.mass, float(end.mean[0]), float(end.covariance[0, 0])])
        found = []
        for cells in (50, 100):
            mesh = Cartesian(cells, -8.0, 8.0)
            energy = KullbackLeibler(target.cell_averages(mesh), target.log_cell_averages(mesh))
            density = end_of(mesh, energy, both, begin.cell_averages(mesh), stop, 1e-5 if quick else 1e-6)
            (x,) = mesh.centers
            mass = integrate(mesh, density)
            mean = integrate(mesh, density * x) / mass
            found.append(np.array([mass, mean, integrate(mesh, density * (x - mean) ** 2) / mass]))
        errors = [float(np.abs(f - exact).max()) for f in (*found, (4 * found[1] - found[0]) / 3)]
        label = f"with reaction, ridge {ridge:g}"
        outcome.checks.append(Check(f"{label}: error of mass, mean, variance, extrapolated", errors[2], 1e-4))
        outcome.checks.append(Check(f"{label}: errors fall by four", errors[0] / errors[1], 0.4, "within", 4.0))
        rows.append((f"{ridge:g}", *errors))
    columns = ("ridge", "error, 50 cells", "error, 100 cells", "extrapolated")
    return Table("With ridge Fisher-Rao: largest error of mass, mean and variance at t = 0.7", columns, tuple(rows))


KERNEL_EXACT = (
    Case(
        "ridge-constants",
        "Ridge Fisher-Rao flows of constants",
        "On the torus log|c - p| + (λ/(κ p)) log(|c - p|/c) + t stays constant, for every ridge.",
        "derived; κ is the integral of the kernel",
        "reverse KL to the constant 0.7 from 2, Gaussian and Laplace kernels",
        _constants,
    ),
    Case(
        "quantiles",
        "The Wasserstein flow of the energy distance",
        "With k = -|x - y| on a line every quantile relaxes by itself.",
        "Duong, Stein, Beinert, Hertrich and Steidl 2024, arXiv:2408.07498",
        "uniform target on [0, 1], start 1 - 0.6 cos 2πx",
        _quantiles,
    ),
    Case(
        "ridge-transport-of-gaussians",
        "Ridge Wasserstein and Stein flows of Gaussians in the plane",
        "With k = 1 + x.y Gaussians stay Gaussians, for every ridge.",
        "Liu, Ghosal, Balasubramanian and Pillai 2023, arXiv:2305.14076; ridge equations derived",
        "π = N((0.3, -0.2), [[1, .5], [.5, 2]]), start N((1, -0.7), [[.6, -.1], [-.1, .4]]), t = 0.8",
        _planar,
    ),
)

"""The source condition decides the power at which ridge Fisher-Rao quantities reach their limits."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel
from mudot.validation.finished import solve
from mudot.validation.gamma.fits import power_of
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]


def source(order: float, cells: int) -> tuple[Cartesian, np.ndarray]:
    """A force on the unit torus with coefficients j^-(r + 1/2): just of Sobolev order r."""
    mesh = Cartesian(cells, 0.0, 1.0, "periodic")
    modes = np.arange(cells // 2 + 1, dtype=float)
    modes[1:] **= -(order + 0.5)
    modes[cells // 4 :] = 0.0
    xi = np.fft.irfft(modes, cells)
    return mesh, np.asarray(0.3 * xi / np.abs(xi).max())


def _rates(quick: bool) -> Outcome:
    """V2, V3 with the Laplace kernel: the source order decides the power of the ridge, min(1, S) and min(1, S/2)."""
    cells = 1 << 15
    outcome, series = Outcome(), []
    rows: list[Row] = []
    for order, expected, band in ((0.25, 0.25, 0.06), (0.5, 0.5, 0.06), (2.0, 1.0, 0.05)):
        mesh, xi = source(order, cells)
        ones = np.ones(cells)
        ladder = np.geomspace(3e-3, 3e-5, 7) if order < 1 else np.geomspace(1e-4, 1e-6, 7)
        limit = 0.5 * integrate(mesh, xi * xi)
        missing = []
        for ridge in ladder:
            onsager = KernelApproximateFisherRao(LaplaceKernel(0.15), float(ridge)).onsager(mesh, ones)
            missing.append(limit - sum(onsager.dual(xi)))
        power, width = power_of(ladder, np.array(missing))
        outcome.checks.append(
            Check(f"S = {order:g}: power of the ridge in R* of the limit minus R*", power, band, "within", expected)
        )
        rows.append((f"{order:g}", "R*, one state", power, width, expected))
        series.append(Series(f"S = {order:g}", [float(r) for r in ladder], [float(m / limit) for m in missing]))
        power, width = _solutions(order, 1024 if quick else 8192)
        predicted = min(1.0, order / 2)
        outcome.checks.append(
            Check(f"S = {order:g}: power of the ridge in the distance of solutions", power, 0.09, "within", predicted)
        )
        rows.append((f"{order:g}", "solutions, t = 1", power, width, predicted))
    rows += _logarithmic(outcome)
    columns = ("source order S", "quantity", "power", "95 % half-width", "predicted")
    outcome.tables.append(Table("Powers of the ridge, Laplace kernel of length 0.15", columns, tuple(rows)))
    outcome.plots.append(Plot("source orders", "ridge", r"$(R^*_0 - R^*_\lambda)/R^*_0$", tuple(series), True, True))
    return outcome


def _logarithmic(outcome: Outcome) -> list[Row]:
    """A Gaussian kernel and a force of Sobolev order r = 1/2: R*_0 - R*_lambda falls like log(kappa/lambda)^-r only,
    kappa the integral of the kernel, and like no power of the ridge."""
    order, width = 0.5, 0.03
    mesh, xi = source(order, 1 << 15)
    top = width * math.sqrt(2 * math.pi)
    ladder, limit, missing = top * np.geomspace(1e-4, 1e-9, 6), 0.5 * integrate(mesh, xi * xi), []
    for ridge in ladder:
        onsager = KernelApproximateFisherRao(GaussianKernel(width), float(ridge)).onsager(mesh, np.ones(mesh.shape))
        missing.append(limit - sum(onsager.dual(xi)))
    power, half = power_of(1 / np.log(top / ladder), np.array(missing))
    claim = "Gaussian kernel, r = 1/2: power of 1/log(κ/λ) in R* of the limit minus R*"
    outcome.checks.append(Check(claim, power, 0.05, "within", order))
    algebraic, _ = power_of(ladder, np.array(missing))
    outcome.checks.append(Check("Gaussian kernel, r = 1/2: power of the ridge itself", algebraic, 0.05))
    return [("-", "R*, one state, Gaussian kernel, in 1/log(κ/λ)", power, half, order)]


def _solutions(order: float, cells: int) -> tuple[float, float]:
    """The power in L1 distances of solutions of KL at t = 1, from data that differ from pi by a force of that order."""
    mesh, xi = source(order, cells)
    energy, start = KullbackLeibler(np.ones(cells)), np.exp(xi)
    limit = solve(GradientFlow(mesh, energy, FisherRao()), start, [0.0, 1.0]).density[-1]
    ladder = np.geomspace(1e-2, 1e-3, 4) if order < 1 else np.geomspace(1e-4, 1e-5, 4)
    distances = []
    for ridge in ladder:
        flow = GradientFlow(mesh, energy, KernelApproximateFisherRao(LaplaceKernel(0.15), float(ridge)))
        gap = solve(flow, start, [0.0, 1.0], rtol=1e-8).density[-1] - limit
        distances.append(math.sqrt(integrate(mesh, gap * gap)))
    return power_of(ladder, np.array(distances))


GAMMA_RATES = Case(
    "gamma-rates",
    "The source condition decides the power",
    "With source order S slopes and energies converge like λ^min(1, S), solutions like λ^min(1, S/2); with a "
    "Gaussian kernel and a force of finite smoothness only like powers of log(1/λ).",
    "Zhu and Mielke 2024, Thm 6.17 and Cor. 6.18; numbers derived",
    "Laplace kernel of length 0.15 on the unit torus, forces of Sobolev order 1/4, 1/2 and 2",
    _rates,
)

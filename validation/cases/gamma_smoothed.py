"""A recovery sequence where the growth field lies outside the kernel's Hilbert space: smoothed at ridge sqrt(lambda).

u_lambda' = u_lambda g_lambda, g_lambda = (K + sqrt(lambda))^-1 K g. Then lambda |g_lambda|^2 in the Hilbert space is
sqrt(lambda) int (g - g_lambda) g_lambda du <= sqrt(lambda) |g|^2 / 4, norms at u_lambda (derived).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from mudot.meshes.averages import integrate
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao
from mudot.solvers.kernels.functions import LaplaceKernel
from mudot.validation.cases.gamma_rates import source
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

KERNEL = LaplaceKernel(0.15)
ORDER = 0.5
"""Sobolev order of the growth field; the Hilbert space of the Laplace kernel has order 1."""


def _smoothed(quick: bool) -> Outcome:
    """V7 (b): D_lambda(u_lambda) to D_0(u) for u = e^{t g} on [0, 1]."""
    cells, steps = (512, 8) if quick else (4096, 16)
    mesh, g = source(ORDER, cells)
    energy, outcome = KullbackLeibler(np.ones(cells)), Outcome()
    times = np.linspace(0, 1, steps + 1)
    weights = np.full(steps + 1, 1 / steps)
    weights[[0, -1]] /= 2

    def slope(system: FisherRao | KernelApproximateFisherRao, density: np.ndarray) -> float:
        return float(sum(system.onsager(mesh, density).dual(energy.first_variation(mesh, density))))

    curve = [np.exp(t * g) for t in times]
    limit = sum(w * (0.5 * integrate(mesh, u * g * g) + slope(FisherRao(), u))
                for w, u in zip(weights, curve, strict=True))  # fmt: skip
    ladder = [float(ridge) for ridge in np.geomspace(1e-2, 1e-6, 5)]
    gaps, distances, ratios = [], [], []
    for ridge in ladder:
        smoothing = KernelApproximateFisherRao(KERNEL, math.sqrt(ridge))
        ridge_system = KernelApproximateFisherRao(KERNEL, ridge)
        u, total, far, ratio = curve[0], 0.0, 0.0, 0.0
        for n, weight in enumerate(weights):
            field = smoothing.onsager(mesh, u).growth(g)
            penalty = math.sqrt(ridge) * integrate(mesh, (g - field) * field * u)
            ratio = max(ratio, penalty / (0.25 * math.sqrt(ridge) * integrate(mesh, g * g * u)))
            rate = 0.5 * integrate(mesh, u * field * field) + 0.5 * penalty
            total += weight * (rate + slope(ridge_system, u))
            far = max(far, integrate(mesh, np.abs(u - curve[n])))
            middle = smoothing.onsager(mesh, u * np.exp(0.5 / steps * field)).growth(g)
            u = u * np.exp(middle / steps)
        gaps.append(float(total - limit))
        distances.append(float(far))
        ratios.append(float(ratio))
    cost = sum(w * integrate(mesh, u * g * g) for w, u in zip(weights, curve, strict=True))
    excess = max(gap / (math.sqrt(ridge) * cost / 8) for gap, ridge in zip(gaps, ladder, strict=True))
    outcome.checks += [
        Check("λ|g_λ|² over its bound, largest", max(ratios), 1.0),
        Check("D_λ(u_λ) - D_0(u) over sqrt(λ)/8 ∫|g|², largest", float(excess), 1.0),
        Check("|D_λ(u_λ) - D_0(u)| over D_0(u) at the smallest ridge", float(abs(gaps[-1]) / limit), 0.1),
        Check("distances decrease: largest ratio of neighbours",
              max(b / a for a, b in pairwise(distances)), 0.9),
        Check("gaps decrease: largest ratio of neighbours",
              max(abs(b / a) for a, b in pairwise(gaps)), 0.9),
    ]  # fmt: skip
    rows = tuple((f"{a:g}", b, c, d) for a, b, c, d in zip(ladder, distances, gaps, ratios, strict=True))
    columns = ("ridge", "sup of the L1 distance", "D_λ(u_λ) - D_0(u)", "λ|g_λ|² over its bound")
    outcome.tables.append(Table("Smoothed recovery sequence", columns, rows))
    series = (
        Series(r"$\sup_t |u_\lambda - u|_1$", ladder, distances),
        Series(r"$|D_\lambda(u_\lambda) - D_0(u)|/D_0(u)$", ladder, [float(abs(v) / limit) for v in gaps]),
    )
    outcome.plots.append(Plot("smoothed recovery", "ridge", "distance to the limit", series, True, True))
    return outcome


GAMMA_SMOOTHED = Case(
    "gamma-smoothed",
    "Recovery for a field outside the Hilbert space",
    "Smoothed at ridge sqrt(λ) the curves converge and D_λ(u_λ) tends to D_0(u).",
    "Zhu and Mielke 2024, (6.38); sequence derived",
    "Laplace kernel of length 0.15 on the unit torus, u = exp(t g), g of Sobolev order 1/2, KL",
    _smoothed,
)

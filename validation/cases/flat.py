"""Flat, de-kernelized and interaction-force geometries: exact relaxation, identities, and limits."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import (
    Energy,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    ReverseKullbackLeibler,
    chi_squared,
)
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    Spherical,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.runs import balance
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

KERNEL = GaussianKernel(0.6)


def _data(mesh: Cartesian) -> tuple[np.ndarray, np.ndarray]:
    """Start and target: smooth, positive, of mass one."""
    x = mesh.coordinates
    pi = np.exp(-sum((a - 0.3) ** 2 for a in x)) + 0.05
    mu = np.exp(-sum((a + 0.5) ** 2 for a in x) / 0.8) + 0.02
    return mu / integrate(mesh, mu), pi / integrate(mesh, pi)


MESHES = {"line": Cartesian(80, -2.0, 2.0), "plane": Cartesian((28, 24), (-2.0, -2.0), (2.0, 2.0))}


def _relaxation(quick: bool) -> Outcome:
    """One linear equation, mu' = -(mu - pi), by five gradient systems."""
    outcome, rows = Outcome(), []
    times = [0.0, 0.5, 1.0, 2.0]
    for place, mesh in MESHES.items():
        mu, pi = _data(mesh)
        mmd, chi, kl = MaximumMeanDiscrepancy(KERNEL, pi), chi_squared(pi), ReverseKullbackLeibler(pi)
        flows: dict[str, tuple[Energy, Geometry]] = {
            "MMD flow of MMD²/2": (mmd, DeKernelizedFisherRao(KERNEL)),
            "spherical MMD flow of MMD²/2": (mmd, Spherical(DeKernelizedFisherRao(KERNEL))),
            "Fisher-Rao flow of KL(π|μ)": (kl, FisherRao()),
            "spherical Fisher-Rao flow of KL(π|μ)": (kl, Spherical(FisherRao())),
            "flat Fisher-Rao flow of χ²/2": (chi, FlatFisherRao(pi)),
        }
        for name, (energy, geometry) in flows.items():
            solution = solve(GradientFlow(mesh, energy, geometry), mu, times, rtol=1e-8)
            errors = [
                norm(mesh, d - pi - math.exp(-t) * (mu - pi)) for t, d in zip(times, solution.density, strict=True)
            ]
            outcome.checks.append(Check(f"{place}, {name}: L1 distance to the exact flow", max(errors), 1e-12))
            outcome.checks.append(Check(f"{place}, {name}: balance over dissipation", balance(solution), 1e-7))
            rows.append(
                (place, name, solution.flow.method.description.partition(",")[0], max(errors), balance(solution))
            )
        decay = solve(GradientFlow(mesh, mmd, DeKernelizedFisherRao(KERNEL)), mu, times, rtol=1e-8).energy
        worst = float(np.max(np.abs(decay / decay[0] * np.exp(2 * np.array(times)) - 1)))
        outcome.checks.append(Check(f"{place}: MMD² decays like exp(-2 t), relative error", worst, 1e-10))
    columns = ("mesh", "gradient flow", "method", "distance to the exact flow", "balance / dissipation")
    outcome.tables.append(Table("Linear relaxation up to t = 2", columns, tuple(rows)))
    return outcome


def _diffusion(quick: bool) -> Outcome:
    """Fokker-Planck as a flat flow, and with a relaxation that commutes with it."""
    outcome, rows = Outcome(), []
    times = [0.0, 0.1, 0.4]
    for place, mesh in MESHES.items():
        mu, pi = _data(mesh)
        chi = chi_squared(pi)

        def flow(energy: Energy, geometry: Geometry, mesh: Cartesian = mesh, mu: np.ndarray = mu) -> Solution:
            return solve(GradientFlow(mesh, energy, geometry), mu, times, rtol=1e-8)

        kl, flat = flow(KullbackLeibler(pi), Wasserstein()), flow(chi, FlatWasserstein(pi))
        both = flow(chi, FlatWasserstein(pi) + 2.0 * FlatFisherRao(pi))
        product = [pi + math.exp(-2 * t) * (d - pi) for t, d in zip(times, flat.density, strict=True)]
        pairs = {
            "W of KL = flat W of χ²/2": (kl.density, flat.density, kl, flat),
            "flat WFR of χ²/2 = diffusion × relaxation": (both.density, product, both, flat),
        }
        for name, (one, two, a, b) in pairs.items():
            apart = max(norm(mesh, p - q) for p, q in zip(one, two, strict=True))
            outcome.checks.append(Check(f"{place}: {name}, L1 distance", apart, 1e-11))
            worst = max(balance(a), balance(b))
            outcome.checks.append(Check(f"{place}: {name}, balances over dissipation", worst, 1e-7))
            rows.append((place, name, apart, norm(mesh, one[-1] - mu), worst))
    columns = ("mesh", "identity", "distance of the flows", "way travelled", "balance / dissipation")
    outcome.tables.append(Table("Two gradient structures of one flow", columns, tuple(rows)))
    return outcome


def _interaction(quick: bool) -> Outcome:
    """IFT of MMD^2/2 from alpha = 0 (equality) upwards; spherical and plain agree."""
    mesh = Cartesian(80 if quick else 160, -2.0, 2.0)
    mu, pi = _data(mesh)
    energy, times = MaximumMeanDiscrepancy(KERNEL, pi), [0.0, 0.5, 1.0, 2.0, 3.0]
    inverse = DeKernelizedFisherRao(KERNEL)
    outcome, curves = Outcome(), []
    rows: list[tuple[str | int | float, ...]] = []
    for alpha in (0.0, 0.1, 1.0):
        geometry = alpha * Wasserstein() + inverse if alpha else inverse
        solution = solve(GradientFlow(mesh, energy, geometry), mu, times, rtol=1e-7)
        ratio = solution.energy / solution.energy[0] * np.exp(2 * np.array(times))
        outcome.checks.append(
            Check(f"alpha = {alpha:g}: largest MMD²(t) exp(2 t) / MMD²(0)", float(ratio.max()), 1 + 1e-9)
        )
        outcome.checks.append(Check(f"alpha = {alpha:g}: balance over dissipation", balance(solution), 1e-6))
        outcome.checks.append(
            Check(f"alpha = {alpha:g}: least density", float(solution.minimum.min()), 0.0, "at least")
        )
        if alpha:
            same = solve(GradientFlow(mesh, energy, alpha * Wasserstein() + Spherical(inverse)), mu, times, rtol=1e-7)
            apart = max(norm(mesh, a - b) for a, b in zip(solution.density, same.density, strict=True))
            outcome.checks.append(Check(f"alpha = {alpha:g}: L1 distance of plain and spherical flow", apart, 1e-9))
        rows.append((f"{alpha:g}", *map(float, ratio[1:]), balance(solution)))
        curves.append(Series(f"alpha = {alpha:g}", times, [float(e) for e in solution.energy]))
    columns = ("alpha", *(f"t = {t:g}" for t in times[1:]), "balance / dissipation")
    outcome.tables.append(
        Table("MMD²(t) exp(2 t) / MMD²(0): at most 1, equal to 1 for alpha = 0", columns, tuple(rows))
    )
    outcome.plots.append(Plot("IFT flows", "time $t$", r"$\mathrm{MMD}^2/2$", tuple(curves), False, True))
    return outcome


FLAT_IDENTITIES = (
    Case(
        "linear-relaxation",
        "I4 in one and two dimensions: linear relaxation has many names",
        "MMD flow of MMD²/2, Fisher-Rao of KL(π|μ) and flat Fisher-Rao of χ²/2 are one flow, π + exp(-t)(μ₀ - π).",
        "Gladin, Dvurechensky, Mielke and Zhu 2024, Thm 3.6; the other identities derived",
        "Gaussian kernel of bandwidth 0.6 on boxes with walls, in one and two dimensions",
        _relaxation,
    ),
    Case(
        "flat-fokker-planck",
        "I6 and I8 in one and two dimensions: Fokker-Planck is a flat flow too",
        "W of KL = flat W_π of χ²/2; flat WFR_π of χ²/2 is diffusion times relaxation.",
        "Zhu and Mielke 2024, section 4.3; identities derived",
        "the same data; two gradient structures and two code paths for one flow",
        _diffusion,
    ),
)

FLAT = (
    Case(
        "interaction-force-transport",
        "Interaction-force transport of MMD²/2",
        "MMD² decays at least like exp(-2 β t), with equality without transport; plain and spherical flows agree.",
        "Gladin, Dvurechensky, Mielke and Zhu 2024, Thms 3.6 and 3.7",
        "β = 1, α = 0, 0.1, 1; Gaussian kernel of bandwidth 0.6, walls",
        _interaction,
    ),
)

"""Transported discrepancies and relative entropies in the plane: one equation, two gradient systems.

Every row runs two code paths (or holds one against a formula made from another) and reports their distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import (
    Energy,
    InverseSobolev,
    KernelSteinDiscrepancy,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    PowerDivergence,
    ReverseKullbackLeibler,
    chi_squared,
)
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import Stein, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.solvers.kernels.operators import kernel_operator
from mudot.validation.cases.runs import balance
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

KERNEL = GaussianKernel(0.6)
Force = Callable[[np.ndarray], np.ndarray]


def _data(mesh: Cartesian) -> tuple[np.ndarray, np.ndarray]:
    x = mesh.coordinates
    pi = np.exp(-sum((a - 0.4) ** 2 for a in x)) + 0.02
    mu = np.exp(-sum((a + 0.5) ** 2 for a in x) / 0.8) + 0.01
    return mu / integrate(mesh, mu), pi / integrate(mesh, pi)


def _along(solution: Solution, one: Force, two: Force) -> float:
    """Largest distance of two forces along a flow, over the size of the first, up to constants that do not act."""
    mesh, worst = solution.flow.mesh, 0.0
    for density in solution.density:
        a, b = one(density), two(density)
        a, b = (f - integrate(mesh, density * f) / integrate(mesh, density) for f in (a, b))
        worst = max(worst, norm(mesh, density * (a - b)) / norm(mesh, density * a))
    return worst


def _transport(quick: bool) -> Outcome:
    """I2, I3, I10 and the Stein identity, in one and two dimensions."""
    meshes = {"line": Cartesian(96, -2.5, 2.5)}
    if not quick:
        meshes["plane"] = Cartesian((32, 28), (-2.5, -2.5), (2.5, 2.5))
    outcome, curves = Outcome(), []
    rows: list[tuple[str | int | float, ...]] = []
    for place, mesh in meshes.items():
        mu, pi = _data(mesh)
        operator = kernel_operator(KERNEL, mesh, numpy_library())
        reverse, kl = ReverseKullbackLeibler(pi), KullbackLeibler(pi)
        mmd, ksd, lawgd = (
            MaximumMeanDiscrepancy(KERNEL, pi),
            KernelSteinDiscrepancy(KERNEL, pi),
            InverseSobolev(pi),
        )
        runs = {
            "mmd": solve(GradientFlow(mesh, mmd, Wasserstein()), mu, [0.0, 1.0, 4.0], rtol=1e-7),
            "ksd": solve(GradientFlow(mesh, ksd, Wasserstein()), mu, [0.0, 0.05, 0.2], rtol=1e-7),
            "lawgd": solve(GradientFlow(mesh, lawgd, Wasserstein()), mu, [0.0, 0.5, 2.0], rtol=1e-7),
        }

        identities: dict[str, tuple[Solution, Force, Force]] = {
            "W of MMD²/2 = W, force-kernelized, of KL(π|μ)": (
                runs["mmd"],
                partial(mmd.first_variation, mesh),
                partial(_smoothed, operator.apply, mesh, reverse),
            ),
            "W of KSD²/2 = W, force-kernelized by the Stein kernel, of KL(π|μ)": (
                runs["ksd"],
                partial(ksd.first_variation, mesh),
                partial(_smoothed, partial(ksd.first_variation, mesh), mesh, reverse),
            ),
        }
        for name, (solution, one, two) in identities.items():
            apart = _along(solution, one, two)
            outcome.checks.append(Check(f"{place}: {name}, distance of the forces", apart, 1e-9))
            outcome.checks.append(Check(f"{place}: {name}, balance over dissipation", balance(solution), 1e-6))
            rows.append((place, name, apart, norm(mesh, solution.density[-1] - mu), balance(solution)))
        rows.append(_lawgd(place, mesh, runs["lawgd"], outcome))
        rows.append(_stein(place, mesh, kl, ksd, runs["lawgd"], outcome))
        if place == "line":
            curves = [
                Series(name, list(map(float, s.times)), [float(e / s.energy[0]) for e in s.energy])
                for name, s in runs.items()
            ]
    columns = ("mesh", "identity", "relative distance", "way travelled", "balance / dissipation")
    outcome.tables.append(Table("Two descriptions of one flow, along the flow", columns, tuple(rows)))
    outcome.plots.append(Plot("decay", "time $t$", "energy / first energy", tuple(curves), False, True))
    return outcome


def _smoothed(smooth: Force, mesh: Cartesian, energy: Energy, density: np.ndarray) -> np.ndarray:
    """The force of an energy under a kernel on mu: int k(x, y) xi(y) dmu(y), `smooth` being w -> int k(., y) dw(y)."""
    return smooth(density * energy.first_variation(mesh, density))


def _lawgd(place: str, mesh: Cartesian, solution: Solution, outcome: Outcome) -> tuple[str | int | float, ...]:
    """d/dt KL = -chi^2 along the Wasserstein flow of the H^-1(pi) distance, and KL <= exp(-t) KL(0)."""
    pi = solution.flow.energy.target  # type: ignore[attr-defined]
    kl, chi, worst = KullbackLeibler(pi), chi_squared(pi), 0.0
    for density in solution.density:
        lost = -integrate(mesh, kl.first_variation(mesh, density) * solution.flow.rate(density))
        worst = max(worst, abs(lost / (2 * chi.value(mesh, density)) - 1))
    ratios = [
        kl.value(mesh, d) / kl.value(mesh, solution.density[0]) * math.exp(t)
        for t, d in zip(solution.times, solution.density, strict=True)
    ]
    name = "LAWGD: -dKL/dt = χ²"
    outcome.checks.append(Check(f"{place}: {name}, relative difference", worst, 1e-8))
    outcome.checks.append(Check(f"{place}: LAWGD: largest KL(t) exp(t) / KL(0)", max(ratios), 1 + 1e-12))
    outcome.checks.append(Check(f"{place}: LAWGD, balance over dissipation", balance(solution), 1e-6))
    return place, name, worst, norm(mesh, solution.density[-1] - solution.density[0]), balance(solution)


def _stein(
    place: str,
    mesh: Cartesian,
    kl: PowerDivergence,
    ksd: KernelSteinDiscrepancy,
    solution: Solution,
    outcome: Outcome,
) -> tuple[str | int | float, ...]:
    """R*_Stein(mu, log(mu/pi)) = KSD^2(mu | pi)/2, with the flux of KL on the faces."""
    geometry = Stein(KERNEL, flux=GradientFlow(mesh, kl, Wasserstein()).discrete_geometry.flux)  # type: ignore[attr-defined]
    worst = 0.0
    for density in solution.density:
        slope = sum(geometry.onsager(mesh, density).dual(kl.first_variation(mesh, density)))
        worst = max(worst, abs(slope / ksd.value(mesh, density) - 1))
    name = "Stein dissipation of KL = KSD²"
    outcome.checks.append(Check(f"{place}: {name}, relative difference", worst, 1e-8))
    return place, name, worst, norm(mesh, solution.density[-1] - solution.density[0]), balance(solution)


IDENTITIES = (
    Case(
        "transport-and-relative-entropy",
        "I2, I3 and I10 in one and two dimensions: MMD, KSD and LAWGD flows as flows of relative entropies",
        "W of MMD²/2 and of KSD²/2 are force-kernelized W of KL(π|μ); LAWGD loses KL at the rate χ²; Stein loses KSD².",
        "Zhu 2024, arXiv:2411.00214; Chewi et al. 2020; Zhu and Mielke 2024, Prop. 6.10; the rest derived",
        "Gaussian kernel of bandwidth 0.6 on boxes with walls; forces compared along the computed flows",
        _transport,
    ),
)

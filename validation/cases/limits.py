"""Which geometry converges to which: distances of flows on ladders of parameters, with the predicted powers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    Kale,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    Moreau,
    chi_squared,
)
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    LocalRegressionFisherRao,
    LocalRegressionWasserstein,
    Stein,
    SymmetrizedRegressionFisherRao,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel, PolynomialKernel
from mudot.solvers.kernels.operators import kernel_operator
from mudot.solvers.kernels.solves import inverse
from mudot.validation.convergence import orders
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

QUADRATIC, BILINEAR = PolynomialKernel(2, 1.0), PolynomialKernel(1, 1.0)


def _data(cells: int) -> tuple[Cartesian, np.ndarray, np.ndarray]:
    """Gaussians on a line: log(mu/pi) is quadratic, in the span of the quadratic kernel, its slope in the bilinear."""
    mesh = Cartesian(cells, -6.0, 6.0)
    x = mesh.centers[0]
    mu, pi = np.exp(-((x + 0.4) ** 2) / 1.6), np.exp(-((x - 0.3) ** 2) / 1.2)
    return mesh, mu / integrate(mesh, mu), pi / integrate(mesh, pi)


def _end(
    mesh: Cartesian, energy: Energy, geometry: Geometry, start: np.ndarray, time: float, rtol: float
) -> np.ndarray:
    solution = solve(GradientFlow(mesh, energy, geometry), start, [0.0, time], rtol=rtol)
    return np.asarray(solution.density[-1])


def _ladder(
    outcome: Outcome,
    name: str,
    values: Sequence[float],
    distances: Sequence[float],
    power: float,
    width: float = 0.08,
) -> tuple[str | int | float, ...]:
    """A row of distances, and the check of their power on the last pair."""
    measured = -float(orders(list(values), list(distances))[-1])
    outcome.checks.append(Check(f"{name}: power", measured, width, "within", power))
    outcome.plots[0] = replace(outcome.plots[0], series=(*outcome.plots[0].series, Series(name, values, distances)))
    return (name, ", ".join(f"{v:g}" for v in values), *(float(d) for d in distances), measured, power)


def _ridge(quick: bool) -> Outcome:
    """L1 to L5: ridge to 0, and ridge to infinity with time rescaled."""
    mesh, mu, pi = _data(80 if quick else 120)
    kl, rtol = KullbackLeibler(pi), 1e-8
    outcome = Outcome(plots=[Plot("ridge", "ridge, or its inverse", "$L^1$ distance", (), True, True)])
    rows: list[tuple[str | int | float, ...]] = []
    both = Wasserstein() + FisherRao()
    small: dict[str, tuple[Geometry, Callable[[float], Geometry]]] = {
        "λ-FR to FR, λ to 0": (FisherRao(), lambda ridge: KernelApproximateFisherRao(QUADRATIC, ridge)),
        "λ-Stein to W, λ to 0": (Wasserstein(), lambda ridge: KernelApproximateWasserstein(BILINEAR, ridge)),
        "λ-K-WFR to WFR, λ to 0": (
            both,
            lambda ridge: KernelApproximateWasserstein(BILINEAR, ridge) + KernelApproximateFisherRao(QUADRATIC, ridge),
        ),
    }
    ladder = (1e-1, 1e-2, 1e-3)
    for name, (limit, family) in small.items():
        # The limit on the same faces as the family: ridge transport bounds its mobility where tails are steep.
        moving = "wasserstein" in limit.parts
        end = _end(mesh, kl, family(1e-7) if moving else limit, mu, 0.5, rtol)
        distances = [norm(mesh, _end(mesh, kl, family(ridge), mu, 0.5, rtol) - end) for ridge in ladder]
        rows.append(_ladder(outcome, name, ladder, distances, 1.0))
        if moving:
            gap = norm(mesh, end - _end(mesh, kl, limit, mu, 0.5, rtol))
            outcome.checks.append(Check(f"{name}: distance of ridge 1e-7 to the limit (mobility on faces)", gap, 2e-3))
    large: dict[str, tuple[Geometry, Callable[[float], Geometry]]] = {
        "λ-FR at λ t to FR_k, λ to ∞": (
            KernelizedFisherRao(QUADRATIC),
            lambda ridge: KernelApproximateFisherRao(QUADRATIC, ridge, ridge),
        ),
        "λ-Stein at λ t to Stein, λ to ∞": (
            Stein(BILINEAR),
            lambda ridge: KernelApproximateWasserstein(BILINEAR, ridge, ridge),
        ),
    }
    inverse = (1e-2, 1e-3, 1e-4)
    for name, (limit, family) in large.items():
        end = _end(mesh, kl, limit, mu, 0.2, rtol)
        distances = [norm(mesh, _end(mesh, kl, family(1 / value), mu, 0.2, rtol) - end) for value in inverse]
        rows.append(_ladder(outcome, name, inverse, distances, 1.0))
    columns = ("limit", "λ or 1/λ", *("distance",) * 3, "power", "predicted")
    outcome.tables.append(Table("L1 distance of the flows", columns, tuple(rows)))
    return outcome


def _bandwidth(quick: bool) -> Outcome:
    """L8, L9 and L10: normalised and regressed kernels of small bandwidth, by their consistency error along a flow."""
    mesh = Cartesian(300 if quick else 600, 0.0, 1.0, "periodic")
    x = mesh.centers[0]
    pi = 1 + 0.5 * np.cos(2 * np.pi * x)
    mu = 1 + 0.5 * np.sin(2 * np.pi * x)
    kl = KullbackLeibler(pi)
    outcome = Outcome(plots=[Plot("bandwidth", "bandwidth", "$L^1$ distance", (), True, True)])
    rows: list[tuple[str | int | float, ...]] = []
    ladder = (0.04, 0.02, 0.01)
    xi = kl.first_variation(mesh, mu)

    def mass(width: float) -> float:
        return width * float(np.sqrt(2 * np.pi))

    fields: dict[str, tuple[np.ndarray, Callable[[float], np.ndarray]]] = {
        "FR_k, normalised, to -μ²ξ": (
            mu**2 * xi,
            lambda h: KernelizedFisherRao(GaussianKernel(h), 1 / mass(h)).onsager(mesh, mu).apply(xi),
        ),
        "symmetrized regression to FR": (
            mu * xi,
            lambda h: SymmetrizedRegressionFisherRao(GaussianKernel(h)).onsager(mesh, mu).apply(xi),
        ),
    }
    fields["IFT's K⁻¹, kernel normalised by μ, to FR (L8)"] = (mu * xi, lambda h: _normalised_inverse(mesh, mu, xi, h))
    for name, (limit, family) in fields.items():
        distances = [norm(mesh, family(h) - limit) for h in ladder]
        rows.append(_ladder(outcome, f"rate of {name}", ladder, distances, 2.0))
    flows: dict[str, tuple[Geometry, Callable[[float], Geometry]]] = {
        "Nadaraya-Watson growth to FR": (FisherRao(), lambda h: LocalRegressionFisherRao(GaussianKernel(h))),
        "Nadaraya-Watson velocity to W": (Wasserstein(), lambda h: LocalRegressionWasserstein(GaussianKernel(h))),
    }
    if not quick:
        coarse = Cartesian(150, 0.0, 1.0, "periodic")
        y = coarse.centers[0]
        target, start = 1 + 0.5 * np.cos(2 * np.pi * y), 1 + 0.5 * np.sin(2 * np.pi * y)
        energy = KullbackLeibler(target)
        for name, (geometry, regressed) in flows.items():
            time = 0.5 if geometry.multiplicative else 0.01
            end = _end(coarse, energy, geometry, start, time, 1e-8)
            wide = (0.08, 0.04, 0.02)
            distances = [norm(coarse, _end(coarse, energy, regressed(h), start, time, 1e-8) - end) for h in wide]
            rows.append(_ladder(outcome, f"flow of {name}", wide, distances, 2.0, 0.25))
    columns = ("limit", "bandwidths", *("distance",) * 3, "power", "predicted")
    outcome.tables.append(Table("L1 distance of rates and flows", columns, tuple(rows)))
    return outcome


def _normalised_inverse(mesh: Cartesian, mu: np.ndarray, xi: np.ndarray, width: float) -> np.ndarray:
    """K^-1 xi for the kernel k(x, y)/sqrt(q(x) q(y)), q = K mu, which tends to a unit mass of mu (L8: Gladin et al.
    2024, Cor. 3.5)."""
    operator = kernel_operator(LaplaceKernel(width), mesh, numpy_library())
    root = np.sqrt(operator.apply(mu))
    return np.asarray(root * inverse(operator, root * xi, 0.0).solution)


def _energies(quick: bool) -> Outcome:
    """L12: regularised discrepancies between their two limits."""
    mesh = Cartesian(48, 0.0, 1.0, "periodic")
    x = mesh.centers[0]
    pi, mu = 1 + 0.5 * np.cos(2 * np.pi * x), 1 + 0.4 * np.sin(2 * np.pi * x)
    kernel = LaplaceKernel(0.25)
    outcome = Outcome(plots=[Plot("regularization", "λ, or its inverse", "relative difference", (), True, True)])
    mmd = MaximumMeanDiscrepancy(kernel, pi).value(mesh, mu)
    kl, chi = KullbackLeibler(pi).value(mesh, mu), chi_squared(pi).value(mesh, mu)
    families: dict[str, tuple[Callable[[float], float], float, Sequence[float]]] = {
        "DrMMD to χ², λ to 0": (lambda v: DeRegularizedMMD(kernel, pi, v).value(mesh, mu), 2 * chi, (1e-5, 1e-6, 1e-7)),
        "KALE to KL, λ to 0": (lambda v: Kale(kernel, pi, v).value(mesh, mu), kl, (1e-4, 1e-5, 1e-6)),
        "Moreau of χ²/2 to χ²/2, λ to 0": (
            lambda v: Moreau(kernel, pi, v, 2.0).value(mesh, mu),
            chi,
            (1e-5, 1e-6, 1e-7),
        ),
        "DrMMD to MMD², λ to ∞": (
            lambda v: DeRegularizedMMD(kernel, pi, 1 / v).value(mesh, mu),
            2 * mmd,
            (1e-2, 1e-3, 1e-4),
        ),
        "KALE to MMD²/2, λ to ∞": (lambda v: Kale(kernel, pi, 1 / v).value(mesh, mu), mmd, (1e-2, 1e-3, 1e-4)),
        "λ Moreau of KL to MMD²/2, λ to ∞": (
            lambda v: Moreau(kernel, pi, 1 / v, 1.0).value(mesh, mu) / v,
            mmd,
            (1e-2, 1e-3, 1e-4),
        ),
    }
    rows: list[tuple[str | int | float, ...]] = []
    for name, (value, limit, ladder) in families.items():
        rows.append(_ladder(outcome, name, ladder, [abs(value(v) / limit - 1) for v in ladder], 1.0, 0.15))
    columns = ("limit", "λ or 1/λ", *("relative difference",) * 3, "power", "predicted")
    outcome.tables.append(Table("Values at one pair of densities", columns, tuple(rows)))
    return outcome


LIMITS = (
    Case(
        "limits-in-the-ridge",
        "Ridge geometries between their limits",
        "λ-FR, λ-Stein, λ-K-WFR tend to FR, W, WFR for λ to 0, and to FR_k, Stein at time λt for λ to ∞: O(λ), O(1/λ).",
        "Zhu and Mielke 2024, Thm 6.17 and section 4.1; the limits to ∞ derived",
        "KL between Gaussians; quadratic kernel for growth, bilinear for velocities (forces in their Hilbert spaces)",
        _ridge,
    ),
    Case(
        "limits-in-the-bandwidth",
        "Kernels of vanishing bandwidth",
        "Normalised kernels give -μ²ξ, not -μξ; regressed ones give Fisher-Rao and Wasserstein; O(σ²) all.",
        "Zhu and Mielke 2024, Ex. 6.4 and 6.5; quadratic mobility derived",
        "KL on the unit torus",
        _bandwidth,
    ),
    Case(
        "limits-of-regularised-energies",
        "Regularised discrepancies between divergence and MMD",
        "DrMMD lies between χ² and MMD², KALE between KL and MMD²/2, Moreau envelopes likewise.",
        "Chen et al. 2024; Glaser, Arbel and Gretton 2021; Neumayer, Stein, Steidl and Rux 2024",
        "trigonometric densities on the unit torus, Laplace kernel of length 0.25",
        _energies,
    ),
)

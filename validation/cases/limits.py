"""Which geometry converges to which: L1 to L12 on ladders of parameters, with the predicted powers, in one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Kale,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    Moreau,
    chi_squared,
)
from mudot.solvers.kernels.functions import LaplaceKernel
from mudot.validation.cases.ladders import Limit, table_of
from mudot.validation.cases.limits_bandwidth import bandwidth_limits, symmetry
from mudot.validation.cases.limits_frozen import frozen_limits, one_operator
from mudot.validation.cases.limits_ridge import parametrisation, ridge_limits
from mudot.validation.cases.limits_weights import length_limits, rate_of_epsilon, weight_limits
from mudot.validation.outcome import Case, Outcome

GROUPS: tuple[Callable[[bool], Sequence[Limit]], ...] = (
    ridge_limits,
    weight_limits,
    length_limits,
    bandwidth_limits,
    frozen_limits,
)


def _geometries(quick: bool) -> Outcome:
    outcome = table_of([limit for group in (*GROUPS, _energies) for limit in group(quick)])
    outcome.checks += [parametrisation(), rate_of_epsilon(), *symmetry(), *one_operator()]
    return outcome


def _energies(quick: bool) -> list[Limit]:
    """L12: regularised discrepancies between divergence and MMD, by their values at one pair of densities."""
    mesh = Cartesian(48, 0.0, 1.0, "periodic")
    x = mesh.centers[0]
    pi, mu = 1 + 0.5 * np.cos(2 * np.pi * x), 1 + 0.4 * np.sin(2 * np.pi * x)
    kernel = LaplaceKernel(0.25)
    mmd = MaximumMeanDiscrepancy(kernel, pi).value(mesh, mu)
    kl, chi = KullbackLeibler(pi).value(mesh, mu), chi_squared(pi).value(mesh, mu)

    def drmmd(ridge: float) -> float:
        return DeRegularizedMMD(kernel, pi, ridge).value(mesh, mu)

    def kale(ridge: float) -> float:
        return Kale(kernel, pi, ridge).value(mesh, mu)

    def moreau(ridge: float, power: float) -> float:
        return Moreau(kernel, pi, ridge, power).value(mesh, mu)

    families: tuple[tuple[str, str, Callable[[float], float], float, Sequence[float]], ...] = (
        ("DrMMD_λ to χ²", "λ", drmmd, 2 * chi, (1e-5, 1e-6, 1e-7)),
        ("KALE_λ to KL", "λ", kale, kl, (1e-4, 1e-5, 1e-6)),
        ("D^λ of χ²/2 to χ²/2", "λ", lambda v: moreau(v, 2.0), chi, (1e-5, 1e-6, 1e-7)),
        ("D^λ of KL to KL", "λ", lambda v: moreau(v, 1.0), kl, (1e-4, 1e-5, 1e-6)),
        ("DrMMD_λ to MMD²", "1/λ", lambda v: drmmd(1 / v), 2 * mmd, (1e-2, 1e-3, 1e-4)),
        ("KALE_λ to MMD²/2", "1/λ", lambda v: kale(1 / v), mmd, (1e-2, 1e-3, 1e-4)),
        ("λD^λ of KL to MMD²/2", "1/λ", lambda v: moreau(1 / v, 1.0) / v, mmd, (1e-2, 1e-3, 1e-4)),
        ("λD^λ of χ²/2 to MMD²/2", "1/λ", lambda v: moreau(1 / v, 2.0) / v, mmd, (1e-2, 1e-3, 1e-4)),
    )
    return [
        Limit("L12", name, "values", letter, ladder, _relative(value, limit), 1.0, 0.15)
        for name, letter, value, limit, ladder in families
    ]


def _relative(value: Callable[[float], float], limit: float) -> Callable[[float], float]:
    return lambda v: abs(value(v) / limit - 1)


LIMITS = (
    Case(
        "limits",
        "Which geometry converges to which",
        "Ridges, regularizations, weights, lengths and bandwidths to their limits, frozen mobilities to the true ones: "
        "every distance falls at the predicted power.",
        "Zhu and Mielke 2024, Thm 6.17, section 4.1, Ex. 6.4 and 6.5; Gladin, Dvurechensky, Mielke and Zhu 2024, "
        "Rem. 3.1 and Cor. 3.5; He et al. 2022; Chen et al. 2024; Glaser et al. 2021; Neumayer et al. 2024; "
        "rates derived",
        "L1 distances of flows, of rates at one state, and relative differences of values; KL between Gaussians with "
        "polynomial kernels (L1, L2, L4), trigonometric densities on a ring else",
        _geometries,
    ),
)

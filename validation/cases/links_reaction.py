"""I1, I4 and I5: reactions, linear relaxation, and interaction-force transport."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import MaximumMeanDiscrepancy, ReverseKullbackLeibler, chi_squared
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    FisherRao,
    FlatFisherRao,
    KernelizedFisherRao,
    Spherical,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel
from mudot.solvers.methods.conservative_runge_kutta import ConservativeRungeKutta
from mudot.solvers.methods.log_runge_kutta import LogRungeKutta
from mudot.solvers.methods.protocol import Method
from mudot.validation.cases.links import WRITTEN, Link, links, on_line, run, traced
from mudot.validation.exact.literal import Line, followed, gaussian, laplace

TIMES = (0.0, 0.5, 1.5)


def kernelized(cells: int) -> list[Link]:
    """I1: kernelized Fisher-Rao of KL(pi|mu) is Fisher-Rao of MMD^2/2 (Zhu and Mielke 2024, Lemma 6.11)."""
    mesh, mu, pi = on_line(cells)
    kernel, smooth = GaussianKernel(0.6), Line(mesh).kernel(gaussian(0.6))
    paths = {
        "FR_k of KL(π|μ)": run(mesh, ReverseKullbackLeibler(pi), KernelizedFisherRao(kernel), mu, TIMES),
        "FR of MMD²/2": run(mesh, MaximumMeanDiscrepancy(kernel, pi), FisherRao(), mu, TIMES),
        WRITTEN: followed(lambda m: -m * (smooth @ (m - pi)), mu, TIMES),
    }
    return links(mesh, "I1", "μ' = -μ K(μ - π)", paths)


def relaxation(cells: int) -> list[Link]:
    """I4: five gradient systems of one linear equation. The MMD flows are computed, by solves with K, and so is
    Fisher-Rao of KL(pi|mu): mudot would take the exact solution."""
    mesh, mu, pi = on_line(cells)
    kernel = LaplaceKernel(0.7)
    mmd, kl, inverse = MaximumMeanDiscrepancy(kernel, pi), ReverseKullbackLeibler(pi), DeKernelizedFisherRao(kernel)
    computed: dict[str, Method] = {
        "MMD of MMD²/2": ConservativeRungeKutta(mesh, mmd, inverse),
        "spherical MMD of MMD²/2": ConservativeRungeKutta(mesh, mmd, Spherical(inverse)),
        "FR of KL(π|μ)": LogRungeKutta(mesh, kl, FisherRao()),
        "spherical FR of KL(π|μ)": LogRungeKutta(mesh, kl, Spherical(FisherRao())),
    }
    paths = {name: traced(method, mu, TIMES) for name, method in computed.items()}
    paths["flat FR_π of χ²/2"] = run(mesh, chi_squared(pi), FlatFisherRao(pi), mu, TIMES)
    paths[WRITTEN] = np.array([pi + math.exp(-t) * (mu - pi) for t in TIMES])
    return links(mesh, "I4", "μ' = -(μ - π)", paths)


def two_points() -> list[Link]:
    """I4 on two points: spherical Fisher-Rao is the natural gradient of KL(Ber theta* | Ber theta).

    Score and Fisher information come from log-likelihoods by complex steps, without the calculus that the identity
    rests on.
    """
    mesh, goal, first = Cartesian(2, 0.0, 1.0), 0.7, 0.2

    def natural(state: np.ndarray) -> np.ndarray:
        theta, step = float(state[0]), 1e-30
        moved = theta + 1j * step
        scores = np.imag(np.log(np.array([moved, 1 - moved]))) / step
        information = theta * scores[0] ** 2 + (1 - theta) * scores[1] ** 2
        slope = -(goal * scores[0] + (1 - goal) * scores[1])
        rate = -slope / information
        return np.array([rate, -rate])

    def weights(theta: float) -> np.ndarray:
        return np.array([theta, 1 - theta])

    method = LogRungeKutta(mesh, ReverseKullbackLeibler(2 * weights(goal)), Spherical(FisherRao()))
    paths = {
        "spherical FR of KL(π|μ)": traced(method, 2 * weights(first), TIMES),
        "natural gradient of KL(Ber θ*|Ber θ)": 2 * followed(natural, weights(first), TIMES),
        "θ* + exp(-t)(θ - θ*)": np.array([2 * weights(goal + math.exp(-t) * (first - goal)) for t in TIMES]),
    }
    return links(mesh, "I4, two points", "θ' = -(θ - θ*)", paths)


def interaction_force(cells: int) -> list[Link]:
    """I5: the constraint of spherical interaction-force transport does nothing for MMD^2/2 on probability measures
    (Gladin et al. 2024, Thm 3.6). Written out with c = int K^-1 xi / int K^-1 1, by dense solves."""
    mesh, mu, pi = on_line(cells)
    line, kernel = Line(mesh), LaplaceKernel(0.7)
    energy, inverse = MaximumMeanDiscrepancy(kernel, pi), DeKernelizedFisherRao(kernel)
    smooth = line.kernel(laplace(0.7))
    of_ones = np.linalg.solve(smooth, np.ones(cells))

    def rate(m: np.ndarray) -> np.ndarray:
        force = smooth @ (m - pi)
        solved = np.linalg.solve(smooth, force)
        constant = integrate(mesh, solved) / integrate(mesh, of_ones)
        return line.moved(line.logarithmic(m), force) - (solved - constant * of_ones)

    paths = {
        "IFT of MMD²/2": run(mesh, energy, Wasserstein() + inverse, mu, TIMES),
        "spherical IFT of MMD²/2": run(mesh, energy, Wasserstein() + Spherical(inverse), mu, TIMES),
        f"spherical IFT, {WRITTEN}": followed(rate, mu, TIMES),
    }
    return links(mesh, "I5", "μ' = div(μ∇K(μ - π)) - (μ - π)", paths)

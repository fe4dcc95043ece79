"""L6 to L8: interaction-force transport and its relatives, as regularizations, weights and kernel lengths go to 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler, MaximumMeanDiscrepancy
from mudot.solvers.geometries import DeKernelizedFisherRao, FisherRao, FlatFisherRao, Geometry, Sum, Wasserstein
from mudot.solvers.kernels.functions import LaplaceKernel
from mudot.validation.cases.ladders import Limit, end, on_ring, to_flow
from mudot.validation.exact.literal import Line, followed, laplace
from mudot.validation.outcome import Check

KERNEL = LaplaceKernel(0.2)
EPSILONS, WEIGHTS, LENGTHS = (1e-3, 1e-4, 1e-5), (1e-1, 1e-2, 1e-3), (0.08, 0.04, 0.02)
ALPHA = 0.1


def weight_limits(quick: bool) -> list[Limit]:
    """O(epsilon), O(alpha), O(beta): rates of flows depend on them smoothly."""
    mesh, mu, pi = on_ring(32 if quick else 96)
    mmd, kl, inverse = MaximumMeanDiscrepancy(KERNEL, pi), KullbackLeibler(pi), DeKernelizedFisherRao(KERNEL)
    transport, reaction = ALPHA * Wasserstein(), FisherRao()
    of_mmd, of_kl = "flows of MMD²/2, t = 1", "flows of KL, t = 0.1"

    def regularized(epsilon: float) -> Geometry:
        return Sum((transport, DeKernelizedFisherRao(KERNEL, epsilon)))

    def line(number: str, name: str, letter: str, limit: Geometry, family: Callable[[float], Geometry]) -> Limit:
        return Limit(number, name, of_mmd, letter, WEIGHTS, to_flow(mesh, mmd, limit, family, mu, 1.0), 1.0)

    def pair(number: str, name: str, letter: str, limit: Geometry, family: Callable[[float], Geometry]) -> Limit:
        return Limit(number, name, of_kl, letter, WEIGHTS, to_flow(mesh, kl, limit, family, mu, 0.1), 1.0)

    return [
        Limit(
            "L6", "MMD_ε to MMD", of_mmd, "ε", EPSILONS,
            to_flow(mesh, mmd, inverse, lambda e: DeKernelizedFisherRao(KERNEL, e), mu, 1.0), 1.0,
        ),
        Limit(
            "L6", "IFT_ε to IFT", of_mmd, "ε", EPSILONS,
            to_flow(mesh, mmd, transport + inverse, regularized, mu, 1.0), 1.0,
        ),
        Limit(
            "L6", "IFT_ε to IFT", of_kl, "ε", EPSILONS,
            to_flow(mesh, kl, transport + inverse, regularized, mu, 0.1, 1e-6), 1.0,
        ),
        line("L7", "IFT to W", "β", Wasserstein(), lambda w: Wasserstein() + w * inverse),
        line("L7", "IFT to MMD", "α", inverse, lambda w: w * Wasserstein() + inverse),
        pair("L7", "HK to W", "β", transport, lambda w: transport + w * reaction),
        pair("L7", "HK to FR", "α", reaction, lambda w: w * transport + reaction),
    ]  # fmt: skip


def rate_of_epsilon() -> Check:
    """A mode with symbol k of the MMD flow of MMD^2/2 decays at k/(k + epsilon), slower by epsilon/(k + epsilon)
    (section 8.5 of the theory: beta epsilon/(k (k + epsilon)) times k)."""
    mesh, mu, pi = on_ring(64)
    epsilon, time = 1e-2, 1.0
    symbol = np.fft.rfft(Line(mesh).kernel(laplace(KERNEL.bandwidth))[0]).real
    decay = np.exp(-time * symbol / (symbol + epsilon))
    exact = pi + np.fft.irfft(decay * np.fft.rfft(mu - pi), 64)
    found = end(mesh, MaximumMeanDiscrepancy(KERNEL, pi), DeKernelizedFisherRao(KERNEL, epsilon), mu, time, 1e-9)
    return Check("L6: MMD_ε flow of MMD²/2, every mode at k/(k + ε): L1 error", norm(mesh, found - exact), 1e-8)


def length_limits(quick: bool) -> list[Limit]:
    """L8: inverses of kernels of vanishing length; O(h^2) by their symbols."""
    mesh, mu, pi = on_ring(64 if quick else 96)
    fine, start, target = on_ring(300 if quick else 600)
    energy, line, time = KullbackLeibler(pi), Line(mesh), 0.1
    xi = KullbackLeibler(target).first_variation(fine, start)

    def lebesgue(length: float, on: Cartesian = mesh) -> DeKernelizedFisherRao:
        return DeKernelizedFisherRao(LaplaceKernel(length), 0.0, float(Line(on).kernel(laplace(length))[0].sum()))

    def rate_of_mass(length: float) -> float:
        return norm(fine, lebesgue(length, fine).onsager(fine, start).apply(xi) - xi)

    moving = end(mesh, energy, ALPHA * Wasserstein() + FisherRao(), mu, time)
    free = followed(lambda m: _moved(line, m, pi) - np.log(m / pi), mu, (0.0, time))[-1]

    def joint(length: float) -> float:
        found = end(mesh, energy, ALPHA * Wasserstein() + lebesgue(length), mu, time, 1e-6)
        return norm(mesh, found - free)

    flows = "flows of KL, t = 0.1"
    return [
        Limit("L8", "K⁻¹, kernel of unit mass under μ, to μ", "rates of KL", "h", (0.04, 0.02, 0.01),
              lambda h: _rate_of_mu(fine, start, xi, h), 2.0),
        Limit("L8", "IFT, kernel of unit mass under μ, to HK", flows, "h", LENGTHS,
              lambda h: norm(mesh, _normalised_by_mu(line, mu, pi, h, time) - moving), 2.0),
        Limit("L8", "K⁻¹, kernel of unit Lebesgue mass, to 1", "rates of KL", "h", (0.04, 0.02, 0.01),
              rate_of_mass, 2.0),
        Limit("L8", "MMD, kernel of unit Lebesgue mass, to L²", flows, "h", LENGTHS,
              to_flow(mesh, energy, FlatFisherRao(np.ones(mesh.shape)), lebesgue, mu, time, 1e-7), 2.0),
        Limit("L8", "IFT, kernel of unit Lebesgue mass, to W □ L², not HK", flows, "h", LENGTHS, joint, 2.0),
    ]  # fmt: skip


def _moved(line: Line, m: np.ndarray, pi: np.ndarray) -> np.ndarray:
    """alpha div(mu grad log(mu/pi)) on the faces of the Wasserstein flow of KL."""
    return ALPHA * line.moved(line.fitted(pi), m / pi)


def _rate_of_mu(mesh: Cartesian, mu: np.ndarray, xi: np.ndarray, length: float) -> float:
    """K^-1 xi for the kernel k(x, y)/sqrt(q(x) q(y)), q = K mu, whose mass under mu tends to one (Gladin et al. 2024,
    Cor. 3.5, for kernels normalised by mu), against mu xi."""
    smooth = Line(mesh).kernel(laplace(length))
    root = np.sqrt(smooth @ mu)
    return norm(mesh, root * np.linalg.solve(smooth, root * xi) - mu * xi)


def _normalised_by_mu(line: Line, mu: np.ndarray, pi: np.ndarray, length: float, time: float) -> np.ndarray:
    """The flow of KL with that inverse, which follows mu; written out."""
    smooth = line.kernel(laplace(length))
    inside = np.linalg.inv(smooth)

    def rate(m: np.ndarray) -> np.ndarray:
        root = np.sqrt(smooth @ m)
        return np.asarray(_moved(line, m, pi) - root * (inside @ (root * np.log(m / pi))))

    return np.asarray(followed(rate, mu, (0.0, time))[-1])

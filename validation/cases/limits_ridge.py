"""L1 to L5: ridge geometries between Fisher-Rao or Wasserstein (ridge to 0) and kernelized twins (to infinity)."""

from __future__ import annotations

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    Stein,
    Sum,
    Wasserstein,
)
from mudot.solvers.kernels.functions import LaplaceKernel, PolynomialKernel
from mudot.validation.cases.gamma_rates import source
from mudot.validation.cases.ladders import Limit, bells, on_ring, to_flow
from mudot.validation.outcome import Check

QUADRATIC, BILINEAR = PolynomialKernel(2, 1.0), PolynomialKernel(1, 1.0)
SMALL, LARGE = (1e-1, 1e-2, 1e-3), (1e-2, 1e-3, 1e-4)


def ridge_limits(quick: bool) -> list[Limit]:
    """Flows of KL with forces in the range of K_mu: O(lambda), O(1/lambda); and slopes of rough forces,
    O(lambda^min(1, S)) with the source order S (section 8.5 of the theory)."""
    mesh, mu, pi = bells(60 if quick else 120)
    kl = KullbackLeibler(pi)

    def growth(ridge: float, weight: float = 1.0) -> KernelApproximateFisherRao:
        return KernelApproximateFisherRao(QUADRATIC, ridge, weight)

    def transport(ridge: float, weight: float = 1.0) -> KernelApproximateWasserstein:
        return KernelApproximateWasserstein(BILINEAR, ridge, weight)

    early, late = "flows of KL, t = 0.5", "flows of KL, t = 0.2"
    return [
        Limit("L1", "λ-FR_k to FR", early, "λ", SMALL, to_flow(mesh, kl, FisherRao(), growth, mu, 0.5), 1.0),
        *[_rough(order, quick) for order in (0.25, 0.5, 2.0)],
        Limit(
            "L2", "λ-FR_k at λt to FR_k", late, "1/λ", LARGE,
            to_flow(mesh, kl, KernelizedFisherRao(QUADRATIC), lambda v: growth(1 / v, 1 / v), mu, 0.2), 1.0,
        ),
        Limit(
            "L4", "λ-Stein at λt to Stein", late, "1/λ", LARGE,
            to_flow(mesh, kl, Stein(BILINEAR), lambda v: transport(1 / v, 1 / v), mu, 0.2), 1.0,
        ),
        Limit(
            "L4", "velocity ((1-ν)K_μ + ν)⁻¹K_μ∇ξ to Stein", late, "1-ν", LARGE,
            to_flow(mesh, kl, Stein(BILINEAR), lambda v: transport((1 - v) / v, 1 / v), mu, 0.2), 1.0,
        ),
        *_transport(quick),
    ]  # fmt: skip


def _transport(quick: bool) -> list[Limit]:
    """L3 and L5 on a ring with the Laplace kernel. (With a kernel of finite rank a flow on a mesh tends to its
    projection, which is Wasserstein's up to the error in space only.)"""
    mesh, mu, pi = on_ring(32 if quick else 64)
    kl, flux, kernel = KullbackLeibler(pi), scharfetter_gummel(mesh, np.log(pi)), LaplaceKernel(0.15)

    def transport(ridge: float, weight: float = 1.0) -> KernelApproximateWasserstein:
        # On the faces of the Wasserstein flow of KL, so that the limit is that flow and no neighbour of it.
        return KernelApproximateWasserstein(kernel, ridge, weight, flux)

    def joint(ridge: float) -> Geometry:
        return Sum((transport(ridge), KernelApproximateFisherRao(kernel, ridge)))

    compared, ladder, time = "flows of KL, t = 0.02", (1e-2, 1e-3, 1e-4), 0.02
    both = Wasserstein() + FisherRao()
    return [
        Limit("L3", "λ-Stein to W", compared, "λ", ladder, to_flow(mesh, kl, Wasserstein(), transport, mu, time), 1.0),
        Limit(
            "L3", "velocity ((1-ν)K_μ + ν)⁻¹K_μ∇ξ to W", compared, "ν", ladder,
            to_flow(mesh, kl, Wasserstein(), lambda nu: transport(nu / (1 - nu), 1 / (1 - nu)), mu, time), 1.0,
        ),
        Limit("L5", "λ-K-WFR to HK", compared, "λ", ladder, to_flow(mesh, kl, both, joint, mu, time), 1.0),
    ]  # fmt: skip


def _rough(order: float, quick: bool) -> Limit:
    """R* of Fisher-Rao minus R* of the ridge geometry, (1/2) sum lambda/(kappa_j + lambda) xi_j^2, at mu = 1."""
    mesh, xi = source(order, (1 << 13) if quick and order > 1 else 1 << 15)
    ones = np.ones(mesh.shape)
    limit = 0.5 * integrate(mesh, xi * xi)

    def missing(ridge: float) -> float:
        return limit - sum(KernelApproximateFisherRao(LaplaceKernel(0.15), ridge).onsager(mesh, ones).dual(xi))

    ladder = (3e-3, 3e-4, 3e-5) if order < 1 else (1e-4, 1e-5, 1e-6)
    name = f"λ-FR_k to FR, force of source order S = {order:g}"
    return Limit("L1", name, "R*, one state", "λ", ladder, missing, min(1.0, order), 0.06)


def parametrisation() -> Check:
    """He et al. 2022 write the velocity as ((1 - nu) K_mu + nu)^-1 K_mu grad xi: lambda-Stein with lambda = nu/(1 - nu)
    and faster by 1/(1 - nu). By dense solves on faces."""
    mesh, mu, pi = bells(60)
    xi = KullbackLeibler(pi).first_variation(mesh, mu)
    worst = 0.0
    for nu in (0.9, 0.5, 0.1, 0.01):
        onsager = KernelApproximateWasserstein(BILINEAR, nu / (1 - nu), 1 / (1 - nu)).onsager(mesh, mu)
        faces = mesh.edges[0][1:-1]
        smooth = (1 + np.multiply.outer(faces, faces)) * (onsager.mobility * _width(mesh))
        force = np.diff(xi) / _width(mesh)
        written = np.linalg.solve((1 - nu) * smooth + nu * np.eye(faces.size), smooth @ force)
        worst = max(worst, float(np.max(np.abs(onsager.velocity(xi) - written)) / np.max(np.abs(written))))
    return Check("L3, L4: velocity of He et al. = λ-Stein with λ = ν/(1-ν), faster by 1/(1-ν)", worst, 1e-7)


def _width(mesh: Cartesian) -> float:
    return float(mesh.volumes.flat[0])

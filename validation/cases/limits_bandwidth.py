"""L9 and L10: kernels of vanishing bandwidth, normalised and regressed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelizedFisherRao,
    LocalRegressionFisherRao,
    LocalRegressionWasserstein,
    Stein,
    SymmetrizedRegressionFisherRao,
    SymmetrizedRegressionWasserstein,
    Wasserstein,
)
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.ladders import Limit, end, on_ring, to_flow
from mudot.validation.exact.literal import Line, followed
from mudot.validation.outcome import Check

NARROW, WIDE = (0.04, 0.02, 0.01), (0.08, 0.04, 0.02)
REGRESSED: dict[str, tuple[Geometry, Callable[[float], Geometry]]] = {
    "Nadaraya-Watson growth to FR": (FisherRao(), lambda h: LocalRegressionFisherRao(GaussianKernel(h))),
    "Nadaraya-Watson velocity to W": (Wasserstein(), lambda h: LocalRegressionWasserstein(GaussianKernel(h))),
    "growth, kernel k/√(q q), to FR": (FisherRao(), lambda h: SymmetrizedRegressionFisherRao(GaussianKernel(h))),
    "velocity, kernel k/√(q q), to W": (Wasserstein(), lambda h: SymmetrizedRegressionWasserstein(GaussianKernel(h))),
}


def _mass(width: float) -> float:
    return width * float(np.sqrt(2 * np.pi))


def bandwidth_limits(quick: bool) -> list[Limit]:
    """Rates at one state on a fine mesh, and flows on a coarse one; O(h^2) all."""
    mesh, mu, pi = on_ring(300)
    kl = KullbackLeibler(pi)
    xi = kl.first_variation(mesh, mu)
    line = Line(mesh)

    def rate(geometry: Geometry) -> np.ndarray:
        return np.asarray(geometry.onsager(mesh, mu).apply(xi))

    def rates(limit: np.ndarray, family: Callable[[float], Geometry]) -> Callable[[float], float]:
        return lambda h: norm(mesh, rate(family(h)) - limit)

    def growth(h: float) -> Geometry:
        return KernelizedFisherRao(GaussianKernel(h), 1 / _mass(h))

    def velocity(h: float) -> Geometry:
        return Stein(GaussianKernel(h), 1 / _mass(h))

    squared = -line.moved(line.logarithmic(mu) ** 2, xi)
    of_kl = "rates of KL"
    found = [
        Limit("L9", "FR_k, kernel of unit mass, to μ²ξ, not μξ", of_kl, "h", NARROW, rates(mu**2 * xi, growth), 2.0),
        Limit("L9", "Stein, kernel of unit mass, to -div(μ²∇ξ)", of_kl, "h", NARROW, rates(squared, velocity), 2.0),
    ]
    found += [
        Limit("L10", name, of_kl, "h", NARROW, rates(rate(limit), family), 2.0)
        for name, (limit, family) in REGRESSED.items()
    ]
    return found + ([] if quick else _flows(growth, velocity))


def _flows(growth: Callable[[float], Geometry], velocity: Callable[[float], Geometry]) -> list[Limit]:
    mesh, mu, pi = on_ring(100)
    kl, line = KullbackLeibler(pi), Line(mesh)
    squares = followed(lambda m: -(m**2) * np.log(m / pi), mu, (0.0, 0.5))[-1]
    moved = followed(lambda m: line.moved(line.logarithmic(m) ** 2, np.log(m / pi)), mu, (0.0, 0.01))[-1]

    def flows(limit: np.ndarray, family: Callable[[float], Geometry], time: float) -> Callable[[float], float]:
        return lambda h: norm(mesh, end(mesh, kl, family(h), mu, time) - limit)

    found = [
        Limit("L9", "FR_k, kernel of unit mass, to μ' = -μ²ξ", "flows of KL, t = 0.5", "h", WIDE,
              flows(squares, growth, 0.5), 2.0, 0.25),
        Limit("L9", "Stein, kernel of unit mass, to μ' = div(μ²∇ξ)", "flows of KL, t = 0.01", "h", WIDE,
              flows(moved, velocity, 0.01), 2.0, 0.25),
    ]  # fmt: skip
    for name, (limit, family) in list(REGRESSED.items())[:2]:
        time = 0.5 if limit.multiplicative else 0.01
        distance = to_flow(mesh, kl, limit, family, mu, time)
        found.append(Limit("L10", name, f"flows of KL, t = {time:g}", "h", WIDE, distance, 2.0, 0.25))
    return found


def symmetry() -> list[Check]:
    """The operator of the Nadaraya-Watson field is not symmetric, that of the kernel k/sqrt(q q) is: the largest
    |<g, K f> - <f, K g>| over |<g, K f>| for random f, g."""
    mesh, mu, _ = on_ring(100)
    f, g = np.random.default_rng(0).standard_normal((2, *mesh.shape))
    found = []
    for name, (_, family) in REGRESSED.items():
        onsager = family(0.05).onsager(mesh, mu)
        one, two = integrate(mesh, g * onsager.apply(f)), integrate(mesh, f * onsager.apply(g))
        claim = f"L10 {name}: asymmetry of the operator"
        gap, symmetric = abs(one - two) / max(abs(one), abs(two)), "√" in name
        found.append(Check(claim, gap, 1e-11 if symmetric else 1e-3, "at most" if symmetric else "at least"))
    return found

"""L11: flat geometries are Fisher-Rao, Wasserstein and their sum with the mobility frozen at a measure omega.

With omega the state itself the operators agree; frozen over a time tau the flows part at order tau^2, and frozen anew
after every tau they follow the true flow at order tau.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.geometries import FisherRao, FlatFisherRao, FlatWasserstein, Geometry, Wasserstein
from mudot.validation.cases.ladders import Limit, end, on_ring
from mudot.validation.exact.literal import Line, followed
from mudot.validation.outcome import Check

ALPHA, BETA = 0.02, 0.7
ONCE, ANEW, STOP = (0.08, 0.04, 0.02), (0.02, 0.01, 0.005), 0.04
Frozen = Callable[[np.ndarray], Geometry]
FROZEN: dict[str, tuple[str, float, float, Frozen]] = {
    "flat FR_ω": ("FR", 0.0, BETA, lambda omega: BETA * FlatFisherRao(omega)),
    "flat W_ω": ("W", ALPHA, 0.0, lambda omega: ALPHA * FlatWasserstein(omega)),
    "flat WFR_ω": ("HK", ALPHA, BETA, lambda omega: ALPHA * FlatWasserstein(omega) + BETA * FlatFisherRao(omega)),
}
"""Name of the limit, weights of transport and reaction, and the geometry frozen at omega."""


def frozen_limits(quick: bool) -> list[Limit]:
    """Flows of KL. The limit is integrated with the mean on faces that flat Wasserstein has of omega."""
    mesh, mu, pi = on_ring(32)
    energy, line = KullbackLeibler(pi), Line(mesh)
    found = []
    for name, (limit, alpha, beta, frozen) in FROZEN.items():

        def rate(m: np.ndarray, alpha: float = alpha, beta: float = beta) -> np.ndarray:
            xi = np.log(m / pi)
            return np.asarray(alpha * line.moved(line.fitted(m), xi) - beta * m * xi)

        times = (0.0, *sorted({*ONCE, STOP}))
        truth = dict(zip(times, followed(rate, mu, times), strict=True))

        def once(tau: float, frozen: Frozen = frozen, truth: dict[float, np.ndarray] = truth) -> float:
            return norm(mesh, end(mesh, energy, frozen(mu), mu, tau, 1e-7) - truth[tau])

        def anew(tau: float, frozen: Frozen = frozen, truth: dict[float, np.ndarray] = truth) -> float:
            density = mu
            for _ in range(round(STOP / tau)):
                density = end(mesh, energy, frozen(density), density, tau, 1e-6)
            return norm(mesh, density - truth[STOP])

        found.append(Limit("L11", f"{name}, ω = μ(0), to {limit}", "flows of KL at t = τ", "τ", ONCE, once, 2.0, 0.15))
        found.append(
            Limit("L11", f"{name}, ω = μ anew after τ, to {limit}", f"flows of KL, t = {STOP}", "τ", ANEW, anew, 1.0)
        )
    return found


def one_operator(cells: int = 64) -> list[Check]:
    """With omega = mu the operators agree: to round-off for reaction, up to the means on faces for transport."""
    gaps = {n: _apart(*on_ring(n)) for n in (cells, 2 * cells)}
    order = float(np.log2(gaps[cells][1] / gaps[2 * cells][1]))
    return [
        Check("L11: flat FR at ω = μ is FR: relative difference of rates", gaps[cells][0], 1e-14),
        Check("L11: flat W at ω = μ is W: order in the mesh width of the difference", order, 0.1, "within", 2.0),
    ]


def _apart(mesh: Cartesian, mu: np.ndarray, pi: np.ndarray) -> tuple[float, float]:
    xi, gaps = KullbackLeibler(pi).first_variation(mesh, mu), []
    pairs: tuple[tuple[Geometry, Geometry], ...] = (
        (FisherRao(), FlatFisherRao(mu)),
        (Wasserstein(), FlatWasserstein(mu)),
    )
    for limit, flat in pairs:
        one, two = (geometry.onsager(mesh, mu).apply(xi) for geometry in (limit, flat))
        gaps.append(norm(mesh, one - two) / norm(mesh, one))
    return gaps[0], gaps[1]

"""Shape and mass of flows of KL on positive measures: bounds for both, as functions of time.

Wasserstein-Fisher-Rao, K = alpha K_W + beta K_FR; z and z* are the masses of mu and pi, hats the normalised densities,
zeta = log(z/z*), H = KL(mu^|pi^), eta = alpha c_LSI. Equations of shape and mass separate exactly (Mielke and Zhu 2025,
arXiv:2501.17049, section 5): mu^ solves the spherical flow, and zeta' = -beta (zeta + H).
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Start:
    """The state at time 0: H, zeta, and the larger of the two masses."""

    shape: float
    log_mass: float
    largest: float


def shape_bound(start: Start, eta: float, t: float) -> float:
    """H(t) <= exp(-eta t) H(0) (Mielke and Zhu 2025, Proposition 5.7)."""
    return math.exp(-eta * t) * start.shape


def log_mass_bound(start: Start, eta: float, beta: float, t: float) -> float:
    """|zeta(t)| <= exp(-beta t) |zeta(0)| + beta H(0) (exp(-eta t) - exp(-beta t))/(beta - eta) (derived)."""
    return math.exp(-beta * t) * abs(start.log_mass) + beta * start.shape * _mixed(eta, beta, t)


def hellinger_bound(start: Start, eta: float, beta: float, t: float) -> float:
    """He(mu(t), pi), He^2 = int (sqrt mu - sqrt pi)^2: He^2 <= KL for the shapes, and half of |zeta| for the masses,
    both times the root of the larger mass (derived)."""
    shape = math.sqrt(shape_bound(start, eta, t))
    return math.sqrt(start.largest) * (shape + log_mass_bound(start, eta, beta, t) / 2)


def hellinger_constant(start: Start, target: float) -> float:
    """C in He(mu(t), pi) <= C exp(-rho t), rho = min(beta, eta/2), of Mielke and Zhu (2025, Theorem 5.8), for any
    weights; `target`: the mass z* of pi. With z_1 = max(z_0, z*) and g(a) = max(log(1/a), a - 1)

        C = sqrt(z_1) (sqrt(H_0) + H_0) + sqrt(z*) g(sqrt(z_0/z*)).

    Proof (derived). He <= sqrt(z) He(mu^, pi^) + |sqrt(z) - sqrt(z*)|, z <= z_1, and He^2 <= H <= exp(-eta t) H_0 for
    shapes. zeta(t) = exp(-beta t) zeta_0 - m with 0 <= m <= 2 H_0 exp(-rho t): m = beta int exp(-beta (t - s)) H(s) ds,
    H(s) <= H_0 exp(-eta s), and the integral is at most 2 exp(-rho t)/beta for eta <= 2 beta, exp(-rho t)/beta else.
    |exp(zeta/2) - 1| is at most |exp(exp(-beta t) zeta_0/2) - 1| <= g(sqrt(z_0/z*)) exp(-beta t), by convexity, and
    max(1, sqrt(z_0/z*)) m/2. From multiples of pi with z_0 < z* the constant is attained as t grows, if rho = beta.
    """
    ratio = math.exp(start.log_mass / 2)
    mass = math.sqrt(target) * max(-start.log_mass / 2, ratio - 1)
    return math.sqrt(start.largest) * (math.sqrt(start.shape) + start.shape) + mass


def _mixed(eta: float, beta: float, t: float) -> float:
    """(exp(-eta t) - exp(-beta t))/(beta - eta), and its limit t exp(-beta t).

    >>> round(_mixed(1.0, 1.0, 2.0) / _mixed(1.0, 1.0 + 1e-8, 2.0), 6)
    1.0
    """
    x = (beta - eta) * t
    return t * math.exp(-eta * t) * (-math.expm1(-x) / x if x else 1.0)

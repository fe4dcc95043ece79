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


def _mixed(eta: float, beta: float, t: float) -> float:
    """(exp(-eta t) - exp(-beta t))/(beta - eta), and its limit t exp(-beta t).

    >>> round(_mixed(1.0, 1.0, 2.0) / _mixed(1.0, 1.0 + 1e-8, 2.0), 6)
    1.0
    """
    x = (beta - eta) * t
    return t * math.exp(-eta * t) * (-math.expm1(-x) / x if x else 1.0)

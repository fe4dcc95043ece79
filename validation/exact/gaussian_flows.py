"""Gradient flows of the Kullback-Leibler divergence to a Gaussian that keep Gaussians Gaussian."""

from __future__ import annotations

import math

import numpy as np
from scipy.integrate import solve_ivp
from scipy.linalg import expm

from mudot.meshes.errors import MudotError
from mudot.validation.exact.gaussians import Gaussian, kl


def ornstein_uhlenbeck(start: Gaussian, target: Gaussian, t: float, transport: float = 1.0) -> Gaussian:
    """Wasserstein flow of KL(. | N(n, G)) in any dimension (Uhlenbeck and Ornstein 1930); the mass is kept.

    m = n + E (m0 - n),  S = G + E (S0 - G) E^T,  E = exp(-transport t G^-1).

    >>> density = ornstein_uhlenbeck(Gaussian(2.0, 0.25), Gaussian(0.0, 1.0), 1.0)
    >>> round(float(density.mean[0]), 12), round(float(density.covariance[0, 0]), 12)
    (0.735758882343, 0.898498537573)
    """
    decay = expm(-transport * t * np.linalg.inv(target.covariance))
    mean = target.mean + decay @ (start.mean - target.mean)
    covariance = target.covariance + decay @ (start.covariance - target.covariance) @ decay.T
    return Gaussian(mean, _symmetric(covariance), start.mass)


def fisher_rao(start: Gaussian, target: Gaussian, t: float, reaction: float = 1.0, spherical: bool = False) -> Gaussian:
    """Fisher-Rao flow of KL: the geometric path mu0^a pi^(1-a), a = exp(-reaction t), in any dimension.

    The precision and the precision times the mean relax linearly in a; the mass of the plain flow is
    kappa0^a kappa*^(1-a) times the Chernoff coefficient int N0^a N*^(1-a) of the two normal densities.
    The spherical flow has the same shape and keeps the mass (Domingo-Enrich and Pooladian 2023, arXiv:2302.12229).

    >>> density = fisher_rao(Gaussian(2.0, 0.25), Gaussian(0.0, 1.0), 1.0)
    >>> round(float(density.mean[0]), 12), round(density.mass, 12)
    (1.399021636217, 0.367441950224)
    """
    a = math.exp(-reaction * t)
    precisions = np.linalg.inv(start.covariance), np.linalg.inv(target.covariance)
    covariance = _symmetric(np.linalg.inv(a * precisions[0] + (1 - a) * precisions[1]))
    mean = covariance @ (a * precisions[0] @ start.mean + (1 - a) * precisions[1] @ target.mean)
    if spherical:
        return Gaussian(mean, covariance, start.mass)
    mixed = (1 - a) * start.covariance + a * target.covariance
    gap = start.mean - target.mean
    volumes = [float(np.linalg.slogdet(matrix)[1]) for matrix in (start.covariance, target.covariance, mixed)]
    chernoff = -a * (1 - a) * float(gap @ np.linalg.solve(mixed, gap))
    chernoff += (1 - a) * volumes[0] + a * volumes[1] - volumes[2]
    log_mass = a * math.log(start.mass) + (1 - a) * math.log(target.mass) + chernoff / 2
    return Gaussian(mean, covariance, math.exp(log_mass))


def hellinger_kantorovich(
    start: Gaussian,
    target: Gaussian,
    t: float,
    transport: float = 1.0,
    reaction: float = 1.0,
    spherical: bool = False,
) -> Gaussian:
    """Hellinger-Kantorovich flow of KL in any dimension, d/dt mu = a div(mu grad xi) - b mu xi, xi = log(mu/pi).

    m' = -(a + b S) G^-1 (m - n),  S' = a (2 - G^-1 S - S G^-1) + b (S - S G^-1 S),
    l' = -b (l + KL(N(m, S) | N(n, G))),  l = log(kappa/kappa*)
    (Liero, Mielke, Tse and Zhu 2025, arXiv:2504.20400, Proposition 2.1), integrated to a relative tolerance of 1e-12.
    The spherical flow has the same m and S and keeps the mass.
    """
    d, precision = start.dimension, np.linalg.inv(target.covariance)
    shape_of_target = Gaussian(target.mean, target.covariance)

    def slope(_: float, state: np.ndarray) -> np.ndarray:
        mean, covariance = state[:d], _symmetric(state[d:-1].reshape(d, d))
        relaxation = precision @ covariance
        moving = -(transport * np.eye(d) + reaction * covariance) @ precision @ (mean - target.mean)
        spreading = transport * (2 * np.eye(d) - relaxation - relaxation.T)
        spreading += reaction * (covariance - covariance @ relaxation)
        growth = -reaction * (state[-1] + kl(Gaussian(mean, covariance), shape_of_target))
        return np.concatenate([moving, spreading.ravel(), [growth]])

    state = np.concatenate([start.mean, start.covariance.ravel(), [math.log(start.mass / target.mass)]])
    if t > 0:
        path = solve_ivp(slope, (0.0, t), state, method="DOP853", rtol=1e-12, atol=1e-14)
        if not path.success:
            raise MudotError(f"Hellinger-Kantorovich flow: not integrated up to t = {t:g}: {path.message}")
        state = path.y[:, -1]
    mass = start.mass if spherical else target.mass * math.exp(state[-1])
    return Gaussian(state[:d], _symmetric(state[d:-1].reshape(d, d)), mass)


def hellinger_kantorovich_on_the_line(
    start: Gaussian, target: Gaussian, t: float, transport: float = 1.0, reaction: float = 1.0
) -> tuple[float, float]:
    """Mean and variance of the same flow for d = 1, plain or spherical, in closed form (derived: the precision solves
    a Riccati equation).

    With A = 1/S, A* = 1/G, q = (A0 - A*)/(2 a A0 + b) exp(-(2 a A* + b) t):
    A = (A* + b q)/(1 - 2 a q),  m - n = (m0 - n) (A0/A) (2 a A + b)/(2 a A0 + b) exp(-(b + a A*) t).
    """
    if start.dimension != 1 or target.dimension != 1:
        raise MudotError(f"closed form: expected Gaussians on the line, got {start.dimension} axes")
    a, b = transport, reaction
    initial, final = 1 / float(start.covariance[0, 0]), 1 / float(target.covariance[0, 0])
    rate = 2 * a * initial + b
    q = (initial - final) / rate * math.exp(-(2 * a * final + b) * t)
    precision = (final + b * q) / (1 - 2 * a * q)
    decay = initial / precision * (2 * a * precision + b) / rate * math.exp(-(b + a * final) * t)
    n = float(target.mean[0])
    return n + (float(start.mean[0]) - n) * decay, 1 / precision


def _symmetric(matrix: np.ndarray) -> np.ndarray:
    """Without the round-off that makes a covariance unsymmetric."""
    return np.asarray((matrix + matrix.T) / 2)

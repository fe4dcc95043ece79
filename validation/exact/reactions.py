"""Fisher-Rao flows of power divergences on cells, integrated as differential equations: an oracle that shares no
formula with the closed forms of the solvers.

Ratios s = mu/pi and weights (target masses of the cells) are arrays of one shape, positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import logsumexp

from mudot.meshes.errors import MudotError


def plain_power(ratio: np.ndarray, p: float, t: float) -> np.ndarray:
    """s(t) of s' = -s phi_p'(s), phi_p'(s) = (s^(p-1) - 1)/(p - 1) or log s: the flow of D_p in every cell."""
    return _integrated(ratio, t, lambda log_ratio: -_force(log_ratio, p))


def spherical_power(ratio: np.ndarray, weights: np.ndarray, p: float, t: float) -> np.ndarray:
    """s(t) of s' = -s (phi_p'(s) - c), c = sum w s phi_p'(s) / sum w s: the flow at constant mass."""

    def growth(log_ratio: np.ndarray) -> np.ndarray:
        force, density = _force(log_ratio, p), weights * np.exp(log_ratio)
        return np.asarray(np.sum(density * force) / np.sum(density) - force)

    return _integrated(ratio, t, growth)


def _force(log_ratio: np.ndarray, p: float) -> np.ndarray:
    return log_ratio if p == 1 else np.expm1((p - 1) * log_ratio) / (p - 1)


def _integrated(ratio: np.ndarray, t: float, growth: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """s(t) of (log s)' = growth(log s), to a relative tolerance of 1e-13."""
    if np.any(ratio <= 0):
        raise MudotError("power reaction: expected positive ratios mu/pi; empty cells have more than one solution")
    shape = ratio.shape
    if t == 0:
        return ratio.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # trial steps that overshoot are rejected
        path = solve_ivp(
            lambda _, state: growth(state.reshape(shape)).ravel(),
            (0.0, t),
            np.log(ratio).ravel(),
            method="DOP853",
            rtol=1e-13,
            atol=1e-14,
        )
    if not path.success:
        raise MudotError(f"power reaction: not integrated up to t = {t:g}: {path.message}")
    return np.asarray(np.exp(path.y[:, -1].reshape(shape)))


def spherical_hellinger(ratio: np.ndarray, weights: np.ndarray, t: float) -> np.ndarray:
    """The spherical flow for p = 1/2 in closed form, unit masses (derived); zero ratios are filled.

    s = (sqrt(s0) + tau)^2 / sum w (sqrt(s0) + tau)^2, tau = D sinh(t + arsinh(A0/D)) - A0,
    A0 = sum w sqrt(s0), D = sqrt(1 - A0^2).
    """
    _check_unit_masses(ratio, weights)
    roots = np.sqrt(ratio)
    affinity = float(np.sum(weights * roots))
    if affinity >= 1:
        return ratio.copy()
    deviation = math.sqrt(float(np.sum(weights * (roots - affinity) ** 2)))
    shift = deviation * math.sinh(t + math.asinh(affinity / deviation)) - affinity
    grown = (roots + shift) ** 2
    return np.asarray(grown / np.sum(weights * grown))


def spherical_hellinger_affinity(ratio: np.ndarray, weights: np.ndarray, t: float) -> float:
    """A(t) = int sqrt(mu pi) = tanh(t + artanh A0) along that flow; its energy is D_1/2 = 4 (1 - A)."""
    _check_unit_masses(ratio, weights)
    return math.tanh(t + math.atanh(float(np.sum(weights * np.sqrt(ratio)))))


def _check_unit_masses(ratio: np.ndarray, weights: np.ndarray) -> None:
    masses = float(np.sum(weights * ratio)), float(np.sum(weights))
    if max(abs(mass - 1) for mass in masses) > 1e-12:
        raise MudotError(f"closed form for p = 1/2: expected unit masses, got {masses[0]:.15g} and {masses[1]:.15g}")


def spherical_kl_energies(log_ratio: np.ndarray, weights: np.ndarray, t: float) -> tuple[float, float]:
    """KL(mu_t | pi) and KL(pi | mu_t) along the spherical Fisher-Rao flow of KL, unit masses, without the flow.

    With a = exp(-t) and the cumulant function L(a) = log sum w s0^a of log s0 under pi they are a L'(a) - L(a) and
    L(a) - a L'(0) (derived; their expansions in cumulants: Domingo-Enrich and Pooladian 2023, arXiv:2302.12229).
    """
    a = math.exp(-t)
    cumulant = float(logsumexp(a * log_ratio, b=weights))
    tilted = weights * np.exp(a * log_ratio - cumulant)
    return a * float(np.sum(tilted * log_ratio)) - cumulant, cumulant - a * float(np.sum(weights * log_ratio))


def linear_relaxation(start: np.ndarray, target: np.ndarray, t: float, reaction: float = 1.0) -> np.ndarray:
    """pi + exp(-b t) (mu0 - pi): the Fisher-Rao flow of KL(pi | .), and the flow of MMD^2/2 in the MMD geometry of any
    kernel, in any dimension and for any masses (Zhu and Mielke 2024, arXiv:2410.20622)."""
    return np.asarray(target + math.exp(-reaction * t) * (start - target))

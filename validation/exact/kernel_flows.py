"""Kernel flows of the Kullback-Leibler divergence that keep Gaussians Gaussian, for every ridge."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from mudot.meshes.errors import MudotError
from mudot.validation.exact.gaussians import Gaussian


def bilinear_stein(start: Gaussian, target: Gaussian, t: float, ridge: float | None = None) -> Gaussian:
    """Stein flow (ridge None) or ridge Wasserstein flow with k = 1 + x.y, masses one, in any dimension.

    With grad xi = W (1, x), W = (S^-1 m - Q^-1 b | Q^-1 - S^-1), M the moments of (1, x) up to order two and
    C = (c | C1) = W M or W M (M + ridge)^-1: m' = -(c + C1 m), S' = -(C1 S + S C1^T) (Liu, Ghosal, Balasubramanian and
    Pillai 2023, arXiv:2305.14076; ridge derived).

    >>> found = bilinear_stein(Gaussian(2.0, 0.25), Gaussian(0.0, 1.0), 1.0)
    >>> round(float(found.mean[0]), 9), round(float(found.covariance[0, 0]), 9)
    (0.61437441, 0.174315184)
    """
    d, precision = start.dimension, np.linalg.inv(target.covariance)

    def right(_: float, state: np.ndarray) -> np.ndarray:
        m, s = state[:d], state[d:].reshape(d, d)
        inverse = np.linalg.inv(s)
        force = np.column_stack([inverse @ m - precision @ target.mean, precision - inverse])
        moment = np.block([[np.ones((1, 1)), m[None]], [m[:, None], s + np.outer(m, m)]])
        c = force @ (moment if ridge is None else moment @ np.linalg.inv(moment + ridge * np.eye(d + 1)))
        return np.concatenate([-(c[:, 0] + c[:, 1:] @ m), -(c[:, 1:] @ s + s @ c[:, 1:].T).reshape(-1)])

    state = _integrated(right, np.concatenate([start.mean, start.covariance.reshape(-1)]), t)
    covariance = state[d:].reshape(d, d)
    return Gaussian(state[:d], (covariance + covariance.T) / 2)


def quadratic_fisher_rao(start: Gaussian, target: Gaussian, t: float, ridge: float | None = None) -> Gaussian:
    """Kernelized (ridge None) or ridge Fisher-Rao flow on the line with k = (1 + x y)^2, any masses (derived).

    With features p = (1, sqrt 2 x, x^2), log(mu/pi) = p.e and M = int p p^T dmu: e' = -M e or -(M + ridge)^-1 M e.
    """
    if start.dimension != 1 or target.dimension != 1:
        raise MudotError(f"quadratic kernel: expected Gaussians on the line, got {start.dimension} axes")
    begin, end = _coefficients(start), _coefficients(target)

    def right(_: float, eta: np.ndarray) -> np.ndarray:
        moments = _moments(_gaussian(end + eta))
        bend = moments if ridge is None else np.linalg.solve(moments + ridge * np.eye(3), moments)
        return np.asarray(-bend @ eta)

    return _gaussian(end + _integrated(right, begin - end, t))


def _coefficients(bell: Gaussian) -> np.ndarray:
    """log density = e . (1, sqrt 2 x, x^2)."""
    m, s = float(bell.mean[0]), float(bell.covariance[0, 0])
    height = math.log(bell.mass) - math.log(2 * math.pi * s) / 2 - m * m / (2 * s)
    return np.array([height, m / s / math.sqrt(2), -0.5 / s])


def _gaussian(eta: np.ndarray) -> Gaussian:
    s = -0.5 / eta[2]
    m = s * math.sqrt(2) * eta[1]
    return Gaussian(m, s, math.exp(eta[0] + math.log(2 * math.pi * s) / 2 + m * m / (2 * s)))


def _moments(bell: Gaussian) -> np.ndarray:
    m, s, r = float(bell.mean[0]), float(bell.covariance[0, 0]), math.sqrt(2)
    a = [1.0, m, m**2 + s, m**3 + 3 * m * s, m**4 + 6 * m * m * s + 3 * s * s]
    return bell.mass * np.array([[1, r * a[1], a[2]], [r * a[1], 2 * a[2], r * a[3]], [a[2], r * a[3], a[4]]])


def bilinear_and_quadratic(start: Gaussian, target: Gaussian, t: float, ridge: float) -> Gaussian:
    """Ridge Wasserstein (k = 1 + x y) plus ridge Fisher-Rao (its square) on the line, any masses: both flows keep the
    family, so that their right-hand sides add (derived).
    """
    if start.dimension != 1 or target.dimension != 1:
        raise MudotError(f"quadratic kernel: expected Gaussians on the line, got {start.dimension} axes")
    goal, precision = _coefficients(target), 1 / float(target.covariance[0, 0])
    pull = precision * float(target.mean[0])

    def right(_: float, state: np.ndarray) -> np.ndarray:
        log_mass, m, s = state
        bell = Gaussian(m, s, math.exp(log_mass))
        square = _moments(bell)
        moment = bell.mass * np.array([[1, m], [m, s + m * m]])
        c = np.linalg.solve(moment + ridge * np.eye(2), moment @ np.array([m / s - pull, precision - 1 / s]))
        eta = _coefficients(bell) - goal
        d0, d1, d2 = -np.linalg.solve(square + ridge * np.eye(3), square @ eta)
        # The reaction in (log mass, mean, variance), from log mu = constant + b x - A x^2/2.
        ds, dm = 2 * s * s * d2, s * (math.sqrt(2) * d1 + 2 * m * d2)
        dz = d0 + ds / (2 * s) + m * dm / s - m * m * ds / (2 * s * s)
        return np.array([dz, dm - c[0] - c[1] * m, ds - 2 * c[1] * s])

    first = np.array([math.log(start.mass), float(start.mean[0]), float(start.covariance[0, 0])])
    log_mass, m, s = _integrated(right, first, t)
    return Gaussian(m, s, math.exp(log_mass))


def ridge_constant(start: float, target: float, weight: float, ridge: float, t: float) -> float:
    """The level c(t) of constant densities on a torus under the ridge Fisher-Rao flow of KL(pi | .), start > target:
    log(c - p) + ridge/(w p) log((c - p)/c) + t stays constant, w the integral of the kernel (derived)."""
    share = ridge / (weight * target)

    def first(c: float) -> float:
        return math.log(c - target) + share * math.log((c - target) / c)

    return float(brentq(lambda c: first(c) + t - first(start), target * (1 + 1e-14), start, xtol=1e-15, rtol=1e-14))


def _integrated(right: Callable[[float, np.ndarray], np.ndarray], state: np.ndarray, t: float) -> np.ndarray:
    if t == 0:
        return state
    path = solve_ivp(right, (0.0, t), state, method="DOP853", rtol=1e-12, atol=1e-14)
    if not path.success:
        raise MudotError(f"kernel flow of Gaussians: not integrated up to t = {t:g}: {path.message}")
    return np.asarray(path.y[:, -1])

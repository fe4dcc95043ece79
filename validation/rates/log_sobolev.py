"""The logarithmic Sobolev constant of a target on a line of cells, by minimisation.

c = inf I(mu)/KL(mu|pi) over probability densities, I = sum of m (s_L - s_K)(log s_L - log s_K) over faces: the
semidiscrete dissipation of the Wasserstein flow of KL, written out once more with its gradient. For any mass,
H = sum pi s log s - M log M (M = sum pi s) is KL to the multiple of pi with the same mass, and I/H does not change when
s is multiplied by a number: the minimum is searched over all log s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import scharfetter_gummel


def least_quotient(mesh: Cartesian, log_target: np.ndarray, starts: Sequence[np.ndarray]) -> tuple[float, np.ndarray]:
    """The least I/H found from the functions `starts` as log s, and the probability density that attains it; one
    dimension.

    The unknown is sqrt(pi) log s: near the target H is half its square, so that the search is well conditioned. In far
    tails the factor stays at a floor.
    """
    log_pi = log_target - np.log(np.sum(np.exp(log_target) * mesh.volumes))
    weights = np.exp(log_pi) * mesh.volumes
    coefficients = _coefficients(mesh, log_pi)
    root = np.sqrt(np.maximum(weights, 1e-10 * weights.max()))

    def objective(unknown: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _quotient(unknown / root, weights, coefficients)
        return value, slope / root

    best, density = np.inf, np.exp(log_pi)
    for start in starts:
        found = minimize(
            objective,
            root * start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 1000, "maxfun": 2000, "maxcor": 20, "ftol": 1e-12, "gtol": 1e-8},
        )
        if found.fun < best:
            logs = found.x / root
            best, density = float(found.fun), np.exp(logs - logs.max() + log_pi)
    return best, density / np.sum(density * mesh.volumes)


def _coefficients(mesh: Cartesian, log_pi: np.ndarray) -> np.ndarray:
    """m/d on inner faces, so that I is a sum of them times differences: m = forward pi_K."""
    flux = scharfetter_gummel(mesh, log_pi)
    return np.asarray(flux.forward * np.exp(log_pi[:-1]) / np.diff(mesh.centers[0]))


def _quotient(logs: np.ndarray, weights: np.ndarray, coefficients: np.ndarray) -> tuple[float, np.ndarray]:
    """I/H and its gradient in log s."""
    logs = logs - logs.max()
    s = np.exp(logs)
    mass = weights @ s
    entropy = weights @ (s * logs) - mass * np.log(mass)
    rise, jump = np.diff(s), np.diff(logs)
    information = coefficients @ (rise * jump)
    slope = np.zeros_like(s)
    slope[1:] += coefficients * (s[1:] * jump + rise)
    slope[:-1] -= coefficients * (s[:-1] * jump + rise)
    value = information / entropy
    return float(value), (slope - value * weights * s * (logs - np.log(mass))) / entropy

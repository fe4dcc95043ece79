"""Targets that particles can see: scores, Hessians and kernel embeddings of Gaussian mixtures, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np


class Target(Protocol):
    """What a sampler needs: derivatives of log pi, each at positions of shape (n, d)."""

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """log pi, shape (n,), up to a constant."""

    def score(self, x: np.ndarray) -> np.ndarray:
        """grad log pi, shape (n, d)."""

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """The Hessian of log pi, shape (n, d, d)."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """sum_i w_i N(m_i, C_i).

    weights: shape (k,), sum 1;   means: shape (k, d);   covariances: shape (k, d, d)
    """

    weights: np.ndarray
    means: np.ndarray
    covariances: np.ndarray

    @property
    def dimension(self) -> int:
        """d."""
        return int(self.means.shape[1])

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Normalised.

        >>> mixture([1.0], [[0.0]], [[[1.0]]]).log_density(np.zeros((1, 1))).round(6)
        array([-0.918939])
        """
        logs = self._logs(x)[0]
        top = logs.max(axis=1)
        return np.asarray(top + np.log(np.exp(logs - top[:, None]).sum(axis=1)))

    def score(self, x: np.ndarray) -> np.ndarray:
        """The mean of the components' scores under their responsibilities."""
        share, pulls = self._pulls(x)
        return np.asarray(np.einsum("nk,nkd->nd", share, pulls))

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """Mean of (pull pull^T - precision) minus score score^T."""
        share, pulls = self._pulls(x)
        mean = np.einsum("nk,nkd->nd", share, pulls)
        square = np.einsum("nk,nkd,nke->nde", share, pulls, pulls)
        curvature = np.einsum("nk,kde->nde", share, self._precisions)
        return np.asarray(square - curvature - mean[:, :, None] * mean[:, None, :])

    def smoothed(self, bandwidth: float) -> Mixture:
        """The mixture convolved with N(0, h^2): the embedding of pi by exp(-r^2/(2 h^2)) up to the kernel's mass."""
        return _smoothed(self, bandwidth)

    def embedding(self, x: np.ndarray, bandwidth: float) -> np.ndarray:
        """int exp(-|x - y|^2/(2 h^2)) dpi(y), shape (n,)."""
        return np.asarray(self._mass(bandwidth) * np.exp(self.smoothed(bandwidth)._logs(x)[0]).sum(axis=1))

    def embedding_gradient(self, x: np.ndarray, bandwidth: float) -> np.ndarray:
        """Its gradient, shape (n, d)."""
        logs, pulls = self.smoothed(bandwidth)._logs(x)
        return np.asarray(self._mass(bandwidth) * np.einsum("nk,nkd->nd", np.exp(logs), pulls))

    def _mass(self, bandwidth: float) -> float:
        """int exp(-|y|^2/(2 h^2)) dy."""
        return (math.sqrt(2 * math.pi) * bandwidth) ** self.dimension

    def sample(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Independent draws, shape (count, d)."""
        chosen = rng.choice(self.weights.size, size=count, p=self.weights)
        roots = np.linalg.cholesky(self.covariances)
        return np.asarray(
            self.means[chosen] + np.einsum("nde,ne->nd", roots[chosen], rng.standard_normal((count, self.dimension)))
        )

    @cached_property
    def _precisions(self) -> np.ndarray:
        """C_i^-1, shape (k, d, d)."""
        return np.linalg.inv(self.covariances)

    @cached_property
    def _heights(self) -> np.ndarray:
        """log w_i N(m_i; m_i, C_i), shape (k,)."""
        return np.asarray(np.log(self.weights) - np.linalg.slogdet(2 * math.pi * self.covariances)[1] / 2)

    def _logs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log w_i N(x; m_i, C_i), shape (n, k), and -C_i^-1 (x - m_i), shape (n, k, d)."""
        gap = x[:, None, :] - self.means[None]
        pulls = -np.einsum("kde,nke->nkd", self._precisions, gap)
        return self._heights + (gap * pulls).sum(axis=2) / 2, pulls

    def _pulls(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logs, pulls = self._logs(x)
        share = np.exp(logs - logs.max(axis=1)[:, None])
        return np.asarray(share / share.sum(axis=1)[:, None]), pulls


@lru_cache(maxsize=16)
def _smoothed(measure: Mixture, bandwidth: float) -> Mixture:
    """Samplers ask for the same one in every step."""
    wider = measure.covariances + bandwidth**2 * np.eye(measure.dimension)
    return Mixture(measure.weights, measure.means, wider)


def mixture(weights: list[float], means: list[list[float]], covariances: list[list[list[float]]]) -> Mixture:
    """A mixture from plain numbers, weights scaled to sum 1."""
    share = np.array(weights, dtype=float)
    return Mixture(share / share.sum(), np.array(means, dtype=float), np.array(covariances, dtype=float))


@dataclass(frozen=True, eq=False)
class Numerical:
    """A target given by log pi alone: derivatives by central differences, accurate to 1e-8 and 1e-5.

    log_pi: function of positions of shape (n, d)
    """

    log_pi: Callable[[np.ndarray], np.ndarray]
    step: float = 1e-4

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """As given."""
        return np.asarray(self.log_pi(x))

    def score(self, x: np.ndarray) -> np.ndarray:
        """Central differences of log pi, asked for at all shifted positions at once: formulas are long."""
        shifts = self.step * np.eye(x.shape[1])
        positions = np.stack([x + s for s in (*shifts, *-shifts)])
        ahead, behind = self.log_density(positions.reshape(-1, x.shape[1])).reshape(2, x.shape[1], -1)
        return np.asarray((ahead - behind).T / (2 * self.step))

    def hessian(self, x: np.ndarray) -> np.ndarray:
        """Central differences of the score, made symmetric."""
        shifts = self.step * np.eye(x.shape[1])
        rows = np.stack([(self.score(x + s) - self.score(x - s)) / (2 * self.step) for s in shifts], 1)
        return np.asarray((rows + rows.transpose(0, 2, 1)) / 2)

"""KALE particle descent (Glaser, Arbel and Gretton 2021, arXiv:2106.08929, Algorithm 1) to a target of weighted points.

The witness h maximises int h dmu - int (e^h - 1) dpi - lambda/2 |h|^2 over the kernel's Hilbert space. At the maximum
lambda h = K(mu - e^h pi), so that h on the target's points says all. There it is sought as h = Phi c, K = Phi Phi^T.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.linalg

from mudot.solvers.linear import NotConverged
from mudot.validation.particles.kernels import embedding, embedding_gradient, gram
from mudot.validation.particles.samplers import Particles

_NEWTON, _HALVINGS, _TOLERANCE = 50, 40, 1e-7


@dataclass(eq=False)
class KaleDescent:
    """KALE flow: Wasserstein flow of KALE with the kernel exp(-r^2/(2 h^2)).

    points, masses: shapes (m, d), (m,), sum 1
    """

    points: np.ndarray
    masses: np.ndarray
    bandwidth: float
    regularization: float

    @cached_property
    def _features(self) -> tuple[np.ndarray, np.ndarray]:
        """Phi, shape (m, r), and its pseudo-inverse; eigenvalues below 1e-6 of the largest are left out."""
        values, vectors = np.linalg.eigh(gram(self.points, self.points, self.bandwidth))
        kept = values > 1e-6 * values[-1]
        roots = np.sqrt(values[kept])
        return vectors[:, kept] * roots, (vectors[:, kept] / roots).T

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Down the witness: x - tau (1 + lambda) grad h(x)."""
        x, h = now.positions, self.bandwidth
        tilted = self.masses * np.exp(self.witness(now))
        slope = embedding_gradient(x, x, now.weights, h) - embedding_gradient(x, self.points, tilted, h)
        speed = (1 + self.regularization) / self.regularization
        return Particles(x - tau * speed * slope, now.weights)

    def value(self, now: Particles) -> float:
        """KALE(mu | pi) = (1 + lambda) times the maximum, with what the part of h that vanishes on the points adds."""
        coefficients, linear = self._solve(now), self._linear(now)
        norm = now.weights @ embedding(now.positions, now.positions, now.weights, self.bandwidth)
        unseen = (norm - linear @ linear) / (2 * self.regularization)
        return (1 + self.regularization) * (self._objective(linear, coefficients) + float(unseen))

    def witness(self, now: Particles) -> np.ndarray:
        """h on the target's points, shape (m,)."""
        return np.asarray(self._features[0] @ self._solve(now))

    def _linear(self, now: Particles) -> np.ndarray:
        """int h dmu = b . c."""
        pull = embedding(self.points, now.positions, now.weights, self.bandwidth)
        return np.asarray(self._features[1] @ pull)

    def _objective(self, linear: np.ndarray, c: np.ndarray) -> float:
        seen = self._features[0] @ c
        if seen.max() > 700:
            return -np.inf
        return float(linear @ c - self.masses @ np.expm1(seen) - self.regularization / 2 * (c @ c))

    def _solve(self, now: Particles) -> np.ndarray:
        """Newton's method with halved steps; it starts where the last call ended, for particles move little."""
        phi, linear = self._features[0], self._linear(now)
        c = self._last if self._last.size else np.zeros(linear.size)
        value = self._objective(linear, c)
        for _ in range(_NEWTON):
            tilted = self.masses * np.exp(phi @ c)
            residual = linear - phi.T @ tilted - self.regularization * c
            half = phi.T * np.sqrt(tilted)  # a product with its own transpose costs half of one
            matrix = half @ half.T + self.regularization * np.eye(c.size)
            move = scipy.linalg.solve(matrix, residual, assume_a="pos")
            # Newton's decrement bounds what is left to gain (Boyd and Vandenberghe 2004, section 9.5).
            if residual @ move < _TOLERANCE**2 * max(1.0, abs(value)):
                self._last = c
                return c
            c, value = self._searched(linear, c, value, move, float(residual @ move))
        raise NotConverged(f"KALE descent: no maximum after {_NEWTON} Newton steps")

    def _searched(
        self, linear: np.ndarray, c: np.ndarray, value: float, move: np.ndarray, gain: float
    ) -> tuple[np.ndarray, float]:
        length = 1.0
        for _ in range(_HALVINGS):
            trial = self._objective(linear, c + length * move)
            if trial >= value + 1e-4 * length * gain - 1e-14 * max(1.0, abs(value)):
                return c + length * move, trial
            length /= 2
        raise NotConverged("KALE descent: no step along Newton's direction raises the dual value")

    @cached_property
    def _last(self) -> np.ndarray:
        return np.zeros(0)

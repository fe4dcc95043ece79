"""Training of a network of n neurons, f(x) = sum_j w_j a_j tanh(v_j . x + b_j), by rules that have a mean-field limit.

With weights w_j = 1/n and the learning rate n times a step, gradient descent follows the Wasserstein flow (Mei,
Montanari and Nguyen 2018; Chizat and Bach 2018), noisy gradient descent the one with entropy; birth and death of
neurons add Fisher-Rao (Rotskoff, Jelassi, Bruna and Vanden-Eijnden 2019).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mudot.validation.particles.samplers import Particles


@dataclass(frozen=True, eq=False)
class NetworkTraining:
    """One step of training; positions are (a, v, b) or (a, v), shape (n, 1 + inputs [+ 1]).

    inputs, labels: shapes (data, inputs), (data,)
    noise:          tau: noise of variance 2 tau per time, and the prior N(0, spread) pulls by -tau theta/spread
    turnover:       beta: a neuron dies or is copied at the rate beta |xi - mean xi|; neurons stay n
    """

    inputs: np.ndarray
    labels: np.ndarray
    noise: float = 0.0
    spread: float = 1.0
    turnover: float = 0.0

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """The drift by Heun's rule without noise, by Euler and Maruyama with it; then birth and death."""
        x = now.positions
        drift = self.drift(x, now.weights)
        if self.noise:
            moved = x + tau * drift + math.sqrt(2 * self.noise * tau) * rng.standard_normal(x.shape)
        else:
            moved = x + tau / 2 * (drift + self.drift(x + tau * drift, now.weights))
        return Particles(moved[self._survivors(moved, now.weights, tau, rng)], now.weights)

    def outputs(self, theta: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """f at the inputs, shape (data,)."""
        return np.asarray((weights * theta[:, 0]) @ self._hidden(theta))

    def potential(self, theta: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """xi at the neurons, shape (n,): the slope of half the mean squared error by the mass of a neuron."""
        residual = self.outputs(theta, weights) - self.labels
        return np.asarray(theta[:, 0] * (self._hidden(theta) @ residual) / residual.size)

    def drift(self, theta: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """-grad xi - tau theta/spread at the neurons."""
        hidden = self._hidden(theta)
        residual = ((weights * theta[:, 0]) @ hidden - self.labels) / self.labels.size
        slope = (theta[:, :1] * (1 - hidden**2)) * residual
        columns = [hidden @ residual, *(slope @ self.inputs).T]
        if self._biased(theta):
            columns.append(slope.sum(axis=1))
        pull = self.noise / self.spread * theta if self.noise else 0.0
        return np.asarray(-np.stack(columns, axis=1) - pull)

    def _biased(self, theta: np.ndarray) -> bool:
        return bool(theta.shape[1] == self.inputs.shape[1] + 2)

    def _hidden(self, theta: np.ndarray) -> np.ndarray:
        """tanh(v . x + b), shape (n, data)."""
        z = theta[:, 1 : 1 + self.inputs.shape[1]] @ self.inputs.T
        return np.asarray(np.tanh(z + theta[:, -1:] if self._biased(theta) else z))

    def _survivors(self, theta: np.ndarray, weights: np.ndarray, tau: float, rng: np.random.Generator) -> np.ndarray:
        """Who stands in whose place: above the mean a random other one stands in, below it a copy goes elsewhere."""
        index = np.arange(theta.shape[0])
        if not self.turnover:
            return index
        excess = self.potential(theta, weights)
        excess = excess - excess.mean()
        chosen = np.flatnonzero(rng.random(index.size) < -np.expm1(-self.turnover * np.abs(excess) * tau))
        for i in rng.permutation(chosen):
            other = int(rng.integers(index.size - 1))
            other += other >= i
            if excess[i] > 0:
                index[i] = index[other]
            else:
                index[other] = index[i]
        return index

"""Particle methods, one step each: functions of the particles that return new particles.

Every step is written as in the paper that it is cited from. As n grows and the step shrinks, the empirical measures
converge to the Eulerian flow named in the docstring.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from mudot.validation.particles.kernels import by_rows, embedding, embedding_gradient, gram
from mudot.validation.particles.targets import Mixture, Target

_TOGETHER = 1 << 17
"""Entries of Gram matrices held side by side: a megabyte."""


@dataclass(frozen=True, eq=False)
class Particles:
    """positions: shape (n, d);   weights: shape (n,), sum 1"""

    positions: np.ndarray
    weights: np.ndarray


class Sampler(Protocol):
    """One step of a particle method."""

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """The particles a time tau later."""


@runtime_checkable
class Together(Protocol):
    """A sampler that is faster with several independent crowds at once."""

    def steps(self, crowds: Sequence[Particles], tau: float, rngs: Sequence[np.random.Generator]) -> list[Particles]:
        """`step` of each; all have the same number of particles."""


def uniform(positions: np.ndarray) -> Particles:
    """Equal weights."""
    return Particles(positions, np.full(positions.shape[0], 1 / positions.shape[0]))


def run(
    sampler: Sampler, start: Particles, times: list[float], tau: float, rng: np.random.Generator
) -> list[Particles]:
    """The particles at increasing times, by steps of at most tau that end on the times."""
    return run_all(sampler, [start], times, tau, [rng])[0]


def run_all(
    sampler: Sampler,
    starts: Sequence[Particles],
    times: Sequence[float],
    tau: float,
    rngs: Sequence[np.random.Generator],
) -> list[list[Particles]]:
    """`run` from several starts, each with its own random numbers."""

    def one_by_one(crowds: Sequence[Particles], tau: float, rngs: Sequence[np.random.Generator]) -> list[Particles]:
        return [sampler.step(now, tau, rng) for now, rng in zip(crowds, rngs, strict=True)]

    advance = sampler.steps if isinstance(sampler, Together) else one_by_one
    now, clock, found = list(starts), 0.0, []
    for time in times:
        steps = math.ceil((time - clock) / tau - 1e-9)
        for _ in range(steps):
            now = advance(now, (time - clock) / steps, rngs)
        clock = time
        found.append(now)
    return [list(states) for states in zip(*found, strict=True)]


def _moved(now: Particles, velocity: np.ndarray, tau: float) -> Particles:
    return Particles(now.positions + tau * velocity, now.weights)


@dataclass(frozen=True, eq=False)
class Langevin:
    """Unadjusted Langevin: Wasserstein flow of KL (Roberts and Tweedie 1996)."""

    target: Target

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """x + tau grad log pi + sqrt(2 tau) noise."""
        noise = rng.standard_normal(now.positions.shape)
        return _moved(now, self.target.score(now.positions) + math.sqrt(2 / tau) * noise, tau)


@dataclass(frozen=True, eq=False)
class BirthDeathLangevin:
    """Langevin with birth and death: spherical Wasserstein-Fisher-Rao flow of KL (Lu, Lu and Nolen 2019, Algorithm 1;
    unit rates). The density is estimated with a Gaussian kernel of bandwidth h, which adds a bias of order h^2."""

    target: Target
    bandwidth: float

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """A Langevin step, then each particle dies or doubles at the rate of its excess; the number is kept."""
        moved = Langevin(self.target).step(now, tau, rng)
        x, count = moved.positions, moved.positions.shape[0]
        d = x.shape[1]
        estimate = embedding(x, x, now.weights, self.bandwidth) / (math.sqrt(2 * math.pi) * self.bandwidth) ** d
        excess = np.log(estimate) - self.target.log_density(x)
        excess -= excess.mean()
        chosen = np.flatnonzero(rng.random(count) < -np.expm1(-np.abs(excess) * tau))
        index = np.arange(count)
        for i in rng.permutation(chosen):
            other = int(rng.integers(count - 1))
            other += other >= i
            # Death: another one takes the place; birth: a copy takes the place of another one.
            if excess[i] > 0:
                index[i] = index[other]
            else:
                index[other] = index[i]
        return Particles(x[index], now.weights)


@dataclass(frozen=True, eq=False)
class SteinVariational:
    """SVGD with the kernel exp(-r^2/(2 h^2)): Stein flow of KL (Liu and Wang 2016)."""

    target: Target
    bandwidth: float

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Along the kernelized score plus repulsion."""
        return _moved(now, self.velocity(now), tau)

    def velocity(self, now: Particles) -> np.ndarray:
        """sum_j w_j [k(x, x_j) grad log pi(x_j) + grad_j k(x, x_j)]."""
        x, w, h = now.positions, now.weights, self.bandwidth
        drift = embedding(x, x, w[:, None] * self.target.score(x), h)
        return np.asarray(drift - embedding_gradient(x, x, w, h))


@dataclass(frozen=True, eq=False)
class RegularizedStein:
    """Regularised SVGD: ridge Wasserstein flow of KL (He, Balasubramanian, Sriperumbudur and Lu 2022). Their velocity
    -((1 - nu) K + nu)^-1 K grad xi is this one for ridge = nu/(1 - nu), in units of time 1 - nu."""

    target: Target
    bandwidth: float
    ridge: float

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Along (K_mu + ridge)^-1 of the direction of SVGD."""
        velocity = SteinVariational(self.target, self.bandwidth).velocity(now)
        matrix = gram(now.positions, now.positions, self.bandwidth) * now.weights
        return _moved(now, np.linalg.solve(matrix + self.ridge * np.eye(len(matrix)), velocity), tau)


@dataclass(frozen=True, eq=False)
class MaximumMeanDiscrepancyFlow:
    """MMD flow: Wasserstein flow of MMD^2/2, with the target seen exactly; noise b > 0: the gradient is taken at
    x + b u, u normal (Arbel, Korba, Salim and Gretton 2019)."""

    target: Mixture
    bandwidth: float
    noise: float = 0.0

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Down the witness K(mu - pi)."""
        x = now.positions
        seen = x + self.noise * rng.standard_normal(x.shape) if self.noise else x
        slope = embedding_gradient(seen, x, now.weights, self.bandwidth)
        return _moved(now, self.target.embedding_gradient(seen, self.bandwidth) - slope, tau)


@dataclass(frozen=True, eq=False)
class DeRegularizedFlow:
    """DrMMD flow: Wasserstein flow of DrMMD with the kernel exp(-r^2/(2 h^2)) (Chen, Mustafi, Glaser, Korba, Gretton
    and Sriperumbudur 2024). The target is weighted points, where all solves take place.

    points, masses: shapes (m, d), (m,), sum 1
    """

    points: np.ndarray
    masses: np.ndarray
    bandwidth: float
    regularization: float

    def __post_init__(self) -> None:
        matrix = gram(self.points, self.points, self.bandwidth)
        object.__setattr__(self, "_inverse", np.linalg.inv(matrix + np.diag(self.regularization / self.masses)))

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Down the witness 2 (1 + lambda) (Sigma_pi + lambda)^-1 m, m = K(mu - pi), by Woodbury's formula
        (Sigma_pi + lambda)^-1 m = (m - K (K + lambda/masses)^-1 m)/lambda with the last solve on the points."""
        x, h = now.positions, self.bandwidth
        excess = embedding(self.points, x, now.weights, h) - embedding(self.points, self.points, self.masses, h)
        seen = self.masses + self._inverse @ excess  # type: ignore[attr-defined]
        slope = embedding_gradient(x, x, now.weights, h) - embedding_gradient(x, self.points, seen, h)
        return _moved(now, -2 * (1 + self.regularization) / self.regularization * slope, tau)


@dataclass(frozen=True, eq=False)
class InteractionForceTransport:
    """Spherical IFT flow of MMD^2/2, reaction of rate beta: an MMD-flow step for the positions, then weights that solve
    min MMD^2(w, pi)/2 + MMD^2(w, old)/(2 beta tau) over the simplex (Gladin et al. 2024, Alg. 1).

    old: the measure from which weights start, 'moved' (old weights at the new positions) or 'previous' (both before the
         step). The second proximal step undoes the transport, as far as new positions can express the old measure: its
         limit is the MMD flow, not IFT.
    """

    target: Mixture
    bandwidth: float
    iterations: int = 200
    old: Literal["moved", "previous"] = "moved"
    reaction: float = 1.0

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Positions first, weights next."""
        return self.steps([now], tau, [rng])[0]

    def steps(self, crowds: Sequence[Particles], tau: float, rngs: Sequence[np.random.Generator]) -> list[Particles]:
        """The same for every crowd; as many as stay in cache have their weights sought side by side."""
        room = max(1, _TOGETHER // crowds[0].weights.size ** 2)
        found: list[Particles] = []
        for first in range(0, len(crowds), room):
            some = slice(first, first + room)
            tables = [self._moved(now, tau, rng) for now, rng in zip(crowds[some], rngs[some], strict=True)]
            matrices, wanted = (np.stack([table[place] for table in tables]) for place in (1, 2))
            start = np.stack([now.weights for now in crowds[some]])
            weights = best_weights(matrices, wanted, start, self.iterations)
            found += [Particles(table[0], w) for table, w in zip(tables, weights, strict=True)]
        return found

    def _moved(self, now: Particles, tau: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The new positions, their Gram matrix K and the vector b of the problem min w.K.w/2 - b.w of the weights."""
        x = MaximumMeanDiscrepancyFlow(self.target, self.bandwidth).step(now, tau, rng).positions
        matrix, pull = gram(x, x, self.bandwidth), self.target.embedding(x, self.bandwidth)
        before = matrix if self.old == "moved" else gram(x, now.positions, self.bandwidth)
        eta = self.reaction * tau
        return x, matrix, (eta * pull + before @ now.weights) / (1 + eta)


def best_weights(matrix: np.ndarray, wanted: np.ndarray, start: np.ndarray, iterations: int) -> np.ndarray:
    """min w.K.w/2 - wanted.w over the simplex, by accelerated projected gradients (Beck and Teboulle 2009) with
    restarts where the step turns back (O'Donoghue and Candes 2015). Shapes (..., n, n), (..., n), (..., n)."""
    length = 1 / np.abs(matrix).sum(axis=-1).max(axis=-1)[..., None]
    now, look, momentum = start, start, np.ones_like(length)
    for _ in range(iterations):
        new = simplex_projection(look - length * ((matrix @ look[..., None])[..., 0] - wanted))
        turned = ((look - new) * (new - now)).sum(axis=-1, keepdims=True) > 0
        momentum = np.where(turned, 1.0, momentum)
        grown = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        now, look, momentum = new, new + (momentum - 1) / grown * (new - now), grown
    return now


def simplex_projection(v: np.ndarray) -> np.ndarray:
    """The nearest point of the simplex (Held, Wolfe and Crowder 1974), for every vector along the last axis.

    >>> simplex_projection(np.array([0.5, 1.5, -1.0]))
    array([0., 1., 0.])
    """
    ordered = np.sort(v)[..., ::-1]
    excess = (ordered.cumsum(axis=-1) - 1) / np.arange(1, v.shape[-1] + 1)
    # The means of the largest entries above one grow as long as the next one is above the threshold.
    return np.asarray(np.maximum(v - excess.max(axis=-1, keepdims=True), 0.0))


@dataclass(frozen=True, eq=False)
class SteinDiscrepancyDescent:
    """KSD descent with the kernel exp(-r^2/(2 h^2)): Wasserstein flow of KSD^2/2 (Korba, Aubin-Frankowski, Majewski
    and Ablin 2021)."""

    target: Target
    bandwidth: float

    def step(self, now: Particles, tau: float, rng: np.random.Generator) -> Particles:
        """Down the gradient of int k_pi(x, .) dmu."""
        return _moved(now, -self.slope(now), tau)

    def discrepancy(self, now: Particles) -> float:
        """KSD^2 of the particles: sum_ij w_i w_j k_pi(x_i, x_j)."""
        x, h2 = now.positions, self.bandwidth**2
        g, r = self.target.score(x), x[:, None] - x[None]
        jump, squares = g[:, None] - g[None], (r**2).sum(axis=2)
        b = g @ g.T + (jump * r).sum(axis=2) / h2 + x.shape[1] / h2 - squares / h2**2
        return float(now.weights @ (gram(x, x, self.bandwidth) * b) @ now.weights)

    def slope(self, now: Particles) -> np.ndarray:
        """The gradient at the particles."""
        return self.slope_at(now.positions, now)

    def slope_at(self, x: np.ndarray, now: Particles) -> np.ndarray:
        """grad_x sum_j w_j k_pi(x, x_j), k_pi = k b with b = g_x.g_y + (g_x - g_y).r/h^2 + d/h^2 - |r|^2/h^4,
        r = x - y and g = grad log pi; at places x of shape (m, d)."""
        y, w, h2 = now.positions, now.weights, self.bandwidth**2
        here, hessian, there = self.target.score(x), self.target.hessian(x), self.target.score(y)
        rows = [self._rows(x[s], here[s], hessian[s], y, there, w, h2) for s in by_rows(x, y)]
        return np.concatenate(rows)

    def _rows(
        self,
        x: np.ndarray,
        gx: np.ndarray,
        hessian: np.ndarray,
        y: np.ndarray,
        gy: np.ndarray,
        w: np.ndarray,
        h2: float,
    ) -> np.ndarray:
        k = gram(x, y, math.sqrt(h2)) * w
        r = x[:, None] - y[None]
        jump = gx[:, None] - gy[None]
        squares = (r**2).sum(axis=2)
        b = gx @ gy.T + (jump * r).sum(axis=2) / h2 + x.shape[1] / h2 - squares / h2**2
        inner = np.einsum("ij,ijd->id", k, gy[None] + r / h2)
        rest = -b[:, :, None] * r / h2 + jump / h2 - 2 * r / h2**2
        return np.asarray(np.einsum("ide,ie->id", hessian, inner) + np.einsum("ij,ijd->id", k, rest))

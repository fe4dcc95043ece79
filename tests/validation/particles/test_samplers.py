"""Particle methods do what their papers say, and their targets differentiate correctly."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from mudot.validation.particles.kernels import embedding, embedding_gradient, gram, mmd_squared
from mudot.validation.particles.samplers import (
    BirthDeathLangevin,
    DeRegularizedFlow,
    InteractionForceTransport,
    Langevin,
    MaximumMeanDiscrepancyFlow,
    Particles,
    RegularizedStein,
    SteinDiscrepancyDescent,
    SteinVariational,
    run,
    run_all,
    simplex_projection,
    uniform,
)
from mudot.validation.particles.targets import Numerical, mixture

BUMPS = mixture([0.3, 0.7], [[-1.0, 0.5], [1.0, -0.2]], [[[0.5, 0.2], [0.2, 0.6]], [[1.0, -0.3], [-0.3, 0.4]]])
NORMAL = mixture([1.0], [[0.0]], [[[1.0]]])


def cloud(count: int = 12, d: int = 2, seed: int = 0) -> Particles:
    rng = np.random.default_rng(seed)
    weights = rng.random(count) + 0.2
    return Particles(rng.standard_normal((count, d)), weights / weights.sum())


def test_score_and_hessian_are_derivatives_of_the_log_density() -> None:
    x, numerical = cloud().positions, Numerical(BUMPS.log_density)
    np.testing.assert_allclose(BUMPS.score(x), numerical.score(x), atol=1e-7)
    np.testing.assert_allclose(BUMPS.hessian(x), numerical.hessian(x), atol=1e-5)


def test_embedding_of_a_mixture_is_the_integral_of_the_kernel() -> None:
    axis = np.linspace(-7, 7, 281)
    y = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    masses = np.exp(BUMPS.log_density(y)) * (axis[1] - axis[0]) ** 2
    x = cloud().positions
    np.testing.assert_allclose(BUMPS.embedding(x, 0.6), embedding(x, y, masses, 0.6), rtol=1e-10)
    found = BUMPS.embedding_gradient(x, 0.6)
    np.testing.assert_allclose(found, embedding_gradient(x, y, masses, 0.6), rtol=1e-9, atol=1e-12)


def test_draws_of_a_mixture_have_its_moments() -> None:
    x = BUMPS.sample(200_000, np.random.default_rng(1))
    mean = BUMPS.weights @ BUMPS.means
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=5 * math.sqrt(2 / 200_000))
    second = np.einsum("k,kde->de", BUMPS.weights, BUMPS.covariances + np.einsum("kd,ke->kde", *[BUMPS.means] * 2))
    np.testing.assert_allclose(x.T @ x / len(x), second, atol=0.02)


def test_svgd_direction_vanishes_in_the_mean_under_the_target() -> None:
    x = BUMPS.sample(3000, np.random.default_rng(2))
    here = SteinVariational(BUMPS, 0.8).velocity(uniform(x))
    away = SteinVariational(BUMPS, 0.8).velocity(uniform(x + 1))
    assert np.abs(here).mean() < 0.1 * np.abs(away).mean()


def test_regularized_svgd_is_the_ridge_regression_of_the_score_difference() -> None:
    now, ridge, h = cloud(), 0.3, 0.7
    moved = RegularizedStein(BUMPS, h, ridge).step(now, 1.0, np.random.default_rng(0))
    v = moved.positions - now.positions
    smoothed = gram(now.positions, now.positions, h) @ (now.weights[:, None] * v) + ridge * v
    np.testing.assert_allclose(smoothed, SteinVariational(BUMPS, h).velocity(now), atol=1e-12)


def test_mmd_flow_descends_the_witness() -> None:
    now, h, shift = cloud(), 0.9, 1e-5

    def half_squared(x: np.ndarray) -> float:
        own = now.weights @ embedding(x, x, now.weights, h)
        return float(own / 2 - now.weights @ BUMPS.embedding(x, h))

    velocity = MaximumMeanDiscrepancyFlow(BUMPS, h).step(now, 1.0, np.random.default_rng(0)).positions - now.positions
    for i, k in ((0, 0), (3, 1), (7, 0)):
        step = np.zeros_like(now.positions)
        step[i, k] = shift
        slope = (half_squared(now.positions + step) - half_squared(now.positions - step)) / (2 * shift)
        assert velocity[i, k] == pytest.approx(-slope / now.weights[i], abs=1e-8)


def test_ksd_descent_follows_the_gradient_of_the_stein_discrepancy() -> None:
    now, h, shift = cloud(), 0.9, 1e-5

    def half_squared(x: np.ndarray) -> float:
        g, k, r = BUMPS.score(x), gram(x, x, h), x[:, None] - x[None]
        cross = ((g[:, None] - g[None]) * r).sum(axis=2) / h**2
        trace = 2 / h**2 - (r**2).sum(axis=2) / h**4
        return float(now.weights @ (k * (g @ g.T + cross + trace)) @ now.weights / 2)

    slope = SteinDiscrepancyDescent(BUMPS, h).slope(now)
    for i, k in ((0, 0), (3, 1), (7, 0)):
        step = np.zeros_like(now.positions)
        step[i, k] = shift
        expected = (half_squared(now.positions + step) - half_squared(now.positions - step)) / (2 * shift)
        assert slope[i, k] == pytest.approx(expected / now.weights[i], abs=1e-7)


@pytest.mark.parametrize("old", ["moved", "previous"])
def test_weights_of_an_ift_step_solve_the_proximal_problem_on_the_simplex(old: Literal["moved", "previous"]) -> None:
    now, h, tau = cloud(30), 0.8, 0.4
    method = InteractionForceTransport(BUMPS, h, iterations=20_000, old=old)
    new = method.step(now, tau, np.random.default_rng(0))
    x, w = new.positions, new.weights
    before = x if old == "moved" else now.positions
    wanted = (tau * BUMPS.embedding(x, h) + embedding(x, before, now.weights, h)) / (1 + tau)
    slope = gram(x, x, h) @ w - wanted
    assert w.min() >= 0 and w.sum() == pytest.approx(1, abs=1e-12)
    # Optimality: the slope is least, and equal, where there is weight.
    assert w @ (slope - slope.min()) < 1e-6


def test_crowds_side_by_side_go_where_each_goes_alone() -> None:
    sampler = InteractionForceTransport(BUMPS, 0.8, 40)
    starts = [uniform(BUMPS.sample(30, np.random.default_rng(seed)) + 0.5) for seed in range(3)]
    rngs = [np.random.default_rng(0) for _ in starts]
    together = run_all(sampler, starts, [0.1, 0.3], 0.05, rngs)
    for start, states in zip(starts, together, strict=True):
        alone = run(sampler, start, [0.1, 0.3], 0.05, np.random.default_rng(0))
        assert np.ptp(alone[-1].weights) > 1e-3
        for one, other in zip(states, alone, strict=True):
            np.testing.assert_allclose(one.positions, other.positions, rtol=0, atol=1e-12)
            np.testing.assert_allclose(one.weights, other.weights, rtol=0, atol=1e-12)


def test_simplex_projection_is_the_nearest_point() -> None:
    rng = np.random.default_rng(3)
    for v in rng.standard_normal((50, 6)):
        nearest = simplex_projection(v)
        others = rng.dirichlet(np.ones(6), size=200)
        assert nearest.sum() == pytest.approx(1) and nearest.min() >= 0
        assert ((v - nearest) ** 2).sum() <= ((v - others) ** 2).sum(axis=1).min() + 1e-12


def test_langevin_has_the_stationary_variance_of_its_step() -> None:
    # For N(0, 1) the chain x (1 - tau) + sqrt(2 tau) u has variance 1 / (1 - tau/2).
    start = uniform(np.zeros((200_000, 1)))
    end = run(Langevin(NORMAL), start, [8.0], 0.4, np.random.default_rng(4))[0]
    assert end.positions.var() == pytest.approx(1 / 0.8, rel=0.015)


def test_births_and_deaths_move_mass_to_where_it_is_missing() -> None:
    two = mixture([0.5, 0.5], [[-4.0], [4.0]], [[[0.3]], [[0.3]]])
    rng = np.random.default_rng(5)
    lopsided = np.concatenate([rng.normal(-4, 0.55, 1800), rng.normal(4, 0.55, 200)])[:, None]
    end = run(BirthDeathLangevin(two, 0.3), uniform(lopsided), [4.0], 0.05, rng)[0]
    alone = run(Langevin(two), uniform(lopsided), [4.0], 0.05, rng)[0]
    assert end.positions.shape == lopsided.shape
    assert (end.positions > 0).mean() == pytest.approx(0.5, abs=0.06)
    assert (alone.positions > 0).mean() == pytest.approx(0.1, abs=0.02)


def test_mmd_between_equal_clouds_is_zero_and_grows_with_their_distance() -> None:
    now = cloud()
    near, far = (mmd_squared(now.positions + s, now.weights, now.positions, now.weights, 1.0) for s in (0.0, 1.0))
    assert near < 1e-14 and far > 0.1


def test_runs_end_on_the_times_asked_for() -> None:
    found = run(SteinVariational(NORMAL, 1.0), uniform(np.array([[2.0]])), [0.3, 1.0], 0.25, np.random.default_rng(0))
    # One particle: grad log pi alone, x' = -x, by 2 steps of 0.15 and 3 of 0.7/3.
    assert found[0].positions[0, 0] == pytest.approx(2 * 0.85**2)
    assert found[1].positions[0, 0] == pytest.approx(2 * 0.85**2 * (1 - 0.7 / 3) ** 3)


def test_ksd_descent_goes_down_the_gradient_of_the_discrepancy() -> None:
    now, method, step = cloud(8), SteinDiscrepancyDescent(BUMPS, 0.9), 1e-5
    slope = method.slope(now)
    for i, axis in ((0, 0), (3, 1), (7, 0)):
        values = []
        for sign in (1, -1):
            x = now.positions.copy()
            x[i, axis] += sign * step
            values.append(method.discrepancy(Particles(x, now.weights)) / 2)
        assert (values[0] - values[1]) / (2 * step) == pytest.approx(now.weights[i] * slope[i, axis], rel=1e-6)


def test_drmmd_flow_goes_down_the_gradient_of_its_energy() -> None:
    """DrMMD = (1 + lambda) <m, (Sigma_pi + lambda)^-1 m>, m = K(mu - pi), by the features of all points."""
    pi, now, h, ridge, step = cloud(15, seed=1), cloud(6), 0.9, 0.3, 1e-5
    method = DeRegularizedFlow(pi.positions, pi.weights, h, ridge)
    velocity = method.step(now, 1.0, np.random.default_rng(0)).positions - now.positions

    def energy(x: np.ndarray) -> float:
        points = np.concatenate([x, pi.positions])
        signed = np.concatenate([now.weights, -pi.weights])
        # Coordinates in the span of k(points, .), orthonormal by Cholesky: k(points_i, .) = rows of the factor.
        features = np.linalg.cholesky(gram(points, points, h) + 1e-13 * np.eye(len(points)))
        seen = features[len(x) :]
        covariance = seen.T @ (pi.weights[:, None] * seen)
        m = signed @ features
        return float((1 + ridge) * m @ np.linalg.solve(covariance + ridge * np.eye(len(m)), m))

    for i, axis in ((0, 0), (2, 1), (5, 1)):
        shift = np.zeros_like(now.positions)
        shift[i, axis] = step
        slope = (energy(now.positions + shift) - energy(now.positions - shift)) / (2 * step)
        assert slope == pytest.approx(-now.weights[i] * velocity[i, axis], rel=1e-5)

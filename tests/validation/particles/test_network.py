"""Training of networks: the drift is the gradient, birth and death act by the excess, limits agree with the mesh."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mudot.validation.cases.network import eulerian, predictions, trained, trainings
from mudot.validation.particles.network import NetworkTraining
from mudot.validation.particles.samplers import Particles, uniform

RNG = np.random.default_rng(3)
INPUTS, LABELS = RNG.normal(size=(6, 2)), RNG.normal(size=6)


def loss(training: NetworkTraining, theta: np.ndarray, weights: np.ndarray) -> float:
    return 0.5 * float(((training.outputs(theta, weights) - training.labels) ** 2).mean())


@pytest.mark.parametrize("columns", [3, 4], ids=["no bias", "bias"])
def test_the_drift_is_minus_the_gradient_of_the_loss_per_weight_of_a_neuron(columns: int) -> None:
    training = NetworkTraining(INPUTS, LABELS)
    theta, weights = RNG.normal(size=(5, columns)), np.full(5, 0.2)
    found = training.drift(theta, weights)
    for j, k in np.ndindex(5, columns):
        up, down = theta.copy(), theta.copy()
        up[j, k] += 1e-5
        down[j, k] -= 1e-5
        slope = (loss(training, up, weights) - loss(training, down, weights)) / 2e-5
        assert found[j, k] == pytest.approx(-slope / weights[j], rel=1e-6, abs=1e-9)


def test_the_potential_is_the_derivative_of_the_loss_by_weight() -> None:
    training = NetworkTraining(INPUTS, LABELS)
    theta, weights = RNG.normal(size=(5, 3)), np.full(5, 0.2)
    for j in range(5):
        change = 1e-6 * (np.arange(5) == j)
        slope = (loss(training, theta, weights + change) - loss(training, theta, weights - change)) / 2e-6
        assert training.potential(theta, weights)[j] == pytest.approx(slope, rel=1e-6)


def test_the_prior_pulls_with_noise_alone() -> None:
    theta, weights = RNG.normal(size=(5, 3)), np.full(5, 0.2)
    plain, noisy = (NetworkTraining(INPUTS, LABELS, tau, 2.0) for tau in (0.0, 0.3))
    assert noisy.drift(theta, weights) == pytest.approx(plain.drift(theta, weights) - 0.15 * theta)


def test_birth_and_death_move_neurons_from_high_to_low_potential() -> None:
    training = NetworkTraining(np.array([[1.0]]), np.array([5.0]), turnover=50.0)
    # With labels far above the outputs, xi = -a tanh(v) (5 - f): neurons of large a tanh(v) are worth more.
    start = uniform(np.array([[1.0, 1.0]] * 50 + [[-1.0, 1.0]] * 50))
    end = training.step(start, 1e-2, np.random.default_rng(0))
    assert end.positions.shape == start.positions.shape
    assert (end.positions[:, 0] > 0).sum() > 60


def test_gradient_descent_lowers_the_loss_and_steps_of_heun_are_of_second_order() -> None:
    training = NetworkTraining(INPUTS, LABELS)
    start = uniform(RNG.normal(size=(20, 3)))
    rng = np.random.default_rng(0)

    def after(steps: int) -> Particles:
        now = start
        for _ in range(steps):
            now = training.step(now, 1.0 / steps, rng)
        return now

    ends = [after(n).positions for n in (8, 16, 32)]
    assert loss(training, ends[-1], start.weights) < loss(training, start.positions, start.weights)
    gaps = [np.abs(a - b).max() for a, b in pairwise(ends)]
    assert 1.7 < np.log2(gaps[0] / gaps[1]) < 2.3


def test_a_wide_network_gives_the_outputs_of_the_eulerian_flow() -> None:
    training = trainings()[0]
    truth = predictions(eulerian(training, 40))
    end = trained(training, 2000, seed=1)
    start_gap = np.abs(training.method.labels - truth).max()
    assert np.abs(training.method.outputs(end.positions, end.weights) - truth).max() < 0.02 * start_gap + 0.005

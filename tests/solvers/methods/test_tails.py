"""The Chebyshev series in tails: its enclosure holds, and with a while of uniformization every cell is right."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.averages import integrate, log_average
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.methods import chebyshev, uniformization
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.tails import TAIL_ERROR, Enclosure, Tails


def uniformized(method: FokkerPlanck, start: np.ndarray, duration: float) -> np.ndarray:
    """exp(duration A) start by uniformization, flat."""
    rates, reach = method.rates, sum(method.mesh.shape)
    flat = start.reshape(-1)
    return next(uniformization.apply_exponentials(rates, rates.exit_rate, flat, [duration], reach))


def problem(seed: int) -> tuple[FokkerPlanck, np.ndarray]:
    """A random potential, rough or smooth, on a random mesh, and a random start, spread out or peaked."""
    rng = np.random.default_rng(seed)
    dimension = int(rng.integers(1, 4))
    most = {1: 120, 2: 25, 3: 9}[dimension]
    shape = tuple(int(n) for n in rng.integers(3, most, size=dimension))
    boundary = [("no-flux", "periodic")[int(rng.random() < 0.3)] for _ in shape]
    mesh = Cartesian(shape, (-3.0,) * dimension, (3.0,) * dimension, boundary)
    axes = mesh.coordinates
    if rng.random() < 0.5:
        log_target = rng.normal(size=shape) * rng.choice([0.1, 1.0, 5.0, 30.0])
    else:
        wells = -sum(8 * rng.random() * (x - rng.normal()) ** 2 for x in axes)
        log_target = wells + sum(np.sin(3 * x * axes[0]) for x in axes) + np.zeros(shape)
    if rng.random() < 0.5:
        start = rng.random(shape) ** rng.choice([1, 10])
    else:
        start = np.exp(-sum((x - rng.normal()) ** 2 for x in axes) * rng.choice([1, 10, 40])) + np.zeros(shape)
    return FokkerPlanck(mesh, log_target, separable=False), start


@pytest.mark.parametrize("seed", range(25))
def test_enclosure_of_the_series_holds_in_every_cell(seed: int) -> None:
    method, start = problem(seed)
    duration = 10 ** np.random.default_rng(seed).uniform(0, 3) / method.rates.exit_rate
    tails = Tails.of(method.mesh, method.log_target, start.reshape(-1))
    enclosure = tails.enclosed(chebyshev.apply_exponentials(method.rates, tails.change, [duration])[0])
    exact = uniformized(method, start, duration)
    assert (np.abs(exact - enclosure.middle) <= enclosure.half + 1e-11 * exact).all()
    volumes = method.mesh.volumes.reshape(-1)
    error = (volumes * np.abs(exact - enclosure.middle)).sum() / (volumes * exact).sum()
    assert error <= tails.error + 1e-12


@pytest.mark.parametrize("seed", range(25))
def test_every_cell_is_right_whatever_way_is_taken(seed: int) -> None:
    method, start = problem(seed)
    for rate_time in (30.0, 3000.0):
        duration = rate_time / method.rates.exit_rate
        found = method.advance(start, duration, duration, 1e-6).density.reshape(-1)
        exact = uniformized(method, start, duration)
        assert np.abs(found - exact).max() <= 0 or np.abs(found / exact - 1).max() < 2 * TAIL_ERROR


@pytest.fixture
def coupled() -> tuple[FokkerPlanck, np.ndarray]:
    """The double well with a coupling: at the walls the target is 1e-31 of its largest value."""
    mesh = Cartesian((64, 64), (-3.0, -3.0), (3.0, 3.0))
    log_target = log_average(mesh, lambda x, y: -((x**2 - 1) ** 2) - y**2 / 2 - 0.4 * x * y)
    start = np.exp(log_average(mesh, lambda x, y: -((x + 0.6) ** 2 + (y - 0.8) ** 2) / 0.18))
    return FokkerPlanck(mesh, log_target), start


def test_tails_out_of_reach_are_filled_by_a_short_while_of_uniformization(
    coupled: tuple[FokkerPlanck, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    method, start = coupled
    exact = uniformized(method, start, 1.0).reshape(start.shape)
    tails = Tails.of(method.mesh, method.log_target, start.reshape(-1))
    alone = tails.enclosed(chebyshev.apply_exponentials(method.rates, tails.change, [1.0])[0])
    assert not alone.settled(TAIL_ERROR)
    original, taken = uniformization.apply_exponentials, list[float]()

    def noted(*arguments: object, **how: object) -> object:
        taken.extend(arguments[3])  # type: ignore[call-overload]
        return original(*arguments, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(uniformization, "apply_exponentials", noted)
    found = method.advance(start, 1.0, 1.0, 1e-6).density
    assert 0 < sum(taken) < 0.2
    assert np.abs(found / exact - 1).max() < TAIL_ERROR
    assert np.abs(found - exact).sum() < 1e-12 * exact.sum()
    assert integrate(method.mesh, found) == pytest.approx(integrate(method.mesh, start), rel=1e-14)


def test_densities_on_the_way_are_positive_and_right_in_the_mean(coupled: tuple[FokkerPlanck, np.ndarray]) -> None:
    method, start = coupled
    times = [0.4, 0.7, 1.0]
    for time, moved in zip(times, method.trace(start, times, 1.0, 1e-6), strict=True):
        exact = uniformized(method, start, time).reshape(start.shape)
        assert moved.density.min() > 0
        assert np.abs(moved.density - exact).sum() < 1e-12 * exact.sum()


def test_confined_mass_leaves_no_slower_than_the_decay_of_its_cells(coupled: tuple[FokkerPlanck, np.ndarray]) -> None:
    method, _ = coupled
    decay = method.rates.decay.reshape(method.mesh.shape)
    inside = np.zeros(method.mesh.shape, dtype=bool)
    inside[-6:] = True
    slowest, scale = decay[inside].min(), np.exp(-method.log_target / 2)
    assert slowest > 0
    killed, norms = np.where(inside, np.exp(method.log_target / 2), 0), list[float]()
    for _ in range(3):
        for _ in range(20):
            stepped = method.rates.step(method.rates.exit_rate) @ killed.reshape(-1)
            killed = np.where(inside, stepped.reshape(inside.shape), 0)
        norms.append(float(np.sqrt(((killed * scale) ** 2).sum())))
    rate = -np.log(norms[2] / norms[1]) / 20 * method.rates.exit_rate
    assert rate >= 0.999 * slowest


def test_nothing_is_settled_by_half_of_nothing() -> None:
    assert Enclosure(np.array([1.0, 0.0]), np.array([1e-9, 0.0])).settled(1e-6)
    assert not Enclosure(np.array([1.0, 0.0]), np.array([1e-9, 1e-300])).settled(1e-6)

"""Laws of steps keep mass, have the moments that are known in closed form, and are those of many particles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.validation.particles import laws
from mudot.validation.particles.samplers import BirthDeathLangevin, Langevin, MaximumMeanDiscrepancyFlow, run, uniform
from mudot.validation.particles.targets import mixture

LINE = Cartesian(220, -8.0, 8.0)
NORMAL = mixture([1.0], [[0.0]], [[[1.0]]])
TWO = mixture([0.4, 0.6], [[-1.2], [1.0]], [[[0.4]], [[0.5]]])
START = mixture([1.0], [[0.3]], [[[1.2]]])
LOPSIDED = mixture([0.9, 0.1], [[-1.2], [1.0]], [[[0.4]], [[0.5]]])
MASSES = np.exp(START.log_density(LINE.centers[0][:, None])) * LINE.volumes


def moment(masses: np.ndarray, power: int) -> float:
    return float(masses @ LINE.centers[0] ** power)


def test_langevin_has_the_moments_of_its_chain() -> None:
    masses = laws.run(laws.langevin(Langevin(NORMAL)), LINE, MASSES, 0.6, 0.2)
    mean, square = 0.3, 1.2 + 0.09
    for _ in range(3):
        mean, square = 0.8 * mean, 0.64 * square + 0.4
    assert (masses.sum(), moment(masses, 1), moment(masses, 2)) == pytest.approx((1.0, mean, square), abs=1e-6)


def test_noise_widens_the_kernel_of_the_mean_velocity() -> None:
    method = MaximumMeanDiscrepancyFlow(TWO, 0.6, 0.8)
    wide = math.hypot(0.6, 0.8)
    plain = MaximumMeanDiscrepancyFlow(TWO, wide)
    noisy, quiet = (laws.noisy_mmd_flow(m)(LINE, MASSES, 0.1) for m in (method, plain))
    assert moment(noisy, 1) - 0.3 == pytest.approx(0.6 / wide * (moment(quiet, 1) - 0.3), abs=1e-7)


@pytest.mark.parametrize(
    ("method", "law"),
    [
        (BirthDeathLangevin(TWO, 0.2), laws.birth_death_langevin(BirthDeathLangevin(TWO, 0.2))),
        (MaximumMeanDiscrepancyFlow(TWO, 0.6, 0.8), laws.noisy_mmd_flow(MaximumMeanDiscrepancyFlow(TWO, 0.6, 0.8))),
    ],
    ids=["birth and death", "noisy MMD flow"],
)
def test_one_long_step_of_many_particles_has_the_law(
    method: BirthDeathLangevin | MaximumMeanDiscrepancyFlow, law: laws.Law
) -> None:
    start = np.exp(LOPSIDED.log_density(LINE.centers[0][:, None])) * LINE.volumes
    masses, rng, found = law(LINE, start, 0.3), np.random.default_rng(0), []
    assert masses.sum() == pytest.approx(1, abs=1e-9) and masses.min() > -1e-6
    for _ in range(24):
        x = run(method, uniform(LOPSIDED.sample(1000, rng)), [0.3], 0.3, rng)[0].positions
        found.append((float(x.mean()), float((x**2).mean()), float((x > 0.6).mean())))
    expected = moment(masses, 1), moment(masses, 2), float(masses[LINE.centers[0] > 0.6].sum())
    error = np.std(found, axis=0, ddof=1) / math.sqrt(24)
    assert np.all(np.abs(np.mean(found, axis=0) - expected) < 3.5 * error)
    if isinstance(method, BirthDeathLangevin):  # without births and deaths the mean would be another
        alone = laws.langevin(Langevin(TWO))(LINE, start, 0.3)
        assert abs(moment(alone, 1) - expected[0]) > 7 * error[0]

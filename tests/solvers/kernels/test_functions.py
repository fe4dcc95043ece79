"""Kernels: profiles, images, declared structure, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numpy as np
import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers.kernels import (
    EnergyDistanceKernel,
    GaussianKernel,
    InverseMultiquadricKernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
)
from mudot.solvers.kernels.functions import RadialKernel
from mudot.solvers.kernels.images import periodised
from tests.solvers.kernels.cases import DECAYING, OTHERS, formula

R = np.linspace(0.0, 3.0, 31)
RADIAL = {**DECAYING, **{name: OTHERS[name] for name in ("inverse multiquadric", "energy distance")}}


@pytest.mark.parametrize("kernel", RADIAL.values(), ids=RADIAL.keys())
def test_profile_is_the_formula(kernel: RadialKernel) -> None:
    np.testing.assert_allclose(kernel.profile(R), formula(kernel, R[:, None], np.zeros((31, 1))), rtol=1e-14)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5])
def test_matern_profile_is_the_bessel_function_of_its_definition(nu: float) -> None:
    for r in (0.1, 1.0, 4.0):
        a = math.sqrt(2 * nu) * r / 0.7
        bessel = mpmath.mpf(2) ** (1 - nu) / mpmath.gamma(nu) * mpmath.mpf(a) ** nu * mpmath.besselk(nu, a)
        assert MaternKernel(0.7, nu).profile(np.array(r)) == pytest.approx(float(bessel), rel=1e-14)


def ring_sum(kernel: RadialKernel, r: float, period: float) -> float:
    """The sum over images in forty digits."""
    with mpmath.workdps(40):
        h = mpmath.mpf(kernel.bandwidth)  # type: ignore[attr-defined]

        def profile(s: mpmath.mpf) -> mpmath.mpf:
            if isinstance(kernel, GaussianKernel):
                return mpmath.exp(-((s / h) ** 2) / 2)
            a = mpmath.sqrt(2 * kernel.nu) * s / h  # type: ignore[attr-defined]
            factor = {0.5: 1, 1.5: 1 + a, 2.5: 1 + a + a**2 / 3}[kernel.nu]  # type: ignore[attr-defined]
            return factor * mpmath.exp(-a)

        reach = int(100 * kernel.bandwidth / period) + 3  # type: ignore[attr-defined]
        return float(mpmath.fsum(profile(abs(mpmath.mpf(r) + m * period)) for m in range(-reach, reach + 1)))


RINGS: list[Callable[[float], RadialKernel]] = [
    GaussianKernel,
    LaplaceKernel,
    lambda h: MaternKernel(h, 1.5),
    lambda h: MaternKernel(h, 2.5),
]


@pytest.mark.parametrize("ratio", [0.01, 0.3, 0.99, 1.01, 5.0])
@pytest.mark.parametrize("make", RINGS, ids=["gaussian", "laplace", "matern 3/2", "matern 5/2"])
def test_images_on_a_ring_sum_up_in_every_digit(make: Callable[[float], RadialKernel], ratio: float) -> None:
    kernel, period = make(2 * ratio), 2.0
    r = np.array([0.0, 0.03, 0.5, 1.0, 1.4, 2.0])
    exact = [ring_sum(kernel, float(s), period) for s in r]
    # The exponent of the far values, up to 5000, carries a relative error of 1e-16 itself.
    largest_exponent = 0.5 / ratio**2 / 4 if isinstance(kernel, GaussianKernel) else 3 / ratio
    np.testing.assert_allclose(kernel.on_ring(r, period), exact, rtol=5e-15 + 1e-15 * largest_exponent)


@pytest.mark.parametrize("nu", [0.5, 1.5, 2.5])
@pytest.mark.parametrize("periods", [(1.0, None), (1.0, 1.3), (1.0, None, 0.8), (1.0, 1.3, 0.8)], ids=str)
@pytest.mark.parametrize("bandwidth", [0.05, 0.2])
def test_images_of_a_mixture_are_the_images(nu: float, periods: tuple[float | None, ...], bandwidth: float) -> None:
    kernel = MaternKernel(bandwidth, nu)
    rng = np.random.default_rng(1)
    lags = [rng.random(8) * (period or 2.0) for period in periods]
    for lag in lags:
        lag[0] = 0
    found = periodised(kernel, lags, periods)
    grids = np.meshgrid(*[np.arange(-9, 10) if p else [0] for p in periods], indexing="ij")
    square: np.ndarray = np.zeros((8, grids[0].size))
    for lag, grid, period in zip(lags, grids, periods, strict=True):
        square += (lag[:, None] + grid.reshape(-1) * (period or 0.0)) ** 2
    np.testing.assert_allclose(found, kernel.profile(np.sqrt(square)).sum(1), rtol=0, atol=4e-15)


def test_images_of_a_wide_matern_kernel_integrate_to_that_of_free_space() -> None:
    # 2 pi h^2 over the plane, whatever the smoothness; the mean over a grid sees waves of 16 periods and more.
    lags = list(np.ix_(np.arange(16) / 16, np.arange(16) / 16))
    for h in (0.5, 3.0, 50.0):
        found = periodised(MaternKernel(h, 2.5), lags, (1.0, 1.0))
        assert found.mean() == pytest.approx(2 * math.pi * h**2, rel=1e-8 if h < 1 else 1e-13)


@pytest.mark.parametrize("kernel", [InverseMultiquadricKernel(1.0), EnergyDistanceKernel()])
def test_slow_decay_has_no_images(kernel: RadialKernel) -> None:
    for periods in ((1.0,), (None, 1.0)):
        with pytest.raises(MudotError, match=r"diverges; make the axis no-flux or choose"):
            periodised(kernel, [np.zeros(1)] * len(periods), periods)


BAD: dict[str, Callable[[], object]] = {
    "no bandwidth": lambda: GaussianKernel(0.0),
    "negative bandwidth": lambda: LaplaceKernel(-1.0),
    "infinite bandwidth": lambda: InverseMultiquadricKernel(math.inf),
    "bandwidth not a number": lambda: MaternKernel(math.nan, 0.5),
    "smoothness": lambda: MaternKernel(1.0, 1.0),
    "degree 0": lambda: PolynomialKernel(0, 1.0),
    "fractional degree": lambda: PolynomialKernel(1.5, 1.0),  # type: ignore[arg-type]
    "negative offset": lambda: PolynomialKernel(2, -1.0),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_bad_parameters_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(MudotError, match=r"^kernel [a-z-]+: expected .*, got "):
        make()


def test_kernels_are_values() -> None:
    assert GaussianKernel(0.5) == GaussianKernel(0.5)
    assert len({LaplaceKernel(1.0), LaplaceKernel(1.0), LaplaceKernel(2.0)}) == 2

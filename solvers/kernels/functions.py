"""Kernels k(x, y): radial profiles on the host, and the structure that each of them declares.

Structure picks the fast path: `separable` kernels are products of one-dimensional ones, `translation_invariant` ones
are convolutions, `finite_rank` ones have explicit features, and `inverse_is_local` says that K^-1 is a differential
operator. On a periodic axis a kernel is the sum over all its images; see `periodised`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from mudot.meshes.errors import MudotError


class Kernel(Protocol):
    """A symmetric kernel: its name in problem files and what is true of it."""

    def __hash__(self) -> int:
        """Kernels are values: equal ones share what was computed for them."""

    @property
    def name(self) -> str:
        """The name in problem files and results."""

    @property
    def separable(self) -> bool:
        """k(x, y) is a product of kernels of single coordinates."""

    @property
    def translation_invariant(self) -> bool:
        """k(x, y) depends on x - y only."""

    @property
    def finite_rank(self) -> bool:
        """k(x, y) is a finite sum of products of functions of x and of y."""

    @property
    def inverse_is_local(self) -> bool:
        """K^-1 is a differential operator."""

    @property
    def positive_definite(self) -> bool:
        """sum_ij c_i k(x_i, x_j) c_j >= 0 for all c, not only for those with sum 0."""


class RadialKernel(Kernel, Protocol):
    """A kernel that depends on the distance of x and y only."""

    def profile(self, r: np.ndarray) -> np.ndarray:
        """k at distances r >= 0, in free space; of the shape of r."""

    def on_ring(self, r: np.ndarray, period: float) -> np.ndarray:
        """The sum over all images of one periodic axis, sum_m k(|r + m period|), for 0 <= r <= period.

        Raises MudotError where the sum diverges.
        """


@dataclass(frozen=True)
class GaussianKernel:
    """exp(-r^2 / (2 h^2)), bandwidth h > 0.

    >>> GaussianKernel(0.5).profile(np.array([0.0, 0.5])).round(6)
    array([1.      , 0.606531])
    """

    bandwidth: float
    name: ClassVar[str] = "gaussian"
    separable: ClassVar[bool] = True
    translation_invariant: ClassVar[bool] = True
    finite_rank: ClassVar[bool] = False
    inverse_is_local: ClassVar[bool] = False
    positive_definite: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_bandwidth(self.bandwidth, self.name)

    def profile(self, r: np.ndarray) -> np.ndarray:
        """k at distances r >= 0."""
        return np.asarray(np.exp(-0.5 * np.square(r / self.bandwidth)))

    def on_ring(self, r: np.ndarray, period: float) -> np.ndarray:
        """Jacobi's theta function: the sum over images, or for h > period its Poisson sum; relative error 1e-15."""
        near, ratio = np.minimum(r, period - r), self.bandwidth / period
        if ratio > 1:
            total = np.ones_like(near)
            for k in (1, 2):  # the third term is below exp(-177)
                total += 2 * math.exp(-2 * (math.pi * k * ratio) ** 2) * np.cos(2 * math.pi * k / period * near)
            return np.asarray(math.sqrt(2 * math.pi) * ratio * total)
        # Image m is smaller than the nearest one by exp(-m (m - 1) / (2 ratio^2)) at least.
        reach = math.ceil(0.5 + math.sqrt(0.25 + 80 * ratio**2))
        return np.asarray(sum(self.profile(near + m * period) for m in range(-reach, reach + 1)))


@dataclass(frozen=True)
class MaternKernel:
    """Matern kernel of smoothness nu in {1/2, 3/2, 5/2} and length h > 0; with a = sqrt(2 nu) r / h,

    exp(-a), (1 + a) exp(-a), (1 + a + a^2/3) exp(-a) (Rasmussen & Williams 2006, eq. 4.14). K^-1 is a power of
    1 - h^2/(2 nu) Laplacian, of integer order in odd dimensions.
    """

    bandwidth: float
    nu: float
    name: ClassVar[str] = "matern"
    separable: ClassVar[bool] = False
    translation_invariant: ClassVar[bool] = True
    finite_rank: ClassVar[bool] = False
    inverse_is_local: ClassVar[bool] = True
    positive_definite: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_bandwidth(self.bandwidth, self.name)
        if self.nu not in _MATERN:
            raise MudotError(f"kernel {self.name}: expected nu = 0.5, 1.5 or 2.5, got {self.nu!r}")

    def profile(self, r: np.ndarray) -> np.ndarray:
        """k at distances r >= 0."""
        return _matern(r, self.bandwidth, self.nu)

    def on_ring(self, r: np.ndarray, period: float) -> np.ndarray:
        """The sum over images in closed form: geometric series of positive terms."""
        return _matern_on_ring(r, period, self.bandwidth, self.nu)


@dataclass(frozen=True)
class LaplaceKernel:
    """exp(-r / h), bandwidth h > 0: the Matern kernel of smoothness 1/2.

    >>> LaplaceKernel(2.0).profile(np.array([0.0, 2.0])).round(6)
    array([1.      , 0.367879])
    """

    bandwidth: float
    name: ClassVar[str] = "laplace"
    nu: ClassVar[float] = 0.5
    separable: ClassVar[bool] = False
    translation_invariant: ClassVar[bool] = True
    finite_rank: ClassVar[bool] = False
    inverse_is_local: ClassVar[bool] = True
    positive_definite: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_bandwidth(self.bandwidth, self.name)

    def profile(self, r: np.ndarray) -> np.ndarray:
        """k at distances r >= 0."""
        return _matern(r, self.bandwidth, self.nu)

    def on_ring(self, r: np.ndarray, period: float) -> np.ndarray:
        """The sum over images, cosh((period/2 - r)/h) / sinh(period/(2h))."""
        return _matern_on_ring(r, period, self.bandwidth, self.nu)


@dataclass(frozen=True)
class InverseMultiquadricKernel:
    """(1 + r^2/h^2)^(-1/2), bandwidth h > 0. It decays like 1/r: there is no sum over images."""

    bandwidth: float
    name: ClassVar[str] = "inverse-multiquadric"
    separable: ClassVar[bool] = False
    translation_invariant: ClassVar[bool] = True
    finite_rank: ClassVar[bool] = False
    inverse_is_local: ClassVar[bool] = False
    positive_definite: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _check_bandwidth(self.bandwidth, self.name)

    def profile(self, r: np.ndarray) -> np.ndarray:
        """k at distances r >= 0."""
        return np.asarray(1 / np.hypot(1.0, r / self.bandwidth))

    def on_ring(self, r: np.ndarray, period: float) -> np.ndarray:
        """Raises MudotError: the sum over images diverges."""
        raise divergent(self)


@dataclass(frozen=True)
class EnergyDistanceKernel:
    """-r. Conditionally positive: sum_ij c_i k(x_i, x_j) c_j >= 0 for c with sum 0, and only for those.

    MMD between measures of equal mass is a metric (Sejdinovic et al. 2013); where K itself must be positive (ridge
    regression, inverse) the kernel is refused. It grows: there is no sum over images.
    """

    name: ClassVar[str] = "energy-distance"
    separable: ClassVar[bool] = False
    translation_invariant: ClassVar[bool] = True
    finite_rank: ClassVar[bool] = False
    inverse_is_local: ClassVar[bool] = False
    positive_definite: ClassVar[bool] = False

    def profile(self, r: np.ndarray) -> np.ndarray:
        """k at distances r >= 0."""
        return -np.asarray(r)

    def on_ring(self, r: np.ndarray, period: float) -> np.ndarray:
        """Raises MudotError: the sum over images diverges."""
        raise divergent(self)


@dataclass(frozen=True)
class PolynomialKernel:
    """(offset + x.y)^degree, degree >= 1, offset >= 0: not translation invariant, hence not for periodic axes."""

    degree: int
    offset: float
    name: ClassVar[str] = "polynomial"
    separable: ClassVar[bool] = False
    translation_invariant: ClassVar[bool] = False
    finite_rank: ClassVar[bool] = True
    inverse_is_local: ClassVar[bool] = False
    positive_definite: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.degree, bool) or not isinstance(self.degree, int) or not 1 <= self.degree <= LARGEST_DEGREE:
            raise MudotError(
                f"kernel {self.name}: expected an integer degree from 1 to {LARGEST_DEGREE}, got {self.degree!r}"
            )
        if not (math.isfinite(self.offset) and self.offset >= 0):
            raise MudotError(f"kernel {self.name}: expected an offset of at least 0, got {self.offset!r}")


LARGEST_DEGREE = 16

_MATERN: dict[float, tuple[float, ...]] = {0.5: (1.0,), 1.5: (1.0, 1.0), 2.5: (1.0, 1.0, 1 / 3)}
"""Coefficients of the polynomial in a that multiplies exp(-a)."""


def divergent(kernel: Kernel) -> MudotError:
    """What is wrong with a kernel on a periodic axis."""
    return MudotError(
        f"kernel {kernel.name}: its sum over the images of a periodic axis diverges; "
        "make the axis no-flux or choose a gaussian, laplace or matern kernel"
    )


def _check_bandwidth(bandwidth: float, name: str) -> None:
    if not (math.isfinite(bandwidth) and bandwidth > 0):
        raise MudotError(f"kernel {name}: expected a positive bandwidth, got {bandwidth!r}")


def _matern(r: np.ndarray, bandwidth: float, nu: float) -> np.ndarray:
    a = np.asarray(r) * (math.sqrt(2 * nu) / bandwidth)
    return np.asarray(np.polynomial.polynomial.polyval(a, _MATERN[nu]) * np.exp(-a))


def _matern_on_ring(r: np.ndarray, period: float, bandwidth: float, nu: float) -> np.ndarray:
    scale = math.sqrt(2 * nu) / bandwidth
    step = scale * period
    q, gap = math.exp(-step), -math.expm1(-step)
    powers = (1 / gap, q / gap**2, q * (1 + q) / gap**3)  # sums over m of m^p q^m
    total = np.zeros(np.shape(r))
    for a in (scale * np.asarray(r), scale * (period - np.asarray(r))):
        polynomial = np.zeros(np.shape(r))
        for degree, coefficient in enumerate(_MATERN[nu]):
            for p in range(degree + 1):
                polynomial += coefficient * math.comb(degree, p) * step**p * powers[p] * a ** (degree - p)
        total += polynomial * np.exp(-a)
    return total

"""Reference numbers: exact values to the digits listed, and the errors of second-order schemes on stated meshes.

An error row maps the number of cells (or of steps, where it says so) to an error, signed where it is a difference
numerical - exact. A scheme passes when its error is at most 1.3 times the listed one. Fluxes are named as in
solvers/fluxes.py; `upwind` is listed for comparison. "Derived" numbers were computed by two independent methods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Errors = Mapping[int, float]

BAND = 1.3
"""Measured errors may exceed listed ones by this factor."""


@dataclass(frozen=True)
class DriftValues:
    """Free energy int rho log rho - g x rho, KL to the target of the same mass, int x rho, and rho(1/4)."""

    free_energy: float
    kl: float
    first_moment: float
    at_quarter: float


DRIFT_MASS = {1.0: 3.274138367119, 20.0: 3459.9091491442}
"""Mass by drift g. Exact solution: Cancès, Gallouët and Todeschi 2020, arXiv:1907.08305."""

DRIFT_VALUES: Mapping[tuple[float, float], DriftValues] = {
    (1.0, 0.0): DriftValues(3.585135511, 1.474200656, 1.083186832, 5.3645262606),
    (1.0, 0.02): DriftValues(3.014262105098, 0.903327249410, 1.233850394732, 4.82990181439),
    (1.0, 0.05): DriftValues(2.585161250865, 0.474226395178, 1.409704621039, 4.20588916954),
    (1.0, 0.1): DriftValues(2.281445945104, 0.170511089417, 1.606566864360, 3.50733030231),
    (1.0, 0.25): DriftValues(2.119270269349, 0.008335413662, 1.839963334257, 2.67913099462),
    (20.0, 0.02): DriftValues(-30333.33134111, 305.0987449866, 3216.942133581, 12.5974986158),
    (20.0, 0.05): DriftValues(-30636.83746003, 1.592626060355, 3284.322810449, 0.486840889358),
}
"""By drift g and time."""

DRIFT_ERRORS: Mapping[tuple[float, str], Errors] = {
    (1.0, "scharfetter_gummel"): {20: 6.161e-4, 40: 1.540e-4, 80: 3.850e-5, 160: 9.625e-6, 320: 2.406e-6},
    (1.0, "square_root"): {20: 5.857e-4, 320: 2.287e-6},
    (1.0, "harmonic"): {20: 6.770e-4, 320: 2.644e-6},
    (1.0, "upwind"): {20: 3.27e-3, 320: 2.4e-4},
    (20.0, "scharfetter_gummel"): {20: 1.197e-2, 40: 3.023e-3, 80: 7.577e-4, 160: 1.895e-4, 320: 4.742e-5},
    (20.0, "square_root"): {20: 9.93e-3, 320: 3.89e-5},
    (20.0, "harmonic"): {20: 5.39e-2, 320: 2.2e-4},
    (20.0, "upwind"): {20: 2.65e-1, 320: 2.25e-2},
}
"""L1 error over the mass, largest over t = 0.01, 0.02, ..., 0.25, exact in time, by drift and flux."""

DRIFT_SINGLE_MESH = {"free_energy": 1.4e-6, "kl": 4.8e-8, "first_moment": -6.5e-7}
"""Errors of Scharfetter-Gummel for g = 1, t = 0.05 on 320 cells; extrapolated from 160 and 320 cells 1e-8."""


@dataclass(frozen=True)
class Moments:
    """Mean, variance and KL of a Gaussian of unit mass to the target."""

    mean: float
    variance: float
    kl: float


ORNSTEIN_UHLENBECK: Mapping[float, Moments] = {
    0.0: Moments(2.0, 0.25, 2.3181471805599),
    0.5: Moments(1.213061319425, 0.724090419121, 0.7592235949561),
    1.0: Moments(0.735758882343, 0.898498537573, 0.2734349354555),
    2.0: Moments(0.270670566473, 0.986263270833, 0.0366788887248),
}
"""By time; V = x^2/2, start N(2, 1/4)."""

ORNSTEIN_UHLENBECK_KL_3D = 0.8203048063664
"""KL at t = 1 in three dimensions, the same data on every axis."""

ORNSTEIN_UHLENBECK_ERRORS: Mapping[tuple[str, str], Errors] = {
    ("midpoint", "l1"): {80: 4.64e-3, 160: 1.16e-3, 320: 2.90e-4, 640: 7.26e-5},
    ("midpoint", "mean"): {80: 4.9e-3, 160: 1.2e-3, 320: 3.1e-4, 640: 7.7e-5},
    ("midpoint", "variance"): {80: 2.1e-3, 640: 3.2e-5},
    ("midpoint", "kl"): {80: 3.5e-3, 640: 5.5e-5},
    ("average", "l1"): {80: 6.65e-3, 160: 1.67e-3, 320: 4.17e-4, 640: 1.04e-4},
    ("average", "mean"): {80: 7.3e-3, 640: 1.15e-4},
    ("average", "variance"): {80: 4.3e-3, 640: 6.6e-5},
    ("average", "kl"): {80: 4.4e-3, 640: 6.9e-5},
}
"""At t = 1 on [-8, 8], Scharfetter-Gummel, with pi by midpoint values or cell averages; magnitudes.
Extrapolated from 320 and 640 cells mean, variance and KL are right to 1e-7."""

EIGENVALUES: Mapping[str, tuple[float, float, float]] = {
    "(x**2 - 1)**2": (0.748681672347, 6.004113670851, 11.660695557671),
    "5*(x**2 - 1)**2": (0.055522812730, 16.444942490014, 26.283106373431),
    "x**4/4": (1.368592520978, 4.453709163215, 8.259693724356),
    "x**2/2": (1.0, 2.0, 3.0),
}
"""First eigenvalues after 0 of -f'' + V'f' on the line, by potential V (derived)."""

EIGENVALUES_PLANE = (0.748681672347, 1.0, 1.748681672347)
"""The same in the plane for V = (x^2 - 1)^2 + y^2/2: sums."""

GAP_ERRORS: Mapping[tuple[str, float, str], Errors] = {
    ("(x**2 - 1)**2", 3.2, "scharfetter_gummel"): {40: 2.0e-3, 80: 5.1e-4, 160: 1.3e-4, 320: 3.2e-5},
    ("(x**2 - 1)**2", 3.2, "harmonic"): {40: -4.1e-4, 80: -9.7e-5, 160: -2.4e-5, 320: -5.9e-6},
    ("5*(x**2 - 1)**2", 2.4, "scharfetter_gummel"): {40: 2.0e-2, 80: 4.9e-3, 160: 1.2e-3, 320: 3.1e-4},
    ("5*(x**2 - 1)**2", 2.4, "edge_average"): {40: -6.7e-5, 80: -1.7e-5, 160: -4.2e-6, 320: -1.0e-6},
    ("5*(x**2 - 1)**2", 4.0, "scharfetter_gummel"): {40: 5.5e-2, 80: 1.4e-2, 160: 3.4e-3, 320: 8.5e-4},
    ("x**4/4", 4.5, "scharfetter_gummel"): {40: -9.9e-3, 80: -2.5e-3, 160: -6.2e-4, 320: -1.5e-4},
    ("x**2/2", 8.0, "scharfetter_gummel"): {40: -2.6e-2, 80: -6.6e-3, 160: -1.7e-3, 320: -4.2e-4},
}
"""Relative error of the first eigenvalue, by potential, half width of the box, and flux; pi at midpoints.
A scheme whose first eigenvalue on the box of half width 4 is near 0 has a spurious mode on the steep slopes."""

GAP_EXTRAPOLATED: Mapping[tuple[str, float, str], float] = {
    ("(x**2 - 1)**2", 3.2, "scharfetter_gummel"): 1e-7,
    ("(x**2 - 1)**2", 3.2, "harmonic"): 1e-7,
    ("5*(x**2 - 1)**2", 2.4, "scharfetter_gummel"): 1e-7,
    ("5*(x**2 - 1)**2", 2.4, "edge_average"): 1e-9,
    ("x**4/4", 4.5, "scharfetter_gummel"): 1e-7,
    ("x**2/2", 8.0, "scharfetter_gummel"): 1e-6,
}
"""Relative error after Richardson extrapolation from 160 and 320 cells."""

DECAY_SLOPES = {(4.0, 5.0): -1.49781, (5.0, 6.0): -1.49750}
"""Slope of log KL between two times; V = (x^2 - 1)^2, start N(0.8, 0.04), Scharfetter-Gummel, 320 cells, to 0.1 %."""
DECAY_LIMIT = -1.49736
"""Its limit, twice the first eigenvalue."""

PASSAGE_TIMES = {(-1.0, 0.0): 18.095187975046, (-1.0, 1.0): 36.483534597116}
"""Mean first-passage times T(a -> b) for V = 5 (x^2 - 1)^2 (derived)."""
PASSAGE_INVERSE_GAP = 18.010614931
"""1/lambda_1 of the same potential."""
PASSAGE_PARTITION = 0.834058804107
"""int exp(-V) dx."""
EYRING_KRAMERS = 0.060662836
"""The Eyring-Kramers estimate of lambda_1, sqrt(V''(1) |V''(0)|)/pi exp(-5); 9.26 per cent above."""
EYRING_KRAMERS_EXCESS = 0.0926

PASSAGE_ERRORS: Mapping[tuple[float, float, str], Errors] = {
    (-1.0, 1.0, "scharfetter_gummel"): {20: -1.33e-2, 40: -3.4e-3, 80: -8.4e-4, 160: -2.1e-4},
    (-1.0, 1.0, "harmonic"): {20: -3.5e-7, 40: -2.3e-8, 80: -1.5e-9, 160: -9e-11},
    (-1.0, 1.0, "edge_average"): {20: 1e-11, 40: 1e-11, 80: 1e-11, 160: 1e-11},
    (-1.0, 0.0, "scharfetter_gummel"): {20: -1.34e-2, 40: -3.4e-3, 80: -8.5e-4, 160: -2.1e-4},
    (-1.0, 0.0, "harmonic"): {20: -2.3e-4, 40: -5.7e-5, 80: -1.4e-5, 160: -3.6e-6},
    (-1.0, 0.0, "edge_average"): {20: 9.4e-7, 40: 5.8e-8, 80: 3.6e-9, 160: 2.3e-10},
}
"""Relative error by start, target, flux, and k: nodes at multiples of 2/k on [-2.4, 2.4], pi by node values."""

CONVECTION_SOURCE_ERRORS: Errors = {100: 1.22e-3, 1000: 1.25e-5, 2000: 3.1e-6}
"""Largest nodal error, S = 1, D = 1, u = 10, L = 10 (FiPy example convection.exponential1DSource asks 1e-4 at 1000)."""

STEP_TIME = 45.0
STEP_ERRORS: Mapping[str, Errors] = {
    "averages": {100: 9.4e-4, 200: 2.3e-4},
    "points": {100: 7.2e-4, 200: 1.8e-4},
}
"""Step diffusion on [-50, 50] at t = 45, exact in time: largest error against cell averages and against point values
(FiPy example diffusion.mesh1D: 7e-4 explicit, 2e-2 implicit)."""
STEP_BACKWARD_EULER = 1.5e-2
"""The same against cell averages with ten backward Euler steps."""
STEP_BOUNDARY_EFFECT = 1.4e-7
"""Difference between the solution on [-50, 50] with walls and the one on the line."""

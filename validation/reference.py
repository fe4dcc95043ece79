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
    (1.0, "square_root"): {20: 5.857e-4, 40: 1.464e-4, 80: 3.660e-5, 160: 9.149e-6, 320: 2.287e-6},
    (1.0, "harmonic"): {20: 6.770e-4, 40: 1.692e-4, 80: 4.230e-5, 160: 1.058e-5, 320: 2.644e-6},
    (1.0, "upwind"): {20: 3.269e-3, 40: 1.788e-3, 80: 9.328e-4, 160: 4.761e-4, 320: 2.405e-4},
    (20.0, "scharfetter_gummel"): {20: 1.197e-2, 40: 3.023e-3, 80: 7.577e-4, 160: 1.895e-4, 320: 4.742e-5},
    (20.0, "square_root"): {20: 9.933e-3, 40: 2.487e-3, 80: 6.220e-4, 160: 1.555e-4, 320: 3.890e-5},
    (20.0, "harmonic"): {20: 5.389e-2, 40: 1.392e-2, 80: 3.509e-3, 160: 8.791e-4, 320: 2.200e-4},
    (20.0, "upwind"): {20: 2.654e-1, 40: 1.539e-1, 80: 8.386e-2, 160: 4.395e-2, 320: 2.253e-2},
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
    ("midpoint", "mean"): {80: 4.90e-3, 160: 1.23e-3, 320: 3.07e-4, 640: 7.66e-5},
    ("midpoint", "variance"): {80: 2.06e-3, 160: 5.09e-4, 320: 1.27e-4, 640: 3.17e-5},
    ("midpoint", "kl"): {80: 3.50e-3, 160: 8.74e-4, 320: 2.18e-4, 640: 5.46e-5},
    ("average", "l1"): {80: 6.65e-3, 160: 1.67e-3, 320: 4.17e-4, 640: 1.04e-4},
    ("average", "mean"): {80: 7.33e-3, 160: 1.84e-3, 320: 4.60e-4, 640: 1.15e-4},
    ("average", "variance"): {80: 4.25e-3, 160: 1.06e-3, 320: 2.65e-4, 640: 6.62e-5},
    ("average", "kl"): {80: 4.43e-3, 160: 1.11e-3, 320: 2.78e-4, 640: 6.94e-5},
}
"""At t = 1 on [-8, 8], Scharfetter-Gummel, with pi by midpoint values or cell averages.
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


SPHERICAL_FISHER_RAO: Mapping[float, Moments] = {
    0.5: Moments(1.720903348287, 0.354661244392, 1.676380882385),
    1.0: Moments(1.399021636217, 0.475366886419, 1.088148402825),
    2.0: Moments(0.770041082060, 0.711234594228, 0.3224754081002),
    4.0: Moments(0.138893349793, 0.947914993828, 0.01034840307513),
}
"""By time: spherical Fisher-Rao flow of KL to N(0, 1) from N(2, 1/4)."""

FISHER_RAO_MASS = {0.5: 0.460702038822, 1.0: 0.367441950224, 2.0: 0.475971851946}
"""Mass of the plain flow from the same data."""

FISHER_RAO_ERRORS: Mapping[str, Errors] = {
    "mean": {80: -4.1e-3, 160: -1.05e-3, 320: -2.6e-4},
    "kl": {80: -1.08e-2, 160: -2.7e-3, 320: -6.9e-4},
}
"""Spherical flow at t = 1 on [-8, 8] from cell averages. With midpoint values the flow is exact to 1e-11."""

POWER_START = (2.0, 0.5, 0.9)
POWER_WEIGHTS = (0.2, 0.3, 0.5)
POWER_PLAIN: Mapping[float, tuple[float, float, float]] = {
    -1.0: (1.450392472234, 0.850935026381, 0.964418428991),
    0.0: (1.367879441171, 0.816060279414, 0.963212055883),
    0.5: (1.327981171371, 0.796111144514, 0.962599673191),
    2 / 3: (1.315162422148, 0.789162259040, 0.962394261850),
    1.0: (1.290454649088, 0.774920684510, 0.961981588164),
    2.0: (1.225399673561, 0.731058578630, 0.960729699450),
    3.0: (1.175177856121, 0.689468553611, 0.959459324270),
}
"""Ratios mu/pi at t = 1 along the Fisher-Rao flow of D_p on three cells, by p (derived)."""
POWER_SPHERICAL: Mapping[float, tuple[float, float, float]] = {
    -1.0: (1.394817933937, 0.835776952926, 0.940606654669),
    0.0: (1.367879441171, 0.816060279414, 0.963212055883),
    0.5: (1.349455014880, 0.806463732271, 0.976339754686),
    2 / 3: (1.342657916362, 0.803409582788, 0.980891083783),
    1.0: (1.328232326898, 0.797606258132, 0.990143314361),
    2.0: (1.280911633087, 0.783379792188, 1.017607471453),
    3.0: (1.234239473393, 0.774537399201, 1.041581771122),
}
"""The same at constant mass."""


@dataclass(frozen=True)
class Shape:
    """Mean, variance and mass of a Gaussian."""

    mean: float
    variance: float
    mass: float


HELLINGER_KANTOROVICH: Mapping[float, Shape] = {
    0.25: Shape(1.397388554463, 0.591892262323, 0.411856093808),
    0.5: Shape(0.913098566654, 0.792316646494, 0.431155369877),
    1.0: Shape(0.355002576122, 0.951025694006, 0.559419286060),
    2.0: Shape(0.048801381526, 0.997523294203, 0.801565669233),
}
"""By time: transport and reaction 1, to N(0, 1) from (mean, variance, mass) = (2, 1/4, 1/2)."""

SPLITTING_ERRORS: Mapping[str, Errors] = {
    "strang": {4: 2.1e-3, 8: 5.3e-4, 16: 1.33e-4, 32: 3.3e-5, 64: 8.3e-6},
    "lie": {4: 3.0e-2, 8: 1.5e-2, 16: 7.7e-3, 32: 3.9e-3, 64: 1.9e-3},
}
"""L1 time error at t = 1/2 of splittings with exact substeps on [-9, 9], 160 cells, by number of steps; the Lie
splitting takes the transport first."""
HELLINGER_KANTOROVICH_ERRORS: Mapping[str, Errors] = {
    "midpoint": {80: 1.95e-3, 160: 4.94e-4, 320: 1.26e-4},
    "average": {80: 2.15e-3, 160: 5.46e-4, 320: 1.38e-4},
}
"""Total L1 error at t = 1/2 with 64 Strang steps (reaction in two halves), pi normalised on the grid: start and target
by midpoint values and the error against midpoint values, or all three by exact cell averages."""

ENERGY_DROPS = {"wasserstein": 0.5743776314204, "fisher-rao": 0.3468520382755}
"""Energy dissipated by each part up to t = 1/2: integrals of a int |grad xi|^2 dmu and b int xi^2 dmu along the exact
solution (derived)."""
ENERGY_DROPS_ON_GRID: Mapping[str, Mapping[str, float]] = {
    "midpoint": {"wasserstein": 0.573409, "fisher-rao": 0.347766},
    "average": {"wasserstein": 0.572186, "fisher-rao": 0.347472},
}
"""The same for 160 cells and 64 Strang steps, by the data, to 2e-6."""

QUADRATIC_FAMILY: Mapping[float, tuple[float, float]] = {
    1.0: (0.3584129, 0.1890956),
    1e-1: (0.0695942, 0.0259196),
    1e-2: (7.55591e-3, 2.626740e-3),
    1e-3: (7.61827e-4, 2.628294e-4),
}
"""Ridge Fisher-Rao flow of KL with k = (1 + x y)^2 from 0.9 N(-0.8, 1.3) to 1.2 N(0.4, 0.5) at t = 1, by ridge: largest
difference of the coefficients of log(mu/pi) to those of the Fisher-Rao flow, and of the energies (derived)."""

STEIN_BILINEAR = (0.614374410309, 0.174315183657)
"""Mean and variance at t = 1 of the Stein flow of KL to N(0, 1) from N(2, 1/4) with k = 1 + x y (Liu, Ghosal,
Balasubramanian and Pillai 2023; derived)."""
STEIN_BILINEAR_ERRORS: Errors = {60: 3.9e-2, 120: 7.9e-3, 240: 1.9e-3}
"""Of the mean, on [-7, 7], by cells."""

BARENBLATT_ERRORS: Mapping[tuple[str, int], Errors] = {
    ("upwind", 2): {50: 6.11e-4, 100: 1.74e-4, 200: 5.44e-5, 400: 1.22e-5},
    ("upwind", 3): {50: 2.54e-3, 100: 1.19e-3, 200: 4.95e-4, 400: 1.55e-4},
    ("centred", 2): {50: 1.83e-3, 100: 5.3e-4, 200: 1.7e-4},
}
"""L1 error at t = 2 from t = 1 on [-6, 6] by space discretisation (second-order upwind with SSP-RK3; centred
differences of rho^m with a discrete gradient, step h/4) and exponent."""

AGGREGATION_ERRORS: Mapping[tuple[str, str], Errors] = {
    ("interval", "l1"): {50: 4.2e-2, 100: 2.1e-2, 200: 1.7e-2},
    ("interval", "w1"): {50: 2.2e-3, 100: 7.9e-4, 200: 3.2e-4},
    ("semicircle", "l1"): {50: 1.8e-3, 100: 5.6e-4, 200: 2.0e-4},
    ("semicircle", "w1"): {50: 1.7e-4, 100: 9.1e-5, 200: 4.4e-5},
}
"""Errors at t = 1 on [-2, 2] of second-order upwind fluxes by stationary shape and norm; the interval's are those of
its jumps."""

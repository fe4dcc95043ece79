"""Linear rates on the torus: every geometry with every energy, each mode at the product of their symbols."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    InverseSobolev,
    JensenShannon,
    Kale,
    KernelSteinDiscrepancy,
    MaximumMeanDiscrepancy,
    Moreau,
    PowerDivergence,
    Renyi,
)
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    DeStein,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    Spherical,
    Stein,
    Wasserstein,
    kernel_sobolev_fisher,
)
from mudot.solvers.kernels.functions import LaplaceKernel, MaternKernel
from mudot.solvers.linear import NotConverged
from mudot.validation.finished import along
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates.measured import ratio_of
from mudot.validation.rates.table import Rate, rates_table

ALPHA, BETA, RIDGE, EPSILON = 0.05, 1.3, 0.03, 0.02
ROUGH, SMOOTH = LaplaceKernel(0.1), MaternKernel(0.1, 1.5)
AMPLITUDE = 1e-4
TOLERANCE = 1e-6
"""Relative: the wave is not infinitesimal (1e-8), time steps follow rtol = 1e-7 (1e-7), and round-off of masses over
energies of 5e-9 counts where an energy sees them (Renyi, 5e-7)."""


@dataclass(frozen=True)
class Mode:
    """cos(2 pi number x) on a ring of cells of length one, and the symbols of the difference operators there."""

    mesh: Cartesian
    number: int

    @property
    def wave(self) -> np.ndarray:
        """The wave on the cells."""
        return np.asarray(np.cos(2 * math.pi * self.number * self.mesh.centers[0]))

    @property
    def laplace(self) -> float:
        """omega^2 of the three-point Laplacian: 2 (1 - cos omega h)/h^2."""
        h = 1 / self.mesh.shape[0]
        return 2 / h**2 * (1 - math.cos(2 * math.pi * self.number * h))

    def symbol(self, kernel: LaplaceKernel | MaternKernel) -> float:
        """The Fourier multiplier of the kernel's midpoint rule."""
        distance = self.mesh.centers[0] - self.mesh.centers[0][0]
        wave = np.cos(2 * math.pi * self.number * distance)
        return float(np.mean(kernel.on_ring(distance, 1.0) * wave))


def geometries(mode: Mode) -> dict[str, tuple[Geometry, float]]:
    """Every geometry with the symbol of its Onsager operator at pi = 1."""
    w, k, m = mode.laplace, mode.symbol(ROUGH), mode.symbol(SMOOTH)
    one, regressed = np.ones(mode.mesh.shape), k / (k + RIDGE)
    joint = ALPHA * Wasserstein() + BETA * FisherRao()
    inverse = DeKernelizedFisherRao(ROUGH)
    return {
        "W": (Wasserstein(), w),
        "FR": (FisherRao(), 1.0),
        "SFR": (Spherical(FisherRao()), 1.0),
        "WFR": (joint, ALPHA * w + BETA),
        "spherical WFR": (Spherical(joint), ALPHA * w + BETA),
        "kernelized FR": (KernelizedFisherRao(ROUGH), k),
        "spherical kernelized FR": (Spherical(KernelizedFisherRao(ROUGH)), k),
        "ridge FR": (KernelApproximateFisherRao(ROUGH, RIDGE), regressed),
        "spherical ridge FR": (Spherical(KernelApproximateFisherRao(ROUGH, RIDGE)), regressed),
        "MMD": (inverse, 1 / k),
        "MMD, regularised": (DeKernelizedFisherRao(SMOOTH, EPSILON), 1 / (m + EPSILON)),
        "spherical MMD": (Spherical(inverse), 1 / k),
        "Stein": (Stein(ROUGH), w * k),
        "ridge W": (KernelApproximateWasserstein(ROUGH, RIDGE), w * regressed),
        "de-Stein": (DeStein(ROUGH), w / k),
        "kernelized WFR": (Stein(ROUGH) + KernelizedFisherRao(SMOOTH), w * k + m),
        "ridge WFR": (
            KernelApproximateWasserstein(ROUGH, RIDGE) + KernelApproximateFisherRao(ROUGH, RIDGE),
            (w + 1) * regressed,
        ),
        "D-WFR": (DeStein(ROUGH) + inverse, (w + 1) / k),
        "flat FR": (FlatFisherRao(one), 1.0),
        "flat W": (FlatWasserstein(one), w),
        "flat WFR": (ALPHA * FlatWasserstein(one) + BETA * FlatFisherRao(one), ALPHA * w + BETA),
        "KSF": (kernel_sobolev_fisher(ROUGH, one, 0.5), w + 1 + 1 / k),
        "IFT": (
            ALPHA * Wasserstein() + BETA * DeKernelizedFisherRao(SMOOTH, EPSILON),
            ALPHA * w + BETA / (m + EPSILON),
        ),
        "spherical IFT": (ALPHA * Wasserstein() + BETA * Spherical(inverse), ALPHA * w + BETA / k),
    }


def energies(mode: Mode, quick: bool) -> dict[str, tuple[Energy, float]]:
    """Energies with the symbol of their second variation at pi = 1; a few of each kind where it must be quick."""
    one, w, k, m = np.ones(mode.mesh.shape), mode.laplace, mode.symbol(ROUGH), mode.symbol(SMOOTH)
    regressed = m / (m + RIDGE)
    found: dict[str, tuple[Energy, float]] = {
        f"power {p:g}": (PowerDivergence(p, one), 1.0) for p in ((1.0,) if quick else (-1.0, 0.0, 0.5, 1.0, 2.0))
    }
    found |= {
        "Jensen-Shannon": (JensenShannon(one), 0.25),
        "Rényi 2": (Renyi(2.0, one), 2.0),
        "MMD²/2": (MaximumMeanDiscrepancy(ROUGH, one), k),
        "KSD²/2": (KernelSteinDiscrepancy(SMOOTH, one), w * m),
        "LAWGD": (InverseSobolev(one), 1 / w),
    }
    if quick:
        return found
    return found | {
        "DrMMD": (DeRegularizedMMD(SMOOTH, one, RIDGE), 2 * (1 + RIDGE) * regressed),
        "KALE": (Kale(SMOOTH, one, RIDGE), (1 + RIDGE) * regressed),
        "Moreau of χ²/2": (Moreau(SMOOTH, one, RIDGE, 2.0), regressed),
    }


def _torus(quick: bool) -> Outcome:
    """F decays at twice the product of the symbols, and I/F is that number at once."""
    outcome, lines = Outcome(), []
    worst: dict[str, list[float]] = {}
    deviations: dict[tuple[str, str], float] = {}
    for number in (1,) if quick else (1, 2):
        mode = Mode(Cartesian(24 if quick else 32, 0.0, 1.0, "periodic"), number)
        for geometry_name, (geometry, onsager) in geometries(mode).items():
            for energy_name, (energy, curvature) in energies(mode, quick or number > 1).items():
                expected = 2 * onsager * curvature
                measured = _measured(mode, energy, geometry, expected)
                if measured is None:
                    continue
                gaps = [abs(value / expected - 1) for value in measured]
                worst.setdefault(geometry_name, []).extend(gaps)
                deviations[geometry_name, energy_name] = max(*gaps, deviations.get((geometry_name, energy_name), 0.0))
                setting = f"torus, mode {number}"
                lines.append(Rate(geometry_name, energy_name, setting, "=", expected, *measured, 2, "derived"))
    outcome.checks += [
        Check(f"{name}, {len(gaps) // 2} flows: largest relative error of I/F and of the decay", max(gaps), TOLERANCE)
        for name, gaps in worst.items()
    ]
    outcome.checks.append(
        Check("number of pairs of a geometry and an energy", len(deviations), 110 if quick else 250, "at least")
    )
    outcome.tables += [_matrix(deviations), rates_table(lines)]
    ends = [min(line.constant for line in lines), max(line.constant for line in lines)]
    decays = [float(line.decay or math.nan) for line in lines]
    outcome.plots.append(
        Plot(
            "decay of every pair",
            "twice the product of the symbols",
            "measured",
            (Series("flows", [line.constant for line in lines], decays), Series("predicted", ends, ends, exact=True)),
            True,
            True,
        )
    )
    return outcome


def _measured(mode: Mode, energy: Energy, geometry: Geometry, expected: float) -> tuple[float, float] | None:
    """I/F at the first state and the decay until F has fallen by e; None where the flow does not exist."""
    if isinstance(energy, InverseSobolev) and not geometry.conserves_mass:
        return None  # infinite once the masses differ
    start = 1 + AMPLITUDE * mode.wave
    try:
        flow = GradientFlow(mode.mesh, energy, geometry)
    except MudotError:
        return None
    try:
        path = along(flow, start, [0.0, 1 / expected], 1e-7)
    except NotConverged:
        return math.nan, math.nan
    ratio = ratio_of(mode.mesh, energy, flow.discrete_geometry, start)
    return ratio, -math.log(path.energy[1] / path.energy[0]) * expected


def _matrix(deviations: dict[tuple[str, str], float]) -> Table:
    """Largest relative deviations, geometries down and energies across."""
    across = tuple(dict.fromkeys(energy for _, energy in deviations))
    down = dict.fromkeys(geometry for geometry, _ in deviations)
    rows = [(g, *(_short(deviations.get((g, e))) for e in across)) for g in down]
    return Table("Largest relative deviation from the product of symbols", ("", *across), tuple(rows))


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.0e}"


RATES_TORUS: Sequence[Case] = (
    Case(
        "linear-rates",
        "Linear rates on the torus, every geometry with every energy",
        "Near π = 1 every mode decays at the product of the symbols of geometry and energy; energies at twice that.",
        "linearisation (derived)",
        "Laplace and Matérn-3/2 kernels of length 0.1 on the unit torus, ridge 0.03, α = 0.05, β = 1.3, "
        "amplitude 1e-4; a dash: no such flow, or none is offered",
        _torus,
    ),
)

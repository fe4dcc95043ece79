"""The source condition decides the power at which ridge Fisher-Rao quantities reach their limits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import zeta

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel
from mudot.validation.finished import along
from mudot.validation.gamma.fits import Measured, fitted, power_of
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]
KERNEL = LaplaceKernel(0.15)


MODES = 1 << 13
"""The most that any mesh here has."""


def source(order: float, cells: int) -> tuple[Cartesian, np.ndarray]:
    """A force on the unit torus with coefficients j^-(r + 1/2), up to a quarter of the cells: just of Sobolev order r.
    Its size does not depend on the mesh; it is below 0.3 everywhere."""
    mesh = Cartesian(cells, 0.0, 1.0, "periodic")
    modes = np.arange(1, cells // 4, dtype=float) ** -(order + 0.5)
    size = 0.3 / float((np.arange(1, MODES, dtype=float) ** -(order + 0.5)).sum())
    return mesh, np.asarray(np.fft.irfft(size * cells / 2 * np.concatenate([[0.0], modes]), cells))


def unseen(order: float, mesh: Cartesian, xi: np.ndarray) -> float:
    """Half the squared norm of the modes that `source` cuts off: no ridge here sees them."""
    cells = mesh.shape[0]
    return float((np.fft.rfft(xi)[1].real / cells) ** 2 * zeta(2 * order + 1, cells // 4))


@dataclass(frozen=True)
class Source:
    """A source order S, what it predicts, and the relative powers of the next terms (derived).

    The missing part of R* is a sum of lambda/(kappa + lambda) xi_j^2/2: lambda^S from the modes where kappa meets
    lambda, and lambda times a sum that those before them settle, whichever is larger, then the other. The squared
    distance of solutions has (lambda/(kappa + lambda))^2 instead, and lambda^2.
    """

    order: float
    largest: float

    @property
    def powers(self) -> tuple[float, float]:
        """Of R* and of solutions."""
        return min(1.0, self.order), min(1.0, self.order / 2)

    @property
    def following(self) -> tuple[float, float]:
        """The relative powers of the next terms of both; the sums that follow for S > 2 bring one power of lambda."""
        return min(1.0, abs(1 - self.order)), min(1.0, 2 - self.order) if self.order < 2 else 1.0

    @property
    def ladders(self) -> tuple[np.ndarray, np.ndarray]:
        """Ridges over two decades, for R* and, where flows have to be solved, larger ones."""
        ladder = np.geomspace(self.largest, self.largest / 100, 7)
        return ladder / 10, ladder


SOURCES = (Source(0.25, 1e-2), Source(0.5, 1e-2), Source(1.5, 1e-3), Source(3.0, 1e-4))
BAND = 0.025
"""By which powers may miss the predictions on fine meshes; on coarse ones COARSE."""
COARSE = 0.09


def _rates(quick: bool) -> Outcome:
    """V2, V3 with the Laplace kernel: the source order decides the power of the ridge, min(1, S) and min(1, S/2)."""
    outcome, series = Outcome(), []
    rows: list[Row] = []
    for source_of in SOURCES[1::2] if quick else SOURCES:
        label = f"S = {source_of.order:g}"
        finest = 1 << (12 if quick else 15), 1024 if quick else 8192
        kinds = zip(("R*, one state", "solutions, t = 1"), (_missing, _distances), finest, source_of.powers,
                    source_of.following, source_of.ladders, strict=True)  # fmt: skip
        for name, of, cells, power, following, ridges in kinds:
            ladder = [float(ridge) for ridge in ridges]
            coarse, fine = of(source_of.order, ladder, cells // 2), of(source_of.order, ladder, cells)
            fit = fitted(ladder, Measured(fine, np.abs(fine - coarse)), following)
            band = COARSE if quick else BAND
            outcome.checks.append(Check(f"{label}, {name}: power of the ridge", fit.power, band, "within", power))
            if not quick:
                claim = f"{label}, {name}: distance of the power to the prediction over the half-width of its interval"
                outcome.checks += [
                    Check(f"{label}, {name}: half-width of the interval", fit.width, BAND),
                    Check(claim, abs(fit.power - power) / fit.width, 1.0),
                ]
            rows.append((f"{source_of.order:g}", name, power, fit.power, fit.width, following))
            if of is _missing:
                series.append(Series(label, ladder, [float(m / fine[0]) for m in fine]))
    rows += _logarithmic(outcome)
    columns = ("source order S", "quantity", "predicted", "power", "95 % half-width", "next term")
    outcome.tables.append(Table("Powers of the ridge, Laplace kernel of length 0.15", columns, tuple(rows)))
    title = r"$R^*_0 - R^*_\lambda$ over the first"
    outcome.plots.append(Plot("source orders", "ridge", title, tuple(series), True, True))
    return outcome


def _missing(order: float, ladder: Sequence[float], cells: int) -> np.ndarray:
    """R*_FR - R*_lambda at pi for every ridge, with the modes that the mesh has not."""
    mesh, xi = source(order, cells)
    limit = 0.5 * integrate(mesh, xi * xi) + unseen(order, mesh, xi)
    ones = np.ones(cells)
    slopes = [sum(KernelApproximateFisherRao(KERNEL, ridge).onsager(mesh, ones).dual(xi)) for ridge in ladder]
    return np.asarray(limit - np.array(slopes))


def _distances(order: float, ladder: Sequence[float], cells: int) -> np.ndarray:
    """L2 distances of ridge and plain solutions of KL at t = 1, from data that differ from pi by a force of that order,
    with the modes that the mesh has not: those decay like e^-t by Fisher-Rao, and not at all by ridges."""
    mesh, xi = source(order, cells)
    energy, start = KullbackLeibler(np.ones(cells)), np.exp(xi)

    def end(geometry: FisherRao | KernelApproximateFisherRao) -> np.ndarray:
        return np.asarray(along(GradientFlow(mesh, energy, geometry), start, [1.0], 1e-8).density[0])

    limit = end(FisherRao())
    gaps = [end(KernelApproximateFisherRao(KERNEL, ridge)) - limit for ridge in ladder]
    rest = 2 * unseen(order, mesh, xi) * math.expm1(-1) ** 2
    return np.asarray(np.sqrt([integrate(mesh, gap * gap) + rest for gap in gaps]))


def _logarithmic(outcome: Outcome) -> list[Row]:
    """A Gaussian kernel and a force of Sobolev order r = 1/2: R*_0 - R*_lambda falls like log(kappa/lambda)^-r only,
    kappa the integral of the kernel, and like no power of the ridge. Over u = (width omega)^2/2 the missing share is a
    Fermi function of width one at log(kappa/lambda): the next term is smaller by the square of 1/log (Sommerfeld 1928).
    """
    order, width = 0.5, 0.03
    mesh, xi = source(order, 1 << 13)
    top = width * math.sqrt(2 * math.pi)
    ladder, limit, missing = (
        top * np.geomspace(1e-4, 1e-9, 8),
        0.5 * integrate(mesh, xi * xi) + unseen(order, mesh, xi),
        [],
    )
    for ridge in ladder:
        onsager = KernelApproximateFisherRao(GaussianKernel(width), float(ridge)).onsager(mesh, np.ones(mesh.shape))
        missing.append(limit - sum(onsager.dual(xi)))
    values = Measured(np.array(missing), np.zeros(len(ladder)))
    fit = fitted([float(place) for place in 1 / np.log(top / ladder)], values, 2.0)
    claim = "Gaussian kernel, r = 1/2: power of 1/log(κ/λ) in R* of the limit minus R*"
    outcome.checks += [
        Check(claim, fit.power, BAND, "within", order),
        Check(f"{claim}: half-width of its interval", fit.width, BAND),
        Check(f"{claim}: its distance to the prediction over that", abs(fit.power - order) / fit.width, 1.0),
    ]
    algebraic, _ = power_of(ladder, np.array(missing))
    outcome.checks.append(Check("Gaussian kernel, r = 1/2: power of the ridge itself", algebraic, 0.05))
    return [("-", "R*, one state, Gaussian kernel, in 1/log(κ/λ)", order, fit.power, fit.width, 2.0)]


GAMMA_RATES = Case(
    "gamma-rates",
    "The source condition decides the power",
    "With source order S slopes and energies converge like λ^min(1, S), solutions like λ^min(1, S/2); with a "
    "Gaussian kernel and a force of finite smoothness only like powers of log(1/λ).",
    "Zhu and Mielke 2024, Thm 6.17 and Cor. 6.18; numbers derived",
    "Laplace kernel of length 0.15 on the unit torus, forces of Sobolev order 1/4, 1/2, 3/2 and 3, on two meshes",
    _rates,
)

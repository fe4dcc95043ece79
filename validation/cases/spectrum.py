"""Spectral gaps, first-passage times and the decay that they predict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow
from mudot.solvers.fluxes import TwoPointFlux, edge_average, generator, harmonic, scharfetter_gummel
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.validation import reference
from mudot.validation.cases.runs import KL, ROUND_OFF, largest_rise
from mudot.validation.convergence import richardson
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.exact.reactions import spherical_kl_energies
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

_POTENTIALS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "(x**2 - 1)**2": lambda x: (x**2 - 1) ** 2,
    "5*(x**2 - 1)**2": lambda x: 5 * (x**2 - 1) ** 2,
    "x**4/4": lambda x: x**4 / 4,
    "x**2/2": lambda x: x**2 / 2,
}


def _flux(name: str, mesh: Cartesian, potential: Callable[[np.ndarray], np.ndarray]) -> TwoPointFlux:
    log_target = -potential(mesh.centers[0])
    if name == "edge_average":
        return edge_average(mesh, log_target, lambda x: -potential(x))
    return {"scharfetter_gummel": scharfetter_gummel, "harmonic": harmonic}[name](mesh, log_target)


def first_eigenvalue(mesh: Cartesian, flux: TwoPointFlux, log_target: np.ndarray) -> float:
    """The smallest positive eigenvalue of -A, by the symmetric form of A in L2(1/pi) with the constant mode removed."""
    half = np.exp(log_target.reshape(-1) / 2)
    matrix = generator(mesh, flux).toarray()
    symmetric = -(matrix * half[None, :]) / half[:, None]
    values = scipy.linalg.eigvalsh((symmetric + symmetric.T) / 2, subset_by_index=[0, 1])
    return float(values[1])


def _gaps(quick: bool) -> Outcome:
    outcome = Outcome()
    cells = (40, 80, 160) if quick else (40, 80, 160, 320)
    rows: list[tuple[str | int | float, ...]] = []
    for (name, half, flux_name), listed in reference.GAP_ERRORS.items():
        potential, exact = _POTENTIALS[name], reference.EIGENVALUES[name][0]
        values = []
        for n in cells:
            mesh = Cartesian(n, -half, half)
            flux = _flux(flux_name, mesh, potential)
            values.append(first_eigenvalue(mesh, flux, -potential(mesh.centers[0])))
        errors = [value / exact - 1 for value in values]
        label = f"V = {name} on [-{half:g}, {half:g}], {flux_name.replace('_', ' ')}"
        worst = max(abs(e / listed[n]) for n, e in zip(cells, errors, strict=True))
        outcome.checks.append(Check(f"{label}: error over the listed one", worst, reference.BAND))
        bound = reference.GAP_EXTRAPOLATED.get((name, half, flux_name))
        gap = abs(richardson(values[-2], values[-1]) / exact - 1)
        if bound is not None and not quick:
            outcome.checks.append(Check(f"{label}: extrapolated", gap, bound))
        rows.append((label, *errors, gap))
    columns = ("potential and flux", *map(str, cells), "extrapolated")
    outcome.tables.append(Table("Relative error of the spectral gap", columns, tuple(rows)))
    return outcome


def _decay(quick: bool) -> Outcome:
    """Slopes of log KL in a double well: the gap for transport, 2 for reaction, their sum for both."""
    mesh = Cartesian(160 if quick else 320, -3.2, 3.2)
    x = mesh.centers[0]
    log_target = -((x**2 - 1) ** 2)
    log_target -= np.log(np.sum(np.exp(log_target) * mesh.volumes))
    energy = KullbackLeibler(np.exp(log_target), log_target)
    start = Gaussian(0.8, 0.04).cell_averages(mesh)
    start /= np.sum(start * mesh.volumes)
    gap = reference.EIGENVALUES["(x**2 - 1)**2"][0]
    times = [0.0, *np.linspace(0.25, 6.0, 24)]
    flows: dict[str, tuple[Geometry, float]] = {
        "Wasserstein": (Wasserstein(), 2 * gap),
        "spherical Fisher-Rao": (Spherical(FisherRao()), 2.0),
        "spherical Wasserstein-Fisher-Rao": (Wasserstein() + Spherical(FisherRao()), 2 * (gap + 1)),
    }
    outcome, curves = Outcome(), []
    rows: list[tuple[str | int | float, ...]] = []
    for name, (geometry, rate) in flows.items():
        solution = solve(GradientFlow(mesh, energy, geometry), start, times, rtol=1e-8)
        slope = float(-np.log(solution.energy[-1] / solution.energy[-5]) / (times[-1] - times[-5]))
        outcome.checks.append(Check(f"{name}: decay rate of KL over its limit", slope / rate, 0.03, "within", 1.0))
        outcome.checks.append(Check(f"{name}: largest relative rise of the energy", largest_rise(solution), ROUND_OFF))
        if name == "spherical Fisher-Rao":
            ratio = energy.log_ratio(start)
            exact = [spherical_kl_energies(ratio, energy.target * mesh.volumes, t)[0] for t in times]
            gap = float(np.max(np.abs(solution.energy / exact - 1)))
            outcome.checks.append(Check(f"{name}: largest relative error of KL over time", gap, 1e-9))
        if name == "Wasserstein" and not quick:
            expected = -reference.DECAY_SLOPES[5.0, 6.0]
            outcome.checks.append(Check("Wasserstein: slope on [5, 6]", slope, 1e-3 * expected, "within", expected))
        curves.append(Series(name, times, [float(e) for e in solution.energy]))
        rows.append((name, slope, rate))
    outcome.tables.append(Table("Decay of KL", ("flow", "measured on [5, 6]", "limit"), tuple(rows)))
    outcome.plots.append(Plot("decay in a double well", "time $t$", KL, tuple(curves), False, True))
    return outcome


def _passage(quick: bool) -> Outcome:
    outcome = Outcome()
    rows: list[tuple[str | int | float, ...]] = []
    potential = _POTENTIALS["5*(x**2 - 1)**2"]
    sizes = (20, 40, 80) if quick else (20, 40, 80, 160)
    for (start, stop, flux_name), listed in reference.PASSAGE_ERRORS.items():
        exact = reference.PASSAGE_TIMES[start, stop]
        errors = [passage_time(k, start, stop, flux_name, potential) / exact - 1 for k in sizes]
        # The smallest listed errors stand at the level of the reference and of round-off.
        worst = max(abs(e) / max(abs(listed[k]), 1e-10) for k, e in zip(sizes, errors, strict=True))
        label = f"T({start:g} → {stop:g}), {flux_name.replace('_', ' ')}"
        outcome.checks.append(Check(f"{label}: error over the listed one", worst, reference.BAND))
        rows.append((label, *errors))
    columns = ("passage and flux", *(f"k = {k}" for k in sizes))
    outcome.tables.append(Table("Relative error of the mean first-passage time", columns, tuple(rows)))
    return outcome


def passage_time(
    k: int, start: float, stop: float, flux_name: str, potential: Callable[[np.ndarray], np.ndarray]
) -> float:
    """Mean time from `start` to the first arrival at `stop`: A^T tau = -1 on the cells left of it; cell centres are the
    multiples of 2/k in [-2.4, 2.4]."""
    h, count = 2 / k, round(2.4 * k)
    mesh = Cartesian(count + 1, -2.4 - h / 2, 2.4 + h / 2)
    x = mesh.centers[0]
    matrix = generator(mesh, _flux(flux_name, mesh, potential)).tocsc()
    left = int(np.argmin(np.abs(x - stop)))
    tau = scipy.sparse.linalg.spsolve(matrix[:left, :left].T.tocsc(), -np.ones(left))
    return float(tau[int(np.argmin(np.abs(x - start)))])


SPECTRUM = (
    Case(
        "spectral-gaps",
        "Spectral gaps of the discrete generator",
        "The first eigenvalue converges with second order for every flux, and has no spurious mode on wide boxes.",
        "reference eigenvalues by two independent spectral methods (derived)",
        "rho' = A rho on the line, target by midpoint values",
        _gaps,
    ),
    Case(
        "first-passage",
        "Barrier crossing",
        "Mean first-passage times over a barrier of height 5 reach their listed errors.",
        "T(a → b) = int_a^b e^V int_-∞^y e^-V (derived); Eyring-Kramers is 9.3 per cent off here",
        "V = 5 (x^2 - 1)^2, nodes at multiples of 2/k",
        _passage,
    ),
    Case(
        "decay-in-a-double-well",
        "Exponential decay in a double well",
        "KL decays at twice the gap by transport, at rate 2 by spherical reaction, at their sum by both.",
        "Bakry and Emery 1985 for transport; Lu, Lu and Nolen 2019, arXiv:1905.09863, for the independence of barriers",
        "V = (x^2 - 1)^2 on [-3.2, 3.2], start N(0.8, 0.04)",
        _decay,
    ),
)

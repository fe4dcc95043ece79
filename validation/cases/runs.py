"""Runs that several cases share: Gaussian data on nested meshes, errors, and the table of a convergence study."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import Geometry
from mudot.validation.convergence import orders
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Check, Outcome, Plot, Series, Table

KL = r"$\mathrm{KL}(\mu\,|\,\pi)$"
L1_ERROR = "relative $L^1$ error"


def box(half_width: float, cells: int, dimension: int) -> Cartesian:
    """A cube about the origin."""
    return Cartesian((cells,) * dimension, (-half_width,) * dimension, (half_width,) * dimension)


def kl_flow(mesh: Cartesian, target: Gaussian, geometry: Geometry) -> GradientFlow:
    """The flow of KL to a Gaussian, by exact cell averages."""
    logs = target.log_cell_averages(mesh)
    return GradientFlow(mesh, KullbackLeibler(np.exp(logs), logs), geometry)


def gaussian_run(
    mesh: Cartesian, start: Gaussian, target: Gaussian, geometry: Geometry, times: Sequence[float], rtol: float
) -> Solution:
    """The solution from Gaussian data, by exact cell averages."""
    return solve(kl_flow(mesh, target, geometry), start.cell_averages(mesh), times, rtol=rtol)


def relative_l1(mesh: Cartesian, density: np.ndarray, exact: np.ndarray) -> float:
    """L1 distance over the mass of the exact density."""
    return norm(mesh, density - exact) / norm(mesh, exact)


def balance(solution: Solution) -> float:
    """Largest energy-dissipation residual over the energy that was dissipated."""
    lost = float(solution.dissipation[-1])
    return float(np.max(np.abs(solution.balance))) / lost


def space_study(
    cells: Sequence[int],
    error_of: Callable[[int], tuple[float, Solution]],
    what: str,
    order: float = 2.0,
    width: float = 0.15,
) -> Outcome:
    """Errors and ledgers on a sequence of meshes; the observed order must be the expected one on the finest pair."""
    found = [error_of(n) for n in cells]
    errors = [error for error, _ in found]
    observed = orders(list(map(float, cells)), errors)
    rows = [
        (n, error, "" if i == 0 else f"{observed[i - 1]:.3f}", balance(s), float(s.minimum.min()), mass_drift(s))
        for i, (n, (error, s)) in enumerate(zip(cells, found, strict=True))
    ]
    columns = ("cells per axis", "relative L1 error", "order", "balance / dissipation", "least density", "mass drift")
    outcome = Outcome(
        checks=[Check(f"order of the {what} error in space", float(observed[-1]), width, "within", order)],
        tables=[Table(f"Error of the {what}", columns, tuple(rows))],
        plots=[Plot(what, "cells per axis", L1_ERROR, (Series("mudot", cells, errors, -order),), True, True)],
    )
    outcome.checks.append(Check("largest balance over dissipation", max(balance(s) for _, s in found), 1e-6))
    outcome.checks.append(Check("least density", min(float(s.minimum.min()) for _, s in found), 0.0, "at least"))
    return outcome


ROUND_OFF = 1e-14
"""Energies are sums over all cells: equal states may differ by this much, relative to the first energy."""


def largest_rise(solution: Solution) -> float:
    """Largest increase of the energy between outputs over its first value."""
    return float(np.max(np.diff(solution.energy)) / abs(solution.energy[0]))


def mass_drift(solution: Solution) -> str:
    """Relative change of the mass where the geometry keeps it."""
    if not solution.flow.geometry.conserves_mass:
        return "mass not kept"
    return f"{float(np.ptp(solution.mass) / solution.mass[0]):.1e}"

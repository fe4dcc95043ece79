"""Wasserstein-Fisher-Rao flows: Gaussians in every dimension, and the order of the splitting."""

from __future__ import annotations

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.flows import Solution
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.methods.splitting import SymmetricSplitting
from mudot.validation import reference
from mudot.validation.cases.runs import gaussian_run, kl_flow, relative_l1, space_study
from mudot.validation.convergence import orders
from mudot.validation.exact.gaussian_flows import hellinger_kantorovich
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

_START, _TARGET = Gaussian(2.0, 0.25, 0.5), Gaussian(0.0, 1.0)


def _in_space(
    start: Gaussian, target: Gaussian, cells: tuple[int, ...], half: float, spherical: bool, t: float = 0.5
) -> Outcome:
    dimension = start.dimension
    geometry: Geometry = Wasserstein() + FisherRao()
    geometry = Spherical(geometry) if spherical else geometry
    exact = hellinger_kantorovich(start, target, t, spherical=spherical)

    def error_of(n: int) -> tuple[float, Solution]:
        mesh = Cartesian((n,) * dimension, (-half,) * dimension, (half,) * dimension)
        solution = gaussian_run(mesh, start, target, geometry, [0.0, t], 1e-7)
        return relative_l1(mesh, solution.density[-1], exact.cell_averages(mesh)), solution

    return space_study(cells, error_of, f"density at t = {t:g}")


def _line(quick: bool) -> Outcome:
    return _in_space(_START, _TARGET, (80, 160, 320) if quick else (80, 160, 320, 640), 9.0, False)


def _plane(quick: bool) -> Outcome:
    start = Gaussian([1.0, -0.7], [[0.6, -0.1], [-0.1, 0.4]], 0.5)
    target = Gaussian([0.3, -0.2], [[1.0, 0.5], [0.5, 2.0]], 1.2)
    return _in_space(start, target, (24, 48, 96) if quick else (32, 64, 128), 8.0, False)


def _space(quick: bool) -> Outcome:
    start = Gaussian([0.8, -0.5, 0.3], np.diag([0.5, 0.7, 0.6]))
    target = Gaussian([0.0, 0.0, 0.0], np.diag([1.0, 1.2, 0.9]))
    return _in_space(start, target, (16, 32) if quick else (16, 32, 64), 6.0, True, 0.3)


def _in_time(quick: bool) -> Outcome:
    """Time errors alone: against the same semidiscrete flow at the finest step."""
    mesh = Cartesian(160, -9.0, 9.0)
    method = kl_flow(mesh, _TARGET, Wasserstein() + FisherRao()).method
    assert isinstance(method, SymmetricSplitting)
    start, t = _START.cell_averages(mesh), 0.5
    truth = start
    for _ in range(64):
        truth = method.extrapolated(truth, t / 64)[0]
    steps = (4, 8, 16, 32, 64)
    strang = [norm(mesh, method.strang(start, t, n) - truth) for n in steps]
    few = (2, 4, 8, 16)
    extrapolated = []
    for n in few:
        density = start
        for _ in range(n):
            density = method.extrapolated(density, t / n)[0]
        extrapolated.append(norm(mesh, density - truth))
    listed = reference.SPLITTING_ERRORS["strang"]
    return Outcome(
        checks=[
            Check("Strang: order in time", float(orders(steps, strang)[-1]), 0.1, "within", 2.0),
            Check(
                "Strang: error over the listed one, every step",
                max(e / listed[n] for n, e in zip(steps, strang, strict=True)),
                reference.BAND,
            ),
            Check("extrapolated in the logarithm: order", float(orders(few, extrapolated)[-1]), 5.3, "at least"),
        ],
        tables=[
            Table("Strang: L1 error at t = 0.5", tuple(map(str, steps)), (tuple(strang),)),
            Table("Extrapolated: L1 error at t = 0.5", tuple(map(str, few)), (tuple(extrapolated),)),
        ],
        plots=[
            Plot(
                "time error of the splitting",
                "steps",
                "$L^1$ error",
                (Series("Strang", steps, strang, -2.0), Series("extrapolated", few, extrapolated, -6.0)),
                True,
                True,
            )
        ],
    )


_SOURCE = "Liero, Mielke, Tse and Zhu 2025, arXiv:2504.20400, Proposition 2.1"

SPLITTING = (
    Case(
        "wfr-1d",
        "Wasserstein-Fisher-Rao on the line",
        "KL flows between scaled Gaussians follow the equations for mean, covariance and mass, second order in space.",
        _SOURCE,
        "transport and reaction 1; (mean, variance, mass) = (2, 1/4, 1/2) to N(0, 1) on [-9, 9]",
        _line,
    ),
    Case(
        "wfr-2d",
        "Wasserstein-Fisher-Rao in the plane",
        "The same for correlated Gaussians of different masses.",
        _SOURCE,
        "masses 0.5 and 1.2 on [-8, 8]^2; the potential is not separable",
        _plane,
    ),
    Case(
        "spherical-wfr-3d",
        "Spherical Wasserstein-Fisher-Rao in space",
        "The mass-preserving flow has the same mean and covariance.",
        _SOURCE,
        "on [-6, 6]^3, separable target",
        _space,
    ),
    Case(
        "splitting-in-time",
        "Order of the splitting in time",
        "Strang's splitting of two exact flows has order 2; extrapolated in the logarithm it has order 6.",
        "Strang 1968; extrapolation of log rho is our own",
        "as wfr-1d with 160 cells; errors against 64 extrapolated steps",
        _in_time,
    ),
)

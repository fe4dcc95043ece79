"""Inequality constants and rates, measured along flows from many initial data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy
from mudot.solvers.flows import GradientFlow, Solution
from mudot.solvers.geometries import Geometry
from mudot.validation.finished import Path, along

_VANISHED = 1e-10
"""States whose energy is below this share of the first one say nothing: their energies are round-off."""


@dataclass(frozen=True)
class Constants:
    """inequality: least I(mu) / F(mu) over all states, I = <xi, K xi> = 2 R*;
    decay: least -log(F(t)/F(0)) / t over all times;   late: slope of -log F over the last step;   states: their number
    """

    inequality: float
    decay: float
    late: float
    states: int


def ratio_of(mesh: Cartesian, energy: Energy, geometry: Geometry, density: np.ndarray) -> float:
    """I(mu) / F(mu) at one state."""
    dual = sum(geometry.onsager(mesh, density).dual(energy.first_variation(mesh, density)))
    return float(2 * dual / energy.value(mesh, density))


def least_decay(times: np.ndarray, values: np.ndarray, vanished: float) -> float:
    """Least -log(f(t)/f(0)) / t over all times at which f is above `vanished`; times begin with 0."""
    seen = values > vanished
    return float(np.min(-np.log(values[seen] / values[0])[1:] / times[seen][1:]))


def constants_of(runs: Sequence[Solution | Path]) -> Constants:
    """The least constants over finished runs; their times begin with 0."""
    ratios, decays, late = [], [], []
    for run in runs:
        flow = run.flow
        seen = run.energy > _VANISHED * run.energy[0]
        ratios += [ratio_of(flow.mesh, flow.energy, flow.discrete_geometry, rho) for rho in run.density[seen]]
        logs, kept = np.log(run.energy[seen] / run.energy[0]), run.times[seen]
        decays.append(least_decay(run.times, run.energy, _VANISHED * float(run.energy[0])))
        late.append(float(-(logs[-1] - logs[-2]) / (kept[-1] - kept[-2])))
    return Constants(min(ratios), min(decays), min(late), len(ratios))


def constants(
    mesh: Cartesian,
    energy: Energy,
    geometry: Geometry,
    starts: Sequence[np.ndarray],
    times: Sequence[float],
    rtol: float = 1e-8,
) -> Constants:
    """The least constants over flows from all `starts`; times begin with 0. Raises NotConverged where a flow fails."""
    flow = GradientFlow(mesh, energy, geometry)
    return constants_of([along(flow, start, times, rtol) for start in starts])


def random_starts(mesh: Cartesian, target: np.ndarray, count: int, spread: float, seed: int = 1) -> list[np.ndarray]:
    """Densities s pi of the mass of the target, log s independent normal numbers of deviation `spread` over the cells:
    far from smooth, to search for the worst."""
    draw = np.random.default_rng(seed)
    starts = []
    for _ in range(count):
        density = target * np.exp(spread * draw.standard_normal(target.shape))
        starts.append(density * (integrate(mesh, target) / integrate(mesh, density)))
    return starts

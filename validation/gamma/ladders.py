"""Everything that is measured along a ladder, on one mesh and with one tolerance; no error bars yet."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.flows import Solution
from mudot.solvers.inputs import Inputs
from mudot.solvers.problem import build
from mudot.validation.gamma.distances import distances, total
from mudot.validation.gamma.families import QUANTITIES, Study, refined
from mudot.validation.gamma.systems import (
    Curve,
    Functionals,
    System,
    averages,
    bent,
    functionals,
    gauss,
    oscillating,
    simpson,
)

BEND = 0.3
"""Size of the strong perturbation that is no solution."""
WAVES = 0.9
"""Relative size of weak perturbations."""


@dataclass(frozen=True, eq=False)
class Ladder:
    """values:   by quantity (`QUANTITIES`), shape (members,); absolute differences and distances
    strong:   (D_lambda(v_lambda) - D_0(u)) / D_0(u), signed, for v_lambda strongly to the solution u
    weak:     D_lambda(w_lambda) / D_0(u) for oscillations w_lambda weakly to u, empty where there are none
    smoothed: sup_t |u_lambda - u|_1 of smoothed recovery sequences, empty where none are asked for
    balances: |F(T) + D - F(0)| of every member and the limit last, over F(0)
    halves:   |D^rate - D^slope| of them, over D: on solutions the two are equal
    chain:    |J by its definition - J by the residual rate| of the other curve, over D, all systems, limit last
    times, energies: of every member and the limit last, shape (members + 1, times), at the nodes of the rule and ends
    other_gap: J_0 of the other curve
    """

    values: dict[str, np.ndarray]
    strong: np.ndarray
    weak: np.ndarray
    smoothed: np.ndarray
    balances: np.ndarray
    halves: np.ndarray
    chain: np.ndarray
    times: np.ndarray
    energies: np.ndarray
    other_gap: float


def systems(study: Study, refinement: float, rtol: float) -> tuple[list[System], System]:
    """The members and the limit. Meshes of a family of meshes are what they are; that of its limit is refined."""

    def of(inputs: Inputs, factor: float, cells: float) -> Inputs:
        return refined(inputs, cells, factor)

    members = [
        System(build(of(m, rtol, 1 if study.of_meshes else refinement)), 1.0, v if study.family.rescale_time else 1.0)
        for m, v in zip(study.members, study.family.ladder, strict=True)
    ]
    return members, System(build(of(study.limit, rtol, refinement)), study.family.energy_factor)


def measure(study: Study, refinement: float, rtol: float, points: int) -> Ladder:
    """Measure a study on meshes `refinement` times as fine, with `rtol` times its tolerance in time and `points` Gauss
    points in time. Raises FlowFailed where a flow does."""
    members, limit = systems(study, refinement, rtol)
    stop = study.limit.time.stop
    # Smoothed curves are built step by step: their rule is Simpson's on the grid of the steps.
    nodes, weights = simpson(stop, points) if study.smoothers else gauss(stop, points)
    times = np.unique([0.0, stop, *study.limit.time.times()])
    curve_of = partial(_curve, nodes=nodes, weights=weights)
    base = limit.solve(times)
    solution = curve_of(limit, base)
    mesh = limit.problem.mesh
    keep = limit.flow.geometry.conserves_mass
    other = bent(solution, nodes, stop, BEND, _shape(mesh, 1), keep)
    smooth = not study.smoothers
    charged = functionals(limit, solution, ["rate"])
    known = functionals(limit, other) if smooth else charged
    rows: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    strong, weak, far, balances, halves, chain, energies = [], [], [], [], [], [], []
    finest = study.limit.mesh.cells[0] // 8
    for number, (member, x) in enumerate(zip(members, study.distances, strict=True)):
        found = member.solve(times)
        row = _solutions(member, found, limit, base)
        own = curve_of(member, found)
        if not study.of_meshes:
            row["gap_of_members"] = functionals(limit, own, ["gap"]).gap
        if smooth:
            row["gap_of_limit"] = functionals(member, solution, ["gap"]).gap
            charge = functionals(member, other)
            row |= _differences(charge, known)
            push = bent(solution, nodes, stop, min(1.0, x**0.5), _shape(mesh, 2), keep)
            pushed = functionals(member, push, ["rate"])
            row["strong"] = abs(pushed.dissipation - charged.dissipation)
            strong.append(pushed.dissipation / charged.dissipation - 1)
            chain.append(_chain(charge))
            if study.family.lower_semicontinuous is not None:
                periods = max(1, finest >> (len(members) - 1 - number))
                waves = functionals(member, oscillating(solution, periods, WAVES, keep), ["rate"])
                weak.append(waves.dissipation / charged.dissipation)
        else:
            smoother = System(build(refined(study.smoothers[number], refinement, rtol)))
            cost, distance = _smoothed(member, smoother, limit, nodes, solution.states)
            row["recovery"] = abs(cost - charged.dissipation)
            far.append(distance)
        for name in QUANTITIES:
            rows[name].append(row.get(name, np.nan))
        balances.append(_balance(found))
        halves.append(_halves(found))
        energies.append([member.energy(state) for state in own.whole])
    balances.append(_balance(base))
    halves.append(_halves(base))
    chain.append(_chain(known))
    energies.append([limit.energy(state) for state in solution.whole])
    values = {name: np.array(row) for name, row in rows.items() if np.any(np.isfinite(row))}
    return Ladder(values, np.array(strong), np.array(weak), np.array(far), np.array(balances), np.array(halves),
                  np.array(chain), np.array([0.0, *nodes, stop]), np.array(energies), known.gap)  # fmt: skip


def _curve(system: System, solution: Solution, nodes: np.ndarray, weights: np.ndarray) -> Curve:
    """The solution at the nodes, with its rates."""
    states = system.along(nodes, solution.frames[-1].substep)
    rates = np.array([system.flow.rate(state) for state in states])
    return Curve(system.problem.mesh, weights, states, rates, (solution.density[0], solution.density[-1]))


def _solutions(member: System, found: Solution, limit: System, base: Solution) -> dict[str, float]:
    """Distances of the solutions and differences of energies, largest over the outputs; differences of dissipations."""
    mesh, fine = member.problem.mesh, limit.problem.mesh
    pairs = [(one, averages(fine, two, mesh)) for one, two in zip(found.density, base.density, strict=True)]
    row = {name: max(d(mesh, one, two) for one, two in pairs) for name, d in distances(mesh).items()}
    parts = ((found.rate, base.rate), (found.slope, base.slope))
    rate, slope = (float(one[-1].sum() - limit.factor * two[-1].sum()) for one, two in parts)
    row["energy"] = float(np.abs(found.energy - limit.factor * base.energy).max())
    return row | {"dissipation": abs(rate + slope), "rate": abs(rate), "slope": abs(slope)}


def _differences(one: Functionals, two: Functionals) -> dict[str, float]:
    return {
        "curve_rate": abs(one.rate - two.rate),
        "curve_slope": abs(one.slope - two.slope),
        "curve_gap": abs(one.gap - two.gap),
        "recovery": abs(one.dissipation - two.dissipation),
    }


def _chain(seen: Functionals) -> float:
    return abs(seen.balance - seen.gap) / seen.dissipation


def _balance(found: Solution) -> float:
    return float(abs(found.balance[-1]) / abs(found.energy[0]))


def _halves(found: Solution) -> float:
    rate, slope = float(found.rate[-1].sum()), float(found.slope[-1].sum())
    return abs(rate - slope) / (rate + slope)


def _shape(mesh: Cartesian, mode: int) -> np.ndarray:
    """A smooth field of size 1: cosines on circles, which every kernel has there; between walls a polynomial of degree
    2, which the quadratic kernel has too."""
    field = np.ones(mesh.shape)
    for x, low, high, side in zip(mesh.coordinates, mesh.lower, mesh.upper, mesh.boundary, strict=True):
        place = (x - low) / (high - low)
        field = field * (np.cos(2 * np.pi * mode * place) if side == "periodic" else (2 * place - 2 + mode / 2) ** 2)
    return field


def _smoothed(
    member: System, smoother: System, limit: System, grid: np.ndarray, densities: np.ndarray
) -> tuple[float, float]:
    """D_lambda of u_lambda' = u_lambda g_lambda, g_lambda = (K + sqrt(lambda))^-1 K g with g = u'/u of the limit, and
    the largest L1 distance to u. There lambda |g_lambda|^2 = sqrt(lambda) <g - g_lambda, g_lambda> in L2(u_lambda).
    Steps are exponential midpoint rules over two intervals of the grid, the integral is Simpson's rule.

    densities: u on the grid
    """
    mesh, beta = member.problem.mesh, getattr(member.problem.geometry, "reaction", 1.0)
    ridge = smoother.problem.geometry.ridge  # type: ignore[attr-defined]
    growth = [limit.flow.rate(u) / u for u in densities]

    def field(u: np.ndarray, g: np.ndarray) -> np.ndarray:
        return np.asarray(smoother.problem.geometry.onsager(mesh, u).growth(g) / beta)  # type: ignore[attr-defined]

    def cost(u: np.ndarray, g: np.ndarray) -> float:
        f = field(u, g)
        rate = 0.5 / beta * (integrate(mesh, u * f * f) + ridge * integrate(mesh, u * (g - f) * f))
        xi = member.problem.energy.first_variation(mesh, u)
        return float(rate + sum(member.problem.geometry.onsager(mesh, u).dual(xi)))

    u, spent, far = densities[0], 0.0, 0.0
    for n in range(0, len(grid) - 2, 2):
        step = grid[n + 2] - grid[n]
        middle = u * np.exp(step / 2 * field(u, growth[n]))
        end = u * np.exp(step * field(middle, growth[n + 1]))
        spent += step / 6 * (cost(u, growth[n]) + 4 * cost(middle, growth[n + 1]) + cost(end, growth[n + 2]))
        u, far = end, max(far, total(mesh, end, densities[n + 2]))
    return float(spent), float(far)

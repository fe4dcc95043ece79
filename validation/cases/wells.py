"""Nonlinear transport towards rest: measures in a well, and measures that attract and repel themselves."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import average, integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.geometries import Wasserstein
from mudot.solvers.interactions import Interaction
from mudot.solvers.methods.choice import discrete_gradient
from mudot.solvers.methods.semidiscrete import upwind_transport
from mudot.solvers.methods.strong_stability import StrongStability
from mudot.validation import reference
from mudot.validation.convergence import orders, richardson
from mudot.validation.exact.porous_medium import Aggregation, ConfinedBarenblatt
from mudot.validation.outcome import Case, Check, Outcome, Table


def _cross(quick: bool) -> Outcome:
    """A cross that fills the unit square: steady state with full support, by steps that grow."""
    outcome, rows, gaps = Outcome(), [], []
    cells = [10, 20] if quick else [16, 32]

    def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        u, v = np.abs(x + y - 1) / math.sqrt(2), np.abs(y - x) / math.sqrt(2)
        return np.asarray((((u < 0.1) & (v < 0.4)) | ((v < 0.1) & (u < 0.4))) * 1.0)

    def well(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.asarray(((x - 0.5) ** 2 + (y - 0.5) ** 2) / 2)

    for n in cells:
        mesh = Cartesian((n, n), (0.0, 0.0), (1.0, 1.0))
        energy = FreeEnergy(1.0, 2.0, average(mesh, well))
        method, state = discrete_gradient(mesh, energy, Wasserstein()), average(mesh, cross, 8)
        mass, energies, unbalanced, least = integrate(mesh, state), [energy.value(mesh, state)], 0.0, math.inf
        for duration, steps in ((0.02, 8), (0.08, 8), (0.4, 16), (2.0, 40)):
            state, progress = method.march(state, duration, steps)
            energies.append(energy.value(mesh, state))
            unbalanced, least = unbalanced + progress.unrelaxed, min(least, float(state.min()))
        # rho = M + 1/24 - |x - c|^2/4 and its energy, for the mass M that the mesh sees of the cross.
        limit = (mass + 1 / 24) ** 2 - 7 / 2880
        gaps.append(energies[-1] - limit)
        lopsided = max(float(np.abs(state - other).max()) for other in (state.T, state[::-1], state[:, ::-1]))
        rows.append((n, mass, energies[-1], gaps[-1], unbalanced, lopsided, least))
        outcome.checks.append(Check(f"{n}^2: rise of the energy", float(np.diff(energies).max()), 0.0))
        outcome.checks.append(Check(f"{n}^2: sum of the gaps of the balance", unbalanced, 1e-12))
        outcome.checks.append(Check(f"{n}^2: mass drift", abs(integrate(mesh, state) - mass), 1e-13))
        outcome.checks.append(Check(f"{n}^2: loss of the four-fold symmetry", lopsided, 1e-10))
    found = richardson(gaps[0], gaps[1])
    outcome.checks.append(Check("energy above that of the steady state, extrapolated", found, 1e-5, "within", 0.0))
    columns = ("cells per axis", "mass", "energy", "above the limit", "balance gaps", "asymmetry", "least density")
    outcome.tables.append(Table("A cross in the well |x - c|^2/2, m = 2, t = 2.5", columns, tuple(rows)))
    return outcome


def _well(quick: bool) -> Outcome:
    """Porous-medium diffusion in a quadratic well: transient, decay, limit."""
    outcome, rows = Outcome(), []
    cells, times = ([50, 100] if quick else [50, 100, 200]), [0.25, 0.5, 1.0, 2.0]
    for m in (2, 3):
        exact, errors, finals = ConfinedBarenblatt(m), [], []
        for n in cells:
            mesh = Cartesian(n, -2.0, 2.0)
            energy = FreeEnergy(1.0, m, average(mesh, lambda x: x**2 / 2))
            method = StrongStability(upwind_transport(mesh, energy))
            state, now, lost = exact.averages(mesh, 0.0), 0.0, 0.0
            energies = [energy.value(mesh, state)]
            for time in times:
                state, progress = method.march(state, time - now)
                now, lost = time, lost + progress.dissipated
                energies.append(energy.value(mesh, state))
                if time == 0.5:
                    # Fronts fall anywhere in a cell: in L1 that makes errors irregular, in W1 hardly.
                    off = state - exact.averages(mesh, 0.5)
                    errors.append(norm(mesh, np.cumsum(off * mesh.volumes)))
                    strong = norm(mesh, off)
            finals.append(energies[-1])
            gap = abs(energies[0] - energies[-1] - lost) / lost
            # Of the energy above the limit at most the factor exp(-2t) is left, up to the mesh's error.
            limit = energy.value(mesh, exact.averages(mesh, math.inf))
            excess = [
                (e - limit) / (energies[0] - limit) * math.exp(2 * t)
                for t, e in zip(times[:3], energies[1:4], strict=True)
            ]
            rows.append((f"m = {m}", n, strong, errors[-1], energies[-1], gap, max(excess)))
        outcome.checks.append(Check(f"m = {m}: balance over dissipation, finest mesh", gap, 1e-10))
        outcome.checks.append(Check(f"m = {m}: excess over exp(-2t) times the first one", max(excess), 1.0))
        order = float(orders([cells[0], cells[-1]], [errors[0], errors[-1]])[0])
        outcome.checks.append(Check(f"m = {m}: order of the transient in W1", order, 1.4, "at least"))
        mesh = Cartesian(4000, -2.0, 2.0)
        fine = FreeEnergy(1.0, m, average(mesh, lambda x: x**2 / 2))
        truth = fine.value(mesh, exact.averages(mesh, 2.0))
        found = richardson(finals[-2], finals[-1])
        outcome.checks.append(Check(f"m = {m}: F(2), extrapolated", found, 2e-4 if quick else 3e-5, "within", truth))
    if not quick:
        outcome.checks.append(
            Check("m = 2, discrete gradient: F at rest, extrapolated", _at_rest(), 1e-6, "within", 0.0)
        )
    columns = (
        "flow",
        "cells",
        "L1 error at t = 1/2",
        "W1 error",
        "F(2)",
        "balance gap / dissipation",
        "excess over the bound",
    )
    outcome.tables.append(Table("Diffusion of rho^m in the potential x^2/2", columns, tuple(rows)))
    return outcome


def _at_rest() -> float:
    """The energy at t = 8 above that of the stationary state, U + P, by discrete gradients."""
    exact, found = ConfinedBarenblatt(2.0), []
    for n in (50, 100):
        mesh = Cartesian(n, -2.0, 2.0)
        energy = FreeEnergy(1.0, 2.0, average(mesh, lambda x: x**2 / 2))
        end = discrete_gradient(mesh, energy, Wasserstein()).advance(exact.averages(mesh, 0.0), 8.0, 0.1, 1e-3).density
        found.append(energy.value(mesh, end))
    return richardson(found[0], found[1]) - 0.624025146915


def _aggregation(quick: bool) -> Outcome:
    """Attraction with a repulsive core: measures that keep their shape."""
    outcome, rows = Outcome(), []
    cells = [50, 100] if quick else [50, 100, 200]
    for shape in ("interval", "semicircle"):
        exact, errors = Aggregation(shape), []
        for n in cells:
            mesh = Cartesian(n, -2.0, 2.0)
            energy = FreeEnergy(0.0, interaction=Interaction(exact.potential, shape))
            start, end = exact.averages(mesh, 0.0), exact.averages(mesh, 1.0)
            found, progress = StrongStability(upwind_transport(mesh, energy)).march(start, 1.0, 1e-2)
            l1 = norm(mesh, found - end)
            w1 = norm(mesh, np.cumsum((found - end) * mesh.volumes))
            errors.append((l1, w1))
            lost = energy.value(mesh, start) - energy.value(mesh, found)
            gap = abs(lost - progress.dissipated) / lost
            off = energy.value(mesh, found) - exact.energy(1.0)
            rows.append((shape, n, l1, w1, off, progress.steps, gap, float(found.min())))
            outcome.checks.append(Check(f"{shape}, {n} cells: balance over dissipation", gap, 1e-12))
        for place, kind in enumerate(("l1", "w1")):
            listed = reference.AGGREGATION_ERRORS[shape, kind]
            worst = max(e[place] / listed[n] for n, e in zip(cells, errors, strict=True))
            outcome.checks.append(Check(f"{shape}: {kind} error over the listed one", worst, reference.BAND))
    columns = ("shape", "cells", "L1 error", "W1 error", "energy error", "steps", "balance gap", "least density")
    outcome.tables.append(Table("Aggregation, t = 1", columns, tuple(rows)))
    return outcome


WELLS = (
    Case(
        "cross-on-the-square",
        "A cross that fills the unit square",
        "From vacuum to a steady state with full support: energy never rises, balance exact, symmetry kept.",
        "data of Natale and Todeschi 2020, FVCA 9; the steady state has a closed form",
        "rho_t = div grad rho^2 + div(rho (x - c)) on [0, 1]^2, indicator of a cross turned by 45 degrees",
        _cross,
    ),
    Case(
        "porous-medium-in-a-well",
        "Porous-medium diffusion in a quadratic well",
        "The transient is met, the energy above its limit decays at least like exp(-2t), the balance is exact.",
        "Carrillo and Toscani 2000; Otto 2001",
        "rho_t = (rho^m)_xx + (x rho)_x, m = 2 and 3, a profile of half the stationary width",
        _well,
    ),
    Case(
        "aggregation",
        "Attraction with a repulsive core",
        "Measures that keep their shape under W = x^2/2 - |x| and x^2/2 - log|x| are followed with the listed errors, "
        "positive and with exact energy balance.",
        "Carrillo, Chertock and Huang 2015, arXiv:1402.4252",
        "from half the width or less, on [-2, 2], t = 1",
        _aggregation,
    ),
)

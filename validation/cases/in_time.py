"""Discrete gradients in time: second order for every energy, where solutions are smooth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy, KullbackLeibler, Neurons, PowerDivergence, ShallowNetwork
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.interactions import Interaction
from mudot.solvers.methods.choice import Balanced, discrete_gradient
from mudot.validation.convergence import orders
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

_TIME, _TRAINED = 0.05, 1.0
_STEPS = [8, 16, 32, 64]
Flow = tuple[Cartesian, Balanced, Geometry, np.ndarray, float]


def _flows(quick: bool) -> dict[str, Flow]:
    """Energies with densities that stay away from zero, on a torus; networks on a square, from a Gaussian."""
    mesh = Cartesian(48, 0.0, 1.0, "periodic")
    x = mesh.centers[0]
    start, well = 1 + 0.5 * np.cos(2 * np.pi * x) + 0.3 * np.sin(4 * np.pi * x), np.sin(2 * np.pi * x) / 2
    pull, pi = Interaction(lambda x: -np.cos(2 * np.pi * x) / 2, "cosine"), np.exp(-well)
    transport, both = Wasserstein(), Wasserstein() + FisherRao()
    found: dict[str, tuple[Balanced, Geometry]] = {
        "attraction, m = 2": (FreeEnergy(0.3, 2.0, None, pull), transport),
        "attraction alone": (FreeEnergy(0.0, 1.0, well, pull), transport),
        "W of p = 1/2": (PowerDivergence(0.5, pi), transport),
        "WFR of p = 2": (PowerDivergence(2.0, pi), both),
    }
    if not quick:
        found |= {f"attraction, m = {m:g}": (FreeEnergy(0.3, m, None, pull), transport) for m in (0.5, 1.0, 3.0)}
        found |= {f"in a well, m = {m:g}": (FreeEnergy(0.3, m, well), transport) for m in (2.0, 3.0)}
        found |= {f"WFR of p = {p:g}": (PowerDivergence(p, pi), both) for p in (-1.0, 3.0)}
        found |= {"spherical WFR of p = 1/2": (PowerDivergence(0.5, pi), Spherical(both))}
    return {name: (mesh, *flow, start, _TIME) for name, flow in found.items()} | _trainings(quick)


def _trainings(quick: bool) -> dict[str, Flow]:
    """Networks with noise and without, and with birth and death."""
    n = 16 if quick else 32
    mesh = Cartesian((n, n), (-3.0, -3.0), (3.0, 3.0))
    a, w = mesh.coordinates
    inputs = np.linspace(-2.0, 2.0, 8)[:, None]
    start, prior = np.exp(-((a - 0.3) ** 2 + (w - 0.2) ** 2)), np.exp(-(a**2 + w**2) / 2) / (2 * np.pi)
    start /= integrate(mesh, start)
    found: dict[str, Flow] = {}
    for name, noise, geometry in (
        ("network without noise", 0.0, Wasserstein()),
        ("network with noise", 0.05, Wasserstein()),
        ("network, birth and death", 0.0, Wasserstein() + Spherical(FisherRao())),
    ):
        neurons = Neurons(inputs, "tanh", ("amplitude", "weight"))
        energy = ShallowNetwork(neurons, np.sin(inputs[:, 0]), noise, KullbackLeibler(prior))
        found[name] = (mesh, energy, geometry, start, _TRAINED)
    return found


def _orders(quick: bool) -> Outcome:
    """Distances of the ends for n, 2 n, 4 n, ... equal steps, in L1."""
    outcome, rows, curves = Outcome(), list[tuple[str | int | float, ...]](), list[Series]()
    for name, (mesh, energy, geometry, start, duration) in _flows(quick).items():
        method = discrete_gradient(mesh, energy, geometry)
        marches = [method.march(start, duration, n) for n in _STEPS]
        gaps = [norm(mesh, a - b) for (a, _), (b, _) in pairwise(marches)]
        balance = max(progress.unrelaxed / progress.dissipated for _, progress in marches)
        if isinstance(energy, ShallowNetwork) and not energy.entropy:
            # The slopes of the density are limited, and each cell where a limiter switches has a kink in time: orders
            # between two ladders of steps scatter about two, and only their mean says something.
            found, width = float(orders([_STEPS[0], _STEPS[-2]], [gaps[0], gaps[-1]])[0]), 0.4
        else:
            found, width = float(orders(_STEPS[:-1], gaps)[-1]), 0.1
        outcome.checks.append(Check(f"{name}: order in time", found, width, "within", 2.0))
        outcome.checks.append(Check(f"{name}: gaps of the balance over dissipation", balance, 1e-11))
        rows.append((name, *gaps, found, balance))
        curves.append(Series(name, _STEPS[:-1], gaps, None if curves else -2.0))
    columns = ("flow", *(f"{a} to {b} steps" for a, b in pairwise(_STEPS)), "order", "balance gaps / dissipation")
    outcome.tables.append(Table("L1 distances of the ends", columns, tuple(rows)))
    outcome.plots.append(Plot("discrete gradients in time", "steps", "$L^1$ distance", tuple(curves), True, True))
    return outcome


IN_TIME = (
    Case(
        "discrete-gradient-in-time",
        "Discrete gradients are of second order in time",
        "Attraction, wells, powers, joint reactions and networks with noise and without: halving the steps divides the "
        "error by four, and every step balances.",
        "scheme: own design; self-convergence",
        "smooth densities on a torus, t = 0.05; networks on 8 data of sin x on [-3, 3]^2, t = 1",
        _orders,
    ),
)

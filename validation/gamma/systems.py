"""Gradient systems along given curves: the rate and slope parts of the dissipation functional, and the gap.

    D(u) = int R(u, u') + R*(u, -xi) dt,   J(u) = F(u_T) + D(u) - F(u_0) = int R(u, u' + K xi) dt >= 0

(Zhu and Mielke 2024, Def. 6.16; the second form of J is derived.) Integrals in time are Gauss rules on [0, T].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from mudot.meshes.averages import integrate, restrict
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.flows import GradientFlow, Solution, solve
from mudot.solvers.linear import NotConverged
from mudot.solvers.problem import Problem
from mudot.validation.finished import FlowFailed, along

PARTS = ("rate", "slope", "gap")
"""Of what a system charges: R(u'), R*(-xi), and R(u' + K xi); R costs a solve each time."""


@dataclass(frozen=True, eq=False)
class System:
    """A gradient system (F, R): that of a problem with its energy multiplied by a factor and its operator by another.

    problem: mesh, energy and geometry;   factor: of the energy;   speed: of the operator, hence of time
    """

    problem: Problem
    factor: float = 1.0
    speed: float = 1.0

    @cached_property
    def flow(self) -> GradientFlow:
        """The flow. cF under K is F under cK: the factor of the energy goes to the operator, and back to the values."""
        return replace(self.problem, geometry=self.problem.geometry.scaled(self.factor * self.speed)).flow()

    def solve(self, times: np.ndarray) -> Solution:
        """The flow from the problem's start at these times. Raises FlowFailed where it does not get there."""
        solution = solve(self.flow, self.problem.start, list(times), self.problem.rtol)
        if solution.status != "complete":
            raise FlowFailed(f"{self.problem.path}: {self.flow.geometry}: {solution.message}")
        return solution

    def along(self, nodes: np.ndarray, step: float) -> np.ndarray:
        """The flow's states at increasing times (`finished.along`). Raises FlowFailed where it does not get there."""
        try:
            return along(self.flow, self.problem.start, nodes, self.problem.rtol, step).density
        except NotConverged as reason:
            raise FlowFailed(f"{self.problem.path}: {self.flow.geometry}: {reason}") from None

    def energy(self, density: np.ndarray) -> float:
        """F."""
        return self.factor * self.problem.energy.value(self.problem.mesh, density)

    def potentials(self, density: np.ndarray, rate: np.ndarray, asked: Sequence[str] = PARTS) -> np.ndarray:
        """(R(u'), R*(-xi), R(u' + K xi)) at one state, NaN for what is not asked; infinite where the rate is not in the
        reach of K."""
        flow = self.flow
        onsager = flow.discrete_geometry.onsager(flow.mesh, density)
        xi = flow.energy.first_variation(flow.mesh, density)
        image = onsager.apply(xi)
        found = dict.fromkeys(PARTS, np.nan) | {"slope": 0.5 * integrate(flow.mesh, xi * image)}
        for name, u, guess in (("rate", rate, -xi), ("gap", rate + image, None)):
            if name in asked:
                try:
                    found[name] = sum(onsager.primal(u, guess))
                except NotConverged:
                    found[name] = np.inf
        return self.factor * np.array(list(found.values()))


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve on [0, T] at the points of a quadrature rule, and at its ends.

    weights: of the rule, shape (points,);   states, rates: u and u' there, shape (points, *mesh.shape)
    ends: u(0) and u(T)
    """

    mesh: Cartesian
    weights: np.ndarray
    states: np.ndarray
    rates: np.ndarray
    ends: tuple[np.ndarray, np.ndarray]

    @property
    def whole(self) -> tuple[np.ndarray, ...]:
        """The states at the start, at the nodes and at the end."""
        return (self.ends[0], *self.states, self.ends[1])

    def on(self, mesh: Cartesian) -> Curve:
        """Its averages on a coarser mesh."""
        if mesh.shape == self.mesh.shape:
            return self

        def down(states: np.ndarray) -> np.ndarray:
            return np.array([averages(self.mesh, state, mesh) for state in states])

        start, end = down(np.array(self.ends))
        return Curve(mesh, self.weights, down(self.states), down(self.rates), (start, end))

    def map(self, change: Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Curve:
        """The curve with (u, u') changed at every point of the rule; the ends stay."""
        pairs = [change(n, u, v) for n, (u, v) in enumerate(zip(self.states, self.rates, strict=True))]
        states, rates = (np.array(part) for part in zip(*pairs, strict=True))
        return replace(self, states=states, rates=rates)


@dataclass(frozen=True)
class Functionals:
    """D^rate, D^slope and J (from the residual rate) of a curve, and J by its definition; NaN: not asked."""

    rate: float
    slope: float
    gap: float
    balance: float

    @property
    def dissipation(self) -> float:
        """D."""
        return self.rate + self.slope


def averages(fine: Cartesian, density: np.ndarray, coarse: Cartesian) -> np.ndarray:
    """Cell averages on a mesh that halvings of the fine one lead to."""
    while fine.shape != coarse.shape:
        if fine.shape[0] <= coarse.shape[0]:
            raise MudotError(f"[family] mesh.cells: {fine.shape[0]} cells are not {coarse.shape[0]} times a power of 2")
        fine, density = fine.coarsened(), restrict(fine, density)
    return np.asarray(density)


def functionals(system: System, curve: Curve, asked: Sequence[str] = PARTS) -> Functionals:
    """What the system charges for a curve; NaN for what is not asked."""
    curve = curve.on(system.problem.mesh)
    parts = [system.potentials(u, v, asked) for u, v in zip(curve.states, curve.rates, strict=True)]
    rate, slope, gap = map(float, curve.weights @ np.array(parts))
    start, end = map(system.energy, curve.ends)
    return Functionals(rate, slope, gap, end + rate + slope - start)


def gauss(stop: float, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss's rule on [0, stop]."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return stop * (nodes + 1) / 2, stop * weights / 2


def simpson(stop: float, panels: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Simpson's rule on so many panels of two steps each.

    >>> simpson(6.0, 1)[1].tolist()
    [1.0, 4.0, 1.0]
    """
    nodes = np.linspace(0, stop, 2 * panels + 1)
    weights = np.tile([2.0, 4.0], panels + 1)[:-1]
    weights[[0, -1]] = 1
    return nodes, weights * (nodes[1] / 3)


def bent(curve: Curve, nodes: np.ndarray, stop: float, size: float, shape: np.ndarray, keep_mass: bool) -> Curve:
    """u exp(size sin(pi t / T) shape), scaled to the mass of u where that is to be kept: a strong perturbation with the
    same ends, whose growth field differs from that of u by multiples of `shape` and of 1."""
    mesh, angle = curve.mesh, np.pi * nodes / stop

    def change(n: int, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        factor = np.exp(size * np.sin(angle[n]) * shape)
        growth = v / u + size * np.pi / stop * np.cos(angle[n]) * shape
        return _massive(mesh, (u, v), u * factor, growth) if keep_mass else (u * factor, u * factor * growth)

    return curve.map(change)


def oscillating(curve: Curve, periods: int, size: float, keep_mass: bool) -> Curve:
    """u (1 +- size) with `periods` periods along the first axis: for many of them close to u, weakly. Scaled to the
    mass of u where that is to be kept."""
    mesh = curve.mesh
    x = mesh.coordinates[0]
    place = (x - mesh.lower[0]) / (mesh.upper[0] - mesh.lower[0])
    factor = np.where((2 * periods * place).astype(int) % 2 == 0, 1 + size, 1 - size)

    def change(n: int, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _massive(mesh, (u, v), u * factor, v / u) if keep_mass else (u * factor, v * factor)

    start, end = (change(0, u, 0 * u)[0] for u in curve.ends)
    return replace(curve.map(change), ends=(start, end))


def _massive(
    mesh: Cartesian, like: tuple[np.ndarray, np.ndarray], state: np.ndarray, growth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The state scaled to the mass of (u, u'), and its rate for that growth field up to a constant."""
    mass, change = (integrate(mesh, part) for part in like)
    state = state * (mass / integrate(mesh, state))
    return state, state * (growth + (change - integrate(mesh, state * growth)) / mass)

"""Runs of every kind with their pictures, computed once, and what tests look for in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import (
    FisherRao,
    GradientFlow,
    KullbackLeibler,
    ReverseKullbackLeibler,
    Wasserstein,
    chi_squared,
    solve,
)
from mudot.solvers.energies import Energy
from mudot.solvers.flows import Solution
from mudot.solvers.geometries import Geometry
from mudot.validation import figures

SLOW = ("single frame in space", "strip")
WFR = Wasserstein(1.0) + FisherRao(0.5)
LINE = Cartesian(40, -4.0, 4.0)
CIRCLE = Cartesian(40, -np.pi, np.pi, "periodic")
SQUARE = Cartesian((16, 12), (-4.0, -3.0), (4.0, 3.0), ("no-flux", "periodic"))
STRIP = Cartesian((20, 6), (-4.0, 0.0), (4.0, 0.5))
CUBE = Cartesian((10, 8, 6), (-4.0, -4.0, -3.0), (4.0, 4.0, 3.0))


@dataclass
class Recorded:
    """A run in memory with the attributes of a result file."""

    solution: Solution
    status: str = "complete"
    damaged: tuple[int, ...] = ()
    attributes: dict[str, Any] = field(default_factory=lambda: {"rtol": 1e-6})
    extras: dict[str, np.ndarray] = field(default_factory=dict)
    path: Path = Path("run.h5")

    mesh = property(lambda self: self.solution.flow.mesh)
    target = property(lambda self: self.solution.flow.energy.target)
    parts = property(lambda self: self.solution.flow.discrete_geometry.parts)
    committed = property(lambda self: len(self.solution.frames))
    outputs = property(lambda self: self.times)

    def density(self, index: int) -> np.ndarray:
        return self.solution.frames[index].density

    def __getattr__(self, name: str) -> Any:
        return getattr(self.solution, name)


def bump(mesh: Cartesian, width: float, *centre: float) -> np.ndarray:
    """A Gaussian of unit mass around `centre`."""
    square = sum((x - c) ** 2 for x, c in zip(mesh.coordinates, centre, strict=True))
    density = np.exp(-square / (2 * width**2)) + np.zeros(mesh.shape)
    return density / integrate(mesh, density)


def recorded(energy: Energy, geometry: Geometry, mesh: Cartesian, start: np.ndarray, times: list[float]) -> Any:
    """A run with its results in memory."""
    return Recorded(solve(GradientFlow(mesh, energy, geometry), start, times))


def to_bump(mesh: Cartesian, times: list[float], geometry: Geometry = WFR, width: float = 0.5) -> Any:
    """Flow of KL from a narrow bump aside to a wide one in the middle."""
    target = KullbackLeibler(bump(mesh, 1.0, *(0.0,) * mesh.dimension))
    return recorded(target, geometry, mesh, bump(mesh, width, *(1.0, -0.5, 0.3)[: mesh.dimension]), times)


GAP = np.where(np.abs(LINE.centers[0] - 1) < 1, 1.0, 0.0)
RUNS = {
    "line": lambda: to_bump(LINE, [0.0, 0.1, 0.5, 2.0]),
    "geometric times": lambda: to_bump(LINE, [0.0, 1e-3, 1e-2, 0.1, 1.0]),
    "circle": lambda: to_bump(CIRCLE, list(np.linspace(0, 4, 21)), Wasserstein()),
    "single frame": lambda: to_bump(LINE, [0.0]),
    "equilibrium": lambda: recorded(KullbackLeibler(bump(LINE, 1.0, 0.0)), WFR, LINE, bump(LINE, 1.0, 0.0), [0.0, 1.0]),
    "zeros stay": lambda: recorded(chi_squared(bump(LINE, 1.0, 0.0)), FisherRao(), LINE, GAP, [0.0, 0.5, 1.0]),
    "infinite energy": lambda: recorded(
        ReverseKullbackLeibler(bump(LINE, 1.0, 0.0)), FisherRao(), LINE, GAP, [0.0, 0.5, 1.0]
    ),
    "square": lambda: to_bump(SQUARE, [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0]),
    "strip": lambda: recorded(
        KullbackLeibler(np.ones(STRIP.shape)), Wasserstein(), STRIP, bump(STRIP, 0.5, 1.0, 0.2), [0.0, 1.0]
    ),
    "cube": lambda: to_bump(CUBE, [0.0, 0.3, 1.0]),
    "single frame in space": lambda: to_bump(CUBE, [0.2]),
}


@cache
def example(name: str) -> Any:
    """A run by its name."""
    return RUNS[name]()


@cache
def pictures(name: str) -> dict[str, Figure]:
    """Its pictures."""
    return figures.figures_of(example(name))


def panels(figure: Figure) -> list[Any]:
    """The axes of a figure that show data, colour bars left out."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.axison]


def bars(figure: Figure) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def mesh_of(panel: Any) -> Any:
    """The coloured cells of a map."""
    return next(artist for artist in panel.collections if isinstance(artist, QuadMesh))


def words(panel: Any) -> list[str]:
    return [text.get_text() for text in panel.texts]

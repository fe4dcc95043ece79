"""Meshes, flows and comparisons for the tests that run on arrays of a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mudot.meshes.arrays import ArrayLibrary
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import FisherRao, GradientFlow, PowerDivergence, Solution, Spherical, Wasserstein
from mudot.solvers.fluxes import TwoPointFlux
from mudot.solvers.geometries import Geometry
from mudot.solvers.methods.reaction import Vacuum
from tests import device

LINE = Cartesian(24, -3.0, 3.0)
RING = Cartesian(16, 0.0, 1.0, boundary="periodic")
GRADED = Cartesian.graded([np.linspace(-1.5, 1.5, 19) ** 3])
SQUARE = Cartesian((10, 8), (-2.0, -2.0), (2.0, 2.0))
MIXED = Cartesian.graded([np.linspace(0.0, 1.0, 9) ** 2, np.linspace(0.0, 1.0, 7)], boundary=("no-flux", "periodic"))
CUBE = Cartesian((4, 3, 4), (-1.0,) * 3, (1.0,) * 3)
MESHES = {"line": LINE, "ring": RING, "graded": GRADED, "square": SQUARE, "mixed": MIXED, "cube": CUBE}


def log_target(mesh: Cartesian) -> np.ndarray:
    """A smooth potential; not separable in two dimensions or more."""
    x = mesh.coordinates
    return -0.5 * sum((a**2 for a in x), np.zeros(mesh.shape)) + 0.4 * np.sin(2 * np.pi * x[0]) * np.cos(x[-1])


def density(mesh: Cartesian, zeros: bool = False) -> np.ndarray:
    """A positive density, or one that vanishes in a part of the box."""
    x = mesh.coordinates
    values = np.broadcast_to(1 + 0.5 * np.sin(2 * x[0] + 0.3) * np.cos(3 * x[-1]), mesh.shape).copy()
    if zeros:
        values[mesh.shape[0] // 2 :] = 0
    return values


@dataclass(frozen=True)
class Case:
    """A flow from `density`; separable ones have a Gaussian target."""

    mesh: Cartesian
    geometry: Geometry
    power: float = 1.0
    times: tuple[float, ...] = (0.0, 0.1, 0.7)
    zeros: bool = False
    vacuum: Vacuum = "fills"
    separable: bool = False

    def flow(self, library: ArrayLibrary | None = None) -> GradientFlow:
        """The flow with its energy made from arrays of the host, or of a library."""
        log_pi = -sum((x**2 for x in self.mesh.coordinates), np.zeros(self.mesh.shape)) / 2
        log_pi = log_pi if self.separable else log_target(self.mesh)
        send = library.to_device if library is not None else np.asarray
        energy = PowerDivergence(self.power, send(np.exp(log_pi)), send(log_pi))
        return GradientFlow(self.mesh, energy, self.geometry, self.vacuum)

    def start(self) -> np.ndarray:
        """The initial density, on the host."""
        return density(self.mesh, self.zeros)


REACTION, TRANSPORT = FisherRao(1.3), Wasserstein(0.8)
BOTH = TRANSPORT + REACTION
POWERS = (-1.0, 0.0, 0.5, 2 / 3, 1.0, 2.0, 3.0)

CASES: dict[str, Case] = {
    **{f"reaction, p = {p:.3g}": Case(LINE, REACTION, p) for p in POWERS},
    **{f"reaction, p = {p:.3g}, with zeros": Case(SQUARE, REACTION, p, zeros=True) for p in POWERS},
    **{f"spherical reaction, p = {p:.3g}": Case(SQUARE, Spherical(REACTION), p) for p in POWERS},
    **{f"spherical reaction, p = {p:.3g}, with zeros": Case(LINE, Spherical(REACTION), p, zeros=True) for p in POWERS},
    "reaction, vacuum stays": Case(LINE, REACTION, 0.5, zeros=True, vacuum="stays"),
    "spherical reaction, vacuum stays": Case(LINE, Spherical(REACTION), 0.5, zeros=True, vacuum="stays"),
    "reaction in 3D": Case(CUBE, REACTION, 2.0),
    "transport, dense factors in 1D": Case(LINE, TRANSPORT, zeros=True),
    "transport, dense factors on a ring": Case(RING, TRANSPORT),
    "transport, dense factors on a graded mesh": Case(GRADED, TRANSPORT),
    "transport, dense factors in 2D": Case(SQUARE, TRANSPORT, separable=True),
    "transport, dense factors in 3D": Case(CUBE, TRANSPORT, separable=True),
    "transport, uniformization": Case(SQUARE, TRANSPORT, zeros=True),
    "transport, uniformization on a mixed mesh": Case(MIXED, TRANSPORT, times=(0.01, 0.05)),
    "transport, uniformization in 3D": Case(CUBE, TRANSPORT),
    "transport, Chebyshev series": Case(Cartesian((16, 16), (-2, -2), (2, 2)), TRANSPORT, times=(9.0, 30.0)),
    "both in 1D": Case(LINE, BOTH, times=(0.3,)),
    "both in 2D": Case(SQUARE, BOTH, times=(0.2,)),
    "both in 3D": Case(CUBE, BOTH, times=(0.2,)),
    "spherical both in 1D, with zeros": Case(Cartesian(8, -2.0, 2.0), Spherical(BOTH), times=(0.1,), zeros=True),
    "spherical both in 2D": Case(SQUARE, Spherical(BOTH), times=(0.2,)),
    "transport and spherical reaction on a ring": Case(RING, TRANSPORT + Spherical(REACTION), times=(0.02,)),
}


def assert_same(found: Any, expected: Any) -> None:
    """Same structure and, to 1e-13 of the largest entry, same numbers; arrays of the device against the host's."""
    if isinstance(expected, (tuple, list)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, TwoPointFlux):
        assert_same((found.forward, found.backward), (expected.forward, expected.backward))
    else:
        assert isinstance(found, device.ndarray if isinstance(expected, np.ndarray) else float)
        values = device.to_host(found) if isinstance(found, device.ndarray) else found
        assert_close(values, expected, 1e-13)


def assert_close(found: Any, expected: Any, tolerance: float) -> None:
    """To a tolerance relative to the largest finite entry; infinities and NaN in the same places."""
    finite = np.abs(np.where(np.isfinite(expected), expected, 0.0))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(finite.max(initial=0.0), 1e-300))


def assert_on_both(function: Callable[..., Any], *values: np.ndarray) -> None:
    """The function gives the same from arrays of the device as from arrays of the host."""
    assert_same(function(*map(device.to_device, values)), function(*values))


def assert_same_run(found: Solution, expected: Solution, tolerance: float = 1e-13) -> None:
    """Densities and ledgers agree; ledger entries relative to the energy that was there to dissipate."""
    assert (found.status, expected.status) == ("complete", "complete")
    assert_close(found.density, expected.density, tolerance)
    energy = expected.energy[0] if np.isfinite(expected.energy[0]) else 0.0
    scale = max(energy, float(np.nanmax(np.abs(expected.dissipation), initial=0.0)), 1e-300)
    for name in ("times", "energy", "mass", "minimum"):
        assert_close(getattr(found, name), getattr(expected, name), tolerance)
    for name in ("rate", "slope", "balance"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), rtol=0, atol=tolerance * scale)

"""What crosses between host and device during a run: frames, and tables much smaller than the mesh."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import FisherRao, GradientFlow, KullbackLeibler, Spherical, Wasserstein, solve
from mudot.solvers.energies import JensenShannon, MaximumMeanDiscrepancy, PowerDivergence, ShallowNetwork
from mudot.solvers.energies.neurons import Neurons
from mudot.solvers.geometries import (
    FlatWasserstein,
    Geometry,
    KernelApproximateFisherRao,
    KernelizedFisherRao,
    Stein,
)
from mudot.solvers.kernels.functions import GaussianKernel, InverseMultiquadricKernel
from tests import device
from tests.devices import counted, everywhere, library_at

FINE = Cartesian((96, 90), (-2.0, -2.0), (2.0, 2.0))
"""So large that tables of series coefficients are smaller."""
COARSE = Cartesian((26, 24), (-2.0, -2.0), (2.0, 2.0))
GAUSSIAN = GaussianKernel(0.6)
DATA = np.linspace(-1, 1, 5)


def target(mesh: Cartesian) -> np.ndarray:
    """A Gaussian whose potential is no sum of functions of one coordinate."""
    x, y = mesh.coordinates
    return np.asarray(np.exp(-(x**2) / 2 - y**2 / 2 - 0.4 * x * y))


def network(mesh: Cartesian) -> GradientFlow:
    """Five data, two parameters."""
    neurons = Neurons(DATA[:, None], "tanh", ("amplitude", "weight"))
    return GradientFlow(mesh, ShallowNetwork(neurons, np.sin(2 * DATA)), Wasserstein())


def of_kl(geometry: Geometry) -> Callable[[Cartesian], GradientFlow]:
    """A flow of KL."""
    return lambda mesh: GradientFlow(mesh, KullbackLeibler(target(mesh)), geometry)


def separable(mesh: Cartesian) -> GradientFlow:
    """KL to a standard Gaussian."""
    x, y = mesh.coordinates
    return GradientFlow(mesh, KullbackLeibler(np.exp(-(x**2) / 2 - y**2 / 2)), Wasserstein())


RUNS: dict[str, tuple[Callable[[Cartesian], GradientFlow], Cartesian, float]] = {
    "uniformization": (of_kl(Wasserstein()), FINE, 0.02),
    "dense factors": (separable, COARSE, 2.0),
    "Chebyshev series": (of_kl(Wasserstein()), FINE, 1.0),
    "splitting": (of_kl(Wasserstein() + FisherRao()), FINE, 0.01),
    "reaction in closed form": (
        lambda mesh: GradientFlow(mesh, PowerDivergence(2.0, target(mesh)), Spherical(FisherRao())),
        *(COARSE, 0.5),
    ),
    "Runge-Kutta for log mu": (
        lambda mesh: GradientFlow(mesh, JensenShannon(target(mesh)), FisherRao()),
        *(COARSE, 3.0),
    ),
    "kernelized by products": (of_kl(KernelizedFisherRao(GAUSSIAN)), COARSE, 0.5),
    "kernelized by transforms": (of_kl(KernelizedFisherRao(InverseMultiquadricKernel(0.6))), COARSE, 0.5),
    "ridge": (of_kl(KernelApproximateFisherRao(GAUSSIAN, 0.1)), COARSE, 0.5),
    "stein": (of_kl(Stein(GAUSSIAN)), COARSE, 0.5),
    "wasserstein of mmd": (
        lambda mesh: GradientFlow(mesh, MaximumMeanDiscrepancy(GAUSSIAN, target(mesh)), Wasserstein()),
        *(COARSE, 3.0),
    ),
    "network": (network, COARSE, 4.0),
    "flat, exact": (
        lambda mesh: GradientFlow(mesh, PowerDivergence(2.0, target(mesh)), FlatWasserstein(target(mesh))),
        *(FINE, 2.0),
    ),
}
"""Flows by the way they are solved, with a mesh and a time that takes several panels."""


def start(mesh: Cartesian) -> np.ndarray:
    """Away from the target."""
    x, y = mesh.coordinates
    return np.asarray(np.exp(-((x - 0.5) ** 2) - y**2 / 2))


@everywhere
@pytest.mark.parametrize("name", RUNS)
def test_after_the_first_panel_only_frames_cross(name: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library, (make, mesh, stop) = library_at(where), RUNS[name]
    reached: list[tuple[int, int]] = []
    size = 8 * mesh.size
    with counted(library, monkeypatch) as seen:

        def note(_: float) -> None:
            reached.append((len(seen.to_device), len(seen.to_host)))

        begin = library.to_device(start(mesh))
        solution = solve(make(mesh), begin, [stop / 2, stop], rtol=1e-6, observer=note)
    assert solution.status == "complete"
    assert len(reached) >= 2, "one panel shows nothing"
    (sent, fetched), frames = reached[0], len(solution.frames)
    assert [n for n in seen.to_device[sent:] if n >= size] == []
    assert [n for n in seen.to_host[fetched:] if n < size] == []
    # A frame made at the end of the first panel counts with what follows.
    assert len(seen.to_host[fetched:]) <= frames


def test_the_count_is_that_of_the_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = device.to_device(start(COARSE))
    with counted(device.library(), monkeypatch) as seen, device.watched() as traffic:
        solve(of_kl(Wasserstein())(COARSE), begin, [0.0, 0.05])
    # The matrix of the flow is made on the device, in two parts, and counted by the stand-in alone.
    sparse = 2
    assert len(seen.to_host) == traffic.to_host
    assert len(seen.to_device) == traffic.to_device - sparse

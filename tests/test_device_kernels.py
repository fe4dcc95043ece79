"""Reaction flows with kernels run on arrays of the device and give what they give on the host."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Energy, JensenShannon, KullbackLeibler, MaximumMeanDiscrepancy, Renyi
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelApproximateFisherRao,
    KernelizedFisherRao,
    Spherical,
)
from mudot.solvers.kernels.functions import GaussianKernel, InverseMultiquadricKernel, LaplaceKernel, PolynomialKernel
from tests import device
from tests.device_cases import LINE, RING, SQUARE, assert_same_run, density


def _target(mesh: Cartesian) -> np.ndarray:
    x = mesh.coordinates
    return np.broadcast_to(1.2 + 0.3 * np.cos(x[0] + x[-1]), mesh.shape).copy()


def _probability(mesh: Cartesian, values: np.ndarray) -> np.ndarray:
    return np.asarray(values / np.sum(values * mesh.volumes))


FLOWS: dict[str, tuple[Cartesian, type | str, Geometry]] = {
    "kernelized by products": (SQUARE, "kl", KernelizedFisherRao(GaussianKernel(0.5))),
    "kernelized by transforms": (SQUARE, "kl", KernelizedFisherRao(InverseMultiquadricKernel(0.5))),
    "ridge by products": (LINE, "kl", KernelApproximateFisherRao(GaussianKernel(0.5), 1e-2)),
    "ridge by transforms": (SQUARE, "kl", KernelApproximateFisherRao(InverseMultiquadricKernel(0.5), 1e-1)),
    "ridge by features": (LINE, "kl", KernelApproximateFisherRao(PolynomialKernel(2, 1.0), 1e-1)),
    "spherical ridge on a ring": (RING, "kl", Spherical(KernelApproximateFisherRao(GaussianKernel(0.1), 1e-2))),
    "mmd": (SQUARE, "mmd", FisherRao()),
    "jensen-shannon": (LINE, "js", FisherRao()),
    "renyi": (SQUARE, "renyi", Spherical(FisherRao())),
}


def _energy(name: str, target: np.ndarray) -> Energy:
    made: dict[str, Energy] = {
        "kl": KullbackLeibler(target),
        "mmd": MaximumMeanDiscrepancy(LaplaceKernel(0.5), target),
        "js": JensenShannon(target),
        "renyi": Renyi(2.0, target),
    }
    return made[name]


@pytest.mark.parametrize("label", FLOWS)
def test_flows_agree_with_the_host(label: str) -> None:
    mesh, name, geometry = FLOWS[label]
    start, target = _probability(mesh, density(mesh)), _probability(mesh, _target(mesh))
    flow = GradientFlow(mesh, _energy(str(name), target), geometry)
    expected = solve(flow, start, [0.0, 0.2], rtol=1e-5)
    found = solve(flow, device.to_device(start), [0.0, 0.2], rtol=1e-5)
    assert_same_run(found, expected, 1e-11)

"""Every flow on arrays of a device with fused kernels: the text of the CUDA kernels, run on the host for the stand-in,
gives the densities and ledgers of the array passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import FisherRao, KullbackLeibler, Solution, Wasserstein, compiled, solve
from mudot.solvers.energies import JensenShannon
from mudot.solvers.flows import GradientFlow
from mudot.solvers.methods import chebyshev, uniformization
from mudot.solvers.products import FusedStep
from tests import device, host_kernels
from tests.device_cases import CASES, SQUARE, assert_same_run, density, log_target


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Fused kernels for arrays of the stand-in; the names of those that were started."""
    seen: list[str] = []
    kernels = host_kernels.on(device.library(), lambda array: array._values, seen=seen)
    monkeypatch.setitem(compiled._makers, device.library().name, lambda: kernels)
    yield seen


def on_device(name: str) -> Solution:
    """A case, on the device."""
    case = CASES[name]
    return solve(case.flow(), device.to_device(case.start()), case.times)


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith("spherical reaction, p = 3")])
def test_flow_by_fused_kernels_has_the_numbers_of_array_passes(name: str, started: list[str]) -> None:
    case = CASES[name]
    found = on_device(name)
    assert {"log_ratio", "integrand"} <= set(started)
    assert_same_run(found, solve(case.flow(), case.start(), case.times), 1e-12)


def _transport() -> tuple[GradientFlow, np.ndarray]:
    target = np.exp(log_target(SQUARE))
    return GradientFlow(SQUARE, KullbackLeibler(target), Wasserstein() + FisherRao()), density(SQUARE)


def _reaction() -> tuple[GradientFlow, np.ndarray]:
    target = np.exp(log_target(SQUARE))
    return GradientFlow(SQUARE, JensenShannon(target), FisherRao()), density(SQUARE)


LOOPS: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "uniformization": (
        lambda: on_device("transport, uniformization"),
        {"recurrence", "gather", "logarithmic_mean"},
    ),
    "Chebyshev series": (lambda: on_device("transport, Chebyshev series"), {"recurrence", "gather"}),
    "splitting": (lambda: on_device("both in 2D"), {"recurrence", "banded_product", "gather", "diffusion"}),
    "Runge-Kutta for log mu": (
        lambda: solve(_reaction()[0], device.to_device(_reaction()[1]), [0.0, 0.2]),
        {"combination", "log_ratio", "integrand"},
    ),
}


@pytest.mark.parametrize("name", LOOPS)
def test_hot_loops_go_through_the_fused_kernels(name: str, started: list[str]) -> None:
    run, expected = LOOPS[name]
    assert run().status == "complete"
    assert expected <= set(started)


@pytest.mark.parametrize(
    ("name", "module"), [("transport, uniformization", uniformization), ("transport, Chebyshev series", chebyshev)]
)
def test_exponentials_on_a_device_go_by_fused_steps(
    name: str, module: ModuleType, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, given = module.apply_exponentials, list[Any]()

    def noted(rates: Any, *rest: Any) -> Any:
        given.append(rates.step(rates.exit_rate))
        return original(rates, *rest)

    monkeypatch.setattr(module, "apply_exponentials", noted)
    on_device(name)
    assert given and all(isinstance(step, FusedStep) for step in given)


def test_larger_and_other_arrays_go_through_array_passes(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.fused(device.to_device(np.ones(4))) is not None
    assert compiled.fused(device.to_device(np.ones(4, dtype=int))) is None
    assert compiled.fused(np.ones(4)) is None
    monkeypatch.setattr(compiled, "LARGEST", 4)
    assert compiled.fused(device.to_device(np.ones(4))) is None
    assert compiled.fused(device.to_device(np.ones(3))) is not None


def test_matrices_too_large_for_the_kernels_stay_sparse(started: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mudot.solvers.products.LARGEST", 4)
    assert on_device("transport, uniformization").status == "complete"
    assert "recurrence" not in started and "gather" in started


def test_meshes_with_one_cell_on_an_axis_have_no_faces_there(started: list[str]) -> None:
    mesh = Cartesian((1, 6), (0, 0), (1, 1), "periodic")
    target = 1 + 0.5 * np.cos(2 * np.pi * mesh.coordinates[1]) + 0 * mesh.coordinates[0]
    flow = GradientFlow(mesh, KullbackLeibler(target), Wasserstein())
    start = np.ones(mesh.shape)
    assert_same_run(solve(flow, device.to_device(start), [0.0, 0.1]), solve(flow, start, [0.0, 0.1]), 1e-12)

"""Flows with memories that are interrupted at any storable state go on to the same bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.frames import Frame
from mudot.solvers.geometries import (
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    Spherical,
    Stein,
)
from mudot.solvers.kernels import warm
from mudot.solvers.kernels.functions import GaussianKernel

LINE = Cartesian(16, -2.5, 2.5)
TIMES, RTOL = [0.0, 0.3, 3.0], 1e-4
KERNEL = GaussianKernel(0.7)
GEOMETRIES: dict[str, Callable[[float], Geometry]] = {
    "fisher-rao": lambda ridge: KernelApproximateFisherRao(KERNEL, ridge),
    "spherical fisher-rao": lambda ridge: Spherical(KernelApproximateFisherRao(KERNEL, ridge)),
    "wasserstein": lambda ridge: KernelApproximateWasserstein(KERNEL, ridge),
    "wasserstein-fisher-rao": lambda ridge: (
        KernelApproximateWasserstein(KERNEL, ridge) + KernelApproximateFisherRao(KERNEL, ridge)
    ),
    "stein and ridge fisher-rao": lambda ridge: Stein(KERNEL) + KernelApproximateFisherRao(KERNEL, ridge),
}


@dataclass
class EveryState:
    """A record of all storable states; the outputs are marked."""

    frames: list[Frame] = field(default_factory=list)
    outputs: list[bool] = field(default_factory=list)

    def append(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.outputs.append(True)

    def checkpoint(self, frame: Callable[[], Frame]) -> None:
        self.frames.append(frame())
        self.outputs.append(False)

    def finish(self, status: str) -> None:
        assert status == "complete"


def bits(frame: Frame) -> tuple[bytes, str]:
    return frame.density.tobytes(), repr((frame.time, frame.rate, frame.slope, frame.step, frame.substep, frame.steps))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["one", "every"])
@pytest.mark.parametrize("ridge", [1e-2, 1e-5], ids=["plain", "preconditioned"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_a_ridge_flow_resumed_from_a_stored_state_is_the_uninterrupted_one_to_the_bit(
    name: str, ridge: float, every: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (x,) = LINE.centers
    mu, pi = np.exp(-((x - 0.5) ** 2)) + 0.01, np.exp(-((x + 0.4) ** 2) / 1.5) + 0.01
    flow = GradientFlow(LINE, KullbackLeibler(pi / integrate(LINE, pi)), GEOMETRIES[name](ridge))
    start, warmed = mu / integrate(LINE, mu), []
    honest = warm._combined
    monkeypatch.setattr(warm, "_combined", lambda *given: (warmed.append(1), honest(*given))[1])
    whole = EveryState()
    solve(flow, start, TIMES, RTOL, whole)
    assert len(warmed) > 20  # solves do start from those before
    assert len(whole.frames) > len(TIMES)  # and there are states between the outputs
    between = len(whole.outputs) - 1 - whole.outputs[::-1].index(False)
    for number in range(len(whole.frames) - 1) if every else (between,):
        resumed = EveryState()
        solve(flow, start, TIMES, RTOL, resumed, restart=whole.frames[number])
        assert [bits(f) for f in resumed.frames] == [bits(f) for f in whole.frames[number + 1 :]]

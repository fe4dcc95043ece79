"""Every flow on arrays of a device: the same densities and ledgers as on the host, and no hidden traffic.

On the stand-in always; on a GPU with `pytest -m gpu`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from mudot.meshes import threads
from mudot.meshes.arrays import library_of
from mudot.solvers import Solution, solve
from mudot.solvers.frames import Frame
from mudot.solvers.methods import chebyshev, tensor, uniformization
from mudot.solvers.trajectories import MemoryTrajectory
from tests import device
from tests.device_cases import CASES, assert_same_run
from tests.devices import library_at

every_case = pytest.mark.parametrize("name", CASES)


@cache
def run(name: str, data: str, start: str) -> tuple[Solution, device.Traffic]:
    """A case solved with the data of its energy and its start on the host or on the device, and the traffic."""
    case = CASES[name]
    flow = case.flow(device.library() if data == "device" else None)
    density = device.to_device(case.start()) if start == "device" else case.start()
    with device.watched() as traffic:
        return solve(flow, density, case.times), traffic


@every_case
@pytest.mark.parametrize("data", ["host", "device"])
def test_flow_runs_on_the_device_of_the_start_with_the_numbers_of_the_host(name: str, data: str) -> None:
    found, _ = run(name, data, "device")
    assert library_of(found.flow.energy.target) is device.library()
    assert isinstance(found.density, np.ndarray)
    assert_same_run(found, run(name, "host", "host")[0])


def test_flow_with_data_of_the_device_runs_on_the_host_from_a_start_of_the_host() -> None:
    assert_same_run(run("both in 1D", "device", "host")[0], run("both in 1D", "host", "host")[0])


@every_case
def test_rate_of_energy_and_geometry_is_that_of_the_method_on_the_device(name: str) -> None:
    case = CASES[name]
    flow, start = case.flow(device.library()), device.to_device(np.maximum(case.start(), 1e-3))
    found, expected = flow.rate(start), flow.method.rate(start)
    assert float(abs(found - expected).max()) <= 1e-11 * float(abs(expected).max())


@pytest.mark.parametrize(
    ("name", "module", "function"),
    [
        ("transport, dense factors in 2D", tensor, "exponential"),
        ("transport, dense factors on a ring", tensor, "exponential"),
        ("transport, uniformization", uniformization, "apply_exponentials"),
        ("transport, uniformization in 3D", uniformization, "apply_exponentials"),
        ("transport, Chebyshev series", chebyshev, "apply_exponentials"),
        ("both in 1D", tensor, "exponential"),
        ("both in 2D", uniformization, "apply_exponentials"),
    ],
)
def test_cases_use_the_exponential_they_name(
    monkeypatch: pytest.MonkeyPatch, name: str, module: ModuleType, function: str
) -> None:
    original, calls = getattr(module, function), []

    def noted(*arguments: Any) -> Any:
        calls.append(1)
        return original(*arguments)

    monkeypatch.setattr(module, function, noted)
    solve(CASES[name].flow(), device.to_device(CASES[name].start()), CASES[name].times)
    assert calls


@pytest.mark.parametrize("name", ["transport, uniformization", "spherical both in 2D", "spherical reaction, p = 2"])
def test_restart_on_the_device_gives_the_same_bits(name: str) -> None:
    class Recording(MemoryTrajectory):
        """Keeps the states between outputs too."""

        def checkpoint(self, frame: Callable[[], Frame]) -> None:
            saved.append(frame())

    case, saved = CASES[name], list[Frame]()
    start = device.to_device(case.start())
    record = Recording()
    solve(case.flow(), start, case.times, trajectory=record)
    again = solve(case.flow(), start, case.times, restart=saved[-1])
    assert np.array_equal(again.frames[-1].density, record.frames[-1].density)
    assert again.frames[-1].rate == record.frames[-1].rate


def test_threads_of_the_host_leave_the_device_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["transport, uniformization"]
    with ThreadPoolExecutor(3) as pool:
        monkeypatch.setattr(threads, "count", lambda: 3)
        monkeypatch.setattr(threads, "_pool", lambda: pool)
        assert solve(case.flow(), device.to_device(case.start()), case.times).status == "complete"


SET_UP = 3
"""Arrays that come back while a flow is set up: log pi for lines, and the two numbers of the flux for the matrix."""

WAITING = {
    "reaction": 30,
    "spherical reaction, p = 1": 120,
    "spherical reaction": 1500,
    "transport, ": 130,
    "transport and spherical reaction": 700,
    "both": 400,
    "spherical both": 1000,
}
"""How often the host may wait for a number during one panel, which has 9 accounts and 10 advances. Spherical reactions
with p other than 1 integrate a scalar equation on the host, each of whose evaluations needs two numbers."""


@every_case
def test_one_density_a_panel_comes_back_and_nothing_else(name: str) -> None:
    solution, traffic = run(name, "device", "device")
    # One density for each panel, which a trajectory may keep to restart from, and one for time zero.
    assert traffic.to_host <= solution.frames[-1].steps + 1 + SET_UP


@every_case
def test_host_waits_for_a_bounded_number_of_numbers_a_panel(name: str) -> None:
    solution, traffic = run(name, "device", "device")
    bound = next(bound for kind, bound in WAITING.items() if name.startswith(kind))
    assert traffic.synchronisations <= bound * solution.frames[-1].steps


@pytest.mark.parametrize("name", [name for name in CASES if "reaction, " in name])
def test_reactions_send_nothing_but_the_volumes_of_the_mesh(name: str) -> None:
    assert run(name, "device", "device")[1].to_device <= 1


@pytest.mark.gpu
@every_case
def test_flow_on_a_gpu_has_the_numbers_of_the_host(name: str) -> None:
    library = library_at("gpu")
    case = CASES[name]
    found = solve(case.flow(), library.to_device(case.start()), case.times)
    # Sums are taken in another order there, and the step control may see the difference.
    assert_same_run(found, run(name, "host", "host")[0], tolerance=1e-10)

"""Runs of problem files on a device: the host's results, resumed on either side, refused in one line."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes import arrays
from mudot.meshes.arrays import ArrayLibrary, library_for
from mudot.meshes.errors import MudotError
from mudot.solvers import commands, storage
from mudot.solvers.flows import solve
from mudot.solvers.frames import Frame
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.validation.cli import main
from tests import device
from tests.device_cases import CASES
from tests.devices import library_at

PROBLEM = """
[mesh]
lower = [-2.0, -2.0]
upper = [2.0, 2.0]
cells = [12, 10]
boundary = ["no-flux"]
[target]
log_density = "-(x**2 - 1)**2 - y**2/2 + 0.3*x*y"
[initial]
log_density = "-(x + 0.7)**2 / 0.5 - y**2"
[energy]
name = "kl"
[geometry]
name = "wasserstein-fisher-rao"
spherical = true
[time]
stop = 0.4
outputs = [0.0, 0.1, 0.4]
rtol = 1e-8
"""


class Interrupted(Exception):
    """What a test stops a run with."""


@pytest.fixture
def problem(tmp_path: Path) -> Path:
    """A problem file."""
    path = tmp_path / "problem.toml"
    path.write_text(PROBLEM)
    return path


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ArrayLibrary:
    """The device `gpu`: the stand-in, or one."""
    library = library_at(request.param)
    monkeypatch.setitem(arrays._DEVICES, "gpu", lambda: library)
    return library


def test_run_on_the_device_writes_the_result_of_the_host(problem: Path, tmp_path: Path, gpu: ArrayLibrary) -> None:
    one, two = tmp_path / "cpu.h5", tmp_path / "gpu.h5"
    assert commands.run(problem, one) and commands.run(problem, two, device="gpu")
    host, found = storage.read(one), storage.read(two)
    assert (host.attributes["device"], found.attributes["device"]) == ("cpu", gpu.device)
    for n in range(3):
        np.testing.assert_allclose(found.density(n), host.density(n), rtol=1e-10)
    np.testing.assert_allclose(found.dissipation, host.dissipation, rtol=1e-10)


@pytest.mark.parametrize(("first", "second"), [("gpu", "cpu"), ("cpu", "gpu")])
def test_run_begun_on_one_device_goes_on_on_the_other(
    problem: Path, tmp_path: Path, gpu: ArrayLibrary, monkeypatch: pytest.MonkeyPatch, first: str, second: str
) -> None:
    whole, result = tmp_path / "whole.h5", tmp_path / "result.h5"
    commands.run(problem, whole)
    append = storage.FileTrajectory.append

    def stop_at_third(self: storage.FileTrajectory, frame: Frame) -> None:
        if frame.time == 0.4:
            raise Interrupted
        append(self, frame)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(storage.FileTrajectory, "append", stop_at_third)
        commands.run(problem, result, device=first)
    assert storage.read(result).committed == 2
    assert commands.run(problem, result, resume=True, device=second)
    np.testing.assert_allclose(storage.read(result).density(2), storage.read(whole).density(2), rtol=1e-10)


def test_device_out_of_memory_is_a_failed_run_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class OutOfMemory(Exception):
        """As CuPy's."""

    def full(*_: object, **__: object) -> Callable[..., object]:
        raise OutOfMemory

    case, library = CASES["transport, uniformization"], replace(device.library(), exhausted=OutOfMemory)
    monkeypatch.setitem(arrays._registered, "tests", lambda: library)
    monkeypatch.setattr(FokkerPlanck, "trace", full)
    solution = solve(case.flow(), device.to_device(case.start()), case.times)
    assert solution.status == "failed"
    assert solution.message == "no memory left on the stand-in; use fewer cells"


class OutOfMemory(Exception):
    """As CuPy's."""


def _full(*_: object, **__: object) -> None:
    raise OutOfMemory


def test_memory_exhausted_while_data_are_sent_is_a_failed_run_too(monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES["transport, uniformization"]
    start = device.to_device(case.start())
    full = replace(device.library(), exhausted=OutOfMemory, to_device=_full)
    monkeypatch.setitem(arrays._registered, "tests", lambda: full)
    solution = solve(case.flow(), start, case.times)
    assert (solution.status, solution.message) == ("failed", "no memory left on the stand-in; use fewer cells")


def test_device_that_cannot_hold_the_start_is_refused_before_anything_is_written(
    problem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = replace(device.library(), exhausted=OutOfMemory, to_device=_full)
    monkeypatch.setitem(arrays._DEVICES, "gpu", lambda: full)
    with pytest.raises(MudotError, match=r"no memory left on the stand-in; use fewer cells"):
        commands.run(problem, tmp_path / "result.h5", device="gpu")
    assert not (tmp_path / "result.h5").exists()


def test_announced_memory_that_the_device_lacks_is_refused_before_anything_is_written(
    problem: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(arrays._DEVICES, "gpu", lambda: replace(device.library(), free=lambda: 1e6))
    with pytest.raises(MudotError, match=r"memory, 1 MB are available on the stand-in; use fewer cells"):
        commands.run(problem, tmp_path / "result.h5", device="gpu")
    assert not (tmp_path / "result.h5").exists()


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is installed")
def test_missing_cupy_is_said_in_one_line(problem: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = problem.with_suffix(".h5")
    assert main(["run", str(problem), "--output", str(output), "--device", "gpu"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "CuPy is not installed" in error and "mudot[gpu]" in error
    assert not output.exists()


def test_device_without_a_driver_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> arrays.ArrayLibrary:
        raise RuntimeError("CuPy is installed but finds no CUDA device")

    monkeypatch.setitem(arrays._DEVICES, "gpu", broken)
    with pytest.raises(MudotError, match=r"device gpu: .* finds no CUDA device; check the driver"):
        library_for("gpu")
    with pytest.raises(MudotError, match="expected cpu or gpu"):
        library_for("tpu")

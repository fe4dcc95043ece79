"""The benchmark of the device runs on the stand-in from end to end: its times mean nothing there, its results do."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest

from bench import gpu
from mudot.meshes import arrays
from tests import device, host_kernels
from tests import gpu as test_runner


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> gpu.Bench:
    """On the stand-in."""
    kernels = host_kernels.on(device.library(), lambda array: array._values)
    return gpu.Bench(device.library(), kernels, gpu.by_clock, time.monotonic() + 60)


TINY = gpu.Size(kernels=((12, 10), (5, 4, 6)), flows=((12, 10),), repeat=1e-5)


def test_every_kernel_and_flow_is_measured(bench: gpu.Bench) -> None:
    lines = list(gpu.run(bench, TINY))
    kernels = [row for row in bench.rows if "kernel" in row]
    flows = [row for row in bench.rows if "flow" in row]
    assert len(kernels) == 10 * 2 and len(flows) == 5
    assert all(0 < row["seconds"] < 10 and row["fraction"] > 0 for row in kernels)
    assert all(row["status"] == "complete" and row["gap"] < 1e-10 for row in flows)
    assert sum("triad" in line for line in lines) == 1 + 2


@pytest.mark.parametrize("cells", TINY.kernels)
def test_a_kernel_and_its_array_passes_do_the_same_work(bench: gpu.Bench, cells: tuple[int, ...]) -> None:
    for work in gpu.works(bench, cells):
        expected, found = (device.to_host(run()).reshape(-1) for run in (work.passes, work.call))
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11 * float(np.abs(expected).max()))


def test_what_the_time_does_not_allow_is_left_out_and_said(bench: gpu.Bench) -> None:
    bench.until = 0.0
    lines = list(gpu.run(bench, TINY))
    assert bench.rows == [] and sum("left out" in line for line in lines) == 2 + 5


@pytest.mark.parametrize("command", [lambda: gpu.main([]), lambda: test_runner.main([])], ids=["bench", "test"])
def test_without_a_device_the_command_says_so_in_one_line(
    command: Callable[[], int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent() -> None:
        raise RuntimeError("nothing here")

    monkeypatch.setitem(arrays._DEVICES, "gpu", absent)
    assert command() == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err == "device gpu: nothing here; check the driver, or use the cpu\n"


def test_tests_on_a_device_begin_nothing_after_their_time() -> None:
    test_runner.Deadline(60.0).pytest_runtest_setup()
    with pytest.raises(pytest.skip.Exception, match="the time is over"):
        test_runner.Deadline(-1.0).pytest_runtest_setup()

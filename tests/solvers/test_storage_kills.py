"""Result files through kills, cuts after every write, damaged bytes and full disks."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.storage import FileTrajectory, read
from tests.solvers.storage_cases import LINE, PROBLEM, TIMES, complete, contents, create, march, same


class Recorder(FileIO):
    """A file that notes what is written where."""

    log: list[tuple[int, bytes]]

    def write(self, data: Any) -> int:
        self.log.append((self.tell(), bytes(data)))
        return super().write(data)


def test_a_file_cut_at_any_write_holds_every_committed_frame_and_resumes_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, marks = tmp_path / "result.h5", []
    monkeypatch.setattr(Recorder, "log", [], raising=False)
    monkeypatch.setattr(storage, "FileIO", Recorder)
    trajectory = create(path)
    image = bytearray(path.read_bytes())
    frames = [frame for frame, final in march(LINE, TIMES) if final]
    for frame in frames:
        trajectory.append(frame)
        marks.append(len(Recorder.log))
    trajectory.finish("complete")
    final, whole, log = path.read_bytes(), contents(path), list(Recorder.log)
    for done, (place, data) in enumerate(log):
        for cut in (len(data) // 2, len(data)):
            image[place : place + cut] = data[:cut]
            path.write_bytes(image)
            result = read(path)
            assert result.damaged == () or cut < len(data)
            assert result.committed == sum(mark <= done + (cut == len(data)) for mark in marks)
            assert all(same(result.frame(n), frames[n]) for n in range(result.committed))
            if result.status != "complete":
                assert result.status == "running"
                again, restart = FileTrajectory.resume(path, PROBLEM)
                complete(again, restart=restart)
                assert contents(path) == whole
    assert bytes(image) == final  # nothing was written behind the recorder's back


BIG = Cartesian((128, 256), (0, 0), (1, 1))
BIG_TIMES = list(np.linspace(0, 1, 21))


def run_or_resume(path: Path) -> None:
    """A whole run, or the rest of one."""
    trajectory, restart = FileTrajectory.resume(path, PROBLEM, 0) if path.exists() else (create_big(path), None)
    complete(trajectory, BIG, restart, BIG_TIMES)


def run_by_permission(path: Path, allowed: Any, begun: Any) -> None:
    """The same in the process that is to be killed: it asks before every write, and says when it begins one."""
    trajectory, restart = FileTrajectory.resume(path, PROBLEM, 0) if path.exists() else (create_big(path), None)
    for frame, final in march(BIG, BIG_TIMES, restart):
        allowed.acquire()
        begun.release()
        trajectory.append(frame) if final else trajectory.checkpoint(lambda state=frame: state)
    trajectory.finish("complete")


def create_big(path: Path) -> FileTrajectory:
    return create(path, BIG, BIG_TIMES, interval=0)


def kill_at_random(folder: Path, kills: int) -> None:
    """Kill runs over and over; whatever is left must be whole, lose nothing, and go on to the same bytes.

    A run may begin so many writes, and is killed at a random moment after it has begun the last but one: where kills
    strike does not depend on how busy the machine is.
    """
    begin = time.perf_counter()
    run_or_resume(folder / "whole.h5")
    writes = 2 * len(BIG_TIMES) - 1
    pause, whole = (time.perf_counter() - begin) / writes, contents(folder / "whole.h5")
    path, luck, fork = folder / "killed.h5", random.Random(kills), multiprocessing.get_context("fork")
    partial, held = 0, 0
    for _ in range(kills):
        count = luck.randrange(12)
        allowed, begun = fork.Semaphore(count + 1), fork.Semaphore(0)
        child = fork.Process(target=run_by_permission, args=(path, allowed, begun))
        child.start()
        for _ in range(count):
            while not begun.acquire(timeout=0.1) and child.is_alive():
                pass
        child.join(luck.uniform(0, 2 * pause))
        child.kill()
        child.join()
        if not path.exists():
            continue
        result = read(path)
        assert result.damaged == () and result.committed >= held
        held = result.committed
        partial += 0 < held < len(BIG_TIMES)
        if result.status == "complete":
            assert contents(path) == whole
            path.unlink()
            held = 0
    assert partial >= kills // 2  # the kills struck runs under way
    if path.exists():
        run_or_resume(path)
        assert contents(path) == whole


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_runs_killed_at_random_lose_no_frame_and_resume_to_the_same_bytes(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 15)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_runs_killed_four_hundred_times_lose_no_frame(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 400)


def test_a_frame_whose_checksum_is_wrong_is_reported_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "result.h5"
    complete(create(path))
    with h5py.File(path, "r+") as file:
        file["density"][1, 2] += 1e-9
    result = read(path)
    assert (result.damaged, result.numbers, result.committed) == ((1,), (0, 2, 3), 3)
    assert np.array_equal(result.times, np.delete(TIMES, 1))
    assert read(path, verify=False).committed == 4


def test_resume_goes_back_to_the_frame_before_a_damaged_one(tmp_path: Path) -> None:
    path = tmp_path / "result.h5"
    trajectory = create(path, interval=0)
    for frame, final in march(LINE, TIMES):
        trajectory.append(frame) if final else trajectory.checkpoint(lambda state=frame: state)
    trajectory.finish("failed: power cut")
    whole = contents(path)
    with path.open("r+b") as file, h5py.File(path, "r") as places:
        file.seek(places["density"].id.get_offset() + LINE.size * 8)
        file.write(b"torn")
    again, restart = FileTrajectory.resume(path, PROBLEM)
    assert restart is not None and restart.time == TIMES[0]  # not the later restart files: they would leave a hole
    assert (read(path).status, read(path).committed) == ("running", 1)
    complete(again, restart=restart)
    assert contents(path) == whole


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file grows beyond `size` bytes."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_is_one_line_and_costs_no_frame(tmp_path: Path) -> None:
    path, frames = tmp_path / "result.h5", [frame for frame, final in march(BIG, TIMES) if final]
    trajectory = create(path, BIG)
    trajectory.append(frames[0])
    with full_disk(BIG.size * 8 * 5 // 2), pytest.raises(MudotError, match=r"cannot be written \(.*\); free space"):
        trajectory.append(frames[1])
    trajectory.close()
    assert read(path).committed == 1
    again, restart = FileTrajectory.resume(path, PROBLEM)
    complete(again, BIG, restart)


@pytest.mark.parametrize("size", [0, 90, 1000, 5000, 20000, 10**6])
def test_a_file_that_does_not_fit_on_the_disk_is_one_line_and_leaves_nothing(tmp_path: Path, size: int) -> None:
    with full_disk(size), pytest.raises(MudotError, match=r"cannot be written \(.*\); free space"):
        create(tmp_path / "result.h5", BIG)
    assert not list(tmp_path.iterdir())
    complete(create(tmp_path / "result.h5"))  # HDF5 is as sound as before

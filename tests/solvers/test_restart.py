"""Restart files: two, written in turn, each good or ignored."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mudot.solvers.frames import Frame
from mudot.solvers.restart import RestartFiles

FRAME = Frame(
    1.0, np.array([[1.5, 0.0], [1e-300, np.pi]]), np.inf, np.nan, 1.0, 0.0, (0.1, 0.2), (0.3, 0.4), np.inf, 0.6, 7
)


def files(folder: Path, run: str = "a" * 32) -> RestartFiles:
    return RestartFiles(folder / "result.h5", run, (2, 2), 2)


def written(folder: Path, *times: float) -> RestartFiles:
    restarts = files(folder)
    for time in times:
        restarts.write(replace(FRAME, time=time))
    return restarts


def newest_time(folder: Path, after: float = -np.inf, before: float = np.inf) -> float | None:
    frame = files(folder).newest(after, before)
    return None if frame is None else frame.time


def test_a_state_comes_back_to_the_bit(tmp_path: Path) -> None:
    frame = written(tmp_path, 1.0).newest(0.0, 2.0)
    assert frame is not None and frame.density.tobytes() == FRAME.density.tobytes()
    assert repr(replace(frame, density=None)) == repr(replace(FRAME, density=None))  # type: ignore[arg-type]


def test_the_last_two_states_are_kept_and_nothing_else(tmp_path: Path) -> None:
    restarts = written(tmp_path, 1.0, 2.0, 3.0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.h5.restart-0", "result.h5.restart-1"]
    assert (newest_time(tmp_path), newest_time(tmp_path, before=3.0), newest_time(tmp_path, before=2.0)) == (3, 2, None)
    restarts.remove()
    assert not list(tmp_path.iterdir())


def test_states_at_or_outside_the_bounds_are_not_taken(tmp_path: Path) -> None:
    written(tmp_path, 1.0, 2.0)
    assert newest_time(tmp_path, after=2.0) is None
    assert newest_time(tmp_path, after=1.0, before=2.0) is None
    assert newest_time(tmp_path, after=0.0, before=2.0) == 1.0


@pytest.mark.parametrize("times", [(1.0, 2.0), (1.0, 2.0, 3.0)])
def test_after_a_restart_the_older_file_is_replaced_first(tmp_path: Path, times: tuple[float, ...]) -> None:
    written(tmp_path, *times)
    restarts = files(tmp_path)
    restarts.newest(-np.inf, np.inf)
    restarts.write(replace(FRAME, time=9.0))
    assert newest_time(tmp_path, before=9.0) == times[-1]


def test_a_newest_file_with_any_byte_wrong_gives_way_to_the_older(tmp_path: Path) -> None:
    newest = written(tmp_path, 1.0, 2.0).paths[1]
    data = newest.read_bytes()
    for place in range(len(data)):
        newest.write_bytes(data[:place] + bytes([data[place] ^ 16]) + data[place + 1 :])
        assert newest_time(tmp_path) == 1.0
    newest.write_bytes(data)
    assert newest_time(tmp_path) == 2.0


def test_a_newest_file_of_any_wrong_length_gives_way_to_the_older(tmp_path: Path) -> None:
    newest = written(tmp_path, 1.0, 2.0).paths[1]
    data = newest.read_bytes()
    for short in [data[:length] for length in range(len(data))] + [data + b"\0"]:
        newest.write_bytes(short)
        assert newest_time(tmp_path) == 1.0


def test_states_of_another_run_are_ignored(tmp_path: Path) -> None:
    written(tmp_path, 1.0, 2.0)
    assert files(tmp_path, run="b" * 32).newest(-np.inf, np.inf) is None

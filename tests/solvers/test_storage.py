"""Result files: what goes in comes out, and what cannot go in is refused."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import h5py
import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.storage import FileTrajectory, disk_bytes, read
from tests.solvers.storage_cases import LINE, PARTS, PROBLEM, TIMES, complete, create, first, march, same

MESHES = [LINE, Cartesian((3, 2), (0, 0), (1, 2), ("periodic", "no-flux")), Cartesian((2, 3, 4), (0, 0, 0), (1, 1, 1))]


@pytest.mark.parametrize("mesh", MESHES, ids=lambda mesh: f"{mesh.dimension}D")
def test_what_was_written_is_read_to_the_bit(tmp_path: Path, mesh: Cartesian) -> None:
    path = tmp_path / "result.h5"
    complete(create(path, mesh), mesh)
    result, frames = read(path), [frame for frame, final in march(mesh, TIMES) if final]
    assert (result.mesh, result.parts, result.status, result.committed) == (mesh, PARTS, "complete", len(TIMES))
    assert all(same(result.frame(n), frame) for n, frame in enumerate(frames))
    assert np.array_equal(result.density(-1), frames[-1].density)
    assert np.array_equal(result.dissipation, [frame.dissipation for frame in frames])
    assert np.array_equal(result.target, np.ones(mesh.shape))
    assert result.rate.shape == result.slope.shape == (len(TIMES), len(PARTS))


def test_attributes_hold_problem_versions_device_and_what_the_caller_adds(tmp_path: Path) -> None:
    complete(create(tmp_path / "result.h5"))
    attributes = read(tmp_path / "result.h5").attributes
    wanted = {"title": "Grüße", "problem": PROBLEM, "device": "cpu", "rtol": 1e-6, "order": 2, "status": "complete"}
    assert wanted.items() <= attributes.items()
    assert all(attributes[f"{name}_version"] for name in ("mudot", "python", "numpy", "scipy", "hdf5"))


@pytest.mark.parametrize("length", [0, 5000, 10**6])
def test_a_problem_text_of_any_length_is_kept(tmp_path: Path, length: int) -> None:
    text = "é" * length
    FileTrajectory.create(tmp_path / "r.h5", LINE, TIMES, np.ones(4), PARTS, {"problem": text}).close()
    assert read(tmp_path / "r.h5").attributes["problem"] == text


def test_a_status_too_long_for_its_place_is_cut(tmp_path: Path) -> None:
    create(tmp_path / "r.h5").finish("failed: " + "é" * 200)
    assert read(tmp_path / "r.h5").status == "failed: " + "é" * 124


def test_size_on_disk_is_predicted_within_a_twentieth(tmp_path: Path) -> None:
    for cells, frames in (((40, 40, 40), 12), ((200,), 500)):
        mesh = Cartesian(cells, (0,) * len(cells), (1,) * len(cells))
        create(tmp_path / "r.h5", mesh, list(np.arange(frames)), overwrite=True).close()
        assert disk_bytes(mesh.size, frames) == pytest.approx((tmp_path / "r.h5").stat().st_size, rel=0.05)


def test_wall_time_adds_up_over_resumed_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=50.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(storage, "time", clock)
    trajectory = create(tmp_path / "r.h5")
    clock.now += 7
    trajectory.finish("failed: stopped")
    clock.now += 1000
    again, _ = FileTrajectory.resume(tmp_path / "r.h5", PROBLEM)
    clock.now += 5
    complete(again)
    assert read(tmp_path / "r.h5").attributes["wall_time"] == 12.0


def test_resume_takes_the_newest_state_that_is_whole(tmp_path: Path) -> None:
    path, frame = tmp_path / "r.h5", first(LINE)
    trajectory = create(path, interval=0)
    assert FileTrajectory.resume(path, PROBLEM)[1] is None
    trajectory.append(frame)
    states = [replace(frame, time=0.1), replace(frame, time=0.2)]
    for state in states:
        trajectory.checkpoint(lambda state=state: state)
    expected = [states[1], states[0], frame]
    for damage in (None, "r.h5.restart-1", "r.h5.restart-0"):
        if damage:
            (tmp_path / damage).write_bytes((tmp_path / damage).read_bytes()[:-1])
        restart = FileTrajectory.resume(path, PROBLEM)[1]
        assert restart is not None and same(restart, expected.pop(0))


def test_restart_files_are_written_no_more_often_than_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(storage, "time", clock)
    trajectory, states = create(tmp_path / "r.h5", interval=10.0), []
    for clock.now in (9.0, 11.0, 20.0, 22.0):
        trajectory.checkpoint(lambda: replace(first(LINE), time=-clock.now))
        states.append(len(list(tmp_path.glob("*.restart-*"))))
    assert states == [0, 1, 1, 2]


def test_restart_files_that_are_slow_to_write_are_written_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 10**6, 2))  # two seconds pass between any two looks at the clock
    monkeypatch.setattr(storage, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))
    trajectory = create(tmp_path / "r.h5", interval=0.5)
    trajectory.checkpoint(lambda: first(LINE))
    begin = next(ticks)
    while len(list(tmp_path.glob("*.restart-*"))) < 2:
        trajectory.checkpoint(lambda: first(LINE))
    assert next(ticks) - begin >= 40


def test_a_run_goes_on_while_others_read_its_file(tmp_path: Path) -> None:
    trajectory = create(tmp_path / "r.h5")
    with h5py.File(tmp_path / "r.h5", "r") as reader:
        assert np.isnan(reader["time"][0])
        complete(trajectory)
        assert read(tmp_path / "r.h5").outputs.size == reader["density"].shape[0] == len(TIMES)
    assert read(tmp_path / "r.h5").committed == len(TIMES)


def test_a_file_packed_by_another_program_is_read_but_not_resumed(tmp_path: Path) -> None:
    create(tmp_path / "r.h5").append(first(LINE))
    with h5py.File(tmp_path / "r.h5", "r+") as file:
        packed = file["density"][...]
        del file["density"]
        file.create_dataset("density", data=packed, compression="gzip")
    assert np.array_equal(read(tmp_path / "r.h5").density(0), first(LINE).density)
    with pytest.raises(MudotError, match="was packed by another program"):
        FileTrajectory.resume(tmp_path / "r.h5", PROBLEM)


def foreign(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["density"] = np.ones(3)


def cut_short(path: Path) -> None:
    create(path).close()
    os.truncate(path, path.stat().st_size - 1)


def rewritten(path: Path) -> None:
    create(path).close()
    with h5py.File(path, "r+") as file:
        file.attrs["status"] = "failed: edited"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "expected a result file, found none"),
        (lambda path: path.write_text("energy = 1"), "cannot be read as a whole result"),
        (foreign, "this file is something else"),
        (cut_short, "cannot be read as a whole result.*truncated"),
        (rewritten, "was rewritten by another program"),
        (lambda path: complete(create(path)), "this run is complete"),
        (lambda path: FileTrajectory.create(path, LINE, TIMES, np.ones(4), PARTS), "holds another problem"),
    ],
)
def test_resume_refuses_what_it_cannot_go_on_from(tmp_path: Path, make: Any, words: str) -> None:
    make(tmp_path / "result.h5")
    before = [file.read_bytes() for file in tmp_path.iterdir()]
    with pytest.raises(MudotError, match=words):
        FileTrajectory.resume(tmp_path / "result.h5", PROBLEM)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"times": []},
        {"times": [0.0, 0.0]},
        {"times": [0.0, np.nan]},
        {"target": np.ones(5)},
        {"parts": []},
        {"parts": ["a", "a"]},
        {"attributes": {"status": "complete"}},
        {"attributes": {"title": "a\0b"}},
        {"attributes": {"title": ["a"]}},
    ],
    ids=str,
)
def test_wrong_arguments_are_refused_and_nothing_is_written(tmp_path: Path, wrong: dict[str, Any]) -> None:
    arguments = {"mesh": LINE, "times": TIMES, "target": np.ones(4), "parts": PARTS, "attributes": {}} | wrong
    with pytest.raises(MudotError):
        FileTrajectory.create(tmp_path / "r.h5", **arguments)
    assert not list(tmp_path.iterdir())


def test_an_existing_file_is_kept_unless_it_is_to_be_overwritten(tmp_path: Path) -> None:
    old = create(tmp_path / "r.h5", interval=0)
    old.checkpoint(lambda: first(LINE))
    with pytest.raises(MudotError, match="there already"):
        create(tmp_path / "r.h5")
    create(tmp_path / "r.h5", overwrite=True).close()
    assert [file.name for file in tmp_path.iterdir()] == ["r.h5"]
    with pytest.raises(MudotError, match="replaced by another run"):
        old.append(first(LINE))


def test_frames_that_were_not_planned_are_refused(tmp_path: Path) -> None:
    trajectory, frames = create(tmp_path / "r.h5"), [frame for frame, _ in march(LINE, TIMES)]
    with pytest.raises(MudotError, match="not the next planned"):
        trajectory.append(frames[1])
    with pytest.raises(MudotError, match="shapes"):
        trajectory.append(first(Cartesian(5, 0.0, 1.0)))
    with pytest.raises(MudotError, match="is not complete"):
        trajectory.finish("complete")
    with pytest.raises(MudotError, match="expected 'complete' or"):
        trajectory.finish("done")
    complete(trajectory)


@pytest.mark.parametrize("place", ["missing/r.h5", "text/r.h5", "locked/r.h5"])
def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "text").write_text("not a folder")
    (tmp_path / "locked").mkdir(mode=0o555)
    if place.startswith("locked") and os.access(tmp_path / "locked", os.W_OK):
        pytest.skip("the superuser writes anywhere")
    with pytest.raises(MudotError, match=r"r\.h5: cannot be written \([A-Z][a-z ]+\)"):
        create(tmp_path / place)

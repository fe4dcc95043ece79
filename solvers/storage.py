"""The result file: HDF5 in the layout of netCDF-4, readable at every moment, whatever happens to the writer.

HDF5 lays the whole file out once, contiguous and preallocated, under another name; then the file gets its own name.
From there on frames are bytes put in their place, `time` last, and no structure of the file is ever written again, so
that no interrupted write can lose a frame that was there. A checksum tells a torn frame after a power cut.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.frames import Frame
from mudot.solvers.layout import RESERVED, Attribute, Extra, header, lay_out, notes, opened, places, why
from mudot.solvers.records import VARIABLES, as_bytes, record_of
from mudot.solvers.restart import RestartFiles, sync_folder
from mudot.solvers.results import Result, disk_bytes, read

__all__ = ["FileTrajectory", "Result", "check_place", "disk_bytes", "read", "result_of"]

_PAUSE = 20.0
"""A restart file is written no sooner than this many times what the last one took."""
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""The first bytes of every HDF5 file."""


def check_place(path: Path, remedy: str | None) -> None:
    """Raise MudotError where a result must not or cannot be written.

    remedy: what to do about a result that exists; None where it may be resumed or replaced
    """
    if path.is_dir():
        raise MudotError(f"{path}: is a folder; name a file in it")
    if not path.parent.is_dir():
        raise MudotError(f"{path}: there is no folder {path.parent}; make it or write elsewhere")
    if path.exists():
        if remedy:
            raise MudotError(f"{path}: exists already; {remedy}")
        with path.open("rb") as file:
            if file.read(len(_SIGNATURE)) not in (_SIGNATURE, b""):
                raise MudotError(f"{path}: is something else than a result and stays as it is; choose another name")


def result_of(path: Path | str, problem: str, verify: bool = True) -> Result:
    """`read` a result of a problem, by its text. Raises MudotError for one of another problem."""
    result = read(path, verify)
    if result.attributes["problem"] != problem:
        raise MudotError(f"{path}: holds another problem; restore its problem file or choose another result file")
    return result


class FileTrajectory:
    """A trajectory in an HDF5 file; made by `create` or `resume`. Every method raises MudotError where it cannot write.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "result.h5"
    >>> mesh = Cartesian(4, 0.0, 1.0)
    >>> frame = Frame(0.0, np.ones(4), 0.0, 0.0, 1.0, 1.0, (0.0,), (0.0,), 0.1, 0.1, 0)
    >>> with FileTrajectory.create(path, mesh, [0.0], np.ones(4), ["fisher-rao"]) as trajectory:
    ...     trajectory.append(frame)
    ...     trajectory.finish("complete")
    >>> read(path).density(0)
    array([1., 1., 1., 1.])
    >>> folder.cleanup()
    """

    def __init__(self, path: Path, interval: float) -> None:
        with opened(path) as file:
            head, self._places = header(file), places(file)
        self.path = path
        self._outputs = head.outputs
        self._cells, self._parts = head.mesh.shape, len(head.parts)
        self._restarts = RestartFiles(path, str(head.attributes["run"]), self._cells, self._parts)
        wall_time = float(head.attributes["wall_time"])
        self._began = time.monotonic() - wall_time
        self._count = 0
        self._interval = interval
        self._due = time.monotonic() + interval
        with _writing(path):
            self._file = FileIO(path, "r+")
            for name, value in notes(str(head.attributes["status"]), wall_time).items():
                self._file.seek(self._places[name])
                if self._file.read(value.nbytes) != value.tobytes():
                    raise MudotError(f"{path}: was rewritten by another program or is open in this one; close it")

    @classmethod
    def create(
        cls,
        path: Path | str,
        mesh: Cartesian,
        times: Sequence[float] | np.ndarray,
        target: np.ndarray,
        parts: Sequence[str],
        attributes: Mapping[str, Attribute] | None = None,
        overwrite: bool = False,
        interval: float = 10.0,
        extras: Mapping[str, Extra] | None = None,
    ) -> FileTrajectory:
        """A new file for frames at the increasing `times`; nothing is written where an argument is wrong.

        target:     cell averages of pi, shape `mesh.shape`
        parts:      names of the parts of the geometry
        attributes: title, device and the like, and the whole `problem` text, by which `resume` knows the file again;
                    status, wall time and versions are added
        interval:   least seconds between restart files, 0: one at every checkpoint
        extras:     further arrays over the output times, such as error bars, by names that are free
        """
        path, outputs = Path(path), np.array(times, dtype="<f8")
        _check(mesh, outputs, target, parts, attributes or {})
        _check_extras(mesh, outputs, extras or {})
        if path.exists() and not overwrite:
            raise MudotError(f"{path}: there already; choose another name, resume it, or ask for it to be overwritten")
        fresh = path.with_name(path.name + ".new")
        with _writing(path):
            try:
                lay_out(fresh, mesh, outputs, target, parts, attributes or {}, extras or {})
                fresh.replace(path)
            finally:
                fresh.unlink(missing_ok=True)
            sync_folder(path.parent)
            trajectory = cls(path, interval)
            trajectory._restarts.remove()
        return trajectory

    @classmethod
    def resume(cls, path: Path | str, problem: str, interval: float = 10.0) -> tuple[FileTrajectory, Frame | None]:
        """An interrupted file and the latest state to go on from: an intact frame or a restart file, or None.

        Raises MudotError for a file that is complete, cut short, of another problem or of another program.
        """
        result = result_of(path, problem)
        if result.status == "complete":
            raise MudotError(f"{path}: this run is complete; there is nothing to resume")
        trajectory = cls(result.path, interval)
        # A frame after a damaged one is computed again: a run has no holes.
        count = sum(number == place for place, number in enumerate(result.numbers))
        last = result.frame(count - 1) if count else None
        trajectory._count = count
        with _writing(result.path):
            for number in (*result.numbers[count:], *result.damaged):
                trajectory._put("time", number, np.array(np.nan))
            after, before = (last.time if last else -np.inf), np.append(trajectory._outputs, np.inf)[count]
            state = trajectory._restarts.newest(after, float(before))
            trajectory._note("running")
        return trajectory, state or last

    def append(self, frame: Frame) -> None:
        """Write the frame of the next output time. Until its last eight bytes stand, the frame is not there."""
        number = self._count
        if number >= self._outputs.size or frame.time != self._outputs[number]:
            raise MudotError(f"{self.path}: frame {number} at t = {frame.time} is not the next planned one")
        self._check_shape(frame)
        with _writing(self.path):
            self._check_owner()
            for name, value in record_of(frame).items():
                self._put(name, number, value)
            self._count += 1
            if time.monotonic() >= self._due:
                self._secure(None)

    def checkpoint(self, frame: Callable[[], Frame]) -> None:
        """Write a restart file, unless the last one is younger than `interval` or was slow to write."""
        if time.monotonic() < self._due:
            return
        state = frame()
        self._check_shape(state)
        with _writing(self.path):
            self._check_owner()
            self._secure(state)

    def finish(self, status: str) -> None:
        """Note `complete` (then the restart files go) or `failed: why`, and close the file."""
        if status != "complete" and not status.startswith("failed: "):
            raise MudotError(f"status: expected 'complete' or 'failed: why', got {status!r}")
        if status == "complete" and self._count < self._outputs.size:
            raise MudotError(f"{self.path}: has {self._count} of {self._outputs.size} frames and is not complete")
        with _writing(self.path):
            self._check_owner()
            self._note(status)
            os.fsync(self._file.fileno())
            if status == "complete":
                self._restarts.remove()
        self.close()

    def close(self) -> None:
        """Close the file and leave its status alone."""
        self._file.close()

    def __enter__(self) -> FileTrajectory:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _check_shape(self, frame: Frame) -> None:
        expected, shape = (self._cells, *[self._parts] * 2), (frame.density.shape, len(frame.rate), len(frame.slope))
        if shape != expected:
            raise MudotError(f"{self.path}: expected density, rate and slope of shapes {expected}, got {shape}")

    def _check_owner(self) -> None:
        if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
            raise MudotError(f"{self.path}: was replaced by another run")

    def _put(self, name: str, number: int, value: np.ndarray) -> None:
        data = as_bytes(value)
        self._file.seek(self._places[name] + number * data.nbytes)
        while data:
            data = data[self._file.write(data) :]

    def _secure(self, state: Frame | None) -> None:
        """Make what is written outlast a power cut."""
        begin = time.monotonic()
        self._note("running")
        os.fsync(self._file.fileno())
        if state is not None:
            self._restarts.write(state)
        end = time.monotonic()
        self._due = end + max(self._interval, _PAUSE * (end - begin)) if self._interval > 0 else end

    def _note(self, status: str) -> None:
        for name, value in notes(status, time.monotonic() - self._began).items():
            self._put(name, 0, value)


def _check(
    mesh: Cartesian,
    outputs: np.ndarray,
    target: np.ndarray,
    parts: Sequence[str],
    attributes: Mapping[str, Attribute],
) -> None:
    if outputs.ndim != 1 or not outputs.size or not np.all(np.isfinite(outputs)) or np.any(np.diff(outputs) <= 0):
        raise MudotError("times: expected a non-empty, strictly increasing list of finite numbers")
    if target.shape != mesh.shape:
        raise MudotError(f"target: expected shape {mesh.shape}, got {target.shape}")
    if not parts or len(set(parts)) < len(parts) or not all(parts):
        raise MudotError(f"parts: expected at least one name and no name twice, got {list(parts)}")
    for name, value in attributes.items():
        if name in RESERVED or not isinstance(value, Attribute) or "\0" in str(value):
            raise MudotError(f"attribute {name}: expected a text or a number under a free name, got {value!r}")


def _check_extras(mesh: Cartesian, outputs: np.ndarray, extras: Mapping[str, Extra]) -> None:
    taken = {*VARIABLES, "target", "part", "output_time", *(f"{a}{b}" for a in "xyz" for b in ("", "_edges"))}
    shapes = (outputs.shape, (outputs.size, *mesh.shape))
    for name, extra in extras.items():
        if name in taken or not name.isidentifier() or extra.values.shape not in shapes:
            raise MudotError(f"array {name}: expected shape {shapes[0]} or {shapes[1]} and a free name")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        raise MudotError(f"{path}: cannot be written ({why(reason)}); free space or choose another folder") from None

"""Restart files: the last two states between outputs, each written whole under another name and then renamed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.solvers.frames import Frame
from mudot.solvers.records import VARIABLES, Record, as_bytes, frame_of, intact, record_of, row_shape

_MAGIC = b"mudot restart 1\n"


@dataclass
class RestartFiles:
    """`<result>.restart-0` and `-1`, written in turn.

    result: path of the result file
    run:    name of the run; the files of any other are ignored
    cells, parts: shape of the densities, number of parts of the geometry
    turn:   which of the two is written next
    """

    result: Path
    run: str
    cells: tuple[int, ...]
    parts: int
    turn: int = 0

    @property
    def paths(self) -> tuple[Path, Path]:
        """The two files, there or not."""
        return (_beside(self.result, ".restart-0"), _beside(self.result, ".restart-1"))

    def write(self, frame: Frame) -> None:
        """Replace the older of the two files. Raises OSError."""
        path = self.paths[self.turn]
        fresh = _beside(path, ".new")
        with fresh.open("wb") as file:
            file.write(_MAGIC + self.run.encode())
            for array in record_of(frame).values():
                file.write(as_bytes(array))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
        self.turn = 1 - self.turn

    def newest(self, after: float, before: float) -> Frame | None:
        """The latest intact state with after < time < before, if there is one; the other file is written next."""
        states = [(turn, self._load(path)) for turn, path in enumerate(self.paths)]
        usable = [(f.time, turn, f) for turn, f in states if f is not None and after < f.time < before]
        if not usable:
            return None
        _, turn, frame = max(usable, key=lambda entry: entry[0])
        self.turn = 1 - turn
        return frame

    def remove(self) -> None:
        """Delete both files. Raises OSError."""
        for path in self.paths:
            path.unlink(missing_ok=True)
            _beside(path, ".new").unlink(missing_ok=True)

    def _load(self, path: Path) -> Frame | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        head = _MAGIC + self.run.encode()
        record = self._unpack(data[len(head) :]) if data.startswith(head) else None
        return frame_of(record) if record is not None and intact(record) else None

    def _unpack(self, data: bytes) -> Record | None:
        """The arrays that stand one after another in `data`, or None where their lengths do not add up to its own."""
        record, begin = {}, 0
        for name, variable in VARIABLES.items():
            shape = row_shape(name, self.cells, self.parts)
            end = begin + int(np.prod(shape, dtype=int)) * np.dtype(variable.dtype).itemsize
            if end > len(data):
                return None
            record[name] = np.frombuffer(data[begin:end], dtype=variable.dtype).reshape(shape)
            begin = end
        return record if begin == len(data) else None


def sync_folder(folder: Path) -> None:
    """Make a rename in a folder last through a power cut, where the system can."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)

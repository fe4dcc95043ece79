"""How a result lies in its file: HDF5 in the layout of netCDF-4, laid out once. All use of h5py is here."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.meshes.version import __version__
from mudot.solvers.records import VARIABLES, row_shape

Attribute = str | int | float

FORMAT = 1
"""Version of the layout; a reader refuses the others."""
_VERSIONS = {
    "mudot_version": __version__,
    "python_version": platform.python_version(),
    "numpy_version": np.__version__,
    "scipy_version": scipy.__version__,
    "hdf5_version": h5py.version.hdf5_version,
}
_NOTES = ("status", "wall_time", "status_place", "wall_time_place")
RESERVED = ("Conventions", "format", "run", "boundary", "extras", *_NOTES, *_VERSIONS)
"""Attributes that every file gets here."""
_STATUS = 256
"""Bytes kept for the status."""
_SHORT = 4096
"""Longer texts are stored with variable length: an attribute of fixed length must stay below 64 kB."""


@dataclass(frozen=True, eq=False)
class Header:
    """What a result file says before its first frame; `outputs` are the planned output times."""

    mesh: Cartesian
    parts: tuple[str, ...]
    outputs: np.ndarray
    target: np.ndarray
    attributes: dict[str, Attribute]


@dataclass(frozen=True, eq=False)
class Extra:
    """An array over the output times that a result holds beside its frames: of shape (outputs,) or (outputs, *cells),
    known when the file is laid out."""

    meaning: str
    values: np.ndarray


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file open for reading. Raises MudotError where it is missing or cannot be read."""
    try:
        with h5py.File(path, "r") as file:
            yield file
    except FileNotFoundError:
        raise MudotError(f"{path}: expected a result file, found none") from None
    except (OSError, KeyError, RuntimeError) as reason:
        raise MudotError(f"{path}: cannot be read as a whole result of mudot ({why(reason)})") from None


def why(reason: Exception) -> str:
    """One line about an exception of the system or of HDF5."""
    number = getattr(reason, "errno", None)
    return os.strerror(number) if number else " ".join(str(reason).split())


def header(file: h5py.File) -> Header:
    """The header of an open file. Raises MudotError for a file of another program or format."""
    attributes = {name: _plain(value) for name, value in file.attrs.items()}
    if attributes.get("format") != FORMAT or "run" not in attributes:
        raise MudotError(f"{file.filename}: expected a result of mudot in format {FORMAT}; this file is something else")
    edges = [file[f"{name}_edges"][...] for name in "xyz" if name in file]
    return Header(
        mesh=Cartesian.graded(edges, str(attributes["boundary"]).split(", ")),
        parts=tuple(str(_plain(name)) for name in file["part"][...]),
        outputs=file["output_time"][...],
        target=file["target"][...],
        attributes=attributes,
    )


def places(file: h5py.File) -> dict[str, int]:
    """Offsets in bytes of the first frame's entry of every variable, of the status and of the wall time.

    Raises MudotError for a file that was packed.
    """
    offsets = {name: file[name].id.get_offset() for name in VARIABLES}
    if None in offsets.values():
        raise MudotError(f"{file.filename}: was packed by another program; it can be read but not resumed")
    return {**offsets, **{name: int(file.attrs[f"{name}_place"]) for name in ("status", "wall_time")}}


def _plain(value: str | bytes | np.generic) -> Attribute:
    if isinstance(value, str | bytes):
        return value if isinstance(value, str) else value.decode("utf-8", "replace")
    number: Attribute = value.item()
    return number


def notes(status: str, wall_time: float) -> dict[str, np.ndarray]:
    """The two attributes that change, as they stand in the file, in the order of writing."""
    return {"wall_time": np.array(wall_time, dtype="<f8"), "status": _fixed(status, _STATUS)}


class _Deferring(FileIO):
    """A file that raises its first error when it is left: HDF5 crashes the process after an error amid its own work."""

    error: OSError | None = None

    def write(self, data: Any) -> int:
        """All of the data, or as much as the disk takes; never an error."""
        rest = memoryview(data).cast("B")
        size = rest.nbytes
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as reason:
            self.error = self.error or reason
        return size

    def truncate(self, size: int | None = None) -> int:
        """To the size, where the disk allows; never an error."""
        try:
            return super().truncate(size)
        except OSError as reason:
            self.error = self.error or reason
            return size or 0

    def __exit__(self, *reason: object) -> None:
        try:
            os.fsync(self.fileno())
        finally:
            self.close()
        if self.error is not None:
            raise self.error


def lay_out(
    path: Path,
    mesh: Cartesian,
    outputs: np.ndarray,
    target: np.ndarray,
    parts: Sequence[str],
    attributes: Mapping[str, Attribute],
    extras: Mapping[str, Extra],
) -> None:
    """The whole file on the disk, with NaN for every number to come. Raises OSError."""
    axes = tuple("xyz"[: mesh.dimension])
    own = {"Conventions": "CF-1.8", "format": FORMAT, "run": uuid.uuid4().hex, "boundary": ", ".join(mesh.boundary)}
    # Newer layouts mark a file that is open for writing, and plain readers refuse it after a crash.
    with _Deferring(path, "w+") as raw, h5py.File(raw, "w", libver=("earliest", "v108")) as file:
        for name, value in {"problem": "", **attributes, **_VERSIONS, **own}.items():
            file.attrs[name] = _stored(value)
        _lay_out_notes(file, path)
        _scale(file, "time", np.full(outputs.size, np.nan), axis="T", standard_name="time")
        for name, centers, edges in zip(axes, mesh.centers, mesh.edges, strict=True):
            _scale(file, name, centers, axis=name.upper(), long_name="cell centres")
            _scale(file, f"{name}_edges", edges, long_name="cell faces")
        file.create_dataset("part", data=list(parts), dtype=h5py.string_dtype())
        file["part"].make_scale("part")
        _array(file, "target", target.shape, "<f8", axes)[...] = target
        _array(file, "output_time", outputs.shape, "<f8", ("time",))[...] = outputs
        for name, variable in VARIABLES.items():
            along = {"cells": axes, "part": ("part",)}.get(variable.along, ())
            if name != "time":
                shape = (outputs.size, *row_shape(name, mesh.shape, len(parts)))
                dataset = _array(file, name, shape, variable.dtype, ("time", *along))
                if name != "density":
                    dataset[...] = np.nan if variable.dtype == "<f8" else 0
            file[name].attrs["long_name"] = _stored(variable.meaning)
        for name, extra in extras.items():
            along = axes if extra.values.ndim > 1 else ()
            dataset = _array(file, name, extra.values.shape, "<f8", ("time", *along))
            dataset[...] = extra.values
            dataset.attrs["long_name"] = _stored(extra.meaning)
        if extras:
            file.attrs["extras"] = _stored(", ".join(extras))


def _lay_out_notes(file: h5py.File, path: Path) -> None:
    """Status and wall time, and where they stand: HDF5 does not tell, so marks are written first and looked up."""
    mark = uuid.uuid4()
    marks = notes(mark.hex * (_STATUS // 32), mark.int / 2.0**128)
    for name, value in marks.items():
        file.attrs[name], file.attrs[f"{name}_place"] = value, 0
    file.flush()
    data = path.read_bytes()
    for name, value in notes("running", 0.0).items():
        h5py.h5a.open(file.id, name.encode()).write(value)
        h5py.h5a.open(file.id, f"{name}_place".encode()).write(np.array(data.index(marks[name].tobytes())))


def _array(file: h5py.File, name: str, shape: tuple[int, ...], dtype: str, dimensions: Sequence[str]) -> h5py.Dataset:
    """A dataset in one piece whose place in the file is fixed now and whose bytes HDF5 does not touch."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_layout(h5py.h5d.CONTIGUOUS)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    layout.set_obj_track_times(False)
    kind, space = h5py.h5t.py_create(np.dtype(dtype)), h5py.h5s.create_simple(shape)
    dataset = h5py.Dataset(h5py.h5d.create(file.id, name.encode(), kind, space, layout))
    for number, dimension in enumerate(dimensions):
        dataset.dims[number].attach_scale(file[dimension])
    return dataset


def _scale(file: h5py.File, name: str, values: np.ndarray, **attributes: str) -> None:
    dataset = _array(file, name, values.shape, "<f8", ())
    dataset[...] = values
    dataset.make_scale(name)
    for key, value in attributes.items():
        dataset.attrs[key] = _stored(value)


def _stored(value: Attribute) -> Attribute | np.ndarray:
    """Texts in bytes of fixed length, where they fit: some readers of netCDF ignore the other kind and see no time."""
    if not isinstance(value, str):
        return value
    length = max(1, len(value.encode()))
    if length > _SHORT:
        return value
    return np.array(value.encode(), dtype=f"S{length}") if value.isascii() else _fixed(value, length)


def _fixed(text: str, length: int) -> np.ndarray:
    """A text in UTF-8, cut or padded to a length in bytes."""
    return np.array(text.encode()[:length].decode(errors="ignore").encode(), dtype=h5py.string_dtype("utf-8", length))

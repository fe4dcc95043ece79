"""Training data of networks from files: inputs and labels from .npz or .csv."""

from __future__ import annotations

import csv
import math
import zipfile
from pathlib import Path

import numpy as np

from mudot.meshes.errors import MudotError
from mudot.solvers.messages import naming, quoted

LARGEST_FILE = 2**30
"""Bytes of a data file."""


def training_data(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, shape (data, inputs), and labels, shape (data,).

    .npz: arrays `inputs`, of that shape or (data,), and `labels`. .csv: one row per datum, the label last; a first line
    of titles may precede. Nothing is unpickled. Raises MudotError, naming the file, for what cannot be used.
    """
    with naming(f"file {quoted(path.name)}: "):
        if not path.is_file():
            raise MudotError("not found; expected a .npz or .csv file beside the problem file")
        if path.stat().st_size > LARGEST_FILE:
            raise MudotError(f"expected at most {LARGEST_FILE} bytes")
        if path.suffix not in (".npz", ".csv"):
            raise MudotError("expected a name that ends in .npz or .csv")
        inputs, labels = _archive(path) if path.suffix == ".npz" else _lines(path)
        inputs = inputs[:, None] if inputs.ndim == 1 else inputs
        if inputs.ndim != 2 or labels.shape != inputs.shape[:1] or not inputs.size:
            raise MudotError(
                f"expected inputs of shape (data, inputs) and one label per row, got {inputs.shape} and {labels.shape}"
            )
        for name, array in (("inputs", inputs), ("labels", labels)):
            if not np.all(np.isfinite(array)):
                raise MudotError(f"{name}: expected finite numbers, found NaN or infinity")
    return inputs, labels


def _archive(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            missing = {"inputs", "labels"} - set(archive.files)
            if missing:
                raise MudotError(f"expected arrays 'inputs' and 'labels', found {quoted(archive.files)}")
            arrays = [archive[name] for name in ("inputs", "labels")]
    except MudotError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MudotError(f"expected a complete .npz file of numbers ({quoted(str(error))})") from None
    for array in arrays:
        if array.dtype.kind not in "iuf":
            raise MudotError(f"expected real numbers, got an array of type {array.dtype}")
    return np.array(arrays[0], dtype=float), np.array(arrays[1], dtype=float)


def _lines(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        rows = [row for row in csv.reader(path.read_text(encoding="utf-8-sig").splitlines()) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MudotError(f"expected a .csv file of numbers ({quoted(str(error))})") from None
    if rows and all(math.isnan(_number(entry)) and entry.strip().lower() != "nan" for entry in rows[0]):
        rows = rows[1:]
    if not rows:
        raise MudotError("expected at least one row of numbers, found none")
    width = len(rows[0])
    for number, row in enumerate(rows, 1):
        if len(row) != width or width < 2:
            raise MudotError(f"row {number}: expected inputs and a label, in {max(width, 2)} columns, got {len(row)}")
        wrong = next((entry for entry in row if not math.isfinite(_number(entry))), None)
        if wrong is not None:
            raise MudotError(f"row {number}: expected finite numbers, got {quoted(wrong)}")
    table = np.array([[_number(entry) for entry in row] for row in rows])
    return table[:, :-1], table[:, -1]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan

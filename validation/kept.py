"""Results of finished cases on disk: a validation that was stopped goes on where it was.

One JSON file per case and kind of mesh, written whole or not at all. Its key is a hash of every source, of every TOML
file and of the versions of the numerical libraries: a result of other code is computed again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import scipy
from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from mudot.validation.runner import Result


@cache
def code_key() -> str:
    """What the numbers depend on, in 16 digits: sources, problem files, Python, NumPy, SciPy.

    >>> len(code_key())
    16
    """
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256(f"{platform.python_version()} {numpy.__version__} {scipy.__version__}".encode())
    for part in ("meshes", "solvers", "validation"):
        for path in sorted(path for kind in ("*.py", "*.toml") for path in (root / part).rglob(kind)):
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def save(store: Path, result: Result, quick: bool) -> None:
    """Keep a result. Cases that broke are not kept: what broke them may have been the machine."""
    if result.error:
        return
    path = _path(store, result.case, quick)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"key": code_key(), "result": dataclasses.asdict(result)}, default=float)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text)
    partial.replace(path)


def load(store: Path, names: Sequence[str], quick: bool) -> dict[str, Result]:
    """The results of this code among these cases; what cannot be read counts as not there."""
    from mudot.validation.runner import Result

    reader, found = TypeAdapter(Result), {}
    for name in names:
        entry = _read(_path(store, name, quick))
        if entry.get("key") == code_key():
            try:
                found[name] = reader.validate_python(entry["result"])
            except (ValidationError, KeyError):
                continue
    return found


def durations(store: Path, quick: bool) -> dict[str, float]:
    """Seconds of every case ever finished here, by this code or by older code."""
    found = {}
    for path in store.glob(f"*{_suffix(quick)}"):
        result = _read(path).get("result", {})
        if isinstance(result, dict) and isinstance(result.get("seconds"), float):
            found[str(result["case"])] = float(result["seconds"])
    return found


def forget(store: Path, names: Sequence[str], quick: bool) -> None:
    """Make every one of these cases run again, whatever was found; its time is still known."""
    for name in names:
        path = _path(store, name, quick)
        entry = _read(path)
        if entry:
            partial = path.with_suffix(f".{os.getpid()}")
            partial.write_text(json.dumps({**entry, "key": "forgotten"}))
            partial.replace(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        entry = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return entry if isinstance(entry, dict) else {}


def _path(store: Path, name: str, quick: bool) -> Path:
    return store / f"{name}{_suffix(quick)}"


def _suffix(quick: bool) -> str:
    return ".quick.json" if quick else ".full.json"

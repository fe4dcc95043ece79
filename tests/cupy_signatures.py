"""What a version of CuPy offers, as text: written once per supported version, read by the tests without CuPy.

    python tests/cupy_signatures.py > tests/data/cupy-VERSION.json

`make cupy-signatures` does this for the oldest and the newest supported version. No device is needed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

MODULES = (
    *("cupy", "cupy.cuda", "cupy.cuda.runtime", "cupy.cuda.memory", "cupy.linalg", "cupy.random"),
    *("cupyx", "cupyx.scipy.fft", "cupyx.scipy.special", "cupyx.scipy.sparse"),
)
CLASSES = (
    *("cupy.ndarray", "cupyx.scipy.sparse.csr_matrix", "cupyx.scipy.sparse.dia_matrix"),
    *("cupy.RawModule", "cupy.RawKernel", "cupy.cuda.Event", "cupy.cuda.Stream", "cupy.cuda.MemoryPool"),
)


def parameters(thing: Any) -> str | None:
    """`(a, axis=None)` of a callable; `ufunc 2` of a ufunc with two inputs; None for what is no callable or does not
    say."""
    if type(thing).__name__ == "ufunc":
        return f"ufunc {thing.nin}"
    if not callable(thing):
        return None
    try:
        return str(inspect.Signature([p.replace(annotation=p.empty) for p in _signature(thing).parameters.values()]))
    except (TypeError, ValueError):
        return _from_text(thing)


def _signature(thing: Any) -> inspect.Signature:
    """The signature with every default replaced by None: what counts is whether a call fits."""
    found = inspect.signature(thing)
    return found.replace(
        parameters=[p if p.default is p.empty else p.replace(default=None) for p in found.parameters.values()]
    )


def _from_text(thing: Any) -> str | None:
    """Compiled functions say in the first line of their text what they take."""
    line = (getattr(thing, "__doc__", None) or "").partition("\n")[0]
    inside = line[line.find("(") : line.rfind(")") + 1]
    return inside if inside.startswith("(") else None


def offered() -> dict[str, str | None]:
    """Dotted names with their parameters, sorted."""
    found: dict[str, str | None] = {}
    for name in MODULES:
        module = importlib.import_module(name)
        found |= {f"{name}.{key}": parameters(getattr(module, key, None)) for key in dir(module) if key[0] != "_"}
    for name in CLASSES:
        package, _, title = name.rpartition(".")
        kind = getattr(importlib.import_module(package), title)
        public = [key for key in dir(kind) if key[0] != "_" or key == "__call__"]
        found |= {f"{name}.{key}": parameters(getattr(kind, key, None)) for key in public}
    return dict(sorted(found.items()))


if __name__ == "__main__":
    json.dump(offered(), sys.stdout, indent=0)
    print()

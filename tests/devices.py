"""The devices that a test can run on: the stand-in always, a GPU with `pytest -m gpu`; and what passes to and from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mudot.meshes import arrays
from mudot.meshes.arrays import ArrayLibrary, cupy_library
from tests import device

everywhere = pytest.mark.parametrize("where", ["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
"""A test of one argument `where`, for `library_at`."""


def library_at(where: str) -> ArrayLibrary:
    """The stand-in, or the GPU; skips the test where there is none."""
    if where == "stand-in":
        return device.library()
    try:
        return cupy_library()
    except (ImportError, RuntimeError) as reason:
        pytest.skip(f"no GPU: {reason}")


@dataclass
class Transfers:
    """Bytes of every array that went to a device, and of every one that came back, in order."""

    to_device: list[int] = field(default_factory=list)
    to_host: list[int] = field(default_factory=list)


@contextmanager
def counted(library: ArrayLibrary, patch: pytest.MonkeyPatch) -> Iterator[Transfers]:
    """A block in which all arrays that cross go through a count. Nothing crosses otherwise: neither CuPy nor the
    stand-in converts arrays by itself."""
    seen = Transfers()

    def sent(array: Any) -> Any:
        seen.to_device.append(getattr(array, "nbytes", 8))
        return library.to_device(array)

    def brought(array: Any) -> Any:
        seen.to_host.append(8 * int(array.size))
        return library.to_host(array)

    def fetched(array: Any) -> Any:
        seen.to_host.append(8 * int(array.size))
        assert library.fetch is not None
        return library.fetch(array)

    package = "tests" if library is device.library() else "cupy"
    counting = replace(library, to_device=sent, to_host=brought, fetch=fetched)
    with patch.context() as block:
        block.setitem(arrays._registered, package, lambda: counting)
        yield seen

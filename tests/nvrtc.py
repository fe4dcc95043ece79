"""NVIDIA's run-time compiler without a device: CUDA text to machine code of real architectures.

The same compiler that CuPy calls, from the wheel `nvidia-cuda-nvrtc-cu12` or the system, through its C interface.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
from ctypes.util import find_library
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest


@cache
def library() -> ctypes.CDLL:
    """The compiler. Skips the test that asks where there is none."""
    package = importlib.util.find_spec("nvidia")
    folders = list(package.submodule_search_locations or []) if package is not None else []
    wheels = [str(path) for folder in folders for path in sorted(Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so.*"))]
    system = [name] if (name := find_library("nvrtc")) else []
    for name in wheels + system:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    pytest.skip("NVRTC is not installed; pip install nvidia-cuda-nvrtc-cu12")


def architectures() -> set[str]:
    """What this version compiles for, as `sm_80`."""
    count = ctypes.c_int()
    _checked(library().nvrtcGetNumSupportedArchs(ctypes.byref(count)))
    numbers = (ctypes.c_int * count.value)()
    _checked(library().nvrtcGetSupportedArchs(numbers))
    return {f"sm_{number}" for number in numbers}


@dataclass(frozen=True)
class Compiled:
    """machine: the machine code (ELF); ptx: the portable assembly that it was made from; log: what was said."""

    machine: bytes
    ptx: str
    log: str

    def resources(self) -> dict[str, dict[str, int]]:
        """Registers, and bytes spilled to memory, of every kernel."""
        spilled = r"(\d+) bytes spill stores, (\d+) bytes spill loads"
        pattern = rf"Function properties for (\w+)\n.*?{spilled}.*?Used (\d+) registers"
        found = re.findall(pattern, self.log, re.DOTALL)
        return {name: {"registers": int(r), "spilled": int(a) + int(b)} for name, a, b, r in found}


@cache
def compile_for(text: str, architecture: str, options: tuple[str, ...]) -> Compiled:
    """A text compiled for a real architecture. Raises AssertionError with the compiler's words where it does not."""
    flags = (f"--gpu-architecture={architecture}", "--ptxas-options=-v", *options)
    program = ctypes.c_void_p()
    nvrtc = library()
    _checked(nvrtc.nvrtcCreateProgram(ctypes.byref(program), text.encode(), b"cells.cu", 0, None, None))
    try:
        failed = nvrtc.nvrtcCompileProgram(
            program, len(flags), (ctypes.c_char_p * len(flags))(*(f.encode() for f in flags))
        )
        log = _part(program, "ProgramLog").rstrip(b"\0").decode()
        assert not failed, log
        return Compiled(_part(program, "CUBIN"), _part(program, "PTX").rstrip(b"\0").decode(), log)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _part(program: ctypes.c_void_p, name: str) -> bytes:
    nvrtc, size = library(), ctypes.c_size_t()
    _checked(getattr(nvrtc, f"nvrtcGet{name}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _checked(getattr(nvrtc, f"nvrtcGet{name}")(program, text))
    return text.raw


def _checked(status: int) -> None:
    assert status == 0, f"NVRTC: error {status}"

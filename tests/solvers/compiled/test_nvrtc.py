"""The text of the CUDA kernels compiled for real architectures, without a device, and what its assembly shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mudot.solvers.compiled.cells as cells
from mudot.solvers.compiled.cells import parameters, source
from tests import nvrtc

REAL = ("sm_70", "sm_80", "sm_90")
"""V100, A100, H100."""


TRANSCENDENTAL = {"logarithmic_mean", "log_ratio", "integrand"}
"""Kernels whose exp and log, the compiler's own, contract products and look at leading digits in single precision."""


def options() -> tuple[str, ...]:
    """OPTIONS of `cuda.py`, which cannot be imported without CuPy."""
    tree = ast.parse(Path(cells.__file__).with_name("cuda.py").read_text())
    values = {
        n.targets[0].id: n.value for n in tree.body if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
    }
    return tuple(ast.literal_eval(values["OPTIONS"]))


def bodies(ptx: str) -> dict[str, str]:
    """The assembly of every kernel."""
    parts = re.split(r"\.visible \.entry ", ptx)[1:]
    return {part.partition("(")[0]: part for part in parts}


@pytest.mark.parametrize("architecture", REAL)
def test_kernels_compile_for_a_real_architecture_without_a_warning(architecture: str) -> None:
    if architecture not in nvrtc.architectures():
        pytest.skip(f"this version of NVRTC no longer compiles for {architecture}")
    made = nvrtc.compile_for(source(), architecture, options())
    assert made.machine.startswith(b"\x7fELF")
    # Of old architectures the compiler says, rightly, that they will go.
    said = [line for line in made.log.splitlines() if "warning" in line and "deprecated" not in line]
    assert said == []
    assert all(name.encode() in made.machine for name in parameters())


@pytest.mark.parametrize("architecture", REAL)
def test_kernels_spill_nothing_and_leave_room_for_many_threads(architecture: str) -> None:
    if architecture not in nvrtc.architectures():
        pytest.skip(f"this version of NVRTC no longer compiles for {architecture}")
    found = nvrtc.compile_for(source(), architecture, options()).resources()
    assert found.keys() == parameters().keys()
    # 65 536 registers over 2048 threads are 32 each; 40 give three quarters of the threads, enough to hide memory. The
    # integrand is bound by arithmetic.
    limits = {name: 64 if name == "integrand" else 40 for name in found}
    assert all(used["spilled"] == 0 and used["registers"] <= limits[name] for name, used in found.items()), found


def test_sums_and_products_are_neither_contracted_nor_in_single_precision() -> None:
    made = bodies(nvrtc.compile_for(source(), "sm_80", options()).ptx)
    assert made.keys() == parameters().keys()
    for name, text in made.items():
        if name not in TRANSCENDENTAL:
            assert not re.search(r"\bfma\.|\.f16|\.f32|\.tf32|approx", text), name
            assert re.search(r"\b(mul|add|sub|div\.rn)\.(rn\.)?f64", text), name


def test_without_the_option_products_would_be_contracted() -> None:
    assert "fma.rn.f64" in bodies(nvrtc.compile_for(source(), "sm_80", ()).ptx)["banded_product"]


def test_errors_of_the_compiler_are_shown() -> None:
    with pytest.raises(AssertionError, match="undefined"):
        nvrtc.compile_for("__global__ void f() { nothing(); }", "sm_80", ())

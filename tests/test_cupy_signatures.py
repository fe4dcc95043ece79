"""Every call into CuPy fits the oldest and the newest supported version, without a device and without CuPy.

What the versions offer is written down in `tests/data/cupy-*.json`. Calls of the array namespace are found in the text
of the sources; functions that the stand-in lets pass, which is all that the generic code can use, are checked one by
one.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, Signature
from pathlib import Path

import pytest

from tests import device

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(p for top in ("meshes", "solvers", "bench") for p in (ROOT / top).rglob("*.py"))
VERSIONS = sorted((ROOT / "tests" / "data").glob("cupy-*.json"))

of_every_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda path: path.stem)


@cache
def offered(version: Path) -> dict[str, str | None]:
    """Dotted names and parameters of a version."""
    return dict(json.loads(version.read_text()))


def signature_of(text: str | None) -> Signature:
    """The signature behind a written one; anything goes where nothing is written.

    >>> signature_of("(self, str name, *shape, order='C')"), signature_of("ufunc 2")
    (<Signature (self, name, *shape, order=None)>, <Signature (x1, x2, /, out=None, *, dtype=None)>)
    """
    if text is None:
        return Signature([Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)])
    if text.startswith("ufunc"):
        inputs = [Parameter(f"x{i + 1}", Parameter.POSITIONAL_ONLY) for i in range(int(text.split()[1]))]
        out = Parameter("out", Parameter.POSITIONAL_OR_KEYWORD, default=None)
        return Signature([*inputs, out, Parameter("dtype", Parameter.KEYWORD_ONLY, default=None)])
    parameters, kind = [], Parameter.POSITIONAL_OR_KEYWORD
    # Defaults that contain commas are tuples of constants; they are not needed here.
    for part in re.sub(r"=\s*\([^()]*\)", "=None", text[1:-1]).split(","):
        name, _, default = part.strip().partition("=")
        if name in ("", "/", "*"):
            kind = Parameter.KEYWORD_ONLY if name == "*" else kind
        elif name.startswith("**"):
            parameters.append(Parameter(name[2:], Parameter.VAR_KEYWORD))
        elif name.startswith("*"):
            parameters.append(Parameter(name[1:], Parameter.VAR_POSITIONAL))
            kind = Parameter.KEYWORD_ONLY
        else:
            value = None if default else Parameter.empty
            parameters.append(Parameter(name.split()[-1], kind, default=value))
    return Signature(parameters)


@dataclass(frozen=True)
class Call:
    """A call in the sources: where, of what, with how many positional arguments (None: some are starred) and which
    keywords."""

    place: str
    name: str
    count: int | None
    keywords: tuple[str, ...]

    def fits(self, signature: Signature, method: bool = False) -> bool:
        """Whether a function with this signature takes the call."""
        bind = signature.bind_partial if self.count is None else signature.bind
        try:
            bind(*[None] * ((self.count or 0) + method), **dict.fromkeys(self.keywords))
        except TypeError:
            return False
        return True


def is_namespace(node: ast.expr) -> bool:
    """`xp`, `library.xp` or `array_module(x)`."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "array_module"
    return (isinstance(node, ast.Name) and node.id == "xp") or (isinstance(node, ast.Attribute) and node.attr == "xp")


def calls() -> Iterator[Call]:
    """Calls of the array namespace."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_namespace(node.func.value):
                starred = any(isinstance(argument, ast.Starred) for argument in node.args)
                keywords = tuple(keyword.arg for keyword in node.keywords if keyword.arg)
                place = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield Call(place, node.func.attr, None if starred else len(node.args), keywords)


def dotted(node: ast.expr) -> str | None:
    """`cupy.cuda.is_available` for the expression of that name."""
    if isinstance(node, ast.Name):
        return node.id
    before = dotted(node.value) if isinstance(node, ast.Attribute) else None
    return f"{before}.{node.attr}" if before and isinstance(node, ast.Attribute) else None


def test_calls_are_found() -> None:
    assert len({call.name for call in calls()}) > 20 and len(VERSIONS) == 2


@of_every_version
def test_every_call_of_the_array_namespace_fits(version: Path) -> None:
    known = offered(version)
    wrong = [c for c in calls() if f"cupy.{c.name}" not in known or not c.fits(signature_of(known[f"cupy.{c.name}"]))]
    assert wrong == []


@of_every_version
def test_every_direct_use_of_cupy_exists_and_fits(version: Path) -> None:
    known = offered(version)
    modules = {name.rpartition(".")[0] for name in known} | {"cupyx.scipy"}
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            name = dotted(node) if isinstance(node, ast.Attribute) else None
            if name and name.partition(".")[0] in ("cupy", "cupyx") and "__" not in name:
                wrong += [] if name in known or name in modules else [name]
            if isinstance(node, ast.Call) and (called := dotted(node.func)) in known:
                keywords = tuple(keyword.arg for keyword in node.keywords if keyword.arg)
                starred = any(isinstance(argument, ast.Starred) for argument in node.args)
                call = Call(path.name, str(called), None if starred else len(node.args), keywords)
                wrong += [] if call.fits(signature_of(known[str(called)])) else [str(call)]
    assert wrong == []


METHODS = {
    "record": "cupy.cuda.Stream.record",
    "wait_event": "cupy.cuda.Stream.wait_event",
    "synchronize": "cupy.cuda.Stream.synchronize",
    "get": "cupy.ndarray.get",
    "get_function": "cupy.RawModule.get_function",
    "free_bytes": "cupy.cuda.MemoryPool.free_bytes",
    "total_bytes": "cupy.cuda.MemoryPool.total_bytes",
}
"""Methods that are called on objects of CuPy."""
OTHERS = {"decode", "reshape", "array", "asarray"}
"""Methods of what is not CuPy's in the same functions."""


def methods_called() -> Iterator[Call]:
    """Calls of methods, in the functions that import CuPy, of whatever is not a module of it."""
    for path in SOURCES:
        for function in ast.walk(ast.parse(path.read_text())):
            if not isinstance(function, ast.FunctionDef):
                continue
            imported = [n for n in ast.walk(function) if isinstance(n, ast.Import) and n.names[0].name[:4] == "cupy"]
            for node in ast.walk(function) if imported else ():
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    whole = dotted(node.func) or ""
                    if not whole.startswith("cupy"):
                        keywords = tuple(keyword.arg for keyword in node.keywords if keyword.arg)
                        yield Call(f"{path.name}:{node.lineno}", node.func.attr, len(node.args), keywords)


@of_every_version
def test_every_method_of_an_object_of_cupy_exists_and_fits(version: Path) -> None:
    known, found = offered(version), list(methods_called())
    assert {call.name for call in found} >= {"record", "get", "get_function"}
    for call in found:
        if call.name not in OTHERS:
            assert call.fits(signature_of(known[METHODS[call.name]]), method=True), call


@of_every_version
def test_kernels_are_started_as_cupy_starts_them(version: Path) -> None:
    """`kernel(grid, block, arguments)`: calls of an object have no name to look up; its own text says what it takes."""
    known = offered(version)
    assert Call("cuda.py", "RawModule", 0, ("code", "options")).fits(signature_of(known["cupy.RawModule"]))
    called = known["cupy.RawKernel.__call__"]
    assert Call("cuda.py", "kernel", 3, ()).fits(signature_of(called), method=True)


@of_every_version
def test_stand_in_lets_nothing_pass_that_cupy_lacks(version: Path) -> None:
    known = offered(version)
    named = {"axis", "dtype", "out", "keepdims"}
    for name, parameters in device.PARAMETERS.items():
        names = parameters.split()
        positional = next((i for i, parameter in enumerate(names) if parameter in named), len(names))
        signature = signature_of(known[f"cupy.{name}"])
        inputs = sum(p.default is p.empty for p in signature.parameters.values())
        count = inputs if known[f"cupy.{name}"] in ("ufunc 1", "ufunc 2") else min(positional, len(names))
        keywords = tuple(named.intersection(names))
        assert Call("stand-in", name, count, keywords).fits(signature), (name, signature)
    for name in device.METHODS.split():
        method = signature_of(known[f"cupy.ndarray.{name}"])
        assert named.intersection(device.PARAMETERS[name].split()) <= method.parameters.keys(), name
    assert [name for name in device.CONSTANTS.split() if f"cupy.{name}" not in known] == []
    assert [name for name in ("rfftn", "irfftn") if f"cupyx.scipy.fft.{name}" not in known] == []
    for name in ("T", "diagonal", "tocsr"):
        assert f"cupyx.scipy.sparse.csr_matrix.{name}" in known


@pytest.mark.parametrize(
    ("text", "count", "keywords", "fits"),
    [
        ("(a, axis=None, out=None)", 1, ("axis",), True),
        ("(a, axis=None, out=None)", 1, ("where",), False),
        ("(a, axis=None, out=None)", 4, (), False),
        ("ufunc 2", 2, (), True),
        ("ufunc 2", 2, ("where",), False),
        ("ufunc 2", 1, (), False),
        ("(*operands, **kwargs)", 5, ("optimize",), True),
        ("(tup, axis=0, out=None, *, dtype=None)", 2, ("dtype",), True),
        ("(tup, axis=0, *, dtype=None)", 3, (), False),
        (None, 7, ("anything",), True),
    ],
)
def test_calls_that_do_not_fit_are_told(text: str | None, count: int, keywords: tuple[str, ...], fits: bool) -> None:
    assert Call("here", "f", count, keywords).fits(signature_of(text)) is fits

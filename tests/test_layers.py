"""The layout is the architecture: import direction, owners of heavy libraries, packaging, length of files."""

from __future__ import annotations

import ast
import configparser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(p for top in ("meshes", "solvers", "validation") for p in (ROOT / top).rglob("*.py"))

LAYERS = [
    ("meshes",),
    (
        "solvers.compiled",
        "solvers.means",
        "solvers.quotients",
        "solvers.operators",
        "solvers.products",
        "solvers.linear",
        "solvers.stencils",
        "solvers.kernels",
        "solvers.messages",
    ),
    (
        "solvers.expressions",
        "solvers.fluxes",
        "solvers.reconstruction",
        "solvers.frames",
        "solvers.mobilities",
        "solvers.structured",
        "solvers.weighted_poisson",
        "solvers.stolarsky",
    ),
    ("solvers.interactions",),
    ("solvers.energies", "solvers.geometries"),
    ("solvers.methods",),
    ("solvers.ledger", "solvers.trajectories"),
    ("solvers.records", "solvers.restart", "solvers.layout", "solvers.results", "solvers.storage", "solvers.resources"),
    ("solvers.flows",),
    ("solvers",),
    ("validation",),
]
"""Lowest first; a module imports from its own layer and from those below. The longest matching name counts."""

OWNERS = {
    "cupy": ("meshes.arrays", "solvers.compiled.cuda"),
    "cupyx": ("meshes.arrays",),
    "h5py": ("solvers.storage", "solvers.results", "solvers.layout", "solvers.records"),
    "matplotlib": ("validation.figures",),
    "numba": ("solvers.compiled",),
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> int:
    matches = [
        (len(prefix), number)
        for number, layer in enumerate(LAYERS)
        for prefix in layer
        if module == prefix or module.startswith(prefix + ".")
    ]
    return max(matches)[1]


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            deeper = [f"{base}.{alias.name}" for alias in node.names]
            found |= {name if is_module(name) else base for name in deeper}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.removeprefix("mudot.").split("."))
    return name.startswith("mudot.") and (place.with_suffix(".py").exists() or place.is_dir())


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_one_way(path: Path) -> None:
    here = name_of(path)
    for name in imports_of(path):
        if name.startswith("mudot."):
            there = name.removeprefix("mudot.")
            assert layer_of(there) <= layer_of(here), f"{here} imports {there}, which lies above it"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_heavy_libraries_have_one_owner(path: Path) -> None:
    here = name_of(path)
    for name in imports_of(path):
        owners = OWNERS.get(name.partition(".")[0])
        assert owners is None or here.startswith(owners), f"{here} imports {name}; only {owners} may"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_files_are_about_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_energies_and_geometries_do_not_know_each_other() -> None:
    for path in SOURCES:
        here = name_of(path)
        for one, other in (("solvers.energies", "solvers.geometries"), ("solvers.geometries", "solvers.energies")):
            if here.startswith(one):
                assert not any(other in name for name in imports_of(path)), here


def test_every_package_is_in_the_wheel() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    packages = set(config["options"]["packages"].split())
    folders = {f"mudot.{name_of(path)}" for path in SOURCES if path.name == "__init__.py"}
    assert packages == folders
    mapping = dict(line.replace(" ", "").split("=") for line in config["options"]["package_dir"].split("\n") if line)
    assert mapping == {name: name.removeprefix("mudot.").replace(".", "/") for name in packages}

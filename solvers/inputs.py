"""From the text of a problem file to checked tables; a mistake becomes one line with file, table and key."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from mudot.meshes.errors import MudotError
from mudot.solvers.densities import check_form
from mudot.solvers.energy_tables import ENERGIES, EnergyTable, RenyiTable
from mudot.solvers.geometry_tables import GEOMETRIES, GeometryTable
from mudot.solvers.kernel_tables import KERNELS, KernelTable
from mudot.solvers.messages import listed, naming, quoted, suggestion
from mudot.solvers.schema import MOST_OUTPUTS, DensityTable, MeshTable, Mixture, Table, TimeTable

MOST_CELLS = 2**31
"""More cells than this are refused before anything is allocated."""
LARGEST_FILE = 2**24
"""Bytes in a problem file."""

_TABLES = ("mesh", "target", "initial", "energy", "geometry", "time")
_KEYS = ("title", *_TABLES, "kernel")

T = TypeVar("T", bound=Table)


@dataclass(frozen=True)
class Inputs:
    """The checked tables of a problem file; nothing as large as the mesh has been allocated.

    path: the file; `data` files stand relative to its folder
    text: the whole file
    """

    path: Path
    text: str
    title: str
    mesh: MeshTable
    target: DensityTable
    initial: DensityTable
    energy: EnergyTable
    geometry: GeometryTable
    time: TimeTable
    energy_kernel: KernelTable | None
    geometry_kernel: KernelTable | None
    reaction_kernel: KernelTable | None

    @property
    def linear(self) -> bool:
        """Whether transport is the exponential of a matrix: that of KL, by the method of choice."""
        plain = self.geometry.name in ("wasserstein", "wasserstein-fisher-rao")
        return plain and self.energy.name == "kl" and self.time.method == "automatic"


def read(path: str | Path) -> Inputs:
    """The tables of a problem file, checked as far as is possible without allocating the mesh.

    Raises MudotError, one line with file, table and key, for whatever the format does not allow.
    """
    path = Path(path)
    text, content = contents(path)
    with naming(f"{path}: "):
        return checked(path, text, content)


def contents(path: Path) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file and its unchecked tables. Raises MudotError, one line that names the file."""
    with naming(f"{path}: "):
        text = _text(path)
        try:
            return text, tomllib.loads(text)
        except RecursionError:
            raise MudotError("not valid TOML: nested too deeply") from None
        except ValueError as error:
            hint = "; is it text, which stands in quotes?" if str(error).startswith("Invalid value") else ""
            raise MudotError(f"not valid TOML: {error}{hint}") from None


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise MudotError("no such file; expected a problem file in TOML")
        if path.stat().st_size > LARGEST_FILE:
            raise MudotError(f"expected a problem file of at most {LARGEST_FILE} bytes; put large data in .npy files")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MudotError("expected a problem file in TOML, found a file that is not UTF-8 text") from None
    except (OSError, ValueError) as error:
        if isinstance(error, MudotError):
            raise
        raise MudotError(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def checked(path: Path, text: str, content: Mapping[str, Any]) -> Inputs:
    """The tables of a problem. Raises MudotError that names table and key."""
    _check_tables(content)
    mesh = table_of(MeshTable, "[mesh]", content["mesh"])
    _check_mesh(mesh)
    target, initial = (_density(f"[{name}]", content[name]) for name in ("target", "initial"))
    for place, table in (("[target] ", target), ("[initial] ", initial)):
        with naming(place):
            check_form(table, len(mesh.cells))
    energy = _named("[energy]", _without_kernel(content["energy"]), ENERGIES)
    geometry = _named("[geometry]", _without_kernel(content["geometry"]), GEOMETRIES)
    _check_pair(energy, geometry)
    _check_masses(energy, target, initial)
    kernels = [_kernel(f"[{name}", table, content) for name, table in (("energy", energy), ("geometry", geometry))]
    if "kernel" in content and not (energy.uses_kernel or geometry.uses_kernel):
        raise MudotError("[kernel]: neither the energy nor the geometry uses a kernel; remove the table")
    time = table_of(TimeTable, "[time]", content["time"])
    _check_time(time)
    title = content.get("title", "")
    reaction = _reaction_kernel(geometry, content["geometry"])
    return Inputs(path, text, title, mesh, target, initial, energy, geometry, time, kernels[0], kernels[1], reaction)


def _without_kernel(content: object) -> object:
    """A table of an energy or geometry without its own kernels, which are read apart."""
    if not isinstance(content, dict):
        return content
    return {key: value for key, value in content.items() if key not in ("kernel", "reaction_kernel")}


def _reaction_kernel(geometry: GeometryTable, content: Mapping[str, Any]) -> KernelTable | None:
    """The kernel of the reaction in a geometry with two."""
    own = content.get("reaction_kernel")
    if own is None:
        return None
    if not geometry.two_kernels:
        raise MudotError("[geometry.reaction_kernel]: this geometry has no second kernel; remove the table")
    return _named("[geometry.reaction_kernel]", own, KERNELS)


def _kernel(place: str, table: Table, content: Mapping[str, Any]) -> KernelTable | None:
    """The kernel of the energy or geometry: its own, or the one of both."""
    own = content[place[1:]].get("kernel")
    if not table.uses_kernel:
        if own is not None:
            raise MudotError(f"{place}.kernel]: this {place[1:]} uses no kernel; remove the table")
        return None
    if own is not None:
        return _named(f"{place}.kernel]", own, KERNELS)
    if "kernel" not in content:
        raise MudotError(
            f"[kernel]: missing table; this {place[1:]} uses a kernel, expected name = one of {listed(KERNELS)}"
        )
    return _named("[kernel]", content["kernel"], KERNELS)


def _check_tables(content: Mapping[str, Any]) -> None:
    for key, value in content.items():
        if key not in _KEYS:
            kind, place = ("table", f"[{key}]") if isinstance(value, dict) else ("key", key)
            tables = " ".join(f"[{name}]" for name in (*_TABLES, "kernel"))
            raise MudotError(f"{place}: unknown {kind}; expected title and {tables}{suggestion(key, _KEYS)}")
    for name in _TABLES:
        if name not in content:
            raise MudotError(f"[{name}]: missing table; expected {' '.join(f'[{name}]' for name in _TABLES)}")
    if not isinstance(content.get("title", ""), str):
        raise MudotError(f"title: got {quoted(content['title'])}; expected text in quotes")


def table_of(model: type[T], place: str, content: object) -> T:
    """The content of a table as its model; `place` is how messages call it."""
    if not isinstance(content, dict):
        raise MudotError(f"{place}: got {quoted(content)}; expected a table of keys and values")
    try:
        return model.model_validate(content)
    except ValidationError as error:
        # A misspelt key is reported before the key that is missing because of it.
        errors = error.errors(include_url=False, include_context=False)
        first = min(errors, key=lambda entry: entry["type"] != "extra_forbidden")
    # What was written without brackets has no entries to point at.
    bare = not isinstance(content.get(str(first["loc"][0])), list)
    location = first["loc"][:1] if bare else first["loc"]
    raise MudotError(f"{place} {_sentence(model, first['type'], location, first['input'])}")


def _sentence(model: type[Table], kind: str, location: tuple[int | str, ...], value: object) -> str:
    """What is wrong with one key of a table."""
    key = str(location[0])
    if kind == "extra_forbidden":
        return f"{key}: unknown key; expected {listed(model.model_fields)}{suggestion(key, model.model_fields)}"
    expected = model.model_fields[key].description
    if kind == "missing":
        return f"{key}: missing; expected {expected}"
    entry = "".join(f"[{step}]" for step in location[1:] if isinstance(step, int))
    near = suggestion(value, ("no-flux", "periodic")) if key == "boundary" and isinstance(value, str) else ""
    return f"{key}{entry}: got {quoted(value)}; expected {expected}{near}"


def _named(place: str, content: object, available: Mapping[str, type[T]]) -> T:
    """The table of an energy or geometry, whose name decides which keys it has."""
    if not isinstance(content, dict):
        raise MudotError(f"{place}: got {quoted(content)}; expected a table of keys and values")
    if "name" not in content:
        misspelt = next((key for key in content if suggestion(key, ["name"])), None)
        if misspelt is not None:
            raise MudotError(f"{place} {misspelt}: unknown key{suggestion(misspelt, ['name'])}")
        raise MudotError(f"{place} name: missing; expected one of {listed(available)}")
    name = content["name"]
    if not isinstance(name, str):
        raise MudotError(f"{place} name: got {quoted(name)}; expected one of {listed(available)} in quotes")
    if name not in available:
        near = suggestion(name, available)
        raise MudotError(f"{place} name: unknown name {quoted(name)}; expected one of {listed(available)}{near}")
    return table_of(available[name], place, content)


def _density(place: str, content: object) -> DensityTable:
    if isinstance(content, dict) and isinstance(content.get("mixture"), dict):
        content = {**content, "mixture": table_of(Mixture, f"{place} mixture:", content["mixture"])}
    table = table_of(DensityTable, place, content)
    if len(table.forms) != 1:
        found = " and ".join(table.forms) or "none"
        raise MudotError(f"{place}: expected exactly one of log_density, density, mixture, data; found {found}")
    return table


def _check_mesh(mesh: MeshTable) -> None:
    lengths = {"lower": len(mesh.lower), "upper": len(mesh.upper), "cells": len(mesh.cells)}
    if len(set(lengths.values())) > 1:
        odd = min(lengths, key=lambda key: list(lengths.values()).count(lengths[key]))
        got = ", ".join(f"{n} in {key}" for key, n in lengths.items())
        raise MudotError(f"[mesh] {odd}: got {got}; expected one entry per axis in each")
    if len(mesh.boundary) not in (1, len(mesh.cells)):
        raise MudotError(f"[mesh] boundary: got {len(mesh.boundary)} entries; expected one, or one per axis")
    if math.prod(mesh.cells) > MOST_CELLS:
        power = math.log10(math.prod(mesh.cells))
        raise MudotError(f"[mesh] cells: got 10^{power:.1f} cells in all; expected at most 2^31 = {MOST_CELLS}")
    box = cell = 1.0
    for axis, (low, high, cells) in enumerate(zip(mesh.lower, mesh.upper, mesh.cells, strict=True)):
        width = high - low
        if not width > 0:
            raise MudotError(
                f"[mesh] upper[{axis}]: got {high} with lower {low}; expected lower < upper, not an empty box"
            )
        if not width / cells > 4 * math.ulp(max(abs(low), abs(high))):
            raise MudotError(f"[mesh] cells[{axis}]: the axis is too short for {cells} cells in double precision")
        box, cell = box * width, cell * (width / cells)
    if not (cell > 0 and math.isfinite(box)):
        raise MudotError("[mesh] upper: the volume of the box or of a cell exceeds double precision; rescale the axes")


def _check_pair(energy: EnergyTable, geometry: GeometryTable) -> None:
    if isinstance(energy, RenyiTable) and energy.alpha == 1:
        raise MudotError("[energy] alpha: got 1; expected another positive number, or the energy 'kl'")
    if energy.of_probabilities and not getattr(geometry, "spherical", True):
        raise MudotError(f"[geometry] spherical: '{energy.name}' compares probability measures; expected true")


def _check_masses(energy: EnergyTable, target: DensityTable, initial: DensityTable) -> None:
    if energy.of_probabilities:
        for place, table in (("[target]", target), ("[initial]", initial)):
            if table.mass != 1:
                raise MudotError(
                    f"{place} mass: got {table.mass}; '{energy.name}' compares probability measures, expected 1"
                )


def _check_time(time: TimeTable) -> None:
    times = time.times()
    if not 1 <= len(times) <= MOST_OUTPUTS:
        raise MudotError(f"[time] outputs: got {len(times)} times; expected 1 to {MOST_OUTPUTS}")
    for number, output in enumerate(times):
        if not 0 <= output <= time.stop:
            raise MudotError(f"[time] outputs[{number}]: got {output}; expected a time from 0 to stop = {time.stop}")
        if number and output <= times[number - 1]:
            raise MudotError(
                f"[time] outputs[{number}]: got {output} after {times[number - 1]}; expected increasing times"
            )

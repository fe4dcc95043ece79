"""Study files: a problem file with a `[family]`, which parameter runs through which ladder, and a `[limit]`.

    [family]
    parameter = "geometry.ridge"
    ladder = [1e-2, 1e-3, 1e-4, 1e-5]
    predicted_rate = { hellinger = 0.5, energy = 1.0 }

    [limit]
    geometry.name = "fisher-rao"

`[limit]` overrides tables of the problem. Where it names another geometry or energy, the keys which that one does not
know are dropped, and so is a kernel that is no longer used.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from mudot.meshes.errors import MudotError
from mudot.solvers.energy_tables import ENERGIES
from mudot.solvers.geometry_tables import GEOMETRIES
from mudot.solvers.inputs import Inputs, checked, contents, table_of
from mudot.solvers.messages import listed, naming, quoted, suggestion
from mudot.solvers.schema import POSITIVE, Positive, Table

QUANTITIES = {
    "l1": "solutions, L1",
    "hellinger": "solutions, Hellinger",
    "mmd": "solutions, MMD",
    "w1": "solutions, W1",
    "energy": "energies, every output",
    "dissipation": "dissipation D",
    "rate": "rate part of D",
    "slope": "slope part of D",
    "gap_of_members": "gap J_0 of the members' solutions",
    "gap_of_limit": "gap J of the limit's solution",
    "curve_rate": "other curve: rate part",
    "curve_slope": "other curve: slope part",
    "curve_gap": "other curve: gap J",
    "recovery": "recovery sequence: D",
    "strong": "strong perturbations: D",
}
"""What is measured along the ladder, with its name in tables: distances, and absolute differences to the limit."""

_SOLUTIONS = ("l1", "hellinger", "mmd", "w1", "energy")
_KEYS = ("title", "mesh", "target", "initial", "energy", "geometry", "time", "kernel", "family", "limit")


class FamilyTable(Table):
    """[family]: a parameter, its ladder, and what is predicted."""

    parameter: str = Field(description="table and key in quotes, such as 'geometry.ridge'")
    ladder: list[Positive] = Field(
        min_length=3, max_length=40, description="a list of at least 3 positive finite numbers, towards the limit"
    )
    tends_to: float = Field(0.0, ge=0, description="the parameter of the limit: a number, or inf")
    scale: Literal["power", "logarithm"] = Field(
        "power", description="'power' for c d^rate in the distance d to the limit, 'logarithm' for c log(unit/d)^-rate"
    )
    unit: Positive = Field(1.0, description="a positive number that distances are divided by, for 'logarithm'")
    predicted_rate: Positive | dict[str, Positive] = Field(
        default_factory=dict, description="a positive number for solutions and energies, or a table of them by quantity"
    )
    next_term: Positive | dict[str, Positive] = Field(
        default_factory=dict,
        description="a positive number, the relative power of the next term of expansions, or a table of them by "
        "quantity: that term is fitted too",
    )
    rate_tolerance: Positive = Field(0.1, description=POSITIVE)
    rescale_time: bool = Field(False, description="true or false: whether a member's time runs parameter times faster")
    energy_factor: Positive = Field(1.0, description="a positive factor of the limit's energy")
    recovery: Literal["constant", "smoothed"] = Field(
        "constant", description="'constant', or 'smoothed' where growth fields lie outside the kernel's Hilbert space"
    )
    monotone: bool = Field(False, description="true or false: whether R decreases and R* increases to the limit")
    lower_semicontinuous: bool | None = Field(
        None, description="true or false: whether the slope is weakly lower semicontinuous; left out: not tried"
    )
    claim: str = Field("", description="a sentence in quotes")
    source: str = Field("", description="author and year in quotes")


@dataclass(frozen=True)
class Study:
    """A family of gradient systems and its limit, checked; nothing has been computed.

    members: one per entry of the ladder;   limit: the limit system
    smoother: the systems of ridge sqrt(ridge) that smooth recovery sequences, where they are asked for
    """

    path: Path
    title: str
    family: FamilyTable
    members: tuple[Inputs, ...]
    limit: Inputs
    smoothers: tuple[Inputs, ...] = ()

    @property
    def of_meshes(self) -> bool:
        """Whether the members differ in their meshes."""
        return self.family.parameter == "mesh.cells"

    @property
    def distances(self) -> tuple[float, ...]:
        """The distance of every member's parameter to the limit; 1/parameter where that is infinite, 1/cells for
        meshes; in a logarithmic scale 1/log(unit/distance)."""
        limit = math.inf if self.of_meshes else self.family.tends_to
        plain = (1 / v if math.isinf(limit) else abs(v - limit) for v in self.family.ladder)
        logarithm, unit = self.family.scale == "logarithm", self.family.unit
        return tuple(1 / math.log(unit / d) if logarithm else d for d in plain)

    @property
    def predictions(self) -> dict[str, float]:
        """Predicted powers by quantity."""
        rates = self.family.predicted_rate
        return dict(rates) if isinstance(rates, dict) else dict.fromkeys(_SOLUTIONS, rates)

    def following(self, quantity: str) -> float | None:
        """The relative power of the next term in the expansion of a quantity, where it is known."""
        term = self.family.next_term
        return term.get(quantity) if isinstance(term, dict) else term

    def coarser(self) -> Study:
        """The same study on half the cells, seen at its ends only, ten times as coarse in time, with three members: the
        first two, and the last but one of more."""
        cells = self.members[0].mesh.cells
        if any(n % 2 for n in cells):
            raise MudotError(f"{self.path}: [mesh] cells: got {cells}; expected even numbers for --quick")
        kept = (0, 1, max(2, len(self.members) - 2))

        def seen(inputs: Inputs) -> Inputs:
            half = refined(inputs, 0.5, 10)
            return replace(half, time=half.time.model_copy(update={"outputs": [0.0, half.time.stop]}))

        return replace(
            self,
            family=self.family.model_copy(update={"ladder": [self.family.ladder[k] for k in kept]}),
            limit=seen(self.limit),
            members=tuple(seen(self.members[k]) for k in kept),
            smoothers=tuple(seen(self.smoothers[k]) for k in kept if self.smoothers),
        )


def refined(inputs: Inputs, factor: float, rtol: float = 1.0) -> Inputs:
    """The problem with its cells per axis and its tolerance in time multiplied."""
    mesh = inputs.mesh.model_copy(update={"cells": [round(n * factor) for n in inputs.mesh.cells]})
    return replace(inputs, mesh=mesh, time=inputs.time.model_copy(update={"rtol": inputs.time.rtol * rtol}))


def read_study(path: str | Path) -> Study:
    """The study of a file. Raises MudotError, one line with file, table and key, for whatever cannot be used."""
    path = Path(path)
    text, content = contents(path)
    with naming(f"{path}: "):
        for key in content:
            if key not in _KEYS:
                raise MudotError(f"[{key}]: unknown table{suggestion(key, _KEYS)}")
        if "family" not in content:
            raise MudotError("[family]: missing table; expected parameter and ladder (a study is a problem and this)")
        family = table_of(FamilyTable, "[family]", content["family"])
        problem = {key: value for key, value in content.items() if key not in ("family", "limit")}
        _check(family, problem)
        members = []
        for number, value in enumerate(family.ladder):
            with naming(f"[family] ladder[{number}] = {value:g}: "):
                members.append(checked(path, text, _with(problem, family.parameter, value)))
        with naming("[limit]: "):
            limit = checked(path, text, _limit(problem, content.get("limit", {})))
        smoothers = []
        if family.recovery == "smoothed":
            smoothers = [checked(path, text, _with(problem, family.parameter, math.sqrt(v))) for v in family.ladder]
    return Study(path, members[0].title or path.stem, family, tuple(members), limit, tuple(smoothers))


def _check(family: FamilyTable, problem: Mapping[str, Any]) -> None:
    for key, value in problem.items():
        if key != "title" and not isinstance(value, dict):
            raise MudotError(f"[{key}]: got {quoted(value)}; expected a table")
    where, _, key = family.parameter.rpartition(".")
    if not where or where.split(".")[0] not in ("mesh", "energy", "geometry", "kernel"):
        raise MudotError(
            f"[family] parameter: got {quoted(family.parameter)}; expected a key of mesh, energy, geometry or kernel"
        )
    if where == "mesh" and key != "cells":
        raise MudotError(f"[family] parameter: got {quoted(family.parameter)}; of [mesh] only mesh.cells can vary")
    limit = math.inf if where == "mesh" else family.tends_to
    away = [1 / v if math.isinf(limit) else abs(v - limit) for v in family.ladder]
    for number, (one, two) in enumerate(pairwise(away), 1):
        if not two < one:
            raise MudotError(f"[family] ladder[{number}]: expected entries that approach the limit {limit:g}")
    if not away[-1] > 0:
        raise MudotError(f"[family] ladder: expected entries different from the limit {limit:g}")
    if family.scale == "logarithm" and away[0] >= family.unit:
        raise MudotError("[family] ladder[0]: expected distances to the limit below 'unit' in the scale 'logarithm'")
    for key, table in (("predicted_rate", family.predicted_rate), ("next_term", family.next_term)):
        for name in table if isinstance(table, dict) else ():
            if name not in QUANTITIES:
                near = suggestion(name, QUANTITIES)
                names = listed(QUANTITIES)
                raise MudotError(f"[family] {key}: unknown {quoted(name)}; expected {names}{near}")
    ridge = problem.get("geometry", {}).get("name") == "kernel-approximate-fisher-rao"
    if family.recovery == "smoothed" and not (
        ridge and family.parameter == "geometry.ridge" and not problem["geometry"].get("spherical", False)
    ):
        raise MudotError("[family] recovery: 'smoothed' is for geometry.ridge of a plain kernel-approximate-fisher-rao")


def _with(problem: Mapping[str, Any], parameter: str, value: float) -> dict[str, Any]:
    """The problem with one key changed, in a table that it has."""
    content = copy.deepcopy(dict(problem))
    *tables, key = parameter.split(".")
    place = content
    for name in tables:
        place = place.get(name, {})
        if not isinstance(place, dict) or not place:
            raise MudotError(f"[{'.'.join(tables)}]: missing table; 'parameter' names a key of it")
    if parameter == "mesh.cells":
        if value != int(value):
            raise MudotError(f"[mesh] cells: got {value}; expected an integer")
        place[key] = [int(value)] * len(place.get(key, [0]))
    else:
        place[key] = value
    return content


def _limit(problem: Mapping[str, Any], overrides: object) -> dict[str, Any]:
    """The problem with the overrides of [limit]."""
    if not isinstance(overrides, dict):
        raise MudotError(f"got {quoted(overrides)}; expected a table")
    content = copy.deepcopy(dict(problem))
    for name, table in overrides.items():
        if name not in ("energy", "geometry", "kernel", "mesh"):
            raise MudotError(f"{name}: unknown table; expected energy, geometry, kernel or mesh")
        if not isinstance(table, dict):
            raise MudotError(f"{name}: got {quoted(table)}; expected a table")
        old = content.get(name, {})
        if "name" in table and name in ("energy", "geometry"):
            known = _table_class(name, table)
            # What the new one does not know belonged to the old one.
            old = {k: v for k, v in old.items() if known is None or k in known.model_fields or
                   (k == "kernel" and known.uses_kernel)}  # fmt: skip
        content[name] = {**old, **table}
    classes = [_table_class(name, content.get(name)) for name in ("energy", "geometry")]
    if not any(known is None or known.uses_kernel for known in classes):
        content.pop("kernel", None)
    return content


def _table_class(name: str, content: object) -> type[Table] | None:
    """What the energy or geometry of a table may say; None where its name is not known."""
    known: Mapping[str, type[Table]] = ENERGIES if name == "energy" else GEOMETRIES
    title = content.get("name") if isinstance(content, dict) else None
    return known.get(title) if isinstance(title, str) else None

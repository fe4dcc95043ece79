"""The whole table of flows on a device: every geometry with every energy gives what it gives on the host."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers import Solution, solve
from mudot.solvers.energy_tables import ENERGIES
from mudot.solvers.geometry_tables import GEOMETRIES
from mudot.solvers.problem import Problem
from tests.device_cases import assert_same_run
from tests.device_problems import HOST_ONLY, REFUSED, Pair, pairs
from tests.devices import everywhere, library_at


@cache
def on_host(pair: Pair) -> tuple[Problem, Solution] | MudotError:
    """A pair and its solution on the host, or the refusal."""
    with TemporaryDirectory() as folder:
        try:
            problem = pair.problem(Path(folder))
            flow = problem.flow()
        except MudotError as refusal:
            return refusal
        return problem, solve(flow, problem.start, problem.times, problem.rtol)


def _marked(pair: Pair) -> object:
    return pytest.param(pair, id=str(pair), marks=[] if pair.quick else [pytest.mark.slow])


@everywhere
@pytest.mark.parametrize("pair", [_marked(pair) for pair in pairs()])
def test_flow_of_a_problem_file_agrees_with_the_host(pair: Pair, where: str) -> None:
    library = library_at(where)
    expected = on_host(pair)
    if isinstance(expected, MudotError):
        assert pair.key in REFUSED, expected
        pytest.skip("no such flow")
    problem, host = expected
    try:
        found = solve(problem.flow(), library.to_device(problem.start), problem.times, problem.rtol)
    except MudotError as refusal:
        assert pair.key in HOST_ONLY, refusal
        assert "on the cpu" in str(refusal)
        return
    assert found.status == host.status, found.message
    assert_same_run(found, host, 1e-10)


def test_table_has_every_geometry_with_every_energy() -> None:
    assert {pair.key for pair in pairs()} == {(g, e) for g in GEOMETRIES for e in ENERGIES}
    for chosen in (pairs(), [pair for pair in pairs() if pair.quick]):
        assert {p.geometry for p in chosen if p.key not in REFUSED | HOST_ONLY} >= set(GEOMETRIES)
        assert {p.energy for p in chosen if p.key not in REFUSED | HOST_ONLY} == set(ENERGIES)
    assert len(REFUSED | HOST_ONLY) < len(GEOMETRIES) * len(ENERGIES) / 8

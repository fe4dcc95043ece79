"""Every integrator that can be asked for runs on a device and gives the host's numbers, or refuses it in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers import solve
from mudot.solvers.methods import witness
from tests.device_cases import assert_same_run
from tests.device_problems import Pair
from tests.devices import everywhere, library_at

METHODS = ("discrete-gradient", *witness.NAMES)
ENERGIES = ("kl", "chi2", "free-energy", "shallow-network")
TO_SOLVERS_TOLERANCE = {"discrete-gradient": 1e-7}
"""Methods that solve nonlinear equations; the others agree to 1e-10."""


@everywhere
@pytest.mark.parametrize("energy", ENERGIES)
@pytest.mark.parametrize("method", METHODS)
def test_integrator_agrees_with_the_host_or_refuses(method: str, energy: str, where: str, tmp_path: Path) -> None:
    library = library_at(where)
    problem = replace(Pair("wasserstein", energy).problem(tmp_path), integrator=method)
    try:
        flow = problem.flow()
    except MudotError as refusal:
        assert "method" in str(refusal)
        pytest.skip("no such flow on the host either")
    host = solve(flow, problem.start, problem.times, problem.rtol)
    start = library.to_device(problem.start)
    if method in witness.ON_THE_HOST:
        with pytest.raises(MudotError, match=f"method '{method}': runs on the cpu only"):
            solve(flow, start, problem.times, problem.rtol)
        return
    found = solve(flow, start, problem.times, problem.rtol)
    assert host.status == found.status == "complete", found.message
    assert_same_run(found, host, TO_SOLVERS_TOLERANCE.get(method, 1e-10))

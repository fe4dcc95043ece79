"""The energy `free-energy` in problem files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import norm
from mudot.meshes.errors import MudotError
from mudot.solvers import commands, results, storage
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.flows import solve
from mudot.solvers.inputs import read
from mudot.solvers.problem import build, load

WriteFile = Callable[..., Path]


def energy(keys: str) -> str:
    return f'[energy]\nname = "free-energy"\n{keys}'


def test_the_table_gives_the_energy(problem_file: WriteFile) -> None:
    keys = 'diffusion = 0.5\nexponent = 2.0\npotential = "x**2/2"\ninteraction = "-log(abs(x))"'
    problem = load(problem_file(energy=energy(keys)))
    found = problem.energy
    assert isinstance(found, FreeEnergy) and (found.diffusion, found.exponent) == (0.5, 2.0)
    assert found.potential == pytest.approx(problem.mesh.centers[0] ** 2 / 2 + 0.2**2 / 24)
    assert found.interaction is not None and found.interaction.name == "-log(abs(x))"
    assert "exponent 2" in str(found) and "interaction" in str(found)


@pytest.mark.parametrize("geometry", ["wasserstein", "fisher-rao", "wasserstein-fisher-rao"])
def test_a_run_writes_a_balanced_result(problem_file: WriteFile, tmp_path: Path, geometry: str) -> None:
    path = problem_file(
        energy=energy('diffusion = 0.2\nexponent = 2.0\npotential = "x**2/2"'),
        geometry=f'[geometry]\nname = "{geometry}"',
        time="[time]\nstop = 0.5\noutputs = 3\nrtol = 1e-4",
    )
    assert commands.run(path, tmp_path / "free.h5")
    result: results.Result = storage.read(tmp_path / "free.h5")
    assert np.all(np.diff(result.energy) < 0)
    assert np.abs(result.balance).max() < 1e-5


@pytest.mark.parametrize(
    ("keys", "word"),
    [
        ("diffusion = -1.0", "diffusion"),
        ("exponent = 0.0", "exponent"),
        ('potential = "x + y"', "potential: expression"),
        ('potential = "1/(x - x)"', "potential"),
        ('interaction = "abs(q)"', "interaction: expression"),
        ('interaction = "exp(exp(exp(9 + x**2)))"', "interaction"),
    ],
)
def test_a_table_that_cannot_be_used_gets_one_line(problem_file: WriteFile, keys: str, word: str) -> None:
    with pytest.raises(MudotError, match=word) as refusal:
        build(read(problem_file(energy=energy(keys))))
    assert "[energy]" in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("geometry", ["wasserstein", "wasserstein-fisher-rao"])
def test_the_discrete_gradient_can_be_asked_for(problem_file: WriteFile, tmp_path: Path, geometry: str) -> None:
    tables = {
        "energy": energy('diffusion = 0.2\nexponent = 2.0\npotential = "x**2/2"'),
        "geometry": f'[geometry]\nname = "{geometry}"',
        "time": '[time]\nstop = 0.5\noutputs = 3\nrtol = 1e-4\nmethod = "discrete-gradient"',
    }
    problem = load(problem_file(**tables))
    assert "discrete gradient" in problem.flow().method.description
    assert commands.run(problem_file(**tables), tmp_path / "free.h5")
    result = storage.read(tmp_path / "free.h5")
    assert np.all(np.diff(result.energy) < 0) and np.abs(result.balance).max() < 1e-10


def test_the_discrete_gradient_is_refused_for_other_flows(problem_file: WriteFile) -> None:
    time = '[time]\nstop = 1.0\noutputs = 2\nrtol = 1e-4\nmethod = "{}"'
    with pytest.raises(MudotError, match="expected a power divergence, 'free-energy'"):
        load(problem_file(time=time.format("discrete-gradient"), geometry='[geometry]\nname = "fisher-rao"')).flow()
    with pytest.raises(MudotError, match="'automatic', 'discrete-gradient', 'relaxed-ssp'"):
        load(problem_file(time=time.format("discrete")))


POROUS = energy("diffusion = 0.2\nexponent = 2.0")
WELL = energy('diffusion = 0.2\nexponent = 1.0\npotential = "x**2/2"')
TIME = '[time]\nstop = 0.2\noutputs = 3\nrtol = {}\nmethod = "{}"'


@pytest.mark.parametrize(
    ("method", "rtol", "balance"),
    [
        ("relaxed-ssp", "1e-3", 1e-12),
        ("super-time-stepping", "1e-3", 1e-3),
        ("exponential-midpoint", "1e-4", 1e-3),
        ("backward-euler", "3e-2", 5e-2),
    ],
)
@pytest.mark.parametrize("table", [POROUS, WELL], ids=["porous", "well"])
def test_witness_integrators_can_be_asked_for_and_agree_with_the_method_of_choice(
    problem_file: WriteFile, method: str, rtol: str, balance: float, table: str
) -> None:
    geometry = '[geometry]\nname = "wasserstein"'
    found = {}
    for name, tolerance in (("automatic", "1e-5"), (method, rtol)):
        problem = load(problem_file(energy=table, geometry=geometry, time=TIME.format(tolerance, name)))
        solution = solve(problem.flow(), problem.start, problem.times, rtol=problem.rtol)
        assert solution.status == "complete" and np.all(np.diff(solution.energy) < 0) and solution.minimum.min() > 0
        found[name] = solution
    lost = found[method].dissipation[-1]
    assert np.abs(found[method].balance).max() < balance * lost
    assert np.ptp(found[method].mass) < 1e-12
    mesh = found[method].flow.mesh
    apart = norm(mesh, found[method].density[-1] - found["automatic"].density[-1])
    # The upwind mobility of the explicit scheme differs by the error of the mesh.
    assert apart < (0.02 if method == "relaxed-ssp" else max(20 * float(rtol), 1e-3))


@pytest.mark.parametrize(
    ("method", "table", "geometry", "word"),
    [
        ("backward-euler", POROUS, "wasserstein-fisher-rao", "expected the geometry 'wasserstein'"),
        ("super-time-stepping", '[energy]\nname = "reverse-kl"', "wasserstein", "p > 0"),
        ("exponential-midpoint", energy('exponent = 2.0\npotential = "x**2"'), "wasserstein", "without a potential"),
        ("relaxed-ssp", '[energy]\nname = "jensen-shannon"', "wasserstein", "got jensen-shannon"),
    ],
)
def test_witnesses_are_refused_with_the_reason(
    problem_file: WriteFile, method: str, table: str, geometry: str, word: str
) -> None:
    path = problem_file(energy=table, geometry=f'[geometry]\nname = "{geometry}"', time=TIME.format("1e-3", method))
    with pytest.raises(MudotError, match=word) as refusal:
        load(path).flow()
    assert "\n" not in str(refusal.value)

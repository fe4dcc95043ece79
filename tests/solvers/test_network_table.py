"""The energy `shallow-network` in problem files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers import commands
from mudot.solvers.energies import ShallowNetwork
from mudot.solvers.inputs import read
from mudot.solvers.problem import build, load

WriteFile = Callable[..., Path]
PLANE = '[mesh]\nlower = [-2.0, -2.0]\nupper = [2.0, 2.0]\ncells = [8, 6]\nboundary = ["no-flux"]'
GAUSSIAN = '[{}]\nlog_density = "-x**2 - y**2"'
GOOD = 'data = "data.csv"\nactivation = "tanh"'


def tables(energy: str, **others: str) -> dict[str, str]:
    measures = {name: GAUSSIAN.format(name) for name in ("target", "initial")}
    return {"mesh": PLANE, **measures, "energy": f'[energy]\nname = "shallow-network"\n{energy}', **others}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("x,y\n-1.0,0.5\n0.0,0.1\n2.0,-0.3\n")
    return tmp_path


def test_the_table_gives_the_energy(problem_file: WriteFile, data: Path) -> None:
    problem = load(problem_file(**tables(GOOD + '\nentropy = 0.1\npotential = "0.5*x**2"')))
    energy = problem.energy
    assert isinstance(energy, ShallowNetwork) and energy.entropy == 0.1
    assert energy.neurons.parameters == ("amplitude", "weight")
    assert energy.labels.tolist() == [0.5, 0.1, -0.3]
    # Averages over cells of width 1/2.
    assert energy.potential == pytest.approx(0.5 * problem.mesh.coordinates[0] ** 2 + 1 / 96 + np.zeros((8, 6)))
    assert energy.prior is not None and np.array_equal(energy.prior.target, problem.target)


def test_axes_mean_what_the_file_says(problem_file: WriteFile, data: Path) -> None:
    problem = load(problem_file(**tables(GOOD + '\nparameters = ["weight", "bias"]')))
    assert isinstance(problem.energy, ShallowNetwork)
    assert problem.energy.neurons.parameters == ("weight", "bias") and problem.energy.prior is None


def test_a_run_writes_a_balanced_result(problem_file: WriteFile, data: Path, capsys: pytest.CaptureFixture) -> None:  # type: ignore[type-arg]
    assert commands.run(problem_file(**tables(GOOD + "\nentropy = 0.05")), data / "net.h5")
    printed = capsys.readouterr().out
    assert "shallow-network (tanh, 3 data, entropy 0.05)" in printed and "complete" in printed


def test_the_features_are_in_the_announced_memory(problem_file: WriteFile, data: Path) -> None:
    np.savez(data / "data.npz", inputs=np.linspace(-1, 1, 2000), labels=np.zeros(2000))
    inputs = read(problem_file(**tables('data = "data.npz"\nactivation = "tanh"')))
    assert inputs.energy.extra_bytes((8, 6), data) >= 2000 * 6 * 8


@pytest.mark.parametrize(
    ("energy", "word"),
    [
        ('activation = "tanh"', "data: missing"),
        ('data = "data.csv"', "activation: missing"),
        ('data = "no.csv"\nactivation = "tanh"', "data: file 'no.csv': not found"),
        ('data = "data.csv"\nactivation = "tahn"', "activation: expected one of tanh"),
        (GOOD + "\nentropy = -1.0", "entropy"),
        (GOOD + '\nparameters = ["weight"]', "parameters: expected one per axis"),
        (GOOD + '\nparameters = ["weight", "weight"]', "one 'weight' per input"),
        (GOOD + '\nparameters = ["weight", "speed"]', "parameters"),
        (GOOD + '\npotential = "x + w"', "potential: expression"),
        (GOOD + '\npotential = "log(0*x)"', "potential: expected finite"),
    ],
)
def test_a_table_that_cannot_be_used_gets_one_line(problem_file: WriteFile, data: Path, energy: str, word: str) -> None:
    with pytest.raises(MudotError, match=word) as refusal:
        build(read(problem_file(**tables(energy))))
    assert "[energy]" in str(refusal.value) and "\n" not in str(refusal.value)


def test_the_command_line_refuses_missing_data_before_it_writes(problem_file: WriteFile, tmp_path: Path) -> None:
    problem = problem_file(**tables(GOOD))
    command = [sys.executable, "-m", "mudot.validation", "run", str(problem), "--output", str(tmp_path / "net.h5")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and "data.csv" in result.stderr
    assert not (tmp_path / "net.h5").exists()

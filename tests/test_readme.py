"""What the README shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from mudot.solvers.flows import Solution, solve
from mudot.solvers.problem import load

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found
    return found.group(1)


def test_the_first_example_in_python_runs_and_balances_as_it_says() -> None:
    names: dict[str, object] = {}
    exec(block("python"), names)
    solution = names["solution"]
    assert isinstance(solution, Solution) and solution.status == "complete"
    assert solution.density.shape == (3, 64, 64)
    assert np.max(np.abs(solution.balance)) < 1e-10


def test_the_problem_file_runs(tmp_path: Path) -> None:
    path = tmp_path / "problem.toml"
    path.write_text(block("toml"))
    problem = load(path)
    solution = solve(problem.flow(), problem.start, problem.times, problem.rtol)
    assert solution.status == "complete"
    np.testing.assert_allclose(solution.mass, 1.0, rtol=1e-12)


def test_the_example_file_is_a_problem() -> None:
    assert load(ROOT / "example.toml").mesh.shape == (128, 192)


def test_the_make_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target

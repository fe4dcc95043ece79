"""What the README shows works as it stands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from mudot.solvers.flows import Solution, solve
from mudot.solvers.problem import load
from mudot.validation.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def block(language: str, number: int = 0) -> str:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)[number]


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


def test_the_particle_method_fits_the_flow_and_a_wrong_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = block("toml").replace("wasserstein-fisher-rao", "wasserstein")
    kept = [line for line in text.splitlines() if not line.startswith(("reaction", "spherical"))]
    Path("problem.toml").write_text("\n".join(kept))
    code = block("python", 1)
    exec(code, {})
    exec(code.replace("particles.npz", "wrong.npz").replace("+ 0.3", "- 0.3"), {})
    assert main(["run", "problem.toml", "--output", "result.h5"]) == 0
    capsys.readouterr()
    fits = main(["compare", "result.h5", "particles.npz", "-o", "right.json", "--figure", "distances.png"])
    rows = json.loads(Path("right.json").read_text())["rows"]
    numbers = [m for row in rows for m in row["measures"]]
    assert all(row["energy"]["name"] == "mean of -log pi" for row in rows) and Path("distances.png").exists()
    assert max(m["value"] / m["floor"] for m in numbers) < 3 and fits in (0, 1)
    assert main(["compare", "result.h5", "wrong.npz"]) == 1
    assert "beyond the noise" in capsys.readouterr().out
    assert main(["sample", "result.h5", "--time", "0.5", "--number", "4000", "-o", "draws.npz"]) == 0
    assert main(["expect", "result.h5", "x", "x**2", "--time", "0.5"]) == 0


def test_the_example_file_is_a_problem() -> None:
    assert load(ROOT / "example.toml").mesh.shape == (128, 192)


def test_the_make_targets_that_the_readme_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE):
        assert f"\n{target}:" in makefile, target

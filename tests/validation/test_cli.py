"""The command as a user meets it: exit statuses, one clear line, nothing written, and runs from file to file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mudot.solvers import storage
from mudot.validation.cli import main

PROBLEM = """
title = "test"
[mesh]
lower = [-2.0]
upper = [2.0]
cells = [64]
boundary = ["no-flux"]
[target]
log_density = "-(x**2 - 1)**2 + 0.3*x"
[initial]
log_density = "-(x + 0.7)**2 / 0.5"
[energy]
name = "kl"
[geometry]
name = "wasserstein-fisher-rao"
reaction = 2.0
spherical = true
[time]
stop = 1.0
outputs = [0.0, 0.25, 1.0]
rtol = 1e-5
"""


def written(folder: Path, text: str = PROBLEM) -> Path:
    path = folder / "problem.toml"
    path.write_text(text)
    return path


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "mudot.validation", *map(str, arguments)]


def test_a_run_writes_a_complete_result_that_info_describes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "result.h5"
    assert main(["run", str(written(tmp_path)), "--output", str(output)]) == 0
    text = capsys.readouterr().out
    assert "needs" in text and "memory" in text and "complete" in text
    assert text.index("needs") < text.index("complete")
    result = storage.read(output)
    assert result.status == "complete" and result.committed == 3
    assert np.max(np.abs(result.balance)) < 1e-5 * result.energy[0]
    assert main(["info", str(output)]) == 0
    text = capsys.readouterr().out
    assert "no mass crosses" in text and "spherical (wasserstein + 2 fisher-rao)" in text and "0.25" in text


def test_an_existing_result_is_neither_lost_nor_resumed_by_accident(tmp_path: Path) -> None:
    problem, output = written(tmp_path), tmp_path / "result.h5"
    assert main(["run", str(problem), "-o", str(output)]) == 0
    before = output.read_bytes()
    assert main(["run", str(problem), "-o", str(output)]) == 2
    assert output.read_bytes() == before
    assert main(["run", str(problem), "-o", str(output), "--resume"]) == 0
    assert output.read_bytes() == before
    assert main(["run", str(problem), "-o", str(output), "--overwrite"]) == 0


def test_nothing_but_a_result_of_the_same_problem_is_resumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "result.h5"
    assert main(["run", str(written(tmp_path)), "-o", str(output)]) == 0
    before, other = output.read_bytes(), written(tmp_path, PROBLEM.replace("rtol", "# changed\nrtol"))
    capsys.readouterr()
    assert main(["run", str(other), "-o", str(output), "--resume"]) == 2
    found = capsys.readouterr()
    assert "holds another problem" in found.err and found.err.count("\n") == 1 and not found.out
    assert output.read_bytes() == before


@pytest.mark.parametrize("verb", [["run"], ["reference", "--rtol", "1e-2"]])
def test_overwriting_replaces_nothing_but_results(
    tmp_path: Path, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    problem = written(tmp_path)
    for place, words in ((problem, "something else than a result"), (tmp_path, "is a folder")):
        assert main([*verb, str(problem), "-o", str(place), "--overwrite"]) == 2
        assert words in capsys.readouterr().err
    assert problem.read_text() == PROBLEM and list(tmp_path.iterdir()) == [problem]


BAD = {
    "no such file": ("missing.toml", None, "missing.toml"),
    "unknown table": ("problem.toml", PROBLEM + "\n[tiem]\n", "tiem"),
    "unknown energy": ("problem.toml", PROBLEM.replace('"kl"', '"lk"'), "lk"),
    "expression that reaches for Python": (
        "problem.toml",
        PROBLEM.replace("-(x**2 - 1)**2 + 0.3*x", "__import__('os').system('touch owned')"),
        "__import__",
    ),
    "grid that fits nowhere": ("problem.toml", PROBLEM.replace("[64]", "[2000000000]"), "cells"),
    "flow without meaning": (
        "problem.toml",
        PROBLEM.replace('"kl"', '"lawgd"').replace("spherical = true", ""),
        "'lawgd' compares probability measures",
    ),
    "folder instead of a file": (".", None, "TOML"),
}


@pytest.mark.parametrize("label", BAD)
def test_bad_input_gets_one_line_and_status_2_and_leaves_nothing(label: str, tmp_path: Path) -> None:
    name, text, word = BAD[label]
    if text is not None:
        written(tmp_path, text)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        command("run", tmp_path / name, "--output", tmp_path / "result.h5"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and word in done.stderr and "Traceback" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("verb", ["info", "plot"])
def test_files_that_are_no_results_are_refused_in_one_line(verb: str, tmp_path: Path) -> None:
    path = tmp_path / "result.h5"
    path.write_bytes(b"not HDF5 at all")
    done = subprocess.run(command(verb, path), capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "result.h5" in done.stderr


def test_a_missing_output_folder_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(written(tmp_path)), "-o", str(tmp_path / "nowhere" / "result.h5")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_progress_is_quiet_in_a_pipe(tmp_path: Path) -> None:
    done = subprocess.run(
        command("run", written(tmp_path), "-o", tmp_path / "r.h5"), capture_output=True, text=True, check=True
    )
    assert done.stderr == "" and "\r" not in done.stdout and "\x1b" not in done.stdout


def test_help_shows_examples_and_does_not_import_the_heavy_libraries() -> None:
    script = (
        "import sys; from mudot.validation.cli import parser; text = parser().format_help(); "
        "assert 'mudot run problem.toml' in text; "
        "heavy = {'scipy', 'h5py', 'matplotlib', 'pydantic', 'rich'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_run_killed_on_the_way_resumes_to_the_same_bytes(tmp_path: Path) -> None:
    text = (
        PROBLEM.replace("[64]", "[300]").replace("outputs = [0.0, 0.25, 1.0]", "outputs = 41").replace("1e-5", "1e-8")
    )
    problem, whole, broken = written(tmp_path, text), tmp_path / "whole.h5", tmp_path / "broken.h5"
    subprocess.run(command("run", problem, "-o", whole), check=True, capture_output=True)
    kills = 0
    for pause in (0.3, 0.6, 0.9):
        resume = ["--resume"] if broken.exists() else []
        process = subprocess.Popen(command("run", problem, "-o", broken, *resume), stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not broken.exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        time.sleep(pause)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        storage.read(broken)
    assert kills > 0
    subprocess.run(command("run", problem, "-o", broken, "--resume"), check=True, capture_output=True)
    one, two = storage.read(whole), storage.read(broken)
    assert two.status == "complete" and two.committed == one.committed == 41
    for number in range(one.committed):
        assert one.density(number).tobytes() == two.density(number).tobytes()
    np.testing.assert_array_equal(one.balance, two.balance)

"""The library of references: complete, frozen, reproducible, and found to disagree where it does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers.inputs import read
from mudot.validation import references
from mudot.validation.cli import main


def test_every_reference_is_a_problem_with_frozen_numbers() -> None:
    known = references.frozen()
    assert set(known) == set(references.names()) and len(known) >= 15
    for name, numbers in known.items():
        inputs = read(references.problem_of(name))
        assert inputs.title == name
        assert 0 < numbers["kernel of mmd"]["gaussian, bandwidth"][0] < 2
        for key in ("energy", "mmd", "mass", "mean x", "variance x"):
            assert len(numbers["values"][key]) == len(numbers["bars"][key]) == len(inputs.time.times())
        assert np.all(np.array(numbers["bars"]["energy"]) >= 0)


def test_frozen_numbers_of_gaussians_are_the_exact_ones() -> None:
    # Ornstein-Uhlenbeck from N(2, 1/4), t = 1: mean, variance, KL.
    numbers = references.frozen()["gaussian-1d/w-kl"]
    for key, exact in (("mean x", 0.735758882343), ("variance x", 0.898498537573), ("energy", 0.2734349354555)):
        # Walls at 7 cut 1e-7.
        assert numbers["values"][key][-1] == pytest.approx(exact, abs=numbers["bars"][key][-1] + 1e-6)


@pytest.mark.parametrize("name", ["gaussian-1d/swfr-kl", "double-well-1d/w-kl"])
def test_recomputed_numbers_agree_with_the_frozen_ones(name: str) -> None:
    found, agreement = references.make(f"mudot:{name}@{references.VERSION}", 2e-2)
    assert found.reached and agreement is not None and agreement.holds
    known = references.frozen()[name]
    assert found.bandwidth == known["kernel of mmd"]["gaussian, bandwidth"][0]
    gap = np.abs(found.values["mmd"] - known["values"]["mmd"])
    assert np.all(gap <= found.bars["mmd"] + known["bars"]["mmd"]) and found.values["mmd"][-1] > 0.01


def test_another_number_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = references.frozen()
    numbers["gaussian-1d/w-kl"]["values"]["mean x"][-1] += 0.05
    monkeypatch.setattr(references, "frozen", lambda: numbers)
    _, agreement = references.make("gaussian-1d/w-kl", 2e-2)
    assert agreement is not None and not agreement.holds and agreement.number == "mean x"


def test_command_lists_makes_and_refuses(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["references", "--list"]) == 0
    assert "mudot:double-well-2d/swfr-kl@1.0" in capsys.readouterr().out
    output = tmp_path / "r.h5"
    assert main(["references", "--make", "gaussian-1d/w-kl", "--rtol", "2e-2", "-o", str(output)]) == 0
    assert "agrees with the frozen numbers" in capsys.readouterr().out and output.exists()
    assert main(["references", "--make", "gausian-1d/w-kl"]) == 2
    assert "gaussian-1d/w-kl" in capsys.readouterr().err
    with pytest.raises(MudotError, match="version"):
        references.problem_of("gaussian-1d/w-kl@0.9")


def test_frozen_file_is_plain_json() -> None:
    assert json.loads(references.FROZEN.read_text()) == references.frozen()

"""Study files: what they say becomes systems; what they get wrong becomes one line, and nothing is written."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from mudot.meshes.errors import MudotError
from mudot.validation.cases.gamma_studies import STUDIES
from mudot.validation.cli import main
from mudot.validation.gamma.families import read_study

STUDY = """
title = "test"
[mesh]
lower = [0.0]
upper = [1.0]
cells = [32]
boundary = ["periodic"]
[target]
log_density = "0.5*cos(2*pi*x)"
[initial]
log_density = "0.5*sin(2*pi*x)"
[energy]
name = "kl"
[geometry]
name = "kernel-approximate-fisher-rao"
reaction = 2.0
[kernel]
name = "laplace"
bandwidth = 0.15
[time]
stop = 0.5
outputs = [0.0, 0.5]
rtol = 1e-6
[family]
parameter = "geometry.ridge"
ladder = [1e-2, 1e-3, 1e-4]
predicted_rate = 1.0
monotone = true
[limit]
geometry.name = "fisher-rao"
"""


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = folder / "study.toml"
    path.write_text(text)
    return path


def test_members_differ_in_the_parameter_and_the_limit_drops_what_it_does_not_know(tmp_path: Path) -> None:
    study = read_study(written(tmp_path))
    assert [member.geometry.ridge for member in study.members] == [1e-2, 1e-3, 1e-4]  # type: ignore[attr-defined]
    assert study.limit.geometry.name == "fisher-rao" and study.limit.geometry_kernel is None
    assert study.limit.geometry.reaction == 2.0  # type: ignore[attr-defined]
    assert study.distances == (1e-2, 1e-3, 1e-4)
    assert study.predictions["energy"] == 1.0


def test_distances_are_those_to_the_limit(tmp_path: Path) -> None:
    far = read_study(written(tmp_path, ("ladder = [1e-2, 1e-3, 1e-4]", "ladder = [10, 100, 1000]\ntends_to = inf")))
    assert far.distances == (0.1, 0.01, 0.001)
    log = read_study(written(tmp_path, ("monotone = true", 'scale = "logarithm"\nunit = 0.5')))
    assert log.distances[0] == pytest.approx(1 / math.log(50))
    wide = read_study(written(tmp_path, ('"geometry.ridge"', '"kernel.bandwidth"'), ("reaction = 2.0", "ridge = 0.1")))
    assert [member.geometry_kernel.bandwidth for member in wide.members] == [1e-2, 1e-3, 1e-4]  # type: ignore


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ladder = [1e-2, 1e-3, 1e-4]", "ladder = [1e-2, 1e-3]", "[family] ladder: got [0.01, 0.001]"),
        ("ladder = [1e-2, 1e-3, 1e-4]", "ladder = [1e-2, 1e-1, 1e-4]", "[family] ladder[1]: expected entries that"),
        ("predicted_rate = 1.0", "predicted_rate = { engery = 1.0 }", "did you mean 'energy'?"),
        ("predicted_rate = 1.0", "next_term = { engery = 1.0 }", "[family] next_term: unknown 'engery'"),
        ('"geometry.ridge"', '"geometry.ridgee"', "ladder[0] = 0.01: [geometry] ridgee: unknown key"),
        ('"geometry.ridge"', '"time.stop"', "[family] parameter: got 'time.stop'"),
        ('"geometry.ridge"', '"mesh.lower"', "only mesh.cells can vary"),
        ('geometry.name = "fisher-rao"', 'geometry.name = "fisher-roa"', "[limit]: [geometry] name: unknown name"),
        ('geometry.name = "fisher-rao"', "time.stop = 1.0", "[limit]: time: unknown table"),
        ("[family]", "[famly]", "[famly]: unknown table; did you mean 'family'?"),
        ("monotone = true", "monoton = true", "did you mean 'monotone'?"),
        ("monotone = true", 'scale = "logarithm"\nunit = 0.001', "below 'unit'"),
        ("reaction = 2.0", 'spherical = true', ""),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    changes = [(old, new)]
    if not words:
        changes.append(("monotone = true", 'recovery = "smoothed"'))
        words = "[family] recovery: 'smoothed' is for"
    path = written(tmp_path, *changes)
    assert main(["gamma", str(path), "-o", str(tmp_path / "report")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and words in lines[0] and str(path) in lines[0]
    assert not (tmp_path / "report").exists()


def test_a_file_without_a_family_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text(STUDY[: STUDY.index("[family]")])
    with pytest.raises(MudotError, match=r"\[family\]: missing table"):
        read_study(path)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_studies_that_come_with_mudot_can_be_read_and_say_what_they_claim(path: Path) -> None:
    study = read_study(path)
    assert study.predictions and study.family.claim and study.family.source and study.title
    study.coarser()

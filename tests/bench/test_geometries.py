"""The table of all geometries in space: complete, run from end to end on a tiny mesh, and plain about what failed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import geometries
from mudot.solvers.geometry_tables import GEOMETRIES


def test_every_geometry_has_a_row_with_every_switch() -> None:
    names = {row.name for row in geometries.rows(4)}
    for name, table in GEOMETRIES.items():
        known = table.model_fields
        assert name in names and ("symmetric" not in known or f"symmetric {name}" in names)
        switched = f"spherical {'symmetric ' * ('symmetric' in known)}{name}"
        assert ("spherical" in known) is (switched in names)


def test_a_row_is_measured_in_its_own_process_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "table.json"
    assert geometries.main(["spherical kernel-sobolev", "--cells", "4", "--output", str(path)]) == 0
    (found,) = json.loads(path.read_text())["rows"].values()
    assert found["status"] == "complete" and found["run"] > 0 and found["balance"] < geometries.RTOL
    assert found["peak"] > 1e7 and abs(found["mass"]) < 1e-12 and 0 < found["lost"] < 1 and found["minimum"] > 0
    printed = capsys.readouterr().out
    assert "spherical kernel-sobolev-fisher" in printed and "1 of 1 ran to their ends" in printed


def test_a_row_over_its_limit_says_so_and_unknown_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert geometries.main(["to t = 2", "--limit", "1"]) == 1
    printed = capsys.readouterr().out
    assert "not finished in 1 s" in printed and "0 of 1 ran to their ends" in printed
    assert geometries.main(["nothing of the kind"]) == 2
    assert "wasserstein" in capsys.readouterr().err

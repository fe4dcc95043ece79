"""Training data from files: both forms, and one line for whatever cannot be used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers.training_data import training_data

INPUTS, LABELS = np.array([[0.5, -1.0], [2.0, 3.25], [1e-3, 7.0]]), np.array([1.0, -2.0, 0.125])


def test_both_forms_of_a_file_give_the_same_data(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", inputs=INPUTS, labels=LABELS)
    rows = "\n".join(",".join(map(repr, [*map(float, x), float(y)])) for x, y in zip(INPUTS, LABELS, strict=True))
    (tmp_path / "a.csv").write_text(rows)
    (tmp_path / "titled.csv").write_text("x1,x2,y\n" + rows + "\n\n")
    for name in ("a.npz", "a.csv", "titled.csv"):
        inputs, labels = training_data(tmp_path / name)
        assert np.array_equal(inputs, INPUTS) and np.array_equal(labels, LABELS)


def test_a_vector_of_inputs_is_one_input_each(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", inputs=np.arange(4), labels=np.ones(4))
    assert training_data(tmp_path / "a.npz")[0].shape == (4, 1)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.txt", "1,2", "ends in .npz or .csv"),
        ("a.csv", "", "none"),
        ("a.csv", "x,y\n", "none"),
        ("a.csv", "1\n2\n", "row 1"),
        ("a.csv", "1,2\n1,2,3\n", "row 2"),
        ("a.csv", "1,2\n1,two\n", "'two'"),
        ("a.csv", "1,2\n1,nan\n", "'nan'"),
        ("a.csv", "1,2\ninf,2\n", "'inf'"),
        ("a.npz", "not an archive", "complete .npz"),
    ],
)
def test_a_file_that_cannot_be_used_gets_one_line_that_names_it(
    tmp_path: Path, name: str, content: str, word: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(MudotError, match=word) as refusal:
        training_data(tmp_path / name)
    assert name in str(refusal.value) and "\n" not in str(refusal.value)


def test_a_missing_file_and_wrong_arrays_are_named(tmp_path: Path) -> None:
    with pytest.raises(MudotError, match="not found"):
        training_data(tmp_path / "b.npz")
    for arrays, word in (
        ({"inputs": INPUTS}, "'labels'"),
        ({"inputs": INPUTS, "labels": LABELS[:2]}, "one label per row"),
        ({"inputs": INPUTS, "labels": LABELS * np.nan}, "labels: expected finite"),
        ({"inputs": np.array(["a"]), "labels": np.ones(1)}, "real numbers"),
        ({"inputs": np.array([None]), "labels": np.ones(1)}, "complete .npz"),
    ):
        np.savez(tmp_path / "a.npz", **arrays)  # type: ignore[arg-type]
        with pytest.raises(MudotError, match=word):
            training_data(tmp_path / "a.npz")

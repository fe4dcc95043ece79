"""Ways of applying an exponential that the cost model chooses from give one density; the choice is one of them."""

from __future__ import annotations

import numpy as np
import pytest

from bench import choices
from bench.problems import PROBLEMS


@pytest.mark.parametrize(("name", "cells"), [("P1", 24), ("P1n", 24), ("P2", 10), ("P3", 64)])
def test_every_way_has_the_same_result(name: str, cells: int) -> None:
    results = {way: run() for way, run in choices.Task(PROBLEMS[name], cells).ways().items()}
    chosen = results.pop("choice")
    assert chosen is not None and "uniformization" in results
    others = {way: found.reshape(-1) for way, found in results.items() if found is not None}
    assert len(others) >= 1 and ("dense factors" in others) == (name != "P1n")
    for found in others.values():
        mass = np.abs(chosen).sum()
        assert np.abs(found - chosen.reshape(-1)).sum() < 1e-10 * mass


def test_rows_name_problem_cells_and_times() -> None:
    ((name, cells, taken),) = choices.rows({"P3": (32,)}, 1e-3)
    assert (name, cells) == ("P3", 32) and {"choice", "dense factors", "uniformization"} <= taken.keys()

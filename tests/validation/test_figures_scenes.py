"""Pictures of densities with particles, and their way through the report and the store of finished cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mudot.validation import kept, report
from mudot.validation.figures import scene_figure
from mudot.validation.outcome import Case, Check, Outcome, Scene, State
from mudot.validation.runner import Result

STATES = [
    State("$t = 0$", [[0.0, 1.0], [2.0, 3.0], [1.0, 0.0]], [0.5, 2.5], [0.25, 1.5], [0.75, 0.25]),
    State("$t = 1$", [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0]]),
]
SCENE = Scene("two states", [0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0], STATES)
OUTCOME = Outcome([Check("holds", 0.0, 1.0)], scenes=[SCENE])


def test_particles_lie_over_their_density_with_weights_as_areas() -> None:
    first, second = scene_figure(SCENE).axes
    cells, dots = first.collections
    np.testing.assert_array_equal(np.asarray(cells.get_array()), [[0.0, 2.0, 1.0], [1.0, 3.0, 0.0]])
    np.testing.assert_array_equal(np.asarray(dots.get_offsets()), [[0.5, 0.25], [2.5, 1.5]])
    areas = dots.get_sizes()  # type: ignore[attr-defined]
    assert areas[0] == 3 * areas[1]
    assert len(np.asarray(second.collections[1].get_offsets())) == 0


def test_scenes_survive_the_store_of_finished_cases(tmp_path: Path) -> None:
    kept.save(tmp_path, Result("some-case", OUTCOME, 1.0), quick=True)
    again = kept.load(tmp_path, ["some-case"], quick=True)["some-case"]
    assert list(again.outcome.scenes[0].states[0].density[1]) == [2.0, 3.0]
    assert again.outcome.scenes[0].states[1].horizontal in ((), [])


def test_scenes_are_drawn_in_the_report(tmp_path: Path) -> None:
    case = Case("some-case", "Title", "claim", "source", "setup", lambda quick: OUTCOME)
    page = report.write(tmp_path, [case], [Result("some-case", OUTCOME, 1.0)], quick=True, seconds=1.0)
    assert (tmp_path / "some-case-1.png").stat().st_size > 5000
    assert page.read_text().count("<figure>") == 1

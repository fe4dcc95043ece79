"""Pictures survive every kind of run, name their axes, and are files of the same bytes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers.commands import run
from mudot.solvers.storage import read
from mudot.validation import figures
from mudot.validation.figures_profiles import profiles_figure
from tests.validation.pictured import RUNS, SLOW, Recorded, example, panels, pictures

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in RUNS])
def test_every_kind_of_run_is_drawn_with_names_on_all_axes_and_positive_data_on_log_axes(
    name: str, tmp_path: Path
) -> None:
    for title, figure in pictures(name).items():
        figure.savefig(tmp_path / f"{title}.png", dpi=40)
        assert any(panel.get_xlabel() for panel in panels(figure)) and any(p.get_ylabel() for p in panels(figure))
        for panel in panels(figure):
            assert "(a)" in panels(figure)[0].get_title("left")
            if panel.get_yscale() == "log":
                drawn = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in panel.lines])
                assert not np.any(drawn <= 0) and not np.any(np.isinf(drawn)) and panel.get_ylim()[0] > 0


def test_failed_and_damaged_runs_say_so_as_they_are() -> None:
    result = replace(example("line"), status="failed: no $root_1$ found", damaged=(2,))
    for figure in figures.figures_of(result).values():
        text = figure.get_suptitle()
        assert text == "damaged frames left out: 1; 4 of 4 outputs; failed: no $root_1$ found"
    assert not pictures("line")["ledger"].get_suptitle()


def test_plot_writes_every_picture_in_every_format_and_the_same_bytes_for_the_same_run(tmp_path: Path) -> None:
    paths = figures.plot(example("line"), tmp_path / "a" / "b")
    names = [f"run-{name}.{kind}" for name in ("densities", "ledger") for kind in ("png", "pdf")]
    assert [path.name for path in paths] == names
    again = profiles_figure(example("line"))
    for path in paths[:2]:
        assert figures.save(again, tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_result_file_is_drawn(tmp_path: Path) -> None:
    problem = tmp_path / "problem.toml"
    problem.write_text(
        "[mesh]\nlower = [-3.0]\nupper = [3.0]\ncells = [20]\nboundary = ['no-flux']\n"
        "[target]\nlog_density = '-x**2 / 2'\n[initial]\nlog_density = '-(x - 1)**2'\n"
        "[energy]\nname = 'kl'\n[geometry]\nname = 'fisher-rao'\n[time]\nstop = 1.0\noutputs = 3\nrtol = 1e-6\n"
    )
    run(problem, tmp_path / "tilted.h5")
    paths = figures.plot(read(tmp_path / "tilted.h5"), tmp_path, formats=("svg",))
    assert [path.name for path in paths] == ["tilted-densities.svg", "tilted-ledger.svg"]
    assert all(path.read_text().startswith("<?xml") for path in paths)


def test_a_result_without_frames_is_refused() -> None:
    empty = Recorded(replace(example("line").solution, frames=()), status="running")
    with pytest.raises(MudotError, match="no frame to draw yet"):
        figures.figures_of(empty)


def test_unknown_formats_and_places_that_cannot_be_written_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MudotError, match=r"expected a picture format .* png"):
        figures.save(pictures("line")["ledger"], tmp_path / "picture.docx")
    (tmp_path / "file").write_text("")
    with pytest.raises(MudotError, match="cannot be written"):
        figures.save(pictures("line")["ledger"], tmp_path / "file" / "picture.png")


def test_settings_of_the_caller_are_left_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    figures.figures_of(example("line"))
    assert dict(matplotlib.rcParams) == before


def test_importing_figures_imports_neither_matplotlib_nor_hdf5() -> None:
    code = "import sys, mudot.validation.figures; print({'matplotlib', 'h5py'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"

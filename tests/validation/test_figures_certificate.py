"""Pictures of certified references show the extrapolated density in its error band, and every number with its bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mudot.solvers import storage
from mudot.solvers.inputs import read
from mudot.validation import figures
from mudot.validation.certificates import write
from mudot.validation.certify import certify
from mudot.validation.figures_certificate import certified
from tests.validation.pictured import panels

pytestmark = pytest.mark.filterwarnings("error")

PROBLEM = """
[mesh]
lower = {lower}
upper = {upper}
cells = {cells}
boundary = ["no-flux"]
[target]
log_density = "{target}"
[initial]
log_density = "{start}"
[energy]
name = "kl"
[geometry]
name = "wasserstein-fisher-rao"
spherical = true
[time]
stop = 1.0
outputs = [0.1, 0.3, 1.0]
rtol = 1e-4
"""
LINE = {"lower": [-5.0], "upper": [5.0], "cells": [24], "target": "-x**2/2", "start": "-(x - 1)**2"}
PLANE = {
    "lower": [-4.0, -4.0],
    "upper": [4.0, 4.0],
    "cells": [10, 8],
    "target": "-x**2/2 - y**2",
    "start": "-x**2-y**2",
}


@pytest.fixture(scope="module", params=[LINE, PLANE], ids=["line", "plane"])
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A certified reference read from its file."""
    folder = tmp_path_factory.mktemp("reference")
    (folder / "p.toml").write_text(PROBLEM.format(**request.param))
    inputs = read(folder / "p.toml")
    write(inputs, certify(inputs, 5e-2), folder / "r.h5", overwrite=False)
    return storage.read(folder / "r.h5")


def test_bands_are_the_error_densities_around_the_extrapolated_ones(result: Any) -> None:
    drawn = figures.figures_of(result)
    panel = panels(drawn["densities" if result.mesh.dimension == 1 else "marginals"])[0]
    axes = tuple(range(1, result.mesh.dimension))
    others = float(np.prod([result.mesh.widths[a][0] for a in axes]))
    for n, (band, line) in enumerate(zip(panel.collections, panel.lines, strict=False)):
        centre = result.best_density(n).sum(axis=axes) * others
        error = result.error_density(n).sum(axis=axes) * others
        np.testing.assert_allclose(line.get_ydata()[::2], centre, rtol=1e-12)
        corners = band.get_paths()[0].vertices
        assert corners[:, 1].max() == pytest.approx((centre + error).max(), rel=1e-9)
        assert error.sum() > 0 and corners[:, 1].min() == pytest.approx(max(0.0, (centre - error).min()), abs=1e-12)
    assert len(panel.collections) == 3


def test_every_number_stands_with_its_bar(result: Any) -> None:
    density, energy, moments, lengths = panels(figures.figures_of(result)["certificate"])
    assert [line.get_label() for line in density.lines][:2] == ["as it is", "extrapolated"]
    np.testing.assert_array_equal(density.lines[1].get_ydata(), result.extras["density_extrapolated_error"])
    np.testing.assert_array_equal(energy.lines[0].get_ydata(), result.extras["energy_extrapolated"])
    segments = energy.collections[0].get_segments()
    half = np.array([segment[1, 1] - segment[0, 1] for segment in segments]) / 2
    np.testing.assert_allclose(half, result.extras["energy_error"], rtol=1e-6)
    names = [text.get_text() for text in moments.get_legend().get_texts()]
    assert names == [f"{kind} {axis}" for axis in "xy"[: result.mesh.dimension] for kind in ("mean", "variance")]
    assert [line.get_label() for line in lengths.lines] == ["energy", "mmd", *names]


def test_the_ledger_of_a_reference_shows_the_bars_of_its_energy(result: Any) -> None:
    energy = panels(figures.figures_of(result)["ledger"])[0]
    assert len(energy.collections[0].get_segments()) == 3


def test_results_without_a_certificate_have_none(result: Any) -> None:
    bare = type(result)(**{**vars(result), "extras": {}})
    assert not certified(bare) and "certificate" not in figures.figures_of(bare)


def test_infinite_bars_are_not_drawn(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(PROBLEM.format(**LINE))
    inputs = read(tmp_path / "p.toml")
    found = certify(inputs, 0.5)
    found.bars["energy"][:] = np.inf
    found.better_error[:] = np.inf
    write(inputs, found, tmp_path / "r.h5", overwrite=False)
    assert "certificate" not in figures.figures_of(storage.read(tmp_path / "r.h5"))

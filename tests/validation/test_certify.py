"""Error bars of certified references are honest: true errors lie below them, and not far below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mudot.meshes.arrays import numpy_library
from mudot.meshes.averages import integrate, norm, restrict
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.flows import GradientFlow, Solution, solve
from mudot.solvers.inputs import read
from mudot.solvers.resources import needs
from mudot.validation.cases.certificates import ROUND_OFF, Verdict, verdicts
from mudot.validation.certify import MARGIN, certify
from mudot.validation.cli import main
from mudot.validation.exact.gaussian_flows import ornstein_uhlenbeck
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.known import KNOWN, Known
from mudot.validation.known.problem import ROUGH
from mudot.validation.ladder import Ladder

HEAD = """
[mesh]
lower = {lower}
upper = {upper}
cells = {cells}
boundary = ["no-flux"]
"""


def file(
    folder: Path, tables: str, lower: list[float], upper: list[float], cells: list[int], energy: str = "kl"
) -> Path:
    path = folder / "problem.toml"
    head = HEAD.format(lower=lower, upper=upper, cells=cells)
    path.write_text(
        f'{head}{tables}\n[energy]\nname = "{energy}"\n[time]\nstop = 1.0\noutputs = [0.25, 1.0]\nrtol = 1e-6\n'
    )
    return path


LINE = """
[target]
mixture = { weights = [1.0], means = [[0.0]], covariances = [[[1.0]]] }
[initial]
mixture = { weights = [1.0], means = [[1.2]], covariances = [[[0.4]]] }
"""
START, TARGET = Gaussian(1.2, 0.4), Gaussian(0.0, 1.0)


def judged(problems: list[Known], scale: float = 1.0, loose: float = 1.0) -> list[Verdict]:
    """Every bar of these problems beside its true error, where that is above round-off."""
    found = []
    for known in problems:
        certified, verdicts_of = verdicts(known, scale, known.rtol * loose)
        assert certified.reached and float(certified.better_error.max()) <= known.rtol * loose
        found += [v for v in verdicts_of if v.true > ROUND_OFF]
    return found


def honest(found: list[Verdict]) -> None:
    """No true error above its bar, and bars less than ten times as large in the median."""
    assert not [v for v in found if v.true > v.bar]
    for quantity in ("density", "extrapolated density"):
        ratios = [v.ratio for v in found if v.quantity == quantity]
        assert len(ratios) > 5 and float(np.median(ratios)) < 10


FAST = [known for known in KNOWN if known.quick]


def test_every_bar_covers_the_true_error_and_not_by_far() -> None:
    assert {known.family for known in FAST} == {known.family for known in KNOWN} and len(FAST) > 12
    honest(judged(FAST))


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_every_bar_covers_the_true_error_in_every_dimension(dimension: int) -> None:
    found = judged([known for known in KNOWN if len(known.cells) == dimension])
    assert not [v for v in found if v.true > v.bar] and float(np.median([v.ratio for v in found])) < 10


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.7, 1.3, 1.9])
@pytest.mark.parametrize("loose", [0.3, 10.0])
def test_bars_hold_for_other_meshes_and_tolerances(scale: float, loose: float) -> None:
    honest(judged([known for known in KNOWN if known.quick and known.family != ROUGH], scale, loose))


def test_extrapolated_densities_are_of_fourth_order_positive_and_of_the_same_mass() -> None:
    known = next(known for known in KNOWN if known.name == "Ornstein-Uhlenbeck, 1D")
    errors = []
    for scale in (1.0, 2.0):
        found, _ = verdicts(known, scale)
        mesh = found.solution.flow.mesh
        assert np.all(found.better >= 0) and np.all(found.better_error < found.error)
        for n in range(len(known.times)):
            assert integrate(mesh, found.better[n]) == pytest.approx(found.solution.mass[n], rel=1e-12)
            assert integrate(mesh, found.where[n]) == pytest.approx(found.better_error[n], rel=1e-9)
        errors.append(norm(mesh, found.better[-1] - known.exact(mesh, known.times[-1])))
    # Twice the cells on every mesh of the ladder.
    assert float(np.log2(errors[0] / errors[1])) == pytest.approx(4.0, abs=0.2)


def test_functionals_are_extrapolated_with_bars_that_hold(tmp_path: Path) -> None:
    tables = f'{LINE}\n[geometry]\nname = "wasserstein"'
    found = certify(read(file(tmp_path, tables, [-7.0], [7.0], [40])), 2e-3)
    for n, t in enumerate(found.solution.times):
        exact = ornstein_uhlenbeck(START, TARGET, float(t))
        for name, truth in (("mean x", exact.mean[0]), ("variance x", exact.covariance[0, 0])):
            gap = abs(found.values[name][n] - float(truth))
            assert gap <= found.bars[name][n] + 1e-9 and found.bars[name][n] < 1e-3


@pytest.mark.parametrize("half", [3.5, 4.2])
def test_cutting_the_box_is_seen_only_where_it_is_asked_for(half: float, tmp_path: Path) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-half], [half], [40])
    blind, seeing = certify(read(path), 1e-4), certify(read(path), 2e-3, box=True)
    mesh = seeing.solution.flow.mesh
    truth = ornstein_uhlenbeck(START, TARGET, 1.0)
    inside = truth.cell_averages(mesh)
    true = norm(mesh, seeing.better[-1] - inside) + 1 - norm(mesh, inside)
    for name, exact in (("mean x", truth.mean[0]), ("variance x", truth.covariance[0, 0])):
        gap = abs(seeing.values[name][-1] - float(exact))
        assert blind.bars[name][-1] < gap <= seeing.bars[name][-1] < 20 * gap
    assert not np.any(blind.in_box) and seeing.in_box[-1] > 0 and true <= seeing.better_error[-1] < 20 * true


def test_a_box_that_is_too_small_is_said(tmp_path: Path) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-2.0], [2.0], [24])
    assert certify(read(path), 1e-2).reached
    found = certify(read(path), 1e-2, box=True)
    assert not found.reached and "widen" in found.message and found.solution.flow.mesh.shape == (96,)


def loose_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A problem whose time integration begins with a tolerance far too large."""
    monkeypatch.setattr("mudot.validation.certify._INNER", 1e-4)
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-4.0], [4.0], [10], "chi2")
    path.write_text(path.read_text().replace("rtol = 1e-6", "rtol = 1e-1"))
    return path


def test_steps_in_time_are_refined_where_no_mesh_helps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    found = certify(read(loose_in_time(tmp_path, monkeypatch)), 2e-3, say=lines.append)
    assert found.reached and MARGIN * found.in_time.max() < 2e-3
    again = [line for line in lines if "again" in line]
    assert again and all("time integration alone errs by" in line for line in again)


def test_an_error_in_time_that_cannot_be_refined_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = loose_in_time(tmp_path, monkeypatch)
    monkeypatch.setattr("mudot.validation.certify._LEAST", 1.0)
    found = certify(read(path), 1e-5)
    assert not found.reached and found.cells == (40,) and "time integration alone errs by" in found.message


def test_what_was_reached_with_larger_steps_in_time_is_kept_when_time_runs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = loose_in_time(tmp_path, monkeypatch)
    climb, begun = Ladder.climb, []

    def late(ladder: Ladder) -> str:
        if ladder not in begun:
            begun.append(ladder)
        return "no time" if len(begun) > 1 else climb(ladder)

    monkeypatch.setattr(Ladder, "climb", late)
    found = certify(read(path), 1e-5)
    assert not found.reached and found.message == "not reached: no time"
    assert found.cells == (40,) and np.all(np.isfinite(found.error))


class Clock:
    """Every look at it takes longer than the last one, as finer meshes do."""

    def __init__(self) -> None:
        self.time, self.step = 0.0, 0.1

    def __call__(self) -> float:
        self.time, self.step = self.time + self.step, 1.1 * self.step
        return self.time


def test_what_time_does_not_allow_is_said_with_what_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mudot.validation.ladder.now", Clock())
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-7.0], [7.0], [28])
    found = certify(read(path), 1e-12, seconds=300.0)
    assert not found.reached and "the next mesh would end after" in found.message and "of 300 s" in found.message
    # What was reached is honest.
    mesh = found.solution.flow.mesh
    truth = ornstein_uhlenbeck(START, TARGET, 1.0).cell_averages(mesh)
    assert 1e-12 < norm(mesh, found.better[-1] - truth) <= found.better_error[-1] < 0.1
    with pytest.raises(MudotError, match="--rtol"):
        certify(read(path), 2.0)
    with pytest.raises(MudotError, match="--time"):
        certify(read(path), 1e-2, seconds=-1.0)
    with pytest.raises(MudotError, match=r"not even the coarsest mesh: 28 cells did not end within 0.2 s"):
        certify(read(path), 1e-2, seconds=0.2)


def test_what_memory_does_not_allow_is_said_with_what_was_reached(tmp_path: Path) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-7.0], [7.0], [28])
    found = certify(read(path), 1e-9, memory=room(224, tmp_path))
    assert not found.reached and found.cells == (224,) and "448, needs" in found.message and " of " in found.message
    with pytest.raises(MudotError, match="--memory"):
        certify(read(path), 1e-2, memory=0.0)
    with pytest.raises(MudotError, match=r"not even the coarsest mesh: .* needs .* of 1 MB"):
        certify(read(path), 1e-2, memory=1e6)


def room(cells: int, folder: Path) -> float:
    """Bytes for so many cells and not for twice as many."""
    return needs((cells,), True, False, 0.0, folder, numpy_library()).memory + 8 * 4 * 2 * cells + 1


def test_two_meshes_are_no_estimate(tmp_path: Path) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-7.0], [7.0], [28])
    found = certify(read(path), 1e-2, memory=room(56, tmp_path))
    assert not found.reached and np.all(np.isinf(found.error)) and "2 of the 3 meshes" in found.message
    assert all(np.all(np.isinf(bar)) for bar in found.bars.values())


def test_a_run_that_exceeds_its_time_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-7.0], [7.0], [28])
    monkeypatch.setattr("mudot.validation.ladder.Ladder._obstacle", lambda *_: "")
    monkeypatch.setattr("mudot.validation.ladder.now", Clock())
    found = certify(read(path), 1e-12, seconds=300.0)
    assert not found.reached and "did not end within 300 s" in found.message and np.all(np.isfinite(found.error))


def test_a_run_that_fails_on_a_finer_mesh_leaves_what_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-7.0], [7.0], [28])

    def stuck(flow: GradientFlow, *rest: Any, **more: Any) -> Solution:
        solution = solve(flow, *rest, **more)
        failed = replace(solution, status="failed", message="steps of 2e-11 still fail")
        return failed if flow.mesh.size > limit else solution

    monkeypatch.setattr("mudot.validation.ladder.solve", stuck)
    for limit, finite in ((28 * 4, True), (28, False)):
        found = certify(read(path), 1e-6)
        assert not found.reached and found.message.startswith(f"not reached: on {limit * 2} cells: steps of 2e-11")
        assert found.cells == (limit,) and bool(np.all(np.isfinite(found.error))) is finite
        output = tmp_path / f"{limit}.h5"
        assert main(["reference", str(path), "--rtol", "1e-6", "-o", str(output)]) == 1
        assert "not reached: on" in capsys.readouterr().out
        assert "not reached" in str(storage.read(output).attributes["verdict"])
    limit = 1
    assert main(["reference", str(path), "--rtol", "1e-6", "-o", str(tmp_path / "none.h5")]) == 2
    assert "on 28 cells: steps of 2e-11 still fail" in capsys.readouterr().err and not (tmp_path / "none.h5").exists()


def test_command_writes_a_result_with_its_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = f'{LINE}\n[geometry]\nname = "wasserstein-fisher-rao"\nspherical = true'
    path, output = file(tmp_path, tables, [-7.0], [7.0], [28]), tmp_path / "reference.h5"
    assert main(["reference", str(path), "--rtol", "1e-2", "-o", str(output)]) == 0
    assert "mean x" in capsys.readouterr().out
    result = storage.read(output)
    assert result.status == "complete" and result.committed == 2
    assert main(["info", str(output)]) == 0
    shown = capsys.readouterr().out
    assert "relative L1 error" in shown and shown.count("± ") == 6
    bars = {name for name in result.extras if name.endswith("error")}
    assert {"density_error", "energy_error", "mmd_error", "mean_x_error", "variance_x_error"} <= bars
    assert all(result.extras[name].shape == (2,) and np.all(result.extras[name] > 0) for name in bars)
    with pytest.importorskip("xarray").open_dataset(output, engine="h5netcdf") as data:
        assert data.density_error.dims == data.energy_error.dims == ("time",)
        assert data.density_extrapolated.dims == data.density_error_cells.dims == ("time", "x")
        width = float(data.x[1] - data.x[0])
        np.testing.assert_allclose(
            data.density_error_cells.sum("x") * width, data.density_extrapolated_error, rtol=1e-9
        )
        np.testing.assert_array_equal(data.density_extrapolated[-1], result.best_density(-1))
    (tmp_path / "loose").mkdir()
    limits = ["--rtol", "1e-9", "--memory", f"{room(112, tmp_path):.0f}"]
    assert main(["reference", str(path), *limits, "-o", str(tmp_path / "loose" / "r.h5")]) == 1
    assert "not reached" in capsys.readouterr().out


@pytest.mark.parametrize("cells", [10, 13, 21])
@pytest.mark.parametrize("name", ["wasserstein", "fisher-rao"])
def test_jumps_in_the_start_are_not_taken_for_smooth_data(name: str, cells: int, tmp_path: Path) -> None:
    keys = "spherical = true" if name == "fisher-rao" else ""
    tables = (
        '[target]\nlog_density = "-x**2/2"\n[initial]\ndensity = "where(abs(x - 0.31) < 0.9, 1.0, 0.001)"\n'
        f'[geometry]\nname = "{name}"\n{keys}'
    )
    path = file(tmp_path, tables, [-5.0], [5.0], [cells])
    found = certify(read(path), 2e-2)
    fine = certify(read(file(tmp_path, tables, [-5.0], [5.0], [found.cells[0] * 2])), 0.5)
    mesh, solution = fine.solution.flow.mesh, found.solution
    for n in range(len(solution.times)):
        truth, at = fine.solution.density[n], mesh
        while at.shape != solution.flow.mesh.shape:
            truth, at = restrict(at, truth), at.coarsened()
        for density, error in ((solution.density, found.error), (found.better, found.better_error)):
            assert error[n] >= norm(solution.flow.mesh, density[n] - truth) / float(solution.mass[n])

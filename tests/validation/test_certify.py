"""Error bars of certified references are honest: true errors lie below them, and not far below."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import norm, restrict
from mudot.meshes.errors import MudotError
from mudot.solvers import storage
from mudot.solvers.inputs import read
from mudot.validation.certify import Certified, certify
from mudot.validation.cli import main
from mudot.validation.exact.gaussian_flows import fisher_rao, hellinger_kantorovich, ornstein_uhlenbeck
from mudot.validation.exact.gaussians import Gaussian

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
PLANE = """
[target]
mixture = { weights = [1.0], means = [[0.0, 0.0]], covariances = [[[1.0, 0.0], [0.0, 0.7]]] }
[initial]
mixture = { weights = [1.0], means = [[0.8, -0.5]], covariances = [[[0.6, 0.1], [0.1, 0.5]]] }
"""


def data(dimension: int) -> tuple[Gaussian, Gaussian]:
    """Start and target of the mixtures above."""
    if dimension == 1:
        return Gaussian(1.2, 0.4), Gaussian(0.0, 1.0)
    return Gaussian([0.8, -0.5], [[0.6, 0.1], [0.1, 0.5]]), Gaussian([0.0, 0.0], [[1.0, 0.0], [0.0, 0.7]])


Exact = Callable[[Gaussian, Gaussian, float], Gaussian]
FLOWS: dict[str, tuple[str, Exact]] = {
    "wasserstein": ("", ornstein_uhlenbeck),
    "fisher-rao": ("spherical = true", lambda a, b, t: fisher_rao(a, b, t, 1.0, True)),
    "plain fisher-rao": ("", lambda a, b, t: fisher_rao(a, b, t)),
    "wasserstein-fisher-rao": ("spherical = true", lambda a, b, t: hellinger_kantorovich(a, b, t, 1.0, 1.0, True)),
    "plain wasserstein-fisher-rao": ("reaction = 0.5", lambda a, b, t: hellinger_kantorovich(a, b, t, 1.0, 0.5)),
}


def honesty(found: Certified, dimension: int, exact: Exact) -> list[float]:
    """Estimate over true error at every output after the start, in units of what the box of half-width 6 to 7 cuts."""
    start, target = data(dimension)
    mesh, ratios = found.solution.flow.mesh, []
    for n, t in enumerate(found.solution.times):
        truth = exact(start, target, float(t)).cell_averages(mesh)
        true = norm(mesh, found.solution.density[n] - truth) / norm(mesh, truth)
        ratios.append(float(found.error[n]) / max(true, 1e-13))
    return ratios


def certified(folder: Path, name: str, dimension: int, rtol: float, cells: int) -> list[float]:
    keys, exact = FLOWS[name]
    half = 7.0 if dimension == 1 else 6.0
    tables = f'{LINE if dimension == 1 else PLANE}\n[geometry]\nname = "{name.removeprefix("plain ")}"\n{keys}'
    path = file(folder, tables, [-half] * dimension, [half] * dimension, [cells] * dimension)
    found = certify(read(path), rtol)
    assert found.reached and float(found.error.max()) <= rtol
    return honesty(found, dimension, exact)


@pytest.mark.parametrize("name", FLOWS)
def test_estimates_bound_the_true_error_on_a_line(name: str, tmp_path: Path) -> None:
    ratios = [r for rtol in (1e-2, 1e-3) for r in certified(tmp_path, name, 1, rtol, 28)]
    assert min(ratios) >= 1 and float(np.median(ratios)) < 10


@pytest.mark.slow
@pytest.mark.parametrize("name", FLOWS)
def test_estimates_bound_the_true_error_for_many_tolerances_and_in_the_plane(name: str, tmp_path: Path) -> None:
    ratios = [
        r
        for rtol in (3e-3, 3e-4, 1e-4, 3e-5)
        for cells in (20, 28, 40)
        for r in certified(tmp_path, name, 1, rtol, cells)
    ]
    ratios += [r for rtol in (2e-2, 5e-3) for r in certified(tmp_path, name, 2, rtol, 20)]
    assert min(ratios) >= 1 and float(np.median(ratios)) < 10


def test_functionals_are_extrapolated_with_bars_that_hold(tmp_path: Path) -> None:
    tables = f'{LINE}\n[geometry]\nname = "wasserstein"'
    found = certify(read(file(tmp_path, tables, [-7.0], [7.0], [40])), 2e-3)
    start, target = data(1)
    for n, t in enumerate(found.solution.times):
        exact = ornstein_uhlenbeck(start, target, float(t))
        for name, truth in (("mean x", exact.mean[0]), ("variance x", exact.covariance[0, 0])):
            gap = abs(found.values[name][n] - float(truth))
            assert gap <= found.bars[name][n] + 1e-9 and found.bars[name][n] < 1e-3


@pytest.mark.parametrize("half", [3.5, 4.2])
def test_cutting_the_box_is_seen_only_where_it_is_asked_for(half: float, tmp_path: Path) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-half], [half], [40])
    start, target = data(1)
    blind, seeing = certify(read(path), 2e-3), certify(read(path), 2e-3, box=True)
    mesh = seeing.solution.flow.mesh
    truth = ornstein_uhlenbeck(start, target, 1.0)
    inside = truth.cell_averages(mesh)
    true = norm(mesh, seeing.solution.density[-1] - inside) + 1 - norm(mesh, inside)
    for name, exact in (("mean x", truth.mean[0]), ("variance x", truth.covariance[0, 0])):
        gap = abs(seeing.values[name][-1] - float(exact))
        assert blind.bars[name][-1] < gap <= seeing.bars[name][-1] < 20 * gap
    assert not np.any(blind.in_box) and seeing.in_box[-1] > 0 and true <= seeing.error[-1] < 20 * true


def test_a_box_that_is_too_small_is_said(tmp_path: Path) -> None:
    path = file(tmp_path, f'{LINE}\n[geometry]\nname = "wasserstein"', [-2.0], [2.0], [24])
    assert certify(read(path), 1e-2).reached
    found = certify(read(path), 1e-2, box=True)
    assert not found.reached and "widen" in found.message and found.solution.flow.mesh.shape == (192,)


def test_what_cannot_be_reached_is_said(tmp_path: Path) -> None:
    tables = f'{LINE}\n[geometry]\nname = "wasserstein"'
    path = file(tmp_path, tables, [-7.0], [7.0], [28])
    found = certify(read(path), 1e-9, seconds=0.0)
    assert not found.reached and "not reached" in found.message and np.all(found.error > 1e-9)
    with pytest.raises(MudotError, match="--rtol"):
        certify(read(path), 2.0)


def test_command_writes_a_result_with_its_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tables = f'{LINE}\n[geometry]\nname = "wasserstein-fisher-rao"\nspherical = true'
    path, output = file(tmp_path, tables, [-7.0], [7.0], [28]), tmp_path / "reference.h5"
    assert main(["reference", str(path), "--rtol", "1e-2", "-o", str(output)]) == 0
    assert "mean x" in capsys.readouterr().out
    result = storage.read(output)
    assert result.status == "complete" and result.committed == 2
    assert main(["info", str(output)]) == 0
    assert "relative L1 error" in capsys.readouterr().out
    (tmp_path / "loose").mkdir()
    assert main(["reference", str(path), "--rtol", "1e-9", "--time", "0", "-o", str(tmp_path / "loose" / "r.h5")]) == 1
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
        true = norm(solution.flow.mesh, solution.density[n] - truth) / float(solution.mass[n])
        assert found.error[n] >= true

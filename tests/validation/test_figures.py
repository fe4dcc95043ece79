"""Pictures show the numbers of the result, name their axes, and survive every kind of run."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.contour import ContourSet
from matplotlib.figure import Figure

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import (
    FisherRao,
    GradientFlow,
    KullbackLeibler,
    ReverseKullbackLeibler,
    Wasserstein,
    chi_squared,
    solve,
)
from mudot.solvers.commands import run
from mudot.solvers.energies import Energy
from mudot.solvers.flows import Solution
from mudot.solvers.geometries import Geometry
from mudot.solvers.storage import read
from mudot.validation import figures
from mudot.validation.figures_ledger import first_energy
from mudot.validation.figures_maps import enclosing, maps_figure
from mudot.validation.figures_profiles import marginal, profiles_figure

pytestmark = pytest.mark.filterwarnings("error")

SLOW = ("single frame in space", "strip")
WFR = Wasserstein(1.0) + FisherRao(0.5)
LINE = Cartesian(40, -4.0, 4.0)
CIRCLE = Cartesian(40, -np.pi, np.pi, "periodic")
SQUARE = Cartesian((16, 12), (-4.0, -3.0), (4.0, 3.0), ("no-flux", "periodic"))
STRIP = Cartesian((20, 6), (-4.0, 0.0), (4.0, 0.5))
CUBE = Cartesian((10, 8, 6), (-4.0, -4.0, -3.0), (4.0, 4.0, 3.0))


@dataclass
class Recorded:
    """A run in memory with the attributes of a result file."""

    solution: Solution
    status: str = "complete"
    damaged: tuple[int, ...] = ()
    attributes: dict[str, Any] = field(default_factory=lambda: {"rtol": 1e-6})
    path: Path = Path("run.h5")

    mesh = property(lambda self: self.solution.flow.mesh)
    target = property(lambda self: self.solution.flow.energy.target)
    parts = property(lambda self: self.solution.flow.discrete_geometry.parts)
    committed = property(lambda self: len(self.solution.frames))
    outputs = property(lambda self: self.times)

    def density(self, index: int) -> np.ndarray:
        return self.solution.frames[index].density

    def __getattr__(self, name: str) -> Any:
        return getattr(self.solution, name)


def bump(mesh: Cartesian, width: float, *centre: float) -> np.ndarray:
    """A Gaussian of unit mass around `centre`."""
    square = sum((x - c) ** 2 for x, c in zip(mesh.coordinates, centre, strict=True))
    density = np.exp(-square / (2 * width**2)) + np.zeros(mesh.shape)
    return density / integrate(mesh, density)


def recorded(energy: Energy, geometry: Geometry, mesh: Cartesian, start: np.ndarray, times: list[float]) -> Any:
    """A run with its results in memory."""
    return Recorded(solve(GradientFlow(mesh, energy, geometry), start, times))


def to_bump(mesh: Cartesian, times: list[float], geometry: Geometry = WFR, width: float = 0.5) -> Any:
    """Flow of KL from a narrow bump aside to a wide one in the middle."""
    target = KullbackLeibler(bump(mesh, 1.0, *(0.0,) * mesh.dimension))
    return recorded(target, geometry, mesh, bump(mesh, width, *(1.0, -0.5, 0.3)[: mesh.dimension]), times)


GAP = np.where(np.abs(LINE.centers[0] - 1) < 1, 1.0, 0.0)
RUNS = {
    "line": lambda: to_bump(LINE, [0.0, 0.1, 0.5, 2.0]),
    "geometric times": lambda: to_bump(LINE, [0.0, 1e-3, 1e-2, 0.1, 1.0]),
    "circle": lambda: to_bump(CIRCLE, list(np.linspace(0, 4, 21)), Wasserstein()),
    "single frame": lambda: to_bump(LINE, [0.0]),
    "equilibrium": lambda: recorded(KullbackLeibler(bump(LINE, 1.0, 0.0)), WFR, LINE, bump(LINE, 1.0, 0.0), [0.0, 1.0]),
    "zeros stay": lambda: recorded(chi_squared(bump(LINE, 1.0, 0.0)), FisherRao(), LINE, GAP, [0.0, 0.5, 1.0]),
    "infinite energy": lambda: recorded(
        ReverseKullbackLeibler(bump(LINE, 1.0, 0.0)), FisherRao(), LINE, GAP, [0.0, 0.5, 1.0]
    ),
    "square": lambda: to_bump(SQUARE, [0.0, 0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 4.0]),
    "strip": lambda: recorded(
        KullbackLeibler(np.ones(STRIP.shape)), Wasserstein(), STRIP, bump(STRIP, 0.5, 1.0, 0.2), [0.0, 1.0]
    ),
    "cube": lambda: to_bump(CUBE, [0.0, 0.3, 1.0]),
    "single frame in space": lambda: to_bump(CUBE, [0.2]),
}


@cache
def example(name: str) -> Any:
    """A run by its name."""
    return RUNS[name]()


@cache
def pictures(name: str) -> dict[str, Figure]:
    """Its pictures."""
    return figures.figures_of(example(name))


def panels(figure: Figure) -> list[Any]:
    """The axes of a figure that show data, colour bars left out."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.axison]


def bars(figure: Figure) -> list[Any]:
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def mesh_of(panel: Any) -> Any:
    """The coloured cells of a map."""
    return next(artist for artist in panel.collections if isinstance(artist, QuadMesh))


def words(panel: Any) -> list[str]:
    return [text.get_text() for text in panel.texts]


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


def test_profiles_are_steps_of_the_cell_averages_in_both_panels() -> None:
    result, (linear, log) = example("line"), panels(pictures("line")["densities"])
    for panel in (linear, log):
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("$x$", r"density $\mu_t$")
        curves = [*(result.density(n) for n in range(4)), result.target]
        for line, values in zip(panel.lines, curves, strict=True):
            np.testing.assert_array_equal(line.get_xdata()[::2], LINE.edges[0][:-1])
            np.testing.assert_array_equal(line.get_xdata()[1::2], LINE.edges[0][1:])
            np.testing.assert_array_equal(line.get_ydata()[::2], values)
            np.testing.assert_array_equal(line.get_ydata()[1::2], values)
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")


def test_profiles_of_fine_cells_go_through_their_centres() -> None:
    mesh = Cartesian(300, -4.0, 4.0)
    result = to_bump(mesh, [0.0], Wasserstein())
    line = panels(profiles_figure(result))[0].lines[0]
    np.testing.assert_array_equal(line.get_xydata().T, [mesh.centers[0], result.density(0)])


def test_key_of_times_has_one_name_per_curve() -> None:
    (bar,) = bars(pictures("geometric times")["densities"])
    assert [label.get_text() for label in bar.get_yticklabels()] == ["$0$", "$0.001$", "$0.01$", "$0.1$", "$1$"]
    assert bar.get_ylabel() == "time $t$"


def test_at_most_eight_profiles_from_the_first_to_the_last_are_drawn() -> None:
    result, panel = example("circle"), panels(pictures("circle")["densities"])[0]
    assert len(panel.lines) == 9
    np.testing.assert_array_equal(panel.lines[0].get_ydata()[::2], result.density(0))
    np.testing.assert_array_equal(panel.lines[7].get_ydata()[::2], result.density(-1))
    assert panel.get_xlabel() == "$x$ (periodic)"


def test_zeros_of_a_density_leave_the_log_panel_through_its_floor() -> None:
    _, log = panels(pictures("zeros stay")["densities"])
    drawn = log.lines[0].get_ydata()[::2]
    assert np.all(drawn[GAP == 0] < 1e-100 * log.get_ylim()[0])
    np.testing.assert_array_equal(drawn[GAP > 0], 1.0)


def test_tails_are_shown_down_to_thirty_decades() -> None:
    result = to_bump(LINE, [0.0], Wasserstein(), width=0.2)
    low, high = panels(profiles_figure(result))[1].get_ylim()
    assert result.density(0).min() < 1e-100 and 30 < np.log10(high / low) < 36


def test_maps_show_six_times_and_the_target_on_one_scale() -> None:
    result, figure = example("square"), pictures("square")["densities"]
    shown = [result.density(n) for n in (0, 1, 3, 4, 6, 7)]
    for panel, values in zip(panels(figure), [*shown, result.target], strict=True):
        np.testing.assert_array_equal(mesh_of(panel).get_array(), values.T)
        assert panel.get_aspect() == 1.0
    limits = {mesh_of(panel).get_clim() for panel in panels(figure)}
    assert limits == {(0.0, max(float(v.max()) for v in shown))}
    titles = [panel.get_title("left").split("  ")[1] for panel in panels(figure)]
    assert titles == ["$t = 0$", "$t = 0.1$", "$t = 0.5$", "$t = 1$", "$t = 3$", "$t = 4$", r"target $\pi$"]
    assert bars(figure)[0].get_ylabel() == "density"


def test_maps_of_very_different_heights_are_scaled_each_and_say_so() -> None:
    result = to_bump(SQUARE, [0.0, 2.0], width=0.3)
    figure = maps_figure(result)
    for panel, values in zip(panels(figure), [result.density(0), result.density(1), result.target], strict=True):
        np.testing.assert_allclose(mesh_of(panel).get_array(), values.T / values.max())
        assert panel.get_title("left").endswith(f"\nmax ${values.max():.3g}$")
    assert bars(figure)[0].get_ylabel() == "density / max"


def test_contours_enclose_the_stated_mass_of_the_target() -> None:
    mesh = Cartesian((80, 80), (-5.0, -5.0), (5.0, 5.0))
    target = bump(mesh, 1.0, 0.0, 0.0)
    for level, share in zip(enclosing(target, mesh.volumes), (0.99, 0.9, 0.5), strict=True):
        assert integrate(mesh, np.where(target >= level, target, 0.0)) == pytest.approx(share, abs=0.01)
        # P(|X| > r) = exp(-r^2 / 2) in the plane, so the level is (1 - share) / (2 pi).
        assert level == pytest.approx((1 - share) / (2 * np.pi), rel=0.05)


def test_contours_reach_walls_and_cross_the_seam() -> None:
    contours = next(c for c in panels(pictures("square")["densities"])[0].collections if isinstance(c, ContourSet))
    low, high = contours.get_paths()[0].get_extents().get_points()[:, 1]
    assert low < -3.0 and high > 3.0


def test_a_flat_target_has_no_contours_and_no_key() -> None:
    figure = pictures("strip")["densities"]
    assert not any(isinstance(c, ContourSet) for panel in figure.axes for c in panel.collections)
    assert not figure.legends


def test_a_very_thin_box_gives_up_equal_scales() -> None:
    assert all(panel.get_aspect() == "auto" for panel in panels(pictures("strip")["densities"]))


def test_slices_go_through_the_mode_of_the_last_density() -> None:
    result, figure = example("cube"), pictures("cube")["slices"]
    i, j, k = np.unravel_index(np.argmax(result.density(-1)), CUBE.shape)
    cuts = [cut for n in (0, -1) for d in [result.density(n)] for cut in (d[:, :, k], d[:, j, :], d[i, :, :])]
    for panel, cut in zip(panels(figure), cuts, strict=True):
        array = np.asarray(mesh_of(panel).get_array())
        np.testing.assert_allclose(array / array.max(), cut.T / cut.max())
    labels = [(panel.get_xlabel(), panel.get_ylabel()) for panel in panels(figure)]
    assert labels == 2 * [("$x$", "$y$"), ("$x$", "$z$"), ("$y$", "$z$")]
    assert f"z = {CUBE.centers[2][k]:g}" in panels(figure)[0].get_title("left")


def test_marginal_maps_integrate_over_the_third_axis() -> None:
    result, shown = example("cube"), panels(pictures("cube")["marginal-maps"])
    expected = np.einsum("xyz,y->xz", result.density(-1), CUBE.widths[1])
    np.testing.assert_allclose(mesh_of(shown[4]).get_array(), expected.T)
    assert len(shown) == 6


def test_marginal_profiles_have_the_mass_of_the_density() -> None:
    result, shown = example("cube"), panels(pictures("cube")["marginals"])
    assert len(shown) == 6
    for axis in range(3):
        for line, n in zip(shown[axis].lines[:-1], range(3), strict=True):
            values = line.get_ydata()[::2]
            np.testing.assert_array_equal(values, marginal(CUBE, result.density(n), (axis,)))
            assert values @ CUBE.widths[axis] == pytest.approx(result.mass[n])


def test_ledger_shows_energy_dissipation_parts_balance_and_mass() -> None:
    result, shown = example("line"), panels(pictures("line")["ledger"])
    energy, parts, balance, mass = shown
    assert [panel.get_xlabel() for panel in shown] == 4 * ["time $t$"]
    np.testing.assert_array_equal(energy.lines[0].get_xydata().T, [result.times, result.energy])
    np.testing.assert_array_equal(energy.lines[1].get_ydata()[1:], result.dissipation[1:])
    for n in range(2):
        np.testing.assert_array_equal(parts.lines[n].get_ydata(), result.rate[:, n] + result.slope[:, n])
    relative = np.abs(result.balance) / result.energy[0]
    np.testing.assert_allclose(balance.lines[0].get_ydata()[1:], relative[1:])
    assert balance.get_yscale() == "log" and list(balance.lines[1].get_ydata()) == [1e-6, 1e-6]
    np.testing.assert_array_equal(mass.lines[0].get_ydata(), result.mass)
    np.testing.assert_allclose(mass.lines[1].get_ydata(), 1.0)
    assert [text.get_text() for text in parts.get_legend().get_texts()] == ["Wasserstein", "Fisher–Rao"]


def test_ledger_of_one_part_has_three_panels_and_the_deviation_of_a_conserved_mass() -> None:
    result, shown = example("circle"), panels(pictures("circle")["ledger"])
    assert len(shown) == 3 and shown[0].get_yscale() == "log"
    drawn = shown[2].lines[0].get_ydata()
    moved = result.mass != result.mass[0]
    np.testing.assert_allclose(drawn[moved], np.abs(result.mass / result.mass[0] - 1)[moved])
    assert np.all(np.isnan(drawn[~moved]))


def test_first_energy_is_that_of_the_start_even_where_the_first_output_is_later() -> None:
    whole, late = to_bump(LINE, [0.0, 0.3]), to_bump(LINE, [0.3, 1.0])
    assert first_energy(late) == pytest.approx(whole.energy[0], rel=1e-12) and late.energy[0] < 0.9 * first_energy(late)


@pytest.mark.parametrize(("name", "why"), [("infinite energy", "not finite"), ("equilibrium", "0")])
def test_a_balance_that_is_not_defined_says_why(name: str, why: str) -> None:
    balance = panels(pictures(name)["ledger"])[-2]
    assert words(balance) == [rf"not defined: $F(\mu_0)$ is {why}"] and not balance.lines


def test_infinite_energies_are_gaps_and_undefined_dissipation_is_left_out() -> None:
    result, energy = example("infinite energy"), panels(pictures("infinite energy")["ledger"])[0]
    assert np.isinf(result.energy[0]) and len(energy.lines) == 1
    np.testing.assert_array_equal(energy.lines[0].get_ydata(), [np.nan, *result.energy[1:]])


def test_time_is_logarithmic_for_outputs_in_geometric_progression() -> None:
    assert panels(pictures("geometric times")["ledger"])[0].get_xscale() == "symlog"
    assert panels(pictures("line")["ledger"])[0].get_xscale() == "linear"


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


def test_convergence_figure_shows_errors_and_lines_of_the_expected_slope_below_them() -> None:
    cells = np.array([16, 32, 64])
    series = [
        ("second", cells, 3.0 * cells**-2.0, 2),
        ("fourth", cells, 50.0 * cells**-4.0, 4),
        ("?", cells, cells**-1.0, None),
    ]
    figure = figures.convergence_figure(series, xlabel="steps", ylabel="error")
    (panel,) = figure.axes
    assert (panel.get_xlabel(), panel.get_ylabel(), panel.get_xscale(), panel.get_yscale()) == (
        "steps",
        "error",
        "log",
        "log",
    )
    for line, (_, x, error, _) in zip(panel.lines[:3], series, strict=True):
        np.testing.assert_array_equal(line.get_xydata().T, [x, error])
    for line, order, constant in zip(panel.lines[3:], (2, 4), (1.5, 25.0), strict=True):
        np.testing.assert_allclose(line.get_ydata(), constant * np.array([16.0, 64.0]) ** -order)
    assert [text.get_text() for text in panel.texts] == ["order 2", "order 4"]
    assert [text.get_text() for text in panel.get_legend().get_texts()] == ["second", "fourth", "?"]
    assert [label.get_text() for label in panel.get_xticklabels()] == ["$16$", "$32$", "$64$"]


def test_convergence_figure_leaves_gaps_for_errors_of_zero_and_infinity() -> None:
    figure = figures.convergence_figure(
        [("exact", [8, 16, 32], [0.0, 1e-15, np.inf], 2), ("zero", [8, 16], [0.0, 0.0], 1)]
    )
    figure.draw_without_rendering()
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_ydata(), [np.nan, 1e-15, np.nan])
    assert words(figure.axes[0]) == ["order 2"]


def test_curves_figure_draws_computed_as_markers_and_exact_as_lines_of_one_colour() -> None:
    times = np.linspace(0, 4, 100)
    figure = figures.curves_figure(
        [("a", times, np.exp(-times)), ("b", times, np.maximum(2 - times, 0))],
        [("a", times, np.exp(-times))],
        log_y=True,
    )
    exact, computed, zero = figure.axes[0].lines
    assert (exact.get_linestyle(), computed.get_linestyle(), exact.get_marker()) == ("-", "None", "None")
    assert exact.get_color() == computed.get_color() != zero.get_color()
    np.testing.assert_array_equal(computed.get_xydata().T, [times, np.exp(-times)])
    assert np.array_equal(np.isnan(zero.get_ydata()), times >= 2)
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b"]


def test_settings_of_the_caller_are_left_as_they_were() -> None:
    before = dict(matplotlib.rcParams)
    figures.figures_of(example("line"))
    assert dict(matplotlib.rcParams) == before


def test_importing_figures_imports_neither_matplotlib_nor_hdf5() -> None:
    code = "import sys, mudot.validation.figures; print({'matplotlib', 'h5py'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"

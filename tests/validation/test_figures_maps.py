"""Maps show the numbers of the result on one scale, with the stated mass of the target in their contours."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.contour import ContourSet

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.validation.figures_maps import enclosing, maps_figure
from tests.validation.pictured import CUBE, SQUARE, bars, bump, example, mesh_of, panels, pictures, to_bump

pytestmark = pytest.mark.filterwarnings("error")


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

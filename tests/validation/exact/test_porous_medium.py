"""Self-similar solutions: constants listed independently, masses, and residuals of their equations."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.porous_medium import Aggregation, Barenblatt, ConfinedBarenblatt


@pytest.mark.parametrize(
    ("d", "m", "height", "first", "second"),
    [
        (1, 2, 0.360562392577, 2.080083823052, 2.620741394209),
        (1, 3, 0.183776298474, 1.485030498571, 1.766008834897),
        (1, 4, 0.113201963128, 1.228559932755, 1.411244773771),
        (2, 2, 0.199471140201, 1.786487683476, 2.124503864054),
        (2, 3, 0.088943166629, 1.265297198025, 1.420248084615),
        (3, 2, 0.134810140819, 1.642011819807, 1.886176276298),
    ],
)
def test_barenblatt_constants_and_fronts(d: int, m: int, height: float, first: float, second: float) -> None:
    exact = Barenblatt(m, d)
    assert exact.height == pytest.approx(height, abs=1e-12)
    assert exact.front(1.0) == pytest.approx(first, abs=1e-11)
    assert exact.front(2.0) == pytest.approx(second, abs=1e-11)


@pytest.mark.parametrize(
    ("d", "m", "height", "half"),
    [
        (1, 2, 0.520020955763, 0.930155718277),
        (1, 3, 0.367552596948, 0.966649161473),
        (2, 2, 0.398942280401, 0.966649161473),
        (3, 2, 0.354082583178, 0.983564592715),
    ],
)
def test_confined_constants_and_widths(d: int, m: int, height: float, half: float) -> None:
    assert ConfinedBarenblatt(m, 0.5, d).height == pytest.approx(height, abs=1e-12)
    assert ConfinedBarenblatt(m, 0.5, d).width(0.5) == pytest.approx(half, abs=1e-12)


@pytest.mark.parametrize("m", [0.5, 0.8, 1.5, 2.0, 3.0])
def test_inside_their_support_the_profiles_solve_their_equations(m: float) -> None:
    x, h, t = np.linspace(-0.4, 0.4, 9), 1e-3, 1.3
    density = Barenblatt(m).density
    change = (density(t + h)(x) - density(t - h)(x)) / (2 * h)
    powers = [density(t)(x + s * h) ** m for s in (-1, 0, 1)]
    assert change == pytest.approx((powers[0] - 2 * powers[1] + powers[2]) / h**2, abs=2e-5)


def test_all_have_mass_one() -> None:
    line, plane = Cartesian(200, -3.0, 3.0), Cartesian((60, 60), (-3.0, -3.0), (3.0, 3.0))
    assert integrate(line, Barenblatt(3.0).averages(line, 1.0)) == pytest.approx(1, abs=1e-13)
    center = Barenblatt(3.0).averages(line, 1.0)[100]
    assert center == pytest.approx(Barenblatt(3.0).density(1.0)(np.array(0.015)), rel=1e-3)
    assert integrate(plane, Barenblatt(2.0, 2).averages(plane, 1.0)) == pytest.approx(1, abs=1e-5)
    assert integrate(line, ConfinedBarenblatt(2.0).averages(line, np.inf)) == pytest.approx(1, abs=1e-13)
    # Fast diffusion: outside a box of radius R lies mass of the order R^(d - 2/(1-m)).
    wide = Cartesian(2000, -60.0, 60.0)
    assert integrate(wide, Barenblatt(0.8).averages(wide, 1.0)) == pytest.approx(1, abs=1e-10)
    square = Cartesian((120, 120), (-30.0, -30.0), (30.0, 30.0))
    assert integrate(square, Barenblatt(0.9, 2).averages(square, 1.0)) == pytest.approx(1, abs=1e-11)
    for shape in ("interval", "semicircle"):
        assert integrate(line, Aggregation(shape).averages(line, 0.7)) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize(("shape", "limit"), [("interval", -1 / 6), ("semicircle", 0.548286795140)])
def test_energies_of_aggregation_fall_to_their_limits(shape: str, limit: float) -> None:
    exact = Aggregation(shape)
    energies = [exact.energy(t) for t in (0.0, 0.5, 1.0, 2.0, 20.0)]
    assert np.all(np.diff(energies) < 0) and energies[-1] == pytest.approx(limit, abs=1e-11)

"""Pictures of the ledger show energy, dissipation, balance and mass, and say what is not defined."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.validation.figures_ledger import first_energy
from tests.validation.pictured import LINE, example, panels, pictures, to_bump, words

pytestmark = pytest.mark.filterwarnings("error")


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

"""Wells that drain the vacuum around them: steps are those of direct solves, none is refused, and no cell is lost."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.meshes.averages import average, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import stencils
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.geometries import Wasserstein
from mudot.solvers.methods.choice import discrete_gradient
from mudot.solvers.methods.discrete_gradient import DiscreteGradient
from mudot.validation.exact.porous_medium import ConfinedBarenblatt


def drained(
    monkeypatch: pytest.MonkeyPatch, cells: int, dimension: int, m: float, half: float, directly: bool, time: float
) -> tuple[np.ndarray, int, int]:
    """The density at a time in the well |x|^2/2 from a profile of half the stationary width, the steps taken, and how
    many had no solution. Lengths of steps follow from the error alone, but for those that are refused."""
    limit = math.inf if directly else 0
    monkeypatch.setattr(stencils, "_DIRECT", {1: math.inf, 2: limit, 3: limit})
    refused, solve = [], DiscreteGradient.solve

    def counted(self: DiscreteGradient, *step: object) -> object:
        found = solve(self, *step)  # type: ignore[arg-type]
        refused.append(found is None)
        return found

    monkeypatch.setattr(DiscreteGradient, "solve", counted)
    mesh = Cartesian((cells,) * dimension, (-half,) * dimension, (half,) * dimension)
    well = average(mesh, lambda *x: np.asarray(sum(c**2 for c in x) / 2))
    method = discrete_gradient(mesh, FreeEnergy(1.0, m, well), Wasserstein())
    density, step, left, steps = ConfinedBarenblatt(m, 0.5, dimension).averages(mesh, 0.0), 1e-3, time, 0
    while left > 0:
        taken = method.booked(density, left, step, 1e-3)
        density, step, steps = taken.density, taken.step, steps + 1
        left = left - taken.length if taken.length < left else 0.0
    monkeypatch.undo()
    return density, steps, sum(refused)


@pytest.mark.parametrize(
    ("cells", "m", "half", "time"),
    [
        (16, 2.0, 1.5, 0.5),
        *(pytest.param(48, m, 1.5, 1.5, marks=pytest.mark.slow) for m in (2.0, 3.0)),
    ],
)
def test_iterations_take_the_steps_of_direct_solves(
    monkeypatch: pytest.MonkeyPatch, cells: int, m: float, half: float, time: float
) -> None:
    direct, steps, refused = drained(monkeypatch, cells, 2, m, half, True, time)
    iterated, others, again = drained(monkeypatch, cells, 2, m, half, False, time)
    assert (others, again) == (steps, refused) and refused == 0
    mesh = Cartesian((cells, cells), (-half,) * 2, (half,) * 2)
    assert norm(mesh, iterated - direct) < 1e-7
    assert float(iterated.min()) < 1e-12 and float(direct.min()) > 0


@pytest.mark.parametrize(
    ("cells", "m", "half", "time"),
    [
        (8, 3.0, 1.5, 0.5),
        *(pytest.param(16, 2.0, half, 1.5, marks=pytest.mark.slow) for half in (1.5, 2.5)),
    ],
)
def test_no_step_of_a_well_in_space_is_refused(
    monkeypatch: pytest.MonkeyPatch, cells: int, m: float, half: float, time: float
) -> None:
    density, steps, refused = drained(monkeypatch, cells, 3, m, half, False, time)
    assert refused == 0 and steps < 130 and float(density.min()) > 0


def test_cells_at_1e_minus_300_do_not_stop_a_cubic_diffusion() -> None:
    # Their squares are zero: sought changes of xi, where there are none, shortened steps to 1e-13.
    mesh = Cartesian((24, 24), (-1.5, -1.5), (1.5, 1.5))
    square = sum(x**2 for x in mesh.coordinates)
    method = discrete_gradient(mesh, FreeEnergy(1.0, 3.0, square / 2), Wasserstein())
    taken = method.booked(np.where(square < 0.25, 1.0, 1e-300), 1e-3, 1e-3, 1e-2)
    assert taken.length > 1e-6 and float(taken.density.min()) > 0

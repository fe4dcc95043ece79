"""Reference numbers recomputed by methods that share nothing with the solvers."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from scipy.integrate import quad
from scipy.linalg import eigh
from scipy.special import erfc

from mudot.validation import reference

POTENTIALS = {
    "(x**2 - 1)**2": Polynomial([1, 0, -2, 0, 1]),
    "5*(x**2 - 1)**2": 5 * Polynomial([1, 0, -2, 0, 1]),
    "x**4/4": Polynomial([0, 0, 0, 0, 0.25]),
    "x**2/2": Polynomial([0, 0, 0.5]),
}
DOUBLE_WELL = POTENTIALS["5*(x**2 - 1)**2"]


def eigenvalues(potential: Polynomial, box: float, nodes: int) -> np.ndarray:
    """Of -f'' + V'f', as the Schroedinger operator -u'' + (V'^2/4 - V''/2) u on the line in a sinc basis."""
    spacing = 2 * box / nodes
    x = (np.arange(nodes + 1) - nodes / 2) * spacing
    number = np.arange(nodes + 1)
    gap = (number[:, None] - number[None, :]).astype(float)
    off = np.where(gap == 0, 1.0, gap)
    second = np.where(gap == 0, np.pi**2 / 3, 2 * (-1.0) ** np.abs(gap) / off**2) / spacing**2
    well = potential.deriv()(x) ** 2 / 4 - potential.deriv(2)(x) / 2
    return np.asarray(eigh(second + np.diag(well), eigvals_only=True, subset_by_index=[0, 3]))


@pytest.mark.parametrize(("potential", "box"), [*zip(POTENTIALS, [3.6, 2.8, 4.8, 10.0], strict=True)])
def test_eigenvalues_of_the_four_potentials_by_a_sinc_basis(potential: str, box: float) -> None:
    values = eigenvalues(POTENTIALS[potential], box, 180)
    assert abs(values[0]) < 1e-11
    assert np.abs(values[1:] - reference.EIGENVALUES[potential]).max() < 1e-11


def test_eigenvalues_in_the_plane_are_sums() -> None:
    x = (0.0, *reference.EIGENVALUES["(x**2 - 1)**2"])
    y = (0.0, *reference.EIGENVALUES["x**2/2"])
    assert sorted(a + b for a in x for b in y)[1:4] == pytest.approx(reference.EIGENVALUES_PLANE, abs=1e-15)


def passage_time(start: float, end: float) -> float:
    """int_a^b exp(V(y)) int_{-inf}^y exp(-V(z)) dz dy."""

    def reached(y: float) -> float:
        return float(quad(lambda z: np.exp(DOUBLE_WELL(y) - DOUBLE_WELL(z)), -3.0, y, epsabs=0, epsrel=1e-13)[0])

    return float(quad(reached, start, end, epsabs=0, epsrel=1e-13)[0])


@pytest.mark.parametrize(("start", "end"), reference.PASSAGE_TIMES)
def test_passage_times_over_the_barrier_by_quadrature(start: float, end: float) -> None:
    assert passage_time(start, end) == pytest.approx(reference.PASSAGE_TIMES[start, end], abs=5e-11)


def test_passage_constants_belong_to_the_same_potential() -> None:
    gap = reference.EIGENVALUES["5*(x**2 - 1)**2"][0]
    assert pytest.approx(1 / gap, abs=5e-9) == reference.PASSAGE_INVERSE_GAP
    partition = quad(lambda x: np.exp(-DOUBLE_WELL(x)), -3, 3, epsabs=0, epsrel=1e-13)[0]
    assert partition == pytest.approx(reference.PASSAGE_PARTITION, abs=5.1e-13)
    curvature = DOUBLE_WELL.deriv(2)
    estimate = np.sqrt(curvature(1.0) * abs(curvature(0.0))) / np.pi * np.exp(-5)
    assert estimate == pytest.approx(reference.EYRING_KRAMERS, abs=5.1e-10)
    assert estimate / gap - 1 == pytest.approx(reference.EYRING_KRAMERS_EXCESS, abs=5e-5)


def test_decay_limit_is_twice_the_gap() -> None:
    assert -2 * reference.EIGENVALUES["(x**2 - 1)**2"][0] == pytest.approx(reference.DECAY_LIMIT, abs=5e-6)


def test_boundary_effect_of_the_step_is_that_of_its_mirror_image() -> None:
    effect = erfc(50 / (2 * np.sqrt(reference.STEP_TIME)))
    assert effect == pytest.approx(reference.STEP_BOUNDARY_EFFECT, rel=0.03)


ROWS = {
    **{f"drift {key}": row for key, row in reference.DRIFT_ERRORS.items() if key[1] != "upwind"},
    **{f"Ornstein-Uhlenbeck {key}": row for key, row in reference.ORNSTEIN_UHLENBECK_ERRORS.items()},
    **{f"gap {key}": row for key, row in reference.GAP_ERRORS.items()},
    **{f"passage {key}": row for key, row in reference.PASSAGE_ERRORS.items() if key[2] == "scharfetter_gummel"},
    **{f"Fisher-Rao {key}": row for key, row in reference.FISHER_RAO_ERRORS.items()},
    **{f"Hellinger-Kantorovich {key}": row for key, row in reference.HELLINGER_KANTOROVICH_ERRORS.items()},
    **{f"step {key}": row for key, row in reference.STEP_ERRORS.items()},
    "convection with source": reference.CONVECTION_SOURCE_ERRORS,
    "Strang": reference.SPLITTING_ERRORS["strang"],
}


@pytest.mark.parametrize("name", ROWS)
def test_listed_errors_are_of_second_order(name: str) -> None:
    """A digit copied wrongly breaks the order."""
    sizes, errors = np.array([*ROWS[name]], dtype=float), np.abs([*ROWS[name].values()])
    orders = -np.diff(np.log(errors)) / np.diff(np.log(sizes))
    assert np.abs(orders - 2).max() < 0.12

"""The finite-rank family: solutions close the balance, wrong curves do not."""

import numpy as np
import pytest

from mudot.validation.cases import gamma_exact
from mudot.validation.cases.gamma_exact import GAMMA_EXACT, Curve, moments, parts, solution


def test_moments_are_those_of_the_quadrature() -> None:
    x = np.linspace(-12, 12, 2001)
    psi = np.stack([np.ones_like(x), np.sqrt(2) * x, x**2])
    mean, variance, mass = gamma_exact.START
    density = mass * np.exp(-((x - mean) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    assert np.allclose(moments(gamma_exact.ETA), (psi * density) @ psi.T * (x[1] - x[0]), rtol=1e-10)


@pytest.mark.parametrize("ridge", [1.0, 1e-2])
def test_the_gap_vanishes_on_solutions_and_only_there(ridge: float) -> None:
    curve = solution(ridge)
    rate, slope, gap = curve.functionals(ridge)
    assert abs(rate + slope - curve.drop) < 1e-9 and gap < 1e-20
    slower = Curve(lambda t: curve.eta(0.9 * t), lambda t: 0.9 * curve.rate(0.9 * t))
    assert slower.functionals(ridge)[2] > 1e-3


@pytest.mark.parametrize("case", GAMMA_EXACT, ids=lambda case: case.name)
def test_the_case_passes_and_a_wrong_ridge_term_turns_it_red(case, monkeypatch: pytest.MonkeyPatch) -> None:
    assert case.run(True).passed
    monkeypatch.setattr(gamma_exact, "parts", lambda eta, g, ridge: parts(eta, g, 2 * ridge))
    assert not case.run(True).passed

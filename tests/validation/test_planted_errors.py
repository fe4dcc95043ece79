"""A wrong exponent, a wrong constant, a broken scheme: every kind of claim on rates turns red, and only then."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.solvers.geometries import DeKernelizedFisherRao
from mudot.validation import runner
from mudot.validation.cases import rates, rates_late
from mudot.validation.rates import theorems

Plant = Callable[[pytest.MonkeyPatch], None]


def _scaled(owner: object, name: str, factor: float) -> Plant:
    honest = getattr(owner, name)
    return lambda patch: patch.setattr(owner, name, lambda *a, **k: factor * honest(*a, **k))


def _exponent(patch: pytest.MonkeyPatch) -> None:
    honest = theorems.quotient
    patch.setattr(theorems, "quotient", lambda s, p: np.asarray(s) ** 0.05 * honest(s, p))


PLANTS: dict[str, tuple[str, Plant]] = {
    "constant 1/(1-p)": ("lojasiewicz-global", _scaled(theorems, "plain_constant", 1.1)),
    "exponent of the quotient": ("lojasiewicz-none", _exponent),
    "constant c_B": ("lojasiewicz-none", _scaled(theorems, "bounded_constant", 1.01)),
    "spherical constant": ("lojasiewicz-spherical", lambda p: p.setattr(rates, "SPHERICAL", {0.4: 1.56})),
    "factor of an implicit step": ("implicit-steps", _scaled(theorems, "implicit_constant", 1.5)),
    "rate of the MMD geometry": (
        "interaction-force-decay",
        lambda p: p.setattr(rates_late, "DeKernelizedFisherRao", lambda k: DeKernelizedFisherRao(k, reaction=0.99)),
    ),
    "spectral gap": ("late-slopes", lambda p: p.setattr(rates_late, "DOUBLE_WELL_GAP", 0.27)),
}


@pytest.mark.parametrize("name", sorted({case for case, _ in PLANTS.values()} - {"late-slopes"}))
def test_nothing_planted_passes(name: str) -> None:
    assert runner.run_case(name, quick=True).passed


@pytest.mark.parametrize(
    "plant", [pytest.param(k, marks=pytest.mark.slow) if k == "spectral gap" else k for k in PLANTS]
)
def test_what_is_planted_turns_the_case_red(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, put = PLANTS[plant]
    put(monkeypatch)
    result = runner.run_case(name, quick=True)
    assert not result.error, result.error
    assert not result.passed

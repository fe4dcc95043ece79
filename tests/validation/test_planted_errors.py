"""A wrong exponent, a wrong constant, a broken scheme: every kind of claim on rates turns red, and only then."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mudot.solvers.geometries import DeKernelizedFisherRao, Wasserstein
from mudot.validation import runner
from mudot.validation.cases import rates, rates_geodesics, rates_late, rates_slow
from mudot.validation.rates import geodesics, mass, theorems

Plant = Callable[[pytest.MonkeyPatch], None]


def _scaled(owner: object, name: str, factor: float) -> Plant:
    honest = getattr(owner, name)
    return lambda patch: patch.setattr(owner, name, lambda *a, **k: factor * honest(*a, **k))


honest_late = rates_slow.late_energy


def _faster(honest: Callable[..., np.ndarray]) -> Callable[..., np.ndarray]:
    """Cones whose points move a little too far: a broken scheme."""
    return lambda self, level, slope, t: honest(self, 1.1 * level, slope, t)


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
    "constant of Hellinger convexity": (
        "hellinger-kantorovich-convexity",
        _scaled(rates_geodesics, "constant", 1.02),
    ),
    "geodesics that grow too fast": (
        "hellinger-kantorovich-convexity",
        lambda p: p.setattr(geodesics.Geodesic, "_cone", _faster(geodesics.Geodesic._cone)),
    ),
    "exponent of a late law": (
        "transport-of-mmd",
        lambda p: p.setattr(rates_slow, "late_energy", lambda t, *rest: t**0.2 * honest_late(t, *rest)),
    ),
    "scheme of transport by MMD": (
        "transport-of-mmd",
        lambda p: p.setattr(rates_slow, "Wasserstein", lambda: Wasserstein(0.9)),
    ),
    "constant of shape and mass": ("shape-and-mass", _scaled(mass, "hellinger_constant", 0.9)),
    "spectral gap": ("late-slopes", lambda p: p.setattr(rates_late, "DOUBLE_WELL_GAP", 0.27)),
}


SLOW = ("spectral gap", "constant of shape and mass")


@pytest.mark.parametrize("name", sorted({PLANTS[plant][0] for plant in PLANTS if plant not in SLOW}))
def test_nothing_planted_passes(name: str) -> None:
    assert runner.run_case(name, quick=True).passed


@pytest.mark.parametrize("plant", [pytest.param(k, marks=pytest.mark.slow) if k in SLOW else k for k in PLANTS])
def test_what_is_planted_turns_the_case_red(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, put = PLANTS[plant]
    put(monkeypatch)
    result = runner.run_case(name, quick=True)
    assert not result.error, result.error
    assert not result.passed

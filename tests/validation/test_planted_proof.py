"""Cases of Gamma-convergence and of decay: a wrong constant, a wrong exponent and a broken scheme for every kind, and
at least one of them for every case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao, Spherical, Wasserstein
from mudot.solvers.methods.reaction import PowerReaction
from mudot.validation.cases import ALL_RATES, GAMMA_CASES, GAMMA_STUDIES
from mudot.validation.finished import Path, along
from tests.validation import test_planted_errors, test_planted_gamma, test_planted_kinds
from tests.validation.plants import Plant, module, red, replaced, scaled


def bent(power: float) -> Any:
    """Ridge Fisher-Rao whose ridge has another power."""
    return lambda kernel, ridge: KernelApproximateFisherRao(kernel, ridge**power)


def faster(mesh: Any, energy: Any, reaction: float, spherical: bool) -> PowerReaction:
    """A reaction at another speed than it says."""
    return PowerReaction(mesh, energy, 1.01 * reaction, spherical)


def in_ridge(name: str, function: str, place: int, change: Callable[[float], float]) -> Plant:
    """A formula of a closed case that sees another ridge."""
    honest = getattr(module(name), function)

    def wrong(*arguments: Any) -> Any:
        return honest(*arguments[:place], change(arguments[place]), *arguments[place + 1 :])

    return replaced(name, **{function: wrong})


def powered(name: str, function: str, power: float) -> Plant:
    """A number with another exponent."""
    honest = getattr(module(name), function)
    return replaced(name, **{function: lambda *arguments: honest(*arguments) ** power})


def steeper(mode: Any) -> dict[str, Any]:
    """Symbols of kernels with another exponent."""
    return {
        name: (geometry, symbol**1.01) for name, (geometry, symbol) in module("rates_torus").geometries(mode).items()
    }


def shrunk(*arguments: Any) -> Path:
    """States that lose a little mass on their way."""
    path = along(*arguments)
    return Path(path.flow, path.times, path.density * np.linspace(1, 0.99, len(path.times))[:, None])


PLANTS: dict[str, tuple[str, Plant, str]] = {
    "gaps: wrong exponent": (
        "gamma-gaps",
        replaced("gamma", KernelApproximateFisherRao=bent(1.1)),
        "power of the ridge",
    ),
    "gaps: broken scheme": ("gamma-gaps", replaced("gamma", PowerReaction=faster), "gap J of the limit curve"),
    "exact: wrong constant": ("gamma-exact", scaled(module("gamma_exact"), "LISTED", 1.001), "over the listed one"),
    "exact: wrong exponent": (
        "gamma-exact",
        in_ridge("gamma_exact", "growth", 1, lambda ridge: ridge**1.1),
        "power of the ridge",
    ),
    "exact transport: wrong constant": (
        "gamma-exact-transport",
        scaled(module("gamma_transport"), "DISTANCES", 1.001),
        "over the listed one",
    ),
    "exact transport: wrong exponent": (
        "gamma-exact-transport",
        in_ridge("gamma_transport", "velocity", 2, lambda ridge: ridge**1.1),
        "power of the ridge",
    ),
    "global: broken scheme": (
        "lojasiewicz-none",
        replaced("rates", FisherRao=lambda: FisherRao(1.01)),
        "over s phi'",
    ),
    "spherical: broken scheme": (
        "lojasiewicz-spherical",
        replaced("rates", Spherical=lambda geometry: 0.5 * Spherical(geometry)),
        "of the code on two cells",
    ),
    "implicit: broken scheme": (
        "implicit-steps",
        in_ridge("rates_late", "_implicit_step", 1, lambda step: 0.5 * step),
        "largest KL after",
    ),
    "log-Sobolev: broken scheme": (
        "convex-entropies",
        replaced("rates_transport", Wasserstein=lambda: Wasserstein(0.6), _least=lambda well, cells: 2.0),
        "least decay of D_p",
    ),
    "log-Sobolev: wrong constant": (
        "convex-entropies",
        scaled(module("rates_transport"), "_least", 1.6),
        "least decay of D_p",
    ),
    "kernelized: wrong exponent": (
        "no-constant-kernelized",
        replaced("rates_kernel", geometries=steeper),
        "I/F over twice the symbol",
    ),
    "convexity: wrong constant": (
        "fisher-rao-convexity",
        scaled(module("rates_convexity"), "convexity", 1.1),
        "curvature where it is sharp",
    ),
    "convexity: wrong exponent": (
        "fisher-rao-convexity",
        powered("rates_convexity", "_slope", 1.2),
        "power of s in the slope",
    ),
    "bound of KL: broken scheme": (
        "spherical-kl-bound",
        replaced("rates_convexity", FisherRao=lambda: FisherRao(0.9)),
        "late decay of KL",
    ),
}
SLOW: dict[str, tuple[str, Plant, str]] = {
    "source: broken scheme": (
        "gamma-rates",
        replaced("gamma_rates", FisherRao=lambda: FisherRao(1.01)),
        "solutions, t = 1: power",
    ),
    "curves: broken scheme": ("gamma-curves", replaced("gamma", along=shrunk), "residual over the listed one"),
    "late: broken scheme": (
        "late-slopes",
        replaced("rates_late", Wasserstein=lambda: Wasserstein(0.9)),
        "W: late slope",
    ),
    "global: slow reaction": (
        "lojasiewicz-global",
        replaced("rates", FisherRao=lambda: FisherRao(0.95)),
        "p = 0.5: least",
    ),
}


@pytest.mark.parametrize("plant", [*PLANTS, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_what_is_planted_turns_the_case_red_where_it_should(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, put, claim = {**PLANTS, **SLOW}[plant]
    put(monkeypatch)
    found = red(name)
    assert any(claim in text for text in found), found


def test_every_case_of_convergence_and_of_decay_has_a_plant() -> None:
    by_hand = {"gamma-recovery", "gamma-smoothed"}  # in tests/validation/cases
    tables = (PLANTS, SLOW, test_planted_kinds.ALL, test_planted_gamma.PLANTS, test_planted_errors.PLANTS)
    planted = {entry[0] for table in tables for entry in table.values()} | by_hand
    studies = {case.name for case in GAMMA_STUDIES}  # in test_planted_everywhere
    assert {case.name for case in (*GAMMA_CASES, *ALL_RATES)} - studies - planted == set()

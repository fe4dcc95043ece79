"""Plants in the cases of Gamma-convergence, of decay by kernels and of KL: each turns red where it should."""

from __future__ import annotations

from typing import Any

import pytest

from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao, KernelizedFisherRao, Wasserstein
from mudot.validation.cases import gamma_rates
from tests.validation.plants import Plant, both, module, red, replaced, scaled, spoiled


def rougher(order: float, cells: int) -> Any:
    """Forces of a lower order than they say."""
    return gamma_rates_source(0.7 * order, cells)


gamma_rates_source = gamma_rates.source


def ridge(factor: float) -> Any:
    """Ridge Fisher-Rao with its weight off by a factor."""
    return lambda kernel, ridge: KernelApproximateFisherRao(kernel, ridge, factor)


ONE_POWER = replaced("rates_every", POWERS=(0.5,))


def _larger(patch: pytest.MonkeyPatch) -> None:
    """Constants of every geometry that are larger than they are."""
    honest = module("rates_every").constant

    def larger(*key: Any) -> tuple[float, str] | None:
        found = honest(*key)
        return found and (1.5 * found[0], found[1])

    patch.setattr(module("rates_every"), "constant", larger)


def _slower(patch: pytest.MonkeyPatch) -> None:
    """A Fisher-Rao geometry that is too slow."""
    honest = module("rates_every").geometries
    patch.setattr(module("rates_every"), "geometries", lambda mode: honest(mode) | {"FR": (FisherRao(0.99), 1.0)})


PLANTS: dict[str, tuple[str, Plant, str]] = {
    "wrong weak limit": ("gamma-weak", scaled(module("gamma_weak"), "limit_slope", 1.01), "over its weak limit"),
    "wrong dissipation": (
        "gamma-weak",
        replaced("gamma_weak", KernelApproximateFisherRao=ridge(1.02)),
        "over its weak limit",
    ),
    "wrong exponent": ("gamma-rates", replaced("gamma_rates", source=rougher), "R*, one state: power of the ridge"),
    "wrong constant": ("gamma-gaps", scaled(module("gamma"), "GAPS", 1 + 1e-6), "gap J of the limit curve"),
    "wrong state": ("gamma-oscillation", scaled(module("gamma"), "OSCILLATION", 1.001), "weak limit"),
    "not monotone": ("gamma-structure", replaced("gamma", FisherRao=lambda: FisherRao(0.5)), "R* bound"),
    "wrong symbol": (
        "gamma-prepared",
        replaced("gamma", KernelApproximateFisherRao=ridge(1.01)),
        "over twice its symbol",
    ),
    "wrong residual": ("gamma-curves", replaced("gamma", SAMPLED={10: 1e-4, 20: 4e-5}), "residual over the listed one"),
    "broken scheme": ("gamma-prepared", spoiled("gamma", 0.1), "symbol"),
    "wrong multiplier": (
        "no-constant-kernelized",
        replaced("rates_kernel", KernelizedFisherRao=lambda kernel: KernelizedFisherRao(kernel, 1.001)),
        "over the formula",
    ),
    "every geometry: wrong constant": (
        "constants-every-geometry",
        both(ONE_POWER, _larger),
        "SFR, power 0.5: least I/F",
    ),
    "every geometry: wrong exponent": (
        "constants-every-geometry",
        both(ONE_POWER, scaled(module("rates_every"), "least_decay", 0.9)),
        "FR, power 0.5: least decay",
    ),
    "every geometry: broken scheme": (
        "constants-every-geometry",
        both(ONE_POWER, _slower),
        "FR, power 0.5: least I/F",
    ),
    "slow LAWGD": ("lawgd-decay", replaced("rates_kl", Wasserstein=lambda: Wasserstein(0.85)), "least mean decay"),
    "slow transport": (
        "interaction-force-kl",
        replaced("rates_kl", Wasserstein=lambda: Wasserstein(0.98)),
        "least decay of KL",
    ),
}


def test_one_power_of_every_geometry_is_green_without_a_plant(monkeypatch: pytest.MonkeyPatch) -> None:
    ONE_POWER(monkeypatch)
    assert [claim for claim in red("constants-every-geometry") if "pairs with a theorem" not in claim] == []


@pytest.mark.parametrize(
    "plant", [pytest.param(k, marks=pytest.mark.slow) if k == "wrong exponent" else k for k in PLANTS]
)
def test_what_is_planted_turns_the_case_red_where_it_should(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, put, claim = PLANTS[plant]
    put(monkeypatch)
    found = red(name)
    assert any(claim in text for text in found), found

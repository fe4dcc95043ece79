"""Plants in the cases of Gamma-convergence, of decay by kernels and of KL: each turns red where it should."""

from __future__ import annotations

from typing import Any

import pytest

from mudot.solvers.geometries import FisherRao, KernelApproximateFisherRao, KernelizedFisherRao, Wasserstein
from mudot.validation.cases import gamma_rates
from tests.validation.plants import Plant, module, red, replaced, scaled, spoiled


def rougher(order: float, cells: int) -> Any:
    """Forces of a lower order than they say."""
    return gamma_rates_source(0.7 * order, cells)


gamma_rates_source = gamma_rates.source


def ridge(factor: float) -> Any:
    """Ridge Fisher-Rao with its weight off by a factor."""
    return lambda kernel, ridge: KernelApproximateFisherRao(kernel, ridge, factor)


PLANTS: dict[str, tuple[str, Plant, str]] = {
    "wrong weak limit": ("gamma-weak", scaled(module("gamma_weak"), "limit_slope", 1.01), "over its weak limit"),
    "wrong dissipation": (
        "gamma-weak",
        replaced("gamma_weak", KernelApproximateFisherRao=ridge(1.02)),
        "over its weak limit",
    ),
    "wrong exponent": ("gamma-rates", replaced("gamma_rates", source=rougher), "power of the ridge in R*"),
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
    "slow LAWGD": ("lawgd-decay", replaced("rates_kl", Wasserstein=lambda: Wasserstein(0.85)), "least mean decay"),
    "slow transport": (
        "interaction-force-kl",
        replaced("rates_kl", Wasserstein=lambda: Wasserstein(0.98)),
        "least decay of KL",
    ),
}


@pytest.mark.parametrize(
    "plant", [pytest.param(k, marks=pytest.mark.slow) if k == "wrong exponent" else k for k in PLANTS]
)
def test_what_is_planted_turns_the_case_red_where_it_should(plant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, put, claim = PLANTS[plant]
    put(monkeypatch)
    found = red(name)
    assert any(claim in text for text in found), found

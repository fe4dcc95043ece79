"""The smoothed recovery sequence recovers; smoothed with another kernel it does not meet its bound."""

import pytest

from mudot.validation.cases import gamma_smoothed
from mudot.validation.cases.gamma_smoothed import GAMMA_SMOOTHED


def test_smoothed_curves_recover_the_dissipation() -> None:
    assert GAMMA_SMOOTHED.run(True).passed


def test_too_smooth_a_field_turns_the_case_red(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = gamma_smoothed.KernelApproximateFisherRao
    monkeypatch.setattr(gamma_smoothed, "KernelApproximateFisherRao", lambda kernel, ridge: plain(kernel, ridge**0.25))
    assert not GAMMA_SMOOTHED.run(True).passed

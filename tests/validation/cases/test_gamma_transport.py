"""Ridge transport of Gaussians: the closed case passes, and a wrong ridge does not."""

import pytest

from mudot.validation.cases import gamma_transport
from mudot.validation.cases.gamma_transport import GAMMA_TRANSPORT, velocity


def test_the_case_passes_and_a_wrong_ridge_turns_it_red(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GAMMA_TRANSPORT.run(True).passed
    monkeypatch.setattr(gamma_transport, "velocity", lambda m, s, ridge: velocity(m, s, 1.01 * ridge))
    assert not GAMMA_TRANSPORT.run(True).passed

"""A broken scheme turns red every case on exact solutions and every study: half of the cells end too high."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from mudot.solvers import flows
from mudot.solvers.flows import Solution
from mudot.validation.cases import GAMMA_STUDIES, SECTIONS
from tests.validation.plants import red, spoil

pytestmark = pytest.mark.slow
WITHOUT_FLOWS = {"exponential-fitting", "splitting-in-time", "spectral-gaps", "first-passage"}
"""They have plants of their own."""
NAMES = [case.name for case in (*SECTIONS[0][1], *GAMMA_STUDIES) if case.name not in WITHOUT_FLOWS]


@pytest.mark.parametrize("name", NAMES)
def test_a_spoiled_solution_turns_the_case_red(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = flows.solve

    def spoiled(*arguments: Any, **options: Any) -> Solution:
        return spoil(honest(*arguments, **options), 0.1)

    for module in [module for key, module in sys.modules.items() if key.startswith("mudot.")]:
        if getattr(module, "solve", None) is honest:
            monkeypatch.setattr(module, "solve", spoiled)
    assert red(name)

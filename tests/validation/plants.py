"""What tests plant into cases: wrong constants, wrong exponents, broken schemes."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from mudot.solvers.flows import Solution
from mudot.validation import runner

Plant = Callable[[pytest.MonkeyPatch], None]


def module(name: str) -> ModuleType:
    """A module of validation cases."""
    return importlib.import_module(f"mudot.validation.cases.{name}")


def replaced(name: str, **attributes: Any) -> Plant:
    """Names of a module of cases that mean something else."""

    def put(patch: pytest.MonkeyPatch) -> None:
        for attribute, value in attributes.items():
            patch.setattr(module(name), attribute, value)

    return put


def scaled(owner: Any, name: str, factor: float) -> Plant:
    """A constant or a function of an oracle, times a factor."""
    honest = getattr(owner, name)
    if isinstance(honest, dict):
        return lambda patch: patch.setattr(owner, name, _times(honest, factor))
    return lambda patch: patch.setattr(owner, name, lambda *a, **k: factor * honest(*a, **k))


def _times(value: Any, factor: float) -> Any:
    """Numbers, tuples and tables of them."""
    if isinstance(value, dict):
        return {key: _times(entry, factor) for key, entry in value.items()}
    return tuple(factor * v for v in value) if isinstance(value, tuple) else factor * value


def spoil(solution: Solution, share: float) -> Solution:
    """The solution with another end: what lies in the upper half of the cells grows by a share."""
    frames = [*solution.frames]
    density = frames[-1].density.copy()
    density[len(density) // 2 :] *= 1 + share
    frames[-1] = dataclasses.replace(
        frames[-1],
        density=density,
        mass=frames[-1].mass * (1 + share),
        energy=frames[-1].energy * (1 + share),
        balance=frames[-1].balance + share * abs(solution.frames[0].energy),
    )
    return dataclasses.replace(solution, frames=tuple(frames))


def spoiled(name: str, share: float = 1e-2) -> Plant:
    """A scheme that ends beside the solution (see `spoil`)."""

    def put(patch: pytest.MonkeyPatch) -> None:
        honest = module(name).solve
        patch.setattr(module(name), "solve", lambda *a, **k: spoil(honest(*a, **k), share))

    return put


def both(*plants: Plant) -> Plant:
    """Several at once."""

    def put(patch: pytest.MonkeyPatch) -> None:
        for plant in plants:
            plant(patch)

    return put


def red(name: str) -> list[str]:
    """What a coarse case claims and does not find."""
    result = runner.run_case(name, quick=True)
    assert not result.error, result.error
    return [check.claim for check in result.outcome.checks if not check.passed]

"""Flows that must get to their last output: a case reads the end of a run as its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mudot.solvers import flows
from mudot.solvers.flows import GradientFlow, Solution


class FlowFailed(RuntimeError):
    """A flow that did not reach its last output; the message says which and why."""


def solve(flow: GradientFlow, start: np.ndarray, times: Sequence[float], rtol: float = 1e-6) -> Solution:
    """`mudot.solvers.solve`. Raises FlowFailed where the solution does not reach the last of the times."""
    solution = flows.solve(flow, start, times, rtol)
    if solution.status != "complete":
        raise FlowFailed(f"{flow.energy}, {flow.geometry}: {solution.message}")
    return solution


@dataclass(frozen=True, eq=False)
class Path:
    """States of a flow over time, without a ledger. times, energy: shape (times,); density: (times, *mesh.shape)."""

    flow: GradientFlow
    times: np.ndarray
    density: np.ndarray

    @cached_property
    def energy(self) -> np.ndarray:
        """F."""
        return np.array([self.flow.energy.value(self.flow.mesh, density) for density in self.density])


def along(
    flow: GradientFlow, start: np.ndarray, times: Sequence[float] | np.ndarray, rtol: float, step: float | None = None
) -> Path:
    """The states at increasing times. Books that are kept between any two of them, as `solve` does, would cost several
    times as much. step: a first one to try, that of the ledger if there is none. Raises NotConverged."""
    state, now, states = start, 0.0, []
    step = step or flow.ledger(rtol).start(start).step
    for time in map(float, times):
        if time > now:
            moved = flow.method.advance(state, time - now, min(step, time - now), rtol)
            state, step, now = moved.density, moved.step, time
        states.append(state)
    return Path(flow, np.asarray(times, dtype=float), np.array(states))

"""Flows that must get to their last output: a case reads the end of a run as its result."""

from __future__ import annotations

from collections.abc import Sequence

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

"""Where the frames of a run go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mudot.solvers.frames import Frame


class Trajectory(Protocol):
    """A record of a run, in memory or in a file."""

    def append(self, frame: Frame) -> None:
        """Record the frame of an output time."""

    def checkpoint(self, frame: Callable[[], Frame]) -> None:
        """Offer a state between outputs to restart from; only a record that wants it calls for it."""

    def finish(self, status: str) -> None:
        """Close the record: `complete`, or `failed: why`."""


@dataclass
class MemoryTrajectory:
    """Frames in a list; states between outputs are not kept."""

    frames: list[Frame] = field(default_factory=list)
    status: str = "running"

    def append(self, frame: Frame) -> None:
        """Add to the list."""
        self.frames.append(frame)

    def checkpoint(self, frame: Callable[[], Frame]) -> None:
        """Nothing: memory does not survive what a checkpoint is for."""

    def finish(self, status: str) -> None:
        """Note how it ended."""
        self.status = status

"""Small runs to store: frames as a solver would make them, and the comparison of what is stored."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.frames import Frame
from mudot.solvers.records import VARIABLES
from mudot.solvers.storage import FileTrajectory

TIMES = [0.0, 1 / 3, 0.7, 1.1]
PARTS = ("wasserstein", "fisher-rao")
PROBLEM = 'title = "μ̇ on a line"\n'
LINE = Cartesian.graded([[0.0, 0.1, 0.3, 0.7, 1.5]], "periodic")


def first(mesh: Cartesian) -> Frame:
    density = np.random.default_rng(1).random(mesh.shape)
    return Frame(TIMES[0], density, 2.0, 0.0, float(density.sum()), 0.1, (0.0, 0.0), (0.0, 0.0), np.inf, 0.1, 0)


def after(frame: Frame, stop: float) -> Frame:
    """A stand-in for a solver: every digit of the next state depends on all fields a restart must restore."""
    density = frame.density * np.sqrt(frame.substep + 1) / 1.1 + stop / 7
    rate, slope = tuple(r + stop / 3 for r in frame.rate), tuple(s + density.flat[0] for s in frame.slope)
    step, steps = min(frame.step, 9.0) * 0.9, frame.steps + 1
    energy, balance = float(density.max()), float("nan")
    return Frame(stop, density, energy, balance, 1.0, 0.0, rate, slope, step, frame.substep * 0.9 + steps / 99, steps)


def march(mesh: Cartesian, times: list[float], restart: Frame | None = None) -> list[tuple[Frame, bool]]:
    """Frames still to come, each output after a state half way to it; True marks the outputs."""
    frame = restart or first(mesh)
    frames = [] if restart else [(frame, True)]
    for begin, end in pairwise(times):
        for stop in ((begin + end) / 2, end):
            if stop > frame.time:
                frame = after(frame, stop)
                frames.append((frame, stop == end))
    return frames


def create(path: Path, mesh: Cartesian = LINE, times: list[float] = TIMES, **options: Any) -> FileTrajectory:
    attributes = {"title": "Grüße", "problem": PROBLEM, "device": "cpu", "rtol": 1e-6, "order": 2}
    return FileTrajectory.create(path, mesh, times, np.ones(mesh.shape), PARTS, attributes, **options)


def complete(
    trajectory: FileTrajectory, mesh: Cartesian = LINE, restart: Frame | None = None, times: list[float] = TIMES
) -> None:
    for frame, final in march(mesh, times, restart):
        trajectory.append(frame) if final else trajectory.checkpoint(lambda state=frame: state)
    trajectory.finish("complete")


def contents(path: Path) -> dict[str, bytes]:
    """Every stored byte of every frame."""
    with h5py.File(path, "r") as file:
        return {name: file[name][...].tobytes() for name in VARIABLES}


def same(one: Frame, other: Frame) -> bool:
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(Frame)]
    return all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in pairs)

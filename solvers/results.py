"""Reading results, also while they are written and after a crash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.frames import Frame
from mudot.solvers.layout import Attribute, header, opened
from mudot.solvers.records import VARIABLES, frame_of, intact


@dataclass(frozen=True, eq=False)
class Result:
    """What a result file holds. Arrays over time list the intact frames only, shape (frames,) or (frames, parts).

    outputs:    the planned output times; damaged: positions among them of frames with a wrong checksum
    numbers:    positions among the planned output times of the intact frames
    attributes: texts and numbers of the file, `problem`, `status` and `wall_time` (seconds) among them
    series:     stored variables over time by name;   extras: the same for what a certified reference adds, such as
                `density_error`; empty for other results
    """

    path: Path
    mesh: Cartesian
    parts: tuple[str, ...]
    outputs: np.ndarray
    target: np.ndarray
    numbers: tuple[int, ...]
    damaged: tuple[int, ...]
    attributes: dict[str, Attribute]
    series: dict[str, np.ndarray]
    extras: dict[str, np.ndarray]

    times = property(lambda self: self.series["time"], doc="Times of the frames.")
    energy = property(lambda self: self.series["energy"], doc="F(mu(t)).")
    balance = property(lambda self: self.series["balance"], doc="F(mu(t)) + dissipation - F(mu_0).")
    mass = property(lambda self: self.series["mass"], doc="Total mass.")
    minimum = property(lambda self: self.series["minimum"], doc="Least cell average.")
    dissipation = property(lambda self: self.series["dissipation"], doc="int_0^t (R + R*) ds.")
    rate = property(lambda self: self.series["rate_dissipation"], doc="int_0^t R ds by parts.")
    slope = property(lambda self: self.series["slope_dissipation"], doc="int_0^t R* ds by parts.")
    steps = property(lambda self: self.series["steps"], doc="Panels since the start.")

    @property
    def status(self) -> str:
        """`running`, `complete`, or `failed: why`."""
        return str(self.attributes["status"])

    @property
    def committed(self) -> int:
        """Number of intact frames."""
        return len(self.numbers)

    def density(self, index: int) -> np.ndarray:
        """Cell averages of intact frame `index` (negative: from the end), shape `mesh.shape`, read from the file."""
        with opened(self.path) as file:
            return np.asarray(file["density"][self.numbers[index]], dtype=float)

    def best_density(self, index: int) -> np.ndarray:
        """The same from the extrapolated density, where the result is a certified reference and holds one."""
        with opened(self.path) as file:
            name = "density_extrapolated" if "density_extrapolated" in file else "density"
            return np.asarray(file[name][self.numbers[index]], dtype=float)

    def error_density(self, index: int) -> np.ndarray | None:
        """Of a certified reference the error density of `best_density`, whose integral is its error; else None."""
        with opened(self.path) as file:
            if "density_error_cells" not in file:
                return None
            return np.asarray(file["density_error_cells"][self.numbers[index]], dtype=float)

    def frame(self, index: int) -> Frame:
        """All of intact frame `index`."""
        row = {name: values[index] for name, values in self.series.items()}
        return frame_of({"density": self.density(index), **row})


def read(path: Path | str, verify: bool = True) -> Result:
    """Read a result, also one that is being written or that a crash left behind.

    verify: compare the checksum of every frame, which reads the whole file; else all frames count as intact
    Raises MudotError for a file that is missing, cut short or not a result of mudot.
    """
    path = Path(path)
    with opened(path) as file:
        head = header(file)
        # In the reverse order of writing: what is read after a time that stands there was written before it.
        series = {name: file[name][...] for name in reversed(VARIABLES) if name != "density"}
        written = [int(n) for n in np.flatnonzero(~np.isnan(series["time"]))]
        names = [name for name in str(head.attributes.get("extras", "")).split(", ") if name]
        extras = {name: file[name][...] for name in names if file[name].ndim == 1}
        good = [n for n in written if not verify or _intact(file["density"], series, n)]
        return Result(
            path=path,
            mesh=head.mesh,
            parts=head.parts,
            outputs=head.outputs,
            target=head.target,
            numbers=tuple(good),
            damaged=tuple(sorted(set(written) - set(good))),
            attributes=head.attributes,
            series={name: values[np.array(good, dtype=int)] for name, values in series.items()},
            extras={name: values[np.array(good, dtype=int)] for name, values in extras.items()},
        )


def _intact(densities: Mapping[int, np.ndarray], series: Mapping[str, np.ndarray], number: int) -> bool:
    return intact({"density": densities[number], **{name: v[number] for name, v in series.items()}})


def disk_bytes(mesh_size: int, frames: int) -> int:
    """Size in bytes of the result file of a mesh with `mesh_size` cells.

    >>> disk_bytes(128**3, 10) // 2**20
    176
    """
    return 8 * mesh_size * (frames + 1) + 128 * frames + 2**14

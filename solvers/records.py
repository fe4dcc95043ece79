"""What is stored of a frame: little-endian arrays by name, sealed by a checksum."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mudot.solvers.frames import Frame

Record = dict[str, np.ndarray]
"""The arrays of one frame by the name of their variable, in the order of writing."""


@dataclass(frozen=True)
class Variable:
    """Meaning, type and dimensions after time ('cells' or 'part') of a stored quantity."""

    meaning: str
    dtype: str = "<f8"
    along: str = ""


VARIABLES = {
    "density": Variable("cell averages of mu(t)", along="cells"),
    "energy": Variable("F(mu(t))"),
    "balance": Variable("F(mu(t)) + dissipation - F(mu_0)"),
    "mass": Variable("total mass"),
    "minimum": Variable("least cell average"),
    "dissipation": Variable("int_0^t (R + R*) ds"),
    "rate_dissipation": Variable("int_0^t R ds of every part of the geometry", along="part"),
    "slope_dissipation": Variable("int_0^t R* ds of every part of the geometry", along="part"),
    "step": Variable("suggestion for the next panel of the ledger"),
    "substep": Variable("suggestion for the next step of the method"),
    "steps": Variable("panels since the start", dtype="<i8"),
    "crc": Variable("CRC-32 of the frame: all other variables in the order of this list", dtype="<u4"),
    "time": Variable("time; NaN: not yet written"),
}
"""`time` comes last: a frame without it does not exist."""


def row_shape(name: str, cells: tuple[int, ...], parts: int) -> tuple[int, ...]:
    """Shape of one frame's entry of a variable."""
    return {"cells": cells, "part": (parts,)}.get(VARIABLES[name].along, ())


def record_of(frame: Frame) -> Record:
    """The arrays of a frame, with their checksum."""
    values = {
        "density": frame.density,
        "energy": frame.energy,
        "balance": frame.balance,
        "mass": frame.mass,
        "minimum": frame.minimum,
        "dissipation": frame.dissipation,
        "rate_dissipation": frame.rate,
        "slope_dissipation": frame.slope,
        "step": frame.step,
        "substep": frame.substep,
        "steps": frame.steps,
        "crc": 0,
        "time": frame.time,
    }
    record = {name: np.asarray(value, dtype=VARIABLES[name].dtype, order="C") for name, value in values.items()}
    return {**record, "crc": np.asarray(checksum(record), dtype="<u4")}


def frame_of(record: Mapping[str, np.ndarray]) -> Frame:
    """The frame of a record."""
    return Frame(
        time=float(record["time"]),
        density=np.array(record["density"], dtype=float),
        energy=float(record["energy"]),
        balance=float(record["balance"]),
        mass=float(record["mass"]),
        minimum=float(record["minimum"]),
        rate=tuple(map(float, record["rate_dissipation"])),
        slope=tuple(map(float, record["slope_dissipation"])),
        step=float(record["step"]),
        substep=float(record["substep"]),
        steps=int(record["steps"]),
    )


def checksum(record: Mapping[str, np.ndarray]) -> int:
    """CRC-32 of everything in a record but the checksum itself."""
    crc = 0
    for name in VARIABLES:
        if name != "crc":
            crc = zlib.crc32(as_bytes(record[name]), crc)
    return crc


def intact(record: Mapping[str, np.ndarray]) -> bool:
    """Whether a record is what was sealed."""
    return checksum(record) == int(record["crc"])


def as_bytes(array: np.ndarray) -> memoryview:
    """The bytes of an array in C order, not copied where it is contiguous."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data

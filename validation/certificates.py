"""`mudot reference`: a certified reference computed, told line by line, and written as a result file."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from mudot.solvers import storage
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.layout import Extra
from mudot.validation.certify import Certified, certify
from mudot.validation.numbers import NAMES


def run(
    problem_file: Path,
    rtol: float,
    output: Path,
    seconds: float,
    memory: float | None,
    overwrite: bool,
    box: bool = False,
) -> bool:
    """`mudot reference`: whether the tolerance was reached. What was reached is written in any case."""
    inputs = read(problem_file)
    storage.check_place(output, None if overwrite else "give --overwrite to replace it")
    found = certify(inputs, rtol, seconds, memory, box, lambda line: print(f"  {line}", flush=True))
    print("\n".join(in_words(found)))
    write(inputs, found, output, overwrite)
    print(f"  {found.message}; {output}")
    return found.reached


def in_words(found: Certified) -> list[str]:
    """The certificate, line by line: errors of the density as it is and extrapolated, then numbers with their bars."""
    names = "  ".join(f"{name:>24s}" for name in found.values)
    lines = [f"{'t':>8s}  {'error':>8s}  {'better':>8s}  {'order':>6s}  {names}"]
    for n, t in enumerate(found.solution.times):
        numbers = "  ".join(f"{found.values[k][n]:>14.9g} ±{found.bars[k][n]:8.1e}" for k in found.values)
        order = f"{found.order[n]:6.2f}" if math.isfinite(found.order[n]) else "     -"
        lines.append(f"{t:8g}  {found.error[n]:8.1e}  {found.better_error[n]:8.1e}  {order}  {numbers}")
    return lines


def write(inputs: Inputs, found: Certified, output: Path, overwrite: bool) -> None:
    """The finest solution as a result file, with the extrapolated density and every error beside it."""
    flow = found.solution.flow
    errors = ", ".join(f"{e:.3e}" for e in found.error)
    attributes: dict[str, str | int | float] = {
        "title": inputs.title,
        "problem": inputs.text,
        "energy_name": str(flow.energy),
        "geometry": str(flow.geometry),
        "method": flow.method.description,
        "device": "cpu",
        "density_error": errors,
        "certificate": "\n".join(in_words(found)),
        "verdict": found.message,
        "mmd_bandwidth": found.bandwidth,
    }
    trajectory = storage.FileTrajectory.create(
        output,
        flow.mesh,
        found.solution.times,
        found.target,
        flow.geometry.parts,
        attributes=attributes,
        overwrite=overwrite,
        extras=extras(found),
    )
    for frame in found.solution.frames:
        trajectory.append(frame)
    trajectory.finish("complete")


def extras(found: Certified) -> dict[str, Extra]:
    """The arrays that a certificate adds to a result."""
    relative = "estimated relative L1 error of"
    arrays = {
        "density_error": Extra(f"{relative} density", found.error),
        "density_extrapolated": Extra("cell averages of mu(t), extrapolated where density_order lets", found.better),
        "density_extrapolated_error": Extra(f"{relative} density_extrapolated", found.better_error),
        "density_error_cells": Extra(
            "where the error of density_extrapolated is: an error density whose integral is its error", found.where
        ),
        "density_order": Extra("observed order in space; NaN: none", found.order),
        "error_in_time": Extra("the share of density_error that the time integration makes", found.in_time),
        "error_in_box": Extra("the share of density_error that cutting the whole space to the box makes", found.in_box),
    }
    for name, values in found.values.items():
        key, clash = name.replace(" ", "_"), name in ("energy", "mass")
        arrays[f"{key}_extrapolated" if clash else key] = Extra(f"{NAMES[name]}, extrapolated", np.asarray(values))
        arrays[f"{key}_error"] = Extra(f"bar of {NAMES[name]}", found.bars[name])
    return arrays

"""`make bench-gpu`: how close the device comes to its memory's bandwidth, kernel by kernel and flow by flow.

    python -m bench.gpu [--json FILE] [--seconds N]

The triad out = a x + b y, which nothing but memory limits, is measured first and at every size; a kernel's fraction is
the least traffic it can do with (every array once) over its time and that bandwidth. Beside it stands the same work in
array passes. Flows are timed whole, with their ledger, and on the host where that takes seconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mudot.meshes.arrays import ArrayLibrary, library_for
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers import FisherRao, GradientFlow, KullbackLeibler, Solution, Wasserstein, compiled, solve
from mudot.solvers.compiled.cells import Grid, Kernels
from mudot.solvers.energies import JensenShannon
from mudot.solvers.geometries import Geometry, KernelizedFisherRao
from mudot.solvers.kernels.functions import GaussianKernel, InverseMultiquadricKernel
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.operators import stencil_of


@dataclass(frozen=True)
class Size:
    """Meshes of the benchmark: kernels on `kernels`, flows on `flows`, both with the host where `host` says so."""

    kernels: tuple[tuple[int, ...], ...] = ((512, 512), (2048, 2048), (64, 64, 64), (192, 192, 192))
    flows: tuple[tuple[int, ...], ...] = ((256, 256), (1024, 1024), (64, 64, 64), (128, 128, 128))
    host: int = 300_000
    repeat: float = 0.2


@dataclass
class Bench:
    """A device with its kernels and clock, and the time at which to stop."""

    library: ArrayLibrary
    kernels: Kernels
    clock: Callable[[Callable[[], Any], float], float]
    until: float
    rows: list[dict[str, Any]] = field(default_factory=list)

    def late(self) -> bool:
        """Whether the time is over; what is left is then left out, and said."""
        return time.monotonic() > self.until


def by_events() -> Callable[[Callable[[], Any], float], float]:
    """Seconds of one call on the device, between two events around as many calls as fill the time given."""
    import cupy

    def seconds(work: Callable[[], Any], least: float) -> float:
        work()
        count, spent = 1, 0.0
        while spent < least:
            start, stop = cupy.cuda.Event(), cupy.cuda.Event()
            start.record()
            for _ in range(count):
                work()
            stop.record()
            stop.synchronize()
            spent = cupy.cuda.get_elapsed_time(start, stop) / 1e3
            best, count = spent / count, 2 * count
        return best

    return seconds


def by_clock(work: Callable[[], Any], least: float) -> float:
    """Seconds of one call on the host."""
    work()
    count, spent = 1, 0.0
    while spent < least:
        start = time.perf_counter()
        for _ in range(count):
            work()
        spent = time.perf_counter() - start
        best, count = spent / count, 2 * count
    return best


@dataclass(frozen=True)
class Work:
    """A kernel's call, the same in array passes, and the bytes per cell that it must move."""

    name: str
    call: Callable[[], Any]
    passes: Callable[[], Any]
    traffic: float


def works(bench: Bench, cells: tuple[int, ...]) -> Iterator[Work]:
    """Every kernel on one mesh."""
    library, kernels = bench.library, bench.kernels
    mesh, rng = _mesh(cells), np.random.default_rng(0)
    size, d = mesh.size, mesh.dimension
    x, y, *more = (library.to_device(rng.random(size)) for _ in range(8))
    rates = FokkerPlanck(mesh, _log_target(mesh)).rates
    sparse, table = library.sparse(rates.exchange.tocsr()), kernels.diagonals(rates.exchange)
    losses, shift = library.to_device(rates.losses), rates.exit_rate
    band = 8.0 * 2 * d
    weights = library.to_device(rng.random((10, 8)))
    total = library.xp.zeros((10, size))
    vectors = [x, y, *more]
    stage = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    flux, coefficients = (library.to_device(rng.random(mesh.faces.left.size)) for _ in range(2))
    per_cell = flux.shape[0] / size
    places, grid = stencil_of(mesh, x), Grid.of(mesh, library)

    def stepped() -> Any:
        return 2 / shift * (sparse @ x + (shift - losses) * x) - y

    def summed() -> Any:
        result = stage[0] * vectors[0]
        for weight, vector in zip(stage[1:], vectors[1:6], strict=True):
            result = result + weight * vector
        return result

    def mean() -> Any:
        xp = library.xp
        low, high = xp.minimum(flux, coefficients), xp.maximum(flux, coefficients)
        gap = high - low
        logarithm = xp.log1p(gap / xp.maximum(low, 1e-300))
        return xp.where(logarithm > 0, gap / xp.where(logarithm > 0, logarithm, 1.0), high)

    def gathered() -> Any:
        kernels.gather(total, weights, vectors)
        return total

    yield Work("banded product", lambda: table @ x, lambda: sparse @ x, band + 16)
    yield Work("Chebyshev step", lambda: table.recurrence(shift, 2 / shift, 1.0, losses, x, y), stepped, band + 32)
    yield Work(
        "gather 8 vectors into 10 sums",
        gathered,
        lambda: total + weights @ library.xp.stack(vectors),
        64 + 160,
    )
    yield Work("stage of 6 slopes", lambda: kernels.combination(stage, vectors[:6]), summed, 56)
    yield Work("logarithmic mean", lambda: kernels.logarithmic_mean(flux, coefficients), mean, 24 * per_cell)
    density, target, logs = (library.to_device(a) for a in _measures(mesh))
    yield Work(
        "log of mu/pi",
        lambda: kernels.log_ratio(density, target, logs),
        lambda: library.xp.log(library.xp.maximum(density, 1e-300)) - logs,
        32,
    )
    yield Work(
        "integrand of KL",
        lambda: kernels.integrand(1.0, 300.0, 700.0, density, target, logs),
        lambda: density * (library.xp.log(library.xp.maximum(density, 1e-300)) - logs) - density + target,
        32,
    )
    yield Work(
        "flux divergence",
        lambda: kernels.divergence(grid, flux),
        lambda: places.divergence(flux),
        8 * per_cell + 8,
    )
    yield Work("gradient", lambda: kernels.gradient(grid, x), lambda: places.gradient(x), 8 * per_cell + 8)
    yield Work(
        "div (m grad f)",
        lambda: kernels.diffusion(grid, coefficients, x),
        lambda: places.divergence(coefficients * places.gradient(x)),
        8 * per_cell + 16,
    )


def measure_kernels(bench: Bench, size: Size) -> Iterator[str]:
    """One line for every kernel and mesh."""
    yield f"{'kernel':32s}{'mesh':>14s}{'us':>10s}{'GB/s':>9s}{'of triad':>10s}{'passes/fused':>14s}"
    for cells in size.kernels:
        if bench.late():
            yield f"{_name(cells)} left out: the time is over"
            continue
        triad = _triad(bench, cells, size.repeat)
        yield f"{'triad':32s}{_name(cells):>14s}{triad[0] * 1e6:10.1f}{triad[1] / 1e9:9.0f}"
        for work in works(bench, cells):
            seconds, passes = bench.clock(work.call, size.repeat), bench.clock(work.passes, size.repeat)
            rate = work.traffic * _count(cells) / seconds
            bench.rows.append(
                {"kernel": work.name, "cells": cells, "seconds": seconds, "bandwidth": rate, "triad": triad[1]}
                | {"fraction": rate / triad[1], "passes": passes}
            )
            yield (
                f"{work.name:32s}{_name(cells):>14s}{seconds * 1e6:10.1f}{rate / 1e9:9.0f}"
                f"{rate / triad[1]:10.0%}{passes / seconds:14.1f}"
            )


def _triad(bench: Bench, cells: tuple[int, ...], least: float) -> tuple[float, float]:
    """Seconds of out = a x + b y on arrays of a mesh, and bytes a second."""
    pair = [bench.library.to_device(np.random.default_rng(1).random(_count(cells))) for _ in range(2)]
    seconds = bench.clock(lambda: bench.kernels.combination([0.5, 2.0], pair), least)
    return seconds, 24 * _count(cells) / seconds


def flows(cells: tuple[int, ...]) -> dict[str, tuple[GradientFlow, np.ndarray, float]]:
    """Flows by name, each with its start and a time."""
    mesh = _mesh(cells)
    log_target, coordinates = _log_target(mesh), mesh.coordinates
    start = np.exp(-sum(((a - 0.5) ** 2 for a in coordinates), np.zeros(cells)))
    target = KullbackLeibler(np.exp(log_target), log_target)

    def kernelized(kernel: Any) -> Geometry:
        return KernelizedFisherRao(kernel)

    return {
        "Wasserstein of KL": (GradientFlow(mesh, target, Wasserstein()), start, 0.1),
        "WFR of KL": (GradientFlow(mesh, target, Wasserstein() + FisherRao()), start, 0.01),
        "FR of Jensen-Shannon": (GradientFlow(mesh, JensenShannon(np.exp(log_target)), FisherRao()), start, 1.0),
        "kernelized FR, products": (GradientFlow(mesh, target, kernelized(GaussianKernel(0.5))), start, 0.5),
        "kernelized FR, transforms": (
            GradientFlow(mesh, target, kernelized(InverseMultiquadricKernel(0.5))),
            *(start, 0.5),
        ),
    }


def measure_flows(bench: Bench, size: Size) -> Iterator[str]:
    """One line for every flow and mesh."""
    yield f"{'flow, with its ledger':32s}{'mesh':>14s}{'s':>10s}{'host s':>10s}{'gap':>10s}"
    for cells in size.flows:
        for name, (flow, start, stop) in flows(cells).items():
            if bench.late():
                yield f"{name} on {_name(cells)} left out: the time is over"
                continue
            # Once to compile what CuPy compiles on first use, then the run that counts.
            there = bench.library.to_device(start)
            _timed(flow, there, stop / 8)
            seconds, found = _timed(flow, there, stop)
            row: dict[str, Any] = {"flow": name, "cells": cells, "seconds": seconds, "status": found.status}
            line = f"{name:32s}{_name(cells):>14s}{seconds:10.3f}"
            if _count(cells) <= size.host:
                slow, expected = _timed(flow, start, stop)
                gap = float(np.abs(found.density - expected.density).max() / np.abs(expected.density).max())
                row |= {"host": slow, "gap": gap}
                line += f"{slow:10.3f}{gap:10.1e}"
            bench.rows.append(row)
            yield line if found.status == "complete" else f"{line}  {found.message}"


def _timed(flow: GradientFlow, start: Any, stop: float) -> tuple[float, Solution]:
    """Seconds of a run from its start on either device to its density on the host."""
    begin = time.perf_counter()
    result = solve(flow, start, [stop], rtol=1e-4)
    return time.perf_counter() - begin, result


def _mesh(cells: tuple[int, ...]) -> Cartesian:
    return Cartesian(cells, (-3.0,) * len(cells), (3.0,) * len(cells))


def _log_target(mesh: Cartesian) -> np.ndarray:
    """A double well that is coupled to the other axes: no separable potential."""
    x = mesh.coordinates
    rest = sum((a**2 / 2 for a in x[1:]), np.zeros(mesh.shape))
    return -((x[0] ** 2 - 1) ** 2) - rest - 0.4 * x[0] * x[-1]


def _measures(mesh: Cartesian) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A density, a target and its logarithm, flat."""
    logs = _log_target(mesh).reshape(-1)
    return np.exp(logs) * (1 + 0.9 * np.random.default_rng(2).random(mesh.size)), np.exp(logs), logs


def _count(cells: tuple[int, ...]) -> int:
    return int(np.prod(cells))


def _name(cells: tuple[int, ...]) -> str:
    return "x".join(map(str, cells))


def run(bench: Bench, size: Size) -> Iterator[str]:
    """All lines, as they are measured."""
    yield f"device: {bench.library.device}"
    yield from measure_kernels(bench, size)
    yield ""
    yield from measure_flows(bench, size)


def main(arguments: list[str] | None = None) -> int:
    """The command; status 2 and one line where there is no device."""
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__.partition("\n")[0])
    parser.add_argument("--json", type=Path, help="also write the numbers to a file")
    parser.add_argument("--seconds", type=float, default=420.0, help="start nothing new after so many (default 420)")
    options = parser.parse_args(arguments)
    try:
        library = library_for("gpu")
    except MudotError as reason:
        print(reason, file=sys.stderr)
        return 2
    kernels = compiled.fused(library.xp.zeros(1))
    assert kernels is not None
    bench, size = Bench(library, kernels, by_events(), time.monotonic() + options.seconds), Size()
    for line in run(bench, size):
        print(line, flush=True)
    if options.json is not None:
        options.json.write_text(
            json.dumps({"device": library.device, "size": asdict(size), "rows": bench.rows}, indent=1)
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())

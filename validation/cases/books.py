"""The ledger, the invariants, and the resources of whole runs."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.resources import memory
from mudot.validation.cases.runs import KL, ROUND_OFF, balance, box, largest_rise
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table


def _double_well(mesh: Cartesian) -> np.ndarray:
    """log of a tilted double well in every dimension, not separable in two and three."""
    total = -0.5 * np.add.reduce(np.meshgrid(*(c**2 for c in mesh.centers), indexing="ij"))
    x = mesh.coordinates[0]
    total = total - (x**2 - 1) ** 2 + 0.3 * x
    if mesh.dimension > 1:
        total = total - 0.4 * x * mesh.coordinates[-1]
    return np.asarray(total)


_GEOMETRIES: dict[str, Geometry] = {
    "wasserstein": Wasserstein(),
    "fisher-rao": FisherRao(),
    "spherical fisher-rao": Spherical(FisherRao()),
    "wasserstein-fisher-rao": Wasserstein() + 0.5 * FisherRao(),
    "spherical wasserstein-fisher-rao": Spherical(0.7 * Wasserstein() + 2.0 * FisherRao()),
}


def _ledger(quick: bool) -> Outcome:
    """Every flow there is, at rtol = 1e-8."""
    outcome, rows = Outcome(), []
    share = 2 if quick else 1
    meshes = [Cartesian(160 // share, -3.0, 3.0), Cartesian(120 // share, -3.0, 3.0, "periodic")]
    if not quick:
        meshes += [Cartesian((40, 40), (-3, -3), (3, 3), ("no-flux", "periodic")), box(3.0, 16, 3)]
    for mesh in meshes:
        log_target = _double_well(mesh)
        log_target -= np.log(np.sum(np.exp(log_target) * mesh.volumes))
        start = 0.7 * Gaussian([-0.5] * mesh.dimension, 0.3 * np.eye(mesh.dimension)).cell_averages(mesh)
        powers = (-1.0, 0.0, 0.5, 2.0) if mesh.dimension == 1 else ()
        flows = [(name, geometry, 1.0) for name, geometry in _GEOMETRIES.items()]
        flows += [(name, _GEOMETRIES[name], p) for name in ("fisher-rao", "spherical fisher-rao") for p in powers]
        for name, geometry, p in flows:
            energy = PowerDivergence(p, np.exp(log_target), log_target)
            solution = solve(GradientFlow(mesh, energy, geometry), start, [0.0, 0.1, 0.5, 1.0], rtol=1e-8)
            gap = balance(solution)
            rise = largest_rise(solution)
            where = f"{mesh.dimension}D {'/'.join(mesh.boundary)}"
            label = f"{where}, {name}, {energy.name}{f' p = {p:g}' if energy.name == 'power' else ''}"
            outcome.checks.append(Check(f"{label}: balance over dissipation", gap, 1e-8))
            outcome.checks.append(Check(f"{label}: largest relative rise of the energy", rise, ROUND_OFF))
            split = ", ".join(
                f"{part} {r + s:.5g}"
                for part, r, s in zip(geometry.parts, solution.rate[-1], solution.slope[-1], strict=True)
            )
            rows.append((label, float(solution.energy[0]), float(solution.energy[-1]), split, gap))
    columns = ("flow", "F(0)", "F(1)", "dissipation by part", "balance / dissipation")
    outcome.tables.append(Table("Energy-dissipation balance at rtol = 1e-8", columns, tuple(rows)))
    return outcome


def _invariants(quick: bool) -> Outcome:
    """Mass, positivity, equilibrium, from data with exact zeros and with tails of 1e-280."""
    mesh = Cartesian(100 if quick else 400, -6.0, 6.0)
    x = mesh.centers[0]
    log_target = -((x**2 - 1) ** 2) / 4
    target = np.exp(log_target)
    starts = {
        "a block among zeros": np.where(np.abs(x + 2) < 0.4, 1.0, 0.0),
        "one cell": np.where(np.arange(x.size) == x.size // 10, 1.0, 0.0),
        "tails of 1e-280": np.exp(np.maximum(-((x + 1.0) ** 2) / (2 * 0.038), -644.0)),
    }
    times = [0.0, 1e-6, 1e-4, 1e-2, 0.1, 1.0, 4.0]
    outcome, rows, curves = Outcome(), [], []
    for label, start in starts.items():
        for name, geometry in _GEOMETRIES.items():
            solution = solve(
                GradientFlow(mesh, PowerDivergence(1.0, target, log_target), geometry), start, times, rtol=1e-6
            )
            drift = float(np.ptp(solution.mass) / solution.mass[0]) if geometry.conserves_mass else 0.0
            rise = largest_rise(solution)
            least = float(solution.minimum.min())
            outcome.checks.append(Check(f"{label}, {name}: mass drift where mass is kept", drift, 1e-12))
            outcome.checks.append(Check(f"{label}, {name}: least density", least, 0.0, "at least"))
            outcome.checks.append(Check(f"{label}, {name}: largest relative rise of the energy", rise, ROUND_OFF))
            rows.append((label, name, drift, least, rise, balance(solution)))
            if label == "a block among zeros":
                curves.append(Series(name, times[1:], [float(e) for e in solution.energy[1:]]))
    for name, geometry in _GEOMETRIES.items():
        energy = PowerDivergence(1.0, target, log_target)
        solution = solve(GradientFlow(mesh, energy, geometry), target, [0.0, 1.0, 10.0], rtol=1e-6)
        moved = norm(mesh, solution.density[-1] - target) / norm(mesh, target)
        outcome.checks.append(Check(f"{name}: how far the target moves until t = 10", moved, 1e-14))
    columns = ("start", "flow", "mass drift", "least density", "largest rise", "balance / dissipation")
    outcome.tables.append(Table("Invariants from rough data", columns, tuple(rows)))
    outcome.plots.append(Plot("KL from a block among zeros", "time $t$", KL, tuple(curves), True, True))
    return outcome


_LARGE_RUN = """
import sys, time, numpy as np
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.averages import integrate
from mudot.solvers import GradientFlow, KullbackLeibler, Wasserstein, solve
n, coupling = int(sys.argv[1]), float(sys.argv[2])
mesh = Cartesian((n,) * 3, (-4.0,) * 3, (4.0,) * 3)
x, y, z = mesh.coordinates
log_target = -(x**2 + y**2 + z**2) / 2 - coupling * (x * y + y * z)
start = np.exp(-((x - 1) ** 2 + (y - 0.5) ** 2 + (z + 0.5) ** 2) / 2.0)
start /= integrate(mesh, start)
begin = time.perf_counter()
flow = GradientFlow(mesh, KullbackLeibler(np.exp(log_target), log_target), Wasserstein())
solution = solve(flow, start, [0.0, 1.0], rtol=1e-6)
seconds = time.perf_counter() - begin
gap = abs(solution.balance[-1]) / solution.dissipation[-1]
from mudot.validation.cases.books import peak_memory
print(seconds, gap, float(np.ptp(solution.mass)), peak_memory())
"""


def peak_memory() -> float:
    """Peak memory of this process in bytes. Linux counts in `ru_maxrss` what the parent held before the fork, so the
    high-water mark of the process's own memory is read instead where there is one."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024.0 * int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def _large(quick: bool) -> Outcome:
    """Whole runs in three dimensions, each in a process of its own; times are reported, never judged."""
    n = 48 if quick else 128
    outcome, rows = Outcome(), []
    announced = memory((n, n, n), transport=True, linear=True)
    for name, coupling in (("separable", 0.0), ("not separable", 0.3)):
        begin = time.perf_counter()
        command = [sys.executable, "-c", _LARGE_RUN, str(n), str(coupling)]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        seconds, gap, drift, peak = (float(word) for word in text)
        outcome.checks.append(Check(f"{name}: peak memory over what is announced", peak / announced, 1.0))
        outcome.checks.append(Check(f"{name}: balance over dissipation", gap, 1e-6))
        outcome.checks.append(Check(f"{name}: mass drift", drift, 1e-12))
        rows.append(
            (
                name,
                f"{seconds:.1f} s",
                f"{time.perf_counter() - begin:.1f} s",
                f"{peak / 1e9:.2f} GB",
                f"{announced / 1e9:.2f} GB",
                gap,
            )
        )
    columns = ("potential", "solve", "whole process", "peak memory", "announced", "balance / dissipation")
    outcome.tables.append(Table(f"{n}^3 cells to t = 1, rtol 1e-6, ledger included", columns, tuple(rows)))
    return outcome


BOOKS = (
    Case(
        "energy-dissipation-balance",
        "The ledger closes",
        "F(t) + int (R + R*) ds = F(0) along every flow, with R and R* each computed from its own definition.",
        "Zhu and Mielke 2024, eq. 2.2; Mielke 2023, arXiv:2306.05026",
        "tilted double wells in 1D, 2D, 3D, no-flux and periodic; start of mass 0.7; rtol = 1e-8",
        _ledger,
    ),
    Case(
        "invariants",
        "Mass, positivity, equilibrium, decay",
        "Mass is kept where the geometry keeps it, no density is negative, pi does not move, energies never rise.",
        "structure of the flows: Zhu and Mielke 2024, sections 2 and 5",
        "V = (x^2 - 1)^2/4 on [-6, 6]; exact zeros, a single cell, tails of 1e-280",
        _invariants,
    ),
    Case(
        "three-dimensions",
        "Three dimensions in announced memory",
        "128^3 runs stay within the memory announced beforehand.",
        "none needed",
        "V = |x|^2/2 with and without coupling of the axes, to t = 1",
        _large,
    ),
)

"""Every geometry with every power entropy and half MMD²: what many states and flows measure, beside the theorems."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import Energy, MaximumMeanDiscrepancy, PowerDivergence
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import Geometry
from mudot.solvers.linear import NotConverged
from mudot.validation.cases.rates_torus import ALPHA, BETA, EPSILON, ROUGH, SMOOTH, Mode, geometries
from mudot.validation.finished import along
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.rates.measured import least_decay, random_starts, ratio_of
from mudot.validation.rates.table import Rate, rates_table
from mudot.validation.rates.torus import MMD, Torus, constant

CELLS = 16
POWERS = (-1.0, 0.0, 0.25, 0.5, 1.0, 2.0)
MASSES = (1e-3, 0.3, 1.0, 5.0, 1e3)
MULTIPLES = (1e-12, 1e-6, 1e-3, 0.1, 10.0, 1e3, 1e6, 1e12)
"""Masses of rough states on positive measures, over that of pi; and multiples of pi itself."""
FAINT = 1e-10
"""Energies below are round-off."""
SMALL, TRACE = 1e-3, 1e-5
"""Of waves; of what is left beside a spike."""
RTOL = 1e-3
ROOM_OF_STATES, ROOM_OF_FLOWS = 1e-9, 2 * RTOL
"""Relative: round-off, and what steps in time leave of a rate (see the case `lojasiewicz-attained`)."""
CHEAP = ("FR", "SFR", "kernelized FR", "spherical kernelized FR", "ridge FR", "flat FR", "Stein")
INVARIANT = ("flat FR", "flat W", "flat WFR", "MMD", "MMD, regularised", "spherical MMD", "de-Stein", "D-WFR", "KSF")
"""Geometries whose operator does not depend on the density where pi = 1."""


def torus(mesh: Cartesian) -> Torus:
    """The symbols of all modes of the mesh."""
    modes = [Mode(mesh, number) for number in range(mesh.shape[0] // 2 + 1)]
    found = [geometries(mode) for mode in modes]
    rough, smooth = (np.array([mode.symbol(kernel) for mode in modes]) for kernel in (ROUGH, SMOOTH))
    floors = {name: np.array([by_name[name][1] for by_name in found]) for name in INVARIANT}
    floors |= {"IFT": BETA / (smooth + EPSILON), "spherical IFT": BETA / rough}
    keeping = frozenset(name for name, (geometry, _) in found[0].items() if geometry.conserves_mass)
    return Torus(np.array([mode.laplace for mode in modes]), rough, floors, ALPHA, BETA, keeping)


def energies(mesh: Cartesian) -> Iterator[tuple[float | str, str, Energy]]:
    """Key of the theorem, name, energy."""
    one = np.ones(mesh.shape)
    for p in POWERS:
        yield p, f"power {p:g}", PowerDivergence(p, one)
    yield MMD, MMD, MaximumMeanDiscrepancy(ROUGH, one)


def states(mesh: Cartesian, quick: bool, keeps: bool) -> list[np.ndarray]:
    """Rough densities from almost flat to spiky, small waves of every mode, and all of the mass in one cell but for a
    trace; of mass one or of many masses."""
    one, x = np.ones(mesh.shape), mesh.centers[0]
    rough = [
        s for n, spread in enumerate((0.3, 1.0, 3.0)) for s in random_starts(mesh, one, 1 if quick else 6, spread, n)
    ]
    waves = [1 + SMALL * np.cos(2 * np.pi * mode * (x - x[0])) for mode in range(1, CELLS // 2 + 1)]
    spike = np.where(x < 1 / CELLS, CELLS - (CELLS - 1) * TRACE, TRACE)
    shapes = [*rough, *waves, spike]
    if keeps:
        return shapes
    masses = MASSES[::2] if quick else MASSES
    return [mass * shape for shape in shapes for mass in masses] + [mass * one for mass in MULTIPLES]


def starts(mesh: Cartesian, quick: bool, keeps: bool) -> list[np.ndarray]:
    """A wave and a rough density; where the mass may change, much more and much less of it."""
    x = mesh.centers[0]
    wave, rough = 1 + 0.5 * np.cos(2 * np.pi * x), random_starts(mesh, np.ones(mesh.shape), 1, 1.5, 5)[0]
    if keeps:
        return [rough] if quick else [wave, rough]
    return [0.1 * rough] if quick else [20 * wave, 0.1 * rough]


def decay_of(flow: GradientFlow, start: np.ndarray, scale: float) -> tuple[float, list[np.ndarray]]:
    """Least mean rate of decay, and the states. Raises NotConverged where the flow leaves the positive measures."""
    run = along(flow, start, [0.0, 0.5 / scale, 2 / scale], RTOL)
    return least_decay(run.times, run.energy, 1e-10 * float(run.energy[0])), list(run.density)


def _every(quick: bool) -> Outcome:
    """I/F over all states and along flows, and decays, for every pair."""
    outcome, mesh = Outcome(), Cartesian(CELLS, 0.0, 1.0, "periodic")
    bounds, lines, rows = torus(mesh), [], []
    slack: dict[str, list[float]] = {"states": [], "flows": []}
    for name, (geometry, symbol) in geometries(Mode(mesh, 1)).items():
        keeps, cells = geometry.conserves_mass, []
        many = states(mesh, quick, keeps)
        for key, label, energy in energies(mesh):
            flows = not quick or name in CHEAP
            least, decay, count = _measured(
                mesh, geometry, energy, many, starts(mesh, quick, keeps) if flows else [], 2 * symbol
            )
            known = constant(name, key, bounds)
            c, source = known if known is not None else (math.nan, "no theorem")
            if known is not None and c > 0:
                slack["states"].append(least / c)
                slack["flows"] += [] if decay is None else [decay / c]
                outcome.checks += _checks(f"{name}, {label}", c, least, decay)
            elif known is not None:
                outcome.checks.append(Check(f"{name}, {label}: least I/F (no constant)", least, 0.5))
            setting = "torus, " + ("probability densities" if keeps else "positive measures")
            lines.append(Rate(name, label, setting, "≥", c, least, decay, count, source))
            seen = f"{least:.2g}; " + ("–" if decay is None else f"{decay:.2g}")
            cells.append(f"{seen} ({'none' if c == 0 else '–' if math.isnan(c) else f'≥ {c:.3g}'})")
        rows.append((name, *cells))
    outcome.checks += [
        Check("pairs with a theorem", len(slack["states"]), 40, "at least"),
        Check("least I/F over a constant: the closest", min(slack["states"]), 1.02),
    ]
    pairs = sorted((line.constant, line.inequality, line.decay) for line in lines if line.constant > 0)
    exact = Series("theorem", [pairs[0][0], pairs[-1][0]], [pairs[0][0], pairs[-1][0]], exact=True)
    outcome.plots.append(
        Plot(
            "every pair with a constant: nothing below the line",
            "constant of the theorem",
            "measured",
            (
                Series("least I/F", [c for c, *_ in pairs], [float(i or 0) for _, i, _ in pairs]),
                Series("least decay", [c for c, _, d in pairs if d], [float(d) for *_, d in pairs if d]),
                exact,
            ),
            True,
            True,
        )
    )
    columns = ("geometry", *(label for _, label, _ in energies(mesh)))
    title = "Least I/F; least decay (theorem: constant, 'none' where there is provably none, – where neither is known)"
    outcome.tables += [Table(title, columns, tuple(rows)), rates_table(lines)]
    return outcome


def _measured(
    mesh: Cartesian,
    geometry: Geometry,
    energy: Energy,
    many: list[np.ndarray],
    begins: list[np.ndarray],
    scale: float,
) -> tuple[float, float | None, int]:
    """Least I/F, least decay (None where there was none to measure), and the number of states."""
    flow = GradientFlow(mesh, energy, geometry)
    ratio = partial(ratio_of, mesh, energy, flow.discrete_geometry)
    decays, seen = [], list(many)
    for start in begins:
        try:
            decay, way = decay_of(flow, start, scale)
        except (MudotError, NotConverged):
            continue
        decays.append(decay)
        seen += [state for state in way if float(state.min()) > 0]
    least = min(ratio(state) for state in seen if energy.value(mesh, state) > FAINT)
    return least, min(decays, default=None), len(seen)


def _checks(label: str, c: float, least: float, decay: float | None) -> list[Check]:
    checks = [Check(f"{label}: least I/F", least, c * (1 - ROOM_OF_STATES), "at least")]
    if decay is not None:
        checks.append(Check(f"{label}: least decay", decay, c * (1 - ROOM_OF_FLOWS), "at least"))
    return checks


RATES_EVERY: tuple[Case, ...] = (
    Case(
        "constants-every-geometry",
        "Constants of decay, every geometry with every power",
        "Wherever a theorem or the symbols of the operators give a constant c, I ≥ c F at every state and F ≤ exp(-ct) "
        "F(0) along every flow; beside them what is measured where nothing is known.",
        "Zhu and Mielke 2024, Cor. 6.5, 6.7, 6.9; Chen and Sheu 2003; Gladin et al. 2024; products of symbols derived",
        "π = 1 on 16 cells of the unit torus, Laplace and Matérn kernels of length 0.1; rough densities of deviations "
        "0.3 to 3 in the logarithm, waves, spikes, masses 1e-12 to 1e12; flows from waves and rough densities",
        _every,
    ),
)

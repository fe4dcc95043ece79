"""Nonlinear transport by integrators with errors of different origin: their agreement is the claim."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import process_time

import numpy as np

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy
from mudot.solvers.geometries import Wasserstein
from mudot.solvers.methods.backward_euler import BackwardEuler
from mudot.solvers.methods.choice import discrete_gradient
from mudot.solvers.methods.exponential_midpoint import ExponentialMidpoint
from mudot.solvers.methods.porous_medium import PorousMedium
from mudot.solvers.methods.protocol import Progress
from mudot.solvers.methods.semidiscrete import frozen_transport, upwind_transport
from mudot.solvers.methods.strong_stability import StrongStability
from mudot.solvers.methods.super_time_stepping import SuperTimeStepping
from mudot.validation import reference
from mudot.validation.cases.runs import L1_ERROR, box, relative_l1
from mudot.validation.convergence import orders
from mudot.validation.exact.porous_medium import Barenblatt
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table

Row = tuple[str | int | float, ...]
March = Callable[[Cartesian, np.ndarray, float], tuple[np.ndarray, Progress]]


@dataclass(frozen=True)
class Found:
    """A run: its end, the steps, processor time, and the gap of the energy balance over what was dissipated."""

    end: np.ndarray
    steps: int
    seconds: float
    gap: float


def _upwind(exponent: float) -> March:
    def march(mesh: Cartesian, start: np.ndarray, duration: float) -> tuple[np.ndarray, Progress]:
        system = upwind_transport(mesh, FreeEnergy(1.0, exponent))
        return StrongStability(system).march(start, duration)

    return march


def _centred(exponent: float, name: str) -> March:
    def march(mesh: Cartesian, start: np.ndarray, duration: float) -> tuple[np.ndarray, Progress]:
        equation = PorousMedium(mesh, exponent)
        system = frozen_transport(mesh, FreeEnergy(1.0, exponent), equation.frozen)
        if name == _SUPER:
            return SuperTimeStepping(equation).march(start, duration, 1e-3)
        if name == _GRADIENT:
            # Vacuum is filled with 1e-12 of the peak: the least density is positive.
            method = discrete_gradient(mesh, FreeEnergy(1.0, exponent), Wasserstein())
            return method.march(start, duration, round(4 * duration / float(mesh.widths[0][0])))
        if name == _MAGNUS:
            return ExponentialMidpoint(system).march(start, duration, 1e-3)
        steps = round(2 * duration / float(mesh.widths[0][0]))
        return BackwardEuler(system, 2 / (exponent + 1)).fixed(start, duration, steps)

    return march


_SSP, _SUPER, _MAGNUS = "relaxed SSP-RK3, upwind", "RKL2", "exponential midpoint"
_GRADIENT, _EULER = "discrete gradient, h/4", "backward Euler, h/2"


def _run(march: March, mesh: Cartesian, start: np.ndarray, duration: float, exponent: float) -> Found:
    begin = process_time()
    end, progress = march(mesh, start, duration)
    seconds = process_time() - begin
    energy = FreeEnergy(1.0, exponent)
    lost = energy.value(mesh, start) - energy.value(mesh, end)
    gap = abs(lost - progress.dissipated) / lost if progress.dissipated else float("nan")
    return Found(end, progress.steps, seconds, gap)


def _line(quick: bool) -> Outcome:
    """Barenblatt on the line by four integrators."""
    outcome, rows = Outcome(), []
    cells = [50, 100] if quick else [50, 100, 200, 400]
    for m in (2, 3):
        exact, curves = Barenblatt(m), []
        errors: dict[str, list[float]] = {name: [] for name in (_SSP, _GRADIENT, _SUPER, _MAGNUS, _EULER)}
        found: dict[tuple[str, int], Found] = {}
        for n in cells:
            mesh = Cartesian(n, -6.0, 6.0)
            start, end = exact.averages(mesh, 1.0), exact.averages(mesh, 2.0)
            for name in errors:
                if n > 200 and name in (_MAGNUS, _EULER):
                    continue
                march = _upwind(m) if name == _SSP else _centred(m, name)
                run = found[name, n] = _run(march, mesh, start, 1.0, m)
                errors[name].append(norm(mesh, run.end - end))
                gap = (
                    f"{run.gap:.1e}"
                    if name in (_SSP, _GRADIENT)
                    else f"{run.gap:.1e} (inequality)"
                    if name == _EULER
                    else ""
                )
                rows.append((f"m = {m}, {name}", n, errors[name][-1], run.steps, run.seconds, gap))
                drift = abs(integrate(mesh, run.end) - integrate(mesh, start))
                if n == (min(cells[-1], 200) if name in (_MAGNUS, _EULER) else cells[-1]):
                    outcome.checks.append(Check(f"m = {m}, {name}: mass drift", drift, 1e-12))
                    outcome.checks.append(Check(f"m = {m}, {name}: least density", run.end.min(), 0.0, "at least"))
        for kind, name in (("upwind", _SSP), *(("centred", name) for name in (_GRADIENT, _SUPER, _MAGNUS))):
            listed = reference.BARENBLATT_ERRORS.get((kind, m))
            if listed:
                both = [e / listed[n] for n, e in zip(cells, errors[name], strict=False) if n in listed]
                outcome.checks.append(Check(f"m = {m}, {name}: error over the listed one", max(both), reference.BAND))
        for name in (_SSP, _GRADIENT):
            worst = max(found[name, n].gap for n in cells)
            outcome.checks.append(Check(f"m = {m}, {name}: balance over dissipation", worst, 1e-10))
        n = min(cells[-1], 200)
        mesh = Cartesian(n, -6.0, 6.0)
        apart = norm(mesh, found[_SUPER, n].end - found[_MAGNUS, n].end) / errors[_SUPER][cells.index(n)]
        outcome.checks.append(Check(f"m = {m}, {n} cells: RKL2 to exponential midpoint over the error", apart, 0.2))
        apart = norm(mesh, found[_SUPER, n].end - found[_GRADIENT, n].end) / errors[_SUPER][cells.index(n)]
        outcome.checks.append(Check(f"m = {m}, {n} cells: RKL2 to discrete gradient over the error", apart, 0.2))
        system = frozen_transport(mesh, FreeEnergy(1.0, m), PorousMedium(mesh, m).frozen)
        explicit, _ = StrongStability(system).march(exact.averages(mesh, 1.0), 1.0)
        apart = norm(mesh, explicit - found[_SUPER, n].end) / errors[_SUPER][cells.index(n)]
        outcome.checks.append(Check(f"m = {m}, {n} cells: RKL2 to SSP-RK3, same fluxes, over the error", apart, 0.2))
        line, ends = errors[_EULER], cells[: len(errors[_EULER])]
        euler = float(orders([ends[0], ends[-1]], [line[0], line[-1]])[0])
        outcome.checks.append(Check(f"m = {m}, {_EULER}: order", euler, 0.4 if quick else 0.2, "within", 1.0))
        second = [(name, e) for name, e in errors.items() if name != _EULER]
        curves = [Series(name, cells[: len(e)], e, -2.0 if name == _SSP else None) for name, e in second]
        outcome.plots.append(Plot(f"Barenblatt, m = {m}", "cells", "$L^1$ error", tuple(curves), True, True))
    columns = ("integrator", "cells", "L1 error", "steps", "processor s", "balance gap / dissipation")
    outcome.tables.append(Table("Barenblatt on [-6, 6], t = 1 to 2", columns, tuple(rows)))
    return outcome


def _by_dimension(quick: bool) -> Outcome:
    """Barenblatt in the plane and in space by super-time-stepping; steps of explicit and implicit schemes."""
    outcome, curves = Outcome(), []
    rows: list[Row] = []
    for d, cells in ((2, [32, 64, 128] if quick else [32, 64, 128, 256]), (3, [12, 24] if quick else [12, 24, 48])):
        exact, errors = Barenblatt(2.0, d), []
        for n in cells:
            mesh = box(3.0, n, d)
            start, end = exact.averages(mesh, 0.5), exact.averages(mesh, 2.0)
            begin = process_time()
            found, progress = SuperTimeStepping(PorousMedium(mesh, 2.0)).march(start, 1.5, 1e-2)
            seconds = process_time() - begin
            errors.append(relative_l1(mesh, found, end))
            rows.append((f"{d}D, {_SUPER}", n, errors[-1], progress.steps, seconds))
            drift, turned = abs(integrate(mesh, found - start)), np.swapaxes(found, 0, 1)
            outcome.checks.append(Check(f"{d}D, {n} cells per axis: mass drift", drift, 1e-13))
            outcome.checks.append(
                Check(f"{d}D, {n} cells per axis: symmetry", float(np.abs(found - turned).max()), 1e-13)
            )
        order = float(orders(cells, errors)[-1])
        outcome.checks.append(Check(f"{d}D: order in space", order, 1.5, "at least"))
        curves.append(Series(f"{d}D", cells, errors, -2.0))
        if d == 2:
            if not quick:
                outcome.checks.append(Check("2D: relative L1 error on 256^2", errors[-1], 1.2e-4))
            for study in ((32, 11, 10.0, 1.1),) if quick else ((64, 25, 20.0, 1.005), (128, 60, 30.0, 1.0)):
                rows += _steps(outcome, *study)
    columns = ("integrator", "cells per axis", "relative L1 error", "steps", "processor s")
    outcome.tables.append(Table("Barenblatt, m = 2, on [-3, 3]^d, t = 1/2 to 2", columns, tuple(rows)))
    outcome.plots.append(Plot("Barenblatt by RKL2", "cells per axis", L1_ERROR, tuple(curves), True, True))
    return outcome


def _steps(outcome: Outcome, n: int, count: int, ratio: float, worse: float) -> list[Row]:
    """Steps that SSP-RK3 and the discrete gradient take on the same fluxes for the same error; the ratio grows with n,
    since one is bound to h^2 and the other not. What spreads slows down: the given number of implicit steps are equal
    in t^(-1/4). On a quarter of the box, which knows the rest by symmetry."""
    mesh, exact = Cartesian((n // 2,) * 2, (0.0, 0.0), (3.0, 3.0)), Barenblatt(2.0, 2)
    start, end = exact.averages(mesh, 0.5), exact.averages(mesh, 2.0)
    energy, taken, errors, rows = FreeEnergy(1.0, 2.0), [], [], list[Row]()
    explicit = StrongStability(frozen_transport(mesh, energy, PorousMedium(mesh, 2.0).frozen))
    implicit = discrete_gradient(mesh, energy, Wasserstein())

    def slowing() -> tuple[np.ndarray, Progress]:
        density, steps = start, 0
        for before, after in pairwise(np.linspace(0.5**-0.25, 2.0**-0.25, count + 1) ** -4):
            density, progress = implicit.march(density, float(after - before), 1)
            steps += progress.steps
        return density, Progress(1.5, steps)

    marches: dict[str, Callable[[], tuple[np.ndarray, Progress]]] = {
        "relaxed SSP-RK3, centred": lambda: explicit.march(start, 1.5),
        "discrete gradient": slowing,
    }
    for name, march in marches.items():
        begin = process_time()
        found, progress = march()
        taken.append(progress.steps)
        errors.append(relative_l1(mesh, found, end))
        rows.append((f"2D, {name}", n, errors[-1], progress.steps, process_time() - begin))
    outcome.checks.append(Check(f"{n}^2: explicit steps over implicit ones", taken[0] / taken[1], ratio, "at least"))
    outcome.checks.append(Check(f"{n}^2: implicit error over explicit one", errors[1] / errors[0], worse))
    return rows


CROSS_CHECKS = (
    Case(
        "barenblatt-integrators",
        "Barenblatt's solution by five integrators",
        "Explicit upwind and implicit steps with exact balance, super-time-stepping, exponential midpoint and backward "
        "Euler reach their listed errors and agree with each other within them.",
        "Barenblatt 1952; Ketcheson 2019; Meyer, Balsara and Aslam 2014; Blanes, Iserles and Macnamara 2022",
        "rho_t = (rho^m)_xx, m = 2 and 3, unit mass, exact cell averages at t = 1",
        _line,
    ),
    Case(
        "barenblatt-dimensions",
        "Barenblatt's solution in the plane and in space",
        "Second order in space, mass and symmetry to round-off; implicit steps with exact balance need a twentieth of "
        "the explicit ones on 64^2, a thirtieth on 128^2, for the same error.",
        "Barenblatt 1952; Meyer, Balsara and Aslam 2014",
        "rho_t = div grad rho^2 on [-3, 3]^d, t = 1/2 to 2",
        _by_dimension,
    ),
)

"""Particle methods with randomness: many particles follow the law of the step, the law follows the Eulerian flow."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.cases.clouds import Reference
from mudot.validation.cases.witnesses import BANDWIDTH, START, TARGET, TIME, Witness, extrapolated, witnesses
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table
from mudot.validation.particles import laws
from mudot.validation.particles.samplers import BirthDeathLangevin, Langevin, MaximumMeanDiscrepancyFlow, run, uniform

_WIDTHS = (0.3, 0.15, 0.075)
_COARSE = 0.2


@dataclass(frozen=True, eq=False)
class _Method:
    """A method, its law, and where the law goes as steps shrink."""

    witness: Witness
    law: laws.Law
    limit: Reference


def _in_law(quick: bool) -> Outcome:
    outcome = Outcome()
    mesh = Cartesian(160 if quick else 400, -7.0, 7.0)
    taus = [0.1, 0.05, 0.025] if quick else [0.1, 0.05, 0.025, 0.0125]
    start = np.exp(START.log_density(mesh.centers[0][:, None])) * mesh.volumes
    by_name = {witness.name: witness for witness in witnesses()}
    births = by_name["birth-death Langevin"]
    methods = []
    for name, make in (("Langevin", laws.langevin), ("MMD flow, noise", laws.noisy_mmd_flow)):
        sampler = by_name[name].sampler
        if isinstance(sampler, Langevin | MaximumMeanDiscrepancyFlow):
            methods.append(_Method(by_name[name], make(sampler), extrapolated(by_name[name])))  # type: ignore[arg-type]
    if isinstance(births.sampler, BirthDeathLangevin):
        law = laws.birth_death_langevin(births.sampler)
        methods.append(_Method(births, law, _at_once(mesh, law, start, taus[-1])))
    rows, series = list[tuple[str | int | float, ...]](), []
    for method in methods:
        errors = [_apart(mesh, method.limit, laws.run(method.law, mesh, start, TIME, tau)) for tau in taus]
        power = float(np.polyfit(np.log(taus), np.log(errors), 1)[0])
        name = method.witness.name
        outcome.checks.append(Check(f"{name}, law: power of the step", power, 0.1, "within", 1.0))
        rows.append((name, *errors, power))
        series.append(Series(name, [1 / tau for tau in taus], errors, slope=-1.0))
    columns = ("method", *(f"MMD, step {tau:g}" for tau in taus), "power of the step")
    title = (
        f"Law of the step to its limit, t = {TIME:g}; of birth and death to the limit with the same density estimate"
    )
    outcome.tables.append(Table(title, columns, tuple(rows)))
    outcome.plots.append(Plot("laws in the step", "steps per unit of time", "MMD", tuple(series), True, True))
    _estimated_density(outcome, births, mesh, start, taus[-1])
    _many(outcome, methods[1:], mesh, start, *((1000, 8) if quick else (1200, 60)))
    return outcome


def _at_once(mesh: Cartesian, law: laws.Law, start: np.ndarray, tau: float) -> Reference:
    """The law without its error of first order in the step, as signed point masses."""
    fine, coarse = (laws.run(law, mesh, start, TIME, step) for step in (tau / 2, tau))
    return Reference(mesh.centers[0][:, None], 2 * fine - coarse, BANDWIDTH)


def _apart(mesh: Cartesian, there: Reference, masses: np.ndarray) -> float:
    return math.sqrt(there.distance(mesh.centers[0][:, None], masses))


def _estimated_density(outcome: Outcome, births: Witness, mesh: Cartesian, start: np.ndarray, tau: float) -> None:
    """The limit of birth and death as steps shrink, against the Eulerian flow, in the width of the density estimate."""
    truth, errors = extrapolated(births), []
    for width in _WIDTHS:
        law = laws.birth_death_langevin(BirthDeathLangevin(TARGET, width))
        there = _at_once(mesh, law, start, tau)
        errors.append(_apart(mesh, truth, there.masses))
    power = math.log2(errors[1] / errors[2])
    claim = "birth-death Langevin, law without steps: power of the width of its density estimate"
    outcome.checks.append(Check(claim, power, 0.2, "within", 2.0))
    columns = ("width", "MMD to the spherical WFR flow")
    rows = tuple(zip(_WIDTHS, errors, strict=True))
    outcome.tables.append(Table("Birth and death: the density estimate", columns, rows))


def _many(
    outcome: Outcome, methods: list[_Method], mesh: Cartesian, start: np.ndarray, count: int, batches: int
) -> None:
    """Particles against the law of the same steps, by mean and second moment, with long steps to tell them from the
    flow. They are so many that what their finite number shifts, of order 1/n, is below the noise of the batches."""
    rows, x = list[tuple[str | int | float, ...]](), mesh.centers[0]
    for method in methods:
        name, sampler = method.witness.name, method.witness.sampler
        masses = laws.run(method.law, mesh, start, TIME, _COARSE)
        found = []
        for seed in range(batches):
            rng = np.random.default_rng([seed, 11])
            end = run(sampler, uniform(START.sample(count, rng)), [TIME], _COARSE, rng)[0].positions
            found.append((float(end.mean()), float((end**2).mean())))
        for power, values in enumerate(zip(*found, strict=True), 1):
            mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(batches)
            exact, flow = float(masses @ x**power), method.limit.moment(power)
            rows.append((name, power, flow, exact, mean, error))
            claim = f"{name}, step {_COARSE:g}, moment {power}: particles - law, 3.5 standard errors"
            outcome.checks.append(Check(claim, mean - exact, 3.5 * error, "within"))
    columns = ("method", "moment", "of the limit", f"of the law, step {_COARSE:g}", "of particles", "standard error")
    outcome.tables.append(Table(f"{batches} batches of {count} particles and the law", columns, tuple(rows)))


WITNESSES_LAW = (
    Case(
        "particles-in-law",
        "Particle methods with randomness follow the law of their step, and that the Eulerian flow",
        "Laws of steps are of first order; particles have the moments of the law; density estimates add their width.",
        "propagation of chaos; Lu, Lu and Nolen 2019, Algorithm 1; Arbel, Korba, Salim and Gretton 2019",
        "the measures of `particles-in-number`; laws on a lattice by Gauss-Hermite quadrature",
        _in_law,
    ),
)

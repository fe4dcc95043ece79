"""Every energy with every geometry, plain, spherical and symmetrised, through problem files on small meshes of one, two
and three axes: a method there is, and its run loses energy, closes its books, keeps mass where it should, and stays
positive."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.energy_tables import ENERGIES
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometry_tables import GEOMETRIES
from mudot.solvers.problem import Problem, load

EXTRA = {
    "power": "p = 1.5",
    "renyi": "alpha = 2.0",
    "kale": "regularization = 0.1",
    "drmmd": "regularization = 0.1",
    "moreau": "regularization = 0.1\np = 1.5",
    "free-energy": "potential = 'x**2/2'",
    "shallow-network": "data = 'data.csv'\nactivation = 'tanh'\nentropy = 0.1",
}
PROBABILITIES = {"renyi", "lawgd"}
KEEPING = {name for name, table in GEOMETRIES.items() if "spherical" not in table.model_fields}
"""Geometries of transport alone: they keep the mass by themselves."""
RTOL = 1e-4
LOWER, UPPER = (-2.0, -2.0, -1.0), (2.0, 2.0, 1.0)
CELLS = {1: (12,), 2: (8, 7), 3: (6, 5, 5)}
BOUNDARY = ("no-flux", "periodic", "no-flux")
FACTORS = (
    ("exp(-(x - 0.3)**2)", "exp(-(x + 0.5)**2)"),
    ("exp(cos(pi*y/2)/2)", "exp(sin(pi*y/2)/2)"),
    ("exp(z/3)", "exp(-z/3)"),
)
"""Of target and start, one pair per axis; the second axis is a circle."""
NEURON = (["weight"], ["amplitude", "weight"], ["amplitude", "weight", "bias"])


@dataclass(frozen=True)
class Pair:
    """An energy and a geometry by name, the switches of the geometry, and the number of axes."""

    energy: str
    geometry: str
    spherical: bool = False
    symmetric: bool = False
    axes: int = 1

    def __str__(self) -> str:
        switches = "spherical-" * self.spherical + "symmetric-" * self.symmetric
        return f"{self.energy}-{switches}{self.geometry}" + f"-{self.axes}d" * (self.axes > 1)

    @property
    def keeps_mass(self) -> bool:
        return self.spherical or self.geometry in KEEPING

    def problem(self, folder: Path) -> Problem:
        """Built from a file. Raises MudotError as `load` does."""
        (folder / "data.csv").write_text("x,y\n0.0,0.1\n0.5,0.4\n1.0,0.2\n")
        table = GEOMETRIES[self.geometry]
        keys = {"ridge": "0.1", "regularization": "0.05"}
        lines = [f"{key} = {value}" for key, value in keys.items() if key in table.model_fields]
        lines += [f"{key} = true" for key in ("spherical", "symmetric") if getattr(self, key)]
        n, kernel = self.axes, "[kernel]\nname = 'gaussian'\nbandwidth = 0.6\n"
        target, start = (" * ".join(factor) for factor in zip(*FACTORS[:n], strict=True))
        network = f"\nparameters = {NEURON[n - 1]}" * (self.energy == "shallow-network")
        path = folder / "problem.toml"
        path.write_text(
            f"[mesh]\nlower = {list(LOWER[:n])}\nupper = {list(UPPER[:n])}\n"
            f"cells = {list(CELLS[n])}\nboundary = {list(BOUNDARY[:n])}\n"
            f"[target]\ndensity = '0.2 + {target}'\n[initial]\ndensity = '0.1 + {start}'\n"
            f"[energy]\nname = '{self.energy}'\n{EXTRA.get(self.energy, '')}{network}\n"
            f"[geometry]\nname = '{self.geometry}'\n"
            + "\n".join(lines)
            + "\n"
            + kernel * (ENERGIES[self.energy].uses_kernel or table.uses_kernel)
            + f"[time]\nstop = 0.01\noutputs = [0.0, 0.01]\nrtol = {RTOL}\n"
        )
        return load(path)


def _switches(geometry: str) -> list[tuple[bool, bool]]:
    """(spherical, symmetric): what the table of a geometry knows; a regression is spherical when symmetrised only."""
    known = GEOMETRIES[geometry].model_fields
    found = [(False, False)] + [(False, True)] * ("symmetric" in known)
    return found + [(True, "symmetric" in known)] * ("spherical" in known)


PAIRS = tuple(
    Pair(energy, geometry, *switches)
    for energy in ENERGIES
    for geometry in GEOMETRIES
    for switches in _switches(geometry)
)
REFUSED = {pair for pair in PAIRS if pair.energy in PROBABILITIES and not pair.keeps_mass}
ALLOWED = tuple(pair for pair in PAIRS if pair not in REFUSED)
ON_EVERY_MESH = tuple(replace(pair, axes=axes) for axes in CELLS for pair in ALLOWED)


def in_its_own_time(flow: GradientFlow, start: np.ndarray) -> float:
    """A tenth of the time in which the energy would be gone at its first rate; less where a cell would be empty soon:
    a third of that."""
    rate = flow.method.rate(start)
    decay = -integrate(flow.mesh, flow.energy.first_variation(flow.mesh, start) * rate)
    lasts = abs(flow.energy.value(flow.mesh, start)) / decay
    return min(lasts / 10, float((start / np.abs(rate)).min()) / 3)


@pytest.mark.parametrize("pair", ALLOWED, ids=str)
def test_every_energy_goes_with_every_geometry(tmp_path: Path, pair: Pair) -> None:
    found = pair.problem(tmp_path)
    flow = found.flow()
    rate = flow.method.rate(found.start)
    assert np.all(np.isfinite(rate))
    force = flow.energy.first_variation(flow.mesh, found.start)
    assert integrate(flow.mesh, force * rate) < 0
    if pair.keeps_mass:
        assert abs(integrate(flow.mesh, rate)) <= 1e-9 * integrate(flow.mesh, abs(rate))


def _marked(pair: Pair) -> object:
    """In seconds: on a line every geometry with KL, every energy in Fisher-Rao, Stein and spherical MMD; in the plane
    every geometry that keeps the mass with KL, in space every energy in Fisher-Rao. The rest is slow."""
    few = {
        1: pair.energy == "kl"
        or (pair.geometry in {"fisher-rao", "stein"} and not pair.spherical)
        or (pair.geometry == "mmd" and pair.spherical and pair.energy not in PROBABILITIES),
        2: pair.energy == "kl" and pair.keeps_mass,
        3: pair.geometry == "fisher-rao",
    }[pair.axes]
    return pytest.param(pair, id=str(pair), marks=[] if few else [pytest.mark.slow])


@pytest.mark.parametrize("pair", [_marked(pair) for pair in ON_EVERY_MESH])
def test_every_flow_runs_loses_energy_closes_its_books_and_stays_positive(tmp_path: Path, pair: Pair) -> None:
    found = pair.problem(tmp_path)
    flow = found.flow()
    stop = in_its_own_time(flow, found.start)
    solution = solve(flow, found.start, [0.0, stop / 4, stop / 2, stop], RTOL)
    assert solution.status == "complete", solution.message
    assert np.all(np.diff(solution.energy) < 0) and np.all(solution.minimum > 0)
    scale = np.maximum(solution.dissipation, 0.1 * abs(solution.energy[0]))
    assert np.all(np.abs(solution.balance) <= RTOL * scale)
    if pair.keeps_mass:
        np.testing.assert_allclose(solution.mass, solution.mass[0], rtol=1e-12)


@pytest.mark.parametrize("pair", sorted(REFUSED, key=str), ids=str)
def test_energies_of_probability_measures_are_refused_where_mass_is_not_kept(tmp_path: Path, pair: Pair) -> None:
    with pytest.raises(MudotError) as refusal:
        pair.problem(tmp_path).flow()
    assert "probability" in str(refusal.value) or "spherical" in str(refusal.value)
    assert "\n" not in str(refusal.value)


FREE = ("mmd", "ksd", "lawgd", "kale", "drmmd", "moreau")
"""Energies whose first variation is defined for signed densities too."""
FIXED = {name for name in GEOMETRIES if name.startswith("flat") or name == "mmd"} | {
    *("de-stein", "de-kernelized-wasserstein-fisher-rao", "kernel-sobolev-fisher"),
}
"""Geometries whose Onsager operator does not look at the density: nothing in them keeps it positive."""


def _few(pair: Pair) -> object:
    few = pair.energy in {"mmd", "drmmd"} and pair.geometry in {"mmd", "de-stein", "flat-wasserstein"}
    few = few and not pair.spherical and pair.axes == 1
    return pytest.param(pair, id=str(pair), marks=[] if few else [pytest.mark.slow])


@pytest.mark.parametrize("pair", [_few(p) for p in ON_EVERY_MESH if p.energy in FREE and p.geometry in FIXED])
def test_runs_end_for_loss_of_sign_exactly_where_the_equation_loses_it(tmp_path: Path, pair: Pair) -> None:
    """mu' = -K xi(mu) goes on beyond zero where neither K nor xi minds: solved so, by a method that knows no sign."""
    found = pair.problem(tmp_path)
    flow = found.flow()
    stop = 5 * in_its_own_time(flow, found.start)
    onsager = flow.discrete_geometry.onsager(flow.mesh, found.start)

    def rate(_: float, values: np.ndarray) -> np.ndarray:
        density = values.reshape(flow.mesh.shape)
        return -onsager.apply(flow.energy.first_variation(flow.mesh, density)).reshape(-1)

    free = solve_ivp(rate, (0, stop), found.start.reshape(-1), rtol=1e-5, atol=1e-9)
    solution = solve(flow, found.start, [0.0, stop], RTOL)
    if free.y.min() < 0:
        assert solution.status == "failed" and "negative" in solution.message
    else:
        assert solution.status == "complete", solution.message
        assert solution.minimum[-1] == pytest.approx(free.y[:, -1].min(), rel=1e-2)

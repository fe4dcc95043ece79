"""Every energy with every geometry, through problem files on a small mesh: a method there is, and energy falls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.energy_tables import ENERGIES
from mudot.solvers.geometry_tables import GEOMETRIES
from mudot.solvers.problem import load

EXTRA = {
    "power": "p = 1.5",
    "renyi": "alpha = 2.0",
    "kale": "regularization = 0.1",
    "drmmd": "regularization = 0.1",
    "moreau": "regularization = 0.1\np = 1.5",
    "free-energy": "potential = 'x**2/2'",
    "shallow-network": "data = 'data.csv'\nactivation = 'tanh'\nparameters = ['weight']\nentropy = 0.1",
}
RIDGE = {
    "kernel-approximate-fisher-rao",
    "kernel-approximate-wasserstein",
    "kernel-approximate-wasserstein-fisher-rao",
}
INVERSE = {"mmd", "de-stein", "de-kernelized-wasserstein-fisher-rao", "interaction-force-transport"}
PROBABILITIES = {"renyi", "lawgd"}
KEEPING = {
    *("wasserstein", "stein", "kernel-approximate-wasserstein", "de-stein", "flat-wasserstein"),
    "local-regression-wasserstein",
}
"""Geometries of transport alone: they keep the mass by themselves."""
UNSTRUCTURED = {"local-regression-fisher-rao", "local-regression-wasserstein"}
"""No gradient structure unless symmetrized: both columns of the ledger hold half of what the energy loses."""


def uses_kernel(energy: str, geometry: str) -> bool:
    return ENERGIES[energy].uses_kernel or GEOMETRIES[geometry].uses_kernel


def problem(folder: Path, energy: str, geometry: str, spherical: bool) -> Path:
    (folder / "data.csv").write_text("x,y\n0.0,0.1\n0.5,0.4\n1.0,0.2\n")
    keys = ["ridge = 0.1"] if geometry in RIDGE else []
    keys += ["regularization = 0.05"] if geometry in INVERSE else []
    keys += ["spherical = true"] if spherical else []
    keys += ["symmetric = true"] if spherical and geometry in UNSTRUCTURED else []
    path = folder / "problem.toml"
    path.write_text(
        "[mesh]\nlower = [-2.0]\nupper = [2.0]\ncells = [12]\nboundary = ['no-flux']\n"
        "[target]\ndensity = '0.2 + exp(-(x - 0.3)**2)'\n"
        "[initial]\ndensity = '0.1 + exp(-(x + 0.5)**2)'\n"
        f"[energy]\nname = '{energy}'\n{EXTRA.get(energy, '')}\n"
        f"[geometry]\nname = '{geometry}'\n"
        + "\n".join(keys)
        + "\n"
        + ("[kernel]\nname = 'gaussian'\nbandwidth = 0.6\n" if uses_kernel(energy, geometry) else "")
        + "[time]\nstop = 0.01\noutputs = [0.0, 0.01]\nrtol = 1e-4\n"
    )
    return path


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("energy", ENERGIES)
def test_every_energy_goes_with_every_geometry(tmp_path: Path, energy: str, geometry: str) -> None:
    spherical = energy in PROBABILITIES and geometry not in KEEPING
    found = load(problem(tmp_path, energy, geometry, spherical))
    flow = found.flow()
    rate = flow.method.rate(found.start)
    assert np.all(np.isfinite(rate))
    force = flow.energy.first_variation(flow.mesh, found.start)
    assert integrate(flow.mesh, force * rate) < 0
    if spherical or geometry in KEEPING:
        assert abs(integrate(flow.mesh, rate)) <= 1e-9 * integrate(flow.mesh, abs(rate))


@pytest.mark.parametrize("geometry", sorted(set(GEOMETRIES) - KEEPING))
@pytest.mark.parametrize("energy", sorted(PROBABILITIES))
def test_energies_of_probability_measures_are_refused_where_mass_is_not_kept(
    tmp_path: Path, energy: str, geometry: str
) -> None:
    with pytest.raises(MudotError) as refusal:
        load(problem(tmp_path, energy, geometry, False)).flow()
    assert "probability" in str(refusal.value) or "spherical" in str(refusal.value)
    assert "\n" not in str(refusal.value)

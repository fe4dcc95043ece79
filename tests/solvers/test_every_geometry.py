"""What makes a geometry, for every member of the table of geometries, plain, spherical and symmetrised, on every kind
of mesh: symmetry, positivity, conjugate potentials, mass, and the Schur form of the spherical ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.densities import CellAverages
from mudot.solvers.geometries import Geometry, Onsager
from mudot.solvers.geometry_tables import GEOMETRIES
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.kernels.functions import GaussianKernel, LaplaceKernel

MESHES = {
    "line": Cartesian(11, -2.0, 2.0),
    "ring": Cartesian(10, -2.0, 2.0, "periodic"),
    "graded line": Cartesian.graded([np.cumsum([-2.0, *np.geomspace(0.2, 0.6, 10)])]),
    "plane": Cartesian((5, 4), (-2.0, -1.0), (2.0, 2.0), ("no-flux", "periodic")),
    "space": Cartesian((4, 3, 3), (-1.0,) * 3, (1.0,) * 3),
}
KEYS = {"transport": 0.7, "reaction": 1.3, "ridge": 0.1, "regularization": 0.05, "weight": 0.4}


@dataclass(frozen=True)
class Member:
    """A geometry of the table, by name and switches."""

    name: str
    spherical: bool = False
    symmetric: bool = False

    def __str__(self) -> str:
        return "spherical " * self.spherical + "symmetrised " * self.symmetric + self.name

    def on(self, mesh: Cartesian) -> Geometry:
        """Built as from a problem file."""
        table = GEOMETRIES[self.name]
        keys: dict[str, object] = {key: value for key, value in KEYS.items() if key in table.model_fields}
        keys |= {key: True for key in ("spherical", "symmetric") if getattr(self, key)}
        omega = np.random.default_rng(0).uniform(0.5, 2.0, mesh.shape)
        kernels = (GaussianKernel(0.6), LaplaceKernel(0.5) if mesh.dimension == 1 else GaussianKernel(0.5))
        given = Ingredients(mesh, CellAverages(omega, np.log(omega)), Path(), *kernels)
        return table(name=self.name, **keys).build(given)


MEMBERS = tuple(
    Member(name, spherical, symmetric)
    for name, table in GEOMETRIES.items()
    for spherical in (False, True)
    for symmetric in (False, True)
    if (not spherical or "spherical" in table.model_fields)
    and (not symmetric or "symmetric" in table.model_fields)
    and (symmetric or not (spherical and "symmetric" in table.model_fields))
)
REGRESSIONS = {Member("local-regression-fisher-rao"), Member("local-regression-wasserstein")}
"""Nadaraya-Watson fields as they are: no gradient structure, as they say (the symmetrised ones have one)."""
STRUCTURES = tuple(member for member in MEMBERS if member not in REGRESSIONS)
TRANSPORTS = {
    *("wasserstein", "stein", "kernel-approximate-wasserstein", "de-stein", "flat-wasserstein"),
    "local-regression-wasserstein",
}

every_structure = pytest.mark.parametrize("member", STRUCTURES, ids=str)
everywhere = pytest.mark.parametrize("place", MESHES)


def state(mesh: Cartesian, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A random density and two random forces."""
    rng = np.random.default_rng(seed)
    return np.exp(rng.normal(size=mesh.shape)), rng.normal(size=mesh.shape), rng.normal(size=mesh.shape)


def matrix(mesh: Cartesian, onsager: Onsager) -> np.ndarray:
    """The operator in the inner product of the mesh: entries <e_i, K e_j>."""
    columns = []
    for cell in range(mesh.size):
        force = np.zeros(mesh.size)
        force[cell] = 1.0
        columns.append((mesh.volumes * onsager.apply(force.reshape(mesh.shape))).reshape(-1))
    return np.array(columns).T


def test_the_table_is_gone_through_with_all_its_switches() -> None:
    assert {member.name for member in MEMBERS} == set(GEOMETRIES)
    reactions = {name for name, table in GEOMETRIES.items() if "spherical" in table.model_fields}
    assert {member.name for member in MEMBERS if member.spherical} == reactions == set(GEOMETRIES) - TRANSPORTS
    with pytest.raises(MudotError, match="symmetric"):
        Member("local-regression-fisher-rao", spherical=True).on(MESHES["line"])


@every_structure
@everywhere
def test_onsager_operators_are_symmetric_and_positive_semidefinite_at_random_states(member: Member, place: str) -> None:
    mesh = MESHES[place]
    for seed in (1, 2):
        found = matrix(mesh, member.on(mesh).onsager(mesh, state(mesh, seed)[0]))
        scale = np.abs(found).max()
        assert np.abs(found - found.T).max() <= 1e-9 * scale
        values = np.linalg.eigvalsh((found + found.T) / 2)
        assert values[0] >= -1e-9 * values[-1] and values[-1] > 0


@pytest.mark.parametrize("member", sorted(REGRESSIONS, key=str), ids=str)
def test_plain_regressions_are_not_symmetric(member: Member) -> None:
    mesh = MESHES["line"]
    found = matrix(mesh, member.on(mesh).onsager(mesh, state(mesh, 1)[0]))
    assert np.abs(found - found.T).max() > 1e-2 * np.abs(found).max()


@every_structure
@everywhere
def test_potentials_are_conjugate_with_equality_on_the_flow_only(member: Member, place: str) -> None:
    """R(u) + R*(-eta) >= -<eta, u>, with equality where u = -K eta; the gap is R(u + K eta)."""
    mesh = MESHES[place]
    density, xi, eta = state(mesh, 3)
    onsager = member.on(mesh).onsager(mesh, density)
    u = -onsager.apply(xi)
    rate, slope = sum(onsager.primal(u, guess=-xi)), sum(onsager.dual(xi))
    assert slope == pytest.approx(-integrate(mesh, xi * u) / 2, rel=1e-8) and slope > 0
    assert rate + slope == pytest.approx(-integrate(mesh, xi * u), rel=1e-8)
    gap = rate + sum(onsager.dual(eta)) + integrate(mesh, eta * u)
    assert gap > 1e-3 * (rate + sum(onsager.dual(eta)))
    assert gap == pytest.approx(sum(onsager.dual(eta - xi)), rel=1e-7)


@every_structure
@everywhere
def test_primal_potentials_need_no_guess(member: Member, place: str) -> None:
    mesh = MESHES[place]
    density, xi, _ = state(mesh, 4)
    onsager = member.on(mesh).onsager(mesh, density)
    image = onsager.apply(xi)
    assert sum(onsager.primal(image)) == pytest.approx(sum(onsager.dual(xi)), rel=1e-6)


@pytest.mark.parametrize("member", MEMBERS, ids=str)
@everywhere
def test_mass_is_kept_exactly_where_the_geometry_says_so(member: Member, place: str) -> None:
    mesh = MESHES[place]
    geometry = member.on(mesh)
    assert geometry.conserves_mass is (member.spherical or member.name in TRANSPORTS)
    for seed in (5, 6):
        density, xi, _ = state(mesh, seed)
        rate = geometry.onsager(mesh, density).apply(xi)
        share = abs(integrate(mesh, rate)) / integrate(mesh, np.abs(rate))
        assert share < 1e-9 if geometry.conserves_mass else share > 1e-6


@pytest.mark.parametrize("member", [member for member in MEMBERS if member.spherical], ids=str)
@everywhere
def test_spherical_operators_are_the_schur_form_of_the_plain_ones(member: Member, place: str) -> None:
    """K - K 1 1^T K / (1^T K 1), and R*(xi) the least of the plain R*(xi - c)."""
    mesh = MESHES[place]
    density, xi, _ = state(mesh, 7)
    base = Member(member.name, False, member.symmetric).on(mesh).onsager(mesh, density)
    found = member.on(mesh).onsager(mesh, density)
    plain, ones = matrix(mesh, base), np.ones(mesh.size)
    schur = plain - np.outer(plain @ ones, ones @ plain) / (ones @ plain @ ones)
    assert np.abs(matrix(mesh, found) - schur).max() <= 1e-8 * np.abs(plain).max()
    least = sum(found.dual(xi))
    assert all(least <= sum(base.dual(xi - c)) * (1 + 1e-9) for c in np.linspace(-2, 2, 9))

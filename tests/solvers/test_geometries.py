"""Onsager operators and dissipation potentials: symmetry, duality, sums, constraints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.fluxes import harmonic, scharfetter_gummel
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Sum, Wasserstein
from mudot.solvers.geometries.wasserstein import WassersteinOnsager
from mudot.solvers.linear import conjugate_gradients
from mudot.solvers.operators import stencil_of

MESHES = {
    "line": Cartesian(17, -1.0, 2.0),
    "circle": Cartesian(16, -1.0, 2.0, "periodic"),
    "graded": Cartesian.graded([np.cumsum([0.0, 0.3, 0.1, 0.5, 0.2, 0.2, 0.4, 0.15])]),
    "graded circle": Cartesian.graded([np.cumsum([0.0, 0.3, 0.1, 0.5, 0.2, 0.2, 0.4, 0.15])], "periodic"),
    "square": Cartesian((7, 6), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux")),
    "box": Cartesian.graded([[0, 0.5, 1.2, 2], [0, 1, 1.5], [0, 0.2, 1.0, 1.1]], ("no-flux", "no-flux", "periodic")),
}
GEOMETRIES: dict[str, Geometry] = {
    "W": Wasserstein(0.7),
    "FR": FisherRao(1.3),
    "SFR": Spherical(FisherRao(0.8)),
    "WFR": Wasserstein(0.5) + FisherRao(1.5),
    "SWFR": Spherical(Wasserstein(1.2) + FisherRao(0.6)),
    "W+SFR": Wasserstein(1.2) + Spherical(FisherRao(0.6)),
}
CASES = [(mesh, geometry) for mesh in MESHES for geometry in GEOMETRIES]


def state(mesh: Cartesian, seed: int, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A positive density and two forces."""
    rng = np.random.default_rng(seed)
    return np.exp(spread * rng.normal(size=mesh.shape)), rng.normal(size=mesh.shape), rng.normal(size=mesh.shape)


def admissible(mesh: Cartesian, geometry: Geometry, rate: np.ndarray) -> np.ndarray:
    """The rate, with its mass taken out where the geometry keeps mass (R is infinite otherwise)."""
    return rate - integrate(mesh, rate) / integrate(mesh, 0 * rate + 1) if geometry.conserves_mass else rate


@pytest.mark.parametrize(("mesh_name", "name"), CASES)
def test_onsager_operator_is_symmetric_and_nonnegative(mesh_name: str, name: str) -> None:
    mesh, geometry = MESHES[mesh_name], GEOMETRIES[name]
    for seed in range(5):
        density, f, g = state(mesh, seed)
        onsager = geometry.onsager(mesh, density)
        forward, backward = integrate(mesh, g * onsager.apply(f)), integrate(mesh, f * onsager.apply(g))
        size = integrate(mesh, np.abs(g * onsager.apply(f)))
        assert abs(forward - backward) < 1e-13 * size
        assert integrate(mesh, f * onsager.apply(f)) > 0
        assert sum(onsager.dual(f)) == pytest.approx(integrate(mesh, f * onsager.apply(f)) / 2, rel=1e-12)


@pytest.mark.parametrize(("mesh_name", "name"), CASES)
def test_fenchel_inequality_with_equality_on_the_graph(mesh_name: str, name: str) -> None:
    """R(u) + R*(xi) >= <u, xi>, with equality for u = K xi."""
    mesh, geometry = MESHES[mesh_name], GEOMETRIES[name]
    for seed in range(4):
        density, xi, u = state(mesh, seed)
        onsager = geometry.onsager(mesh, density)
        u = admissible(mesh, geometry, u)
        assert sum(onsager.primal(u)) + sum(onsager.dual(xi)) >= integrate(mesh, u * xi) * (1 - 1e-12)
        image = onsager.apply(xi)
        both = sum(onsager.primal(image)) + sum(onsager.dual(xi))
        assert both == pytest.approx(integrate(mesh, image * xi), rel=1e-9)
        assert onsager.primal(image) == pytest.approx(onsager.dual(xi), rel=1e-6)


@pytest.mark.parametrize(("mesh_name", "name"), CASES)
def test_guess_saves_work_and_changes_nothing(mesh_name: str, name: str) -> None:
    mesh, geometry = MESHES[mesh_name], GEOMETRIES[name]
    density, xi, u = state(mesh, 11)
    onsager = geometry.onsager(mesh, density)
    u = admissible(mesh, geometry, u)
    for guess in (0 * xi, xi, 1000 * xi):
        assert sum(onsager.primal(u, guess)) == pytest.approx(sum(onsager.primal(u)), rel=1e-8)


@pytest.mark.parametrize(("mesh_name", "name"), CASES)
def test_potentials_scale_with_the_weights(mesh_name: str, name: str) -> None:
    """R* is multiplied by the factor, R divided by it, and both are quadratic."""
    mesh, geometry = MESHES[mesh_name], GEOMETRIES[name]
    density, xi, u = state(mesh, 3)
    u = admissible(mesh, geometry, u)
    one, three = geometry.onsager(mesh, density), (3 * geometry).onsager(mesh, density)  # type: ignore[operator]
    assert three.dual(xi) == pytest.approx([3 * v for v in one.dual(xi)], rel=1e-12)
    assert sum(three.primal(u)) == pytest.approx(sum(one.primal(u)) / 3, rel=1e-8)
    assert one.dual(2 * xi) == pytest.approx([4 * v for v in one.dual(xi)], rel=1e-12)
    assert sum(one.primal(2 * u)) == pytest.approx(4 * sum(one.primal(u)), rel=1e-8)


@pytest.mark.parametrize(("mesh_name", "name"), CASES)
def test_mass_is_kept_exactly_where_the_geometry_says_so(mesh_name: str, name: str) -> None:
    mesh, geometry = MESHES[mesh_name], GEOMETRIES[name]
    density, xi, _ = state(mesh, 5)
    change = geometry.onsager(mesh, density).apply(xi)
    share = abs(integrate(mesh, change)) / integrate(mesh, np.abs(change))
    assert geometry.conserves_mass == (name not in ("FR", "WFR"))
    assert share < 1e-14 if geometry.conserves_mass else share > 1e-4


@pytest.mark.parametrize("mesh_name", MESHES)
def test_operators_of_a_sum_add_and_its_parts_keep_their_order(mesh_name: str) -> None:
    mesh = MESHES[mesh_name]
    density, xi, _ = state(mesh, 7)
    parts = [Wasserstein(0.5), FisherRao(1.5), Wasserstein(2.0)]
    total = parts[0] + parts[1] + parts[2]
    assert isinstance(total, Sum) and total.parts == ("wasserstein", "fisher-rao", "wasserstein")
    images = [part.onsager(mesh, density).apply(xi) for part in parts]
    assert np.abs(total.onsager(mesh, density).apply(xi) - sum(images)).max() < 1e-13 * np.abs(sum(images)).max()
    assert total.onsager(mesh, density).dual(xi) == pytest.approx(
        [part.onsager(mesh, density).dual(xi)[0] for part in parts], rel=1e-14
    )


@pytest.mark.parametrize("mesh_name", MESHES)
@given(seed=st.integers(0, 10_000))
def test_inf_convolution_is_below_every_decomposition(mesh_name: str, seed: int) -> None:
    """R_sum(u) <= R_1(u_1) + R_2(u - u_1) for every u_1, in particular for u_1 = 0 and u_1 = u."""
    mesh = MESHES[mesh_name]
    density, _, u = state(mesh, seed)
    transport, reaction = Wasserstein(0.5), FisherRao(1.5)
    total = sum((transport + reaction).onsager(mesh, density).primal(u))
    reacting = reaction.onsager(mesh, density)
    assert total <= reacting.primal(u)[0] * (1 + 1e-9)
    moved = admissible(mesh, transport, u)
    for share in (0.2, 0.5, 1.0):
        first = transport.onsager(mesh, density).primal(share * moved)[0]
        assert total <= (first + reacting.primal(u - share * moved)[0]) * (1 + 1e-9)


@pytest.mark.parametrize("mesh_name", MESHES)
def test_parts_of_the_inf_convolution_are_those_of_the_optimal_decomposition(mesh_name: str) -> None:
    """With K phi = u, the parts of R are R_i(K_i phi) = R*_i(phi)."""
    mesh = MESHES[mesh_name]
    density, phi, _ = state(mesh, 9)
    transport, reaction = Wasserstein(0.5).onsager(mesh, density), FisherRao(1.5).onsager(mesh, density)
    u = transport.apply(phi) + reaction.apply(phi)
    found = (Wasserstein(0.5) + FisherRao(1.5)).onsager(mesh, density).primal(u)
    exact = (transport.primal(transport.apply(phi))[0], reaction.primal(reaction.apply(phi))[0])
    assert found == pytest.approx(exact, rel=1e-7)


@pytest.mark.parametrize("mesh_name", MESHES)
def test_spherical_potential_is_the_minimum_over_constants(mesh_name: str) -> None:
    mesh = MESHES[mesh_name]
    for base in (FisherRao(0.8), Wasserstein(1.2) + FisherRao(0.6)):
        density, xi, _ = state(mesh, 13)
        constrained = sum(Spherical(base).onsager(mesh, density).dual(xi))
        free = base.onsager(mesh, density)
        values = [sum(free.dual(xi - c)) for c in np.linspace(-3, 3, 601)]
        assert constrained <= min(values) * (1 + 1e-14)
        assert constrained == pytest.approx(min(values), rel=1e-3)
        shifted = sum(Spherical(base).onsager(mesh, density).dual(xi + 100.0))
        assert shifted == pytest.approx(constrained, rel=1e-10)


def test_spherical_of_a_geometry_that_keeps_mass_is_that_geometry() -> None:
    mesh = MESHES["square"]
    density = state(mesh, 1)[0]
    assert isinstance(Spherical(Wasserstein()).onsager(mesh, density), WassersteinOnsager)
    assert Spherical(Wasserstein()).parts == ("wasserstein",)


def by_conjugate_gradients(mesh: Cartesian, onsager: WassersteinOnsager, rate: np.ndarray) -> float:
    """1/2 <u, phi> with K phi = u."""
    weight = stencil_of(mesh, rate).volumes.reshape(mesh.shape)
    phi = conjugate_gradients(onsager.apply, rate, weight, onsager.diagonal(), tolerance=1e-13).solution
    return 0.5 * integrate(mesh, rate * phi)


@pytest.mark.parametrize("mesh_name", ["line", "circle", "graded", "graded circle"])
@pytest.mark.parametrize("flux", ["logarithmic mean", "scharfetter-gummel", "harmonic"])
@given(seed=st.integers(0, 10_000))
def test_summed_flux_in_one_dimension_agrees_with_conjugate_gradients(mesh_name: str, flux: str, seed: int) -> None:
    mesh = MESHES[mesh_name]
    density, log_target, u = state(mesh, seed)
    make = {"logarithmic mean": None, "scharfetter-gummel": scharfetter_gummel, "harmonic": harmonic}[flux]
    geometry = Wasserstein(0.7, make(mesh, log_target) if make else None)
    onsager = geometry.onsager(mesh, density)
    u = admissible(mesh, geometry, u)
    assert onsager.primal(u)[0] == pytest.approx(by_conjugate_gradients(mesh, onsager, u), rel=1e-9)


def test_action_of_a_translation_is_half_the_squared_speed() -> None:
    """u = -c mu' costs R = c^2/(2 alpha) times the mass, in one and two dimensions, to second order."""
    errors = []
    for n in (40, 80):
        mesh = Cartesian((n, 8), (-8.0, 0.0), (8.0, 1.0))
        x = mesh.coordinates[0] + np.zeros(mesh.shape)
        density = np.exp(-(x**2) / 2)
        rate = 3.0 * x * density
        exact = 9.0 / (2 * 0.5) * integrate(mesh, density)
        errors.append(abs(Wasserstein(0.5).onsager(mesh, density).primal(rate)[0] / exact - 1))
        line = Cartesian(n, -8.0, 8.0)
        single = Wasserstein(0.5).onsager(line, density[:, 0].copy()).primal(rate[:, 0].copy())[0]
        assert single == pytest.approx(Wasserstein(0.5).onsager(mesh, density).primal(rate)[0], rel=1e-6)
    assert errors[1] < errors[0] / 3.5 and errors[1] < 0.02


def test_constant_current_on_a_circle_costs_nothing_less_than_its_gradient_part() -> None:
    """On a circle the flux is made a gradient: R is the least action over all fluxes with the same divergence."""
    mesh = MESHES["graded circle"]
    density, _, u = state(mesh, 21)
    u = admissible(mesh, Wasserstein(), u)
    onsager = Wasserstein().onsager(mesh, density)
    places = stencil_of(mesh, u)
    flux = -np.cumsum(u * places.volumes)
    resistance = places.distance / onsager.mobility
    actions = [0.5 * float((resistance * (flux + c) ** 2).sum()) for c in np.linspace(-3, 3, 2001)]
    assert onsager.primal(u)[0] <= min(actions) * (1 + 1e-14)
    assert onsager.primal(u)[0] == pytest.approx(min(actions), rel=1e-4)


def test_action_is_right_with_tails_over_hundreds_of_orders() -> None:
    """Far tails carry tiny fluxes over tiny mobilities: each is summed from its own side."""
    mesh = Cartesian(200, -30.0, 30.0)
    (x,) = mesh.centers
    density = np.exp(-(x**2) / 2)
    onsager = Wasserstein().onsager(mesh, density)
    xi = x**2 / 2 - x
    assert onsager.primal(onsager.apply(xi))[0] == pytest.approx(onsager.dual(xi)[0], rel=1e-10)


def test_fisher_rao_potentials_are_the_textbook_integrals() -> None:
    mesh = MESHES["box"]
    density, xi, u = state(mesh, 2)
    onsager = FisherRao(0.4).onsager(mesh, density)
    assert onsager.dual(xi)[0] == pytest.approx(0.2 * integrate(mesh, density * xi**2), rel=1e-14)
    assert onsager.primal(u)[0] == pytest.approx(integrate(mesh, u**2 / density) / 0.8, rel=1e-14)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf"), float("nan")])
def test_weights_that_are_not_positive_are_refused(weight: float) -> None:
    with pytest.raises(MudotError, match="transport: expected a positive finite weight"):
        Wasserstein(weight)
    with pytest.raises(MudotError, match="reaction: expected a positive finite weight"):
        FisherRao(weight)
    with pytest.raises(MudotError, match="positive finite weight"):
        weight * (Wasserstein() + FisherRao())


def test_algebra_reads_like_the_formula() -> None:
    assert 2 * Wasserstein(0.5) == Wasserstein(1.0)
    assert 2 * (Wasserstein() + 0.5 * FisherRao()) == Sum((Wasserstein(2.0), FisherRao(1.0)))
    assert 3 * Spherical(FisherRao()) == Spherical(FisherRao(3.0))
    assert (Wasserstein() + FisherRao()).parts == ("wasserstein", "fisher-rao")

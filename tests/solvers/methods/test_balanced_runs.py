"""Discrete gradients elsewhere: on a device, in space, for networks and for aggregation without diffusion."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.averages import integrate, norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import FreeEnergy, KullbackLeibler, Neurons, PowerDivergence, ShallowNetwork
from mudot.solvers.flows import GradientFlow, solve
from mudot.solvers.geometries import FisherRao, Spherical, Wasserstein
from mudot.solvers.interactions import Interaction
from mudot.solvers.methods.choice import discrete_gradient
from tests import device

LINE = Cartesian(24, -2.0, 2.0)
PLANE = Cartesian((9, 8), (-2.0, -2.0), (2.0, 2.0), ("no-flux", "periodic"))
SPACE = Cartesian((6, 5, 4), (-1.0,) * 3, (1.0,) * 3)


def bump(mesh: Cartesian, place: float = 0.3) -> np.ndarray:
    density = 0.1 + np.exp(-2 * sum((x - place) ** 2 for x in mesh.coordinates)) * np.ones(mesh.shape)
    return np.asarray(density / integrate(mesh, density))


@pytest.mark.parametrize("mesh", [LINE, PLANE, SPACE], ids=["line", "plane", "space"])
def test_runs_on_a_device_are_those_of_the_host_and_steps_send_nothing(mesh: Cartesian) -> None:
    library = device.library()
    energy, start = PowerDivergence(2.0, bump(mesh, -0.4)), bump(mesh)
    geometry = Wasserstein() + 0.5 * FisherRao()
    host = solve(GradientFlow(mesh, energy, geometry), start, [0.0, 0.1], rtol=1e-3)
    there = solve(GradientFlow(mesh, energy.on(library), geometry), library.to_device(start), [0.0, 0.1], rtol=1e-3)
    assert there.status == "complete" and there.frames[-1].steps == host.frames[-1].steps
    np.testing.assert_allclose(there.density[-1], host.density[-1], rtol=1e-7)
    assert np.abs(there.balance).max() < 1e-12
    method = discrete_gradient(mesh, energy.on(library), geometry)
    state = library.to_device(start)
    method.booked(state, 0.01, 0.01, 0.1)
    with device.watched() as traffic:
        method.booked(state, 0.01, 0.01, 0.1)
    assert (traffic.to_device, traffic.to_host) == (0, 0)


@pytest.mark.parametrize("entropy", [0.0, 0.05])
@pytest.mark.parametrize("geometry", [Wasserstein(), Spherical(Wasserstein() + FisherRao())], ids=["w", "wfr"])
def test_training_by_discrete_gradients_balances_at_every_step_and_meets_the_explicit_one(
    entropy: float, geometry: Wasserstein | Spherical
) -> None:
    mesh = Cartesian((16, 16), (-3.0, -3.0), (3.0, 3.0))
    inputs = np.linspace(-2.0, 2.0, 8)[:, None]
    prior = KullbackLeibler(np.exp(-sum(x**2 for x in mesh.coordinates) / 2) / (2 * np.pi))
    energy = ShallowNetwork(
        Neurons(inputs, "tanh", ("amplitude", "weight")), np.sin(inputs[:, 0]), entropy, prior if entropy else None
    )
    start = bump(mesh)
    explicit = solve(GradientFlow(mesh, energy, geometry), start, [0.0, 0.5], rtol=1e-5)
    balanced = solve(GradientFlow(mesh, energy, geometry, integrator="discrete-gradient"), start, [0.0, 0.5], rtol=1e-3)
    assert balanced.status == "complete" and balanced.minimum.min() > 0
    assert np.abs(balanced.balance).max() < 1e-12 * balanced.energy[0]
    assert np.ptp(balanced.mass) < 1e-12
    assert norm(mesh, balanced.density[-1] - explicit.density[-1]) < 3e-3


def test_slopes_at_a_distance_are_those_of_the_mean_variation() -> None:
    pull = FreeEnergy(0.5, 2.0, None, Interaction(lambda x: np.exp(-np.abs(x))))
    net = ShallowNetwork(Neurons(np.array([[1.0], [-0.5]]), "tanh", ("weight",)), np.array([1.0, 0.0]))
    rng = np.random.default_rng(0)
    for energy in (pull, net):
        a, b = 0.5 + rng.random((2, *LINE.shape))
        change = 1e-5 * b * rng.normal(size=LINE.shape)
        both = [energy.mean_variation(LINE, a, b + sign * change) for sign in (1, -1)]
        own = energy.mean_slope(LINE, a, b) * change / b
        np.testing.assert_allclose(own + energy.distant_slope(LINE, change), (both[0] - both[1]) / 2, atol=1e-13)


def test_aggregation_without_diffusion_is_followed_with_exact_books_to_its_stationary_state() -> None:
    # W = x^2/2 - |x|: uniform on [-a, a], a = 1 - exp(-t)/2.
    mesh = Cartesian(80, -2.0, 2.0)
    start = np.where(np.abs(mesh.centers[0]) < 0.5, 1.0, 0.0)
    energy = FreeEnergy(0.0, interaction=Interaction(lambda x: x**2 / 2 - np.abs(x), "core"))
    flow = GradientFlow(mesh, energy, Wasserstein(), integrator="discrete-gradient")
    solution = solve(flow, start, [0.0, 1.0], rtol=1e-2)
    assert solution.status == "complete" and np.ptp(solution.mass) < 1e-12
    assert np.abs(solution.balance).max() < 1e-11
    reach = 1 - np.exp(-1.0) / 2
    assert float(solution.energy[-1]) == pytest.approx(reach**2 / 6 - reach / 3, abs=2e-4)

"""The energy of a mean-field network and its flows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import KullbackLeibler, Neurons, ShallowNetwork
from mudot.solvers.energies import neurons as module
from mudot.solvers.energies.neurons import ACTIVATIONS, usual_parameters
from mudot.solvers.flows import GradientFlow, Solution, solve
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein

PLANE = Cartesian((10, 12), (-2.5, -3.0), (2.5, 3.0))
INPUTS = np.linspace(-2, 2, 9)[:, None]
LABELS = 0.8 * np.sin(1.5 * INPUTS[:, 0])


def gaussian(mesh: Cartesian, center: float, variance: float) -> np.ndarray:
    values = np.exp(-sum((c - center) ** 2 for c in mesh.coordinates) / (2 * variance))
    return np.asarray(values / (values * mesh.volumes).sum())


def network(mesh: Cartesian, entropy: float = 0.0, potential: bool = False) -> ShallowNetwork:
    neurons = Neurons(INPUTS, "tanh", usual_parameters(mesh.dimension, 1))
    weight_decay = 0.05 * sum(c**2 for c in mesh.coordinates) + np.zeros(mesh.shape) if potential else None
    return ShallowNetwork(neurons, LABELS, entropy, KullbackLeibler(gaussian(mesh, 0.0, 1.0)), weight_decay)


def features(mesh: Cartesian, parameters: tuple[str, ...], inputs: np.ndarray, sigma: str) -> np.ndarray:
    """phi(theta_K; x_i), shape (data, cells), neuron by neuron."""
    cells = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
    table = np.empty((inputs.shape[0], mesh.size))
    for k, theta in enumerate(cells):
        weights = [t for t, name in zip(theta, parameters, strict=True) if name == "weight"]
        amplitude = next((t for t, name in zip(theta, parameters, strict=True) if name == "amplitude"), 1.0)
        bias = next((t for t, name in zip(theta, parameters, strict=True) if name == "bias"), 0.0)
        table[:, k] = amplitude * ACTIVATIONS[sigma](np, inputs @ np.array(weights) + bias)
    return table


@pytest.mark.parametrize("kept", [True, False], ids=["tabulated", "by blocks"])
@pytest.mark.parametrize(
    "parameters",
    [
        ("weight",),
        ("amplitude", "weight"),
        ("weight", "amplitude"),
        ("weight", "weight"),
        ("weight", "bias", "amplitude"),
        ("amplitude", "weight", "weight"),
    ],
)
def test_products_with_the_features_are_those_of_the_full_matrix(
    parameters: tuple[str, ...], kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr(module, "_KEPT", 0)
        monkeypatch.setattr(module, "_BLOCK", 8 * 60)
    mesh = Cartesian((5, 4, 3)[: len(parameters)], (-1.0, -2.0, 0.5)[: len(parameters)], (2.0,) * len(parameters))
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(7, parameters.count("weight")))
    table = features(mesh, parameters, inputs, "softplus")
    neurons = Neurons(inputs, "softplus", parameters)
    masses, coefficients = rng.random(mesh.shape), rng.normal(size=7)
    assert neurons.outputs(mesh, masses) == pytest.approx(table @ masses.reshape(-1), rel=1e-13)
    found = neurons.combined(mesh, coefficients)
    assert found.shape == mesh.shape
    assert found.reshape(-1) == pytest.approx(coefficients @ table, rel=1e-12, abs=1e-13)
    assert neurons.table_bytes(mesh.shape) > 0


@pytest.mark.parametrize("sigma", sorted(ACTIVATIONS))
def test_the_first_variation_is_the_derivative_of_the_energy(sigma: str) -> None:
    energy = ShallowNetwork(
        Neurons(INPUTS, sigma, ("amplitude", "weight")), LABELS, 0.1, KullbackLeibler(gaussian(PLANE, 0.0, 2.0))
    )
    rng = np.random.default_rng(2)
    density, change = gaussian(PLANE, 0.3, 0.5) + 0.01, rng.normal(size=PLANE.shape)
    step = 1e-5
    slope = energy.value(PLANE, density + step * 0.01 * change) - energy.value(PLANE, density - step * 0.01 * change)
    expected = integrate(PLANE, 0.01 * change * energy.first_variation(PLANE, density))
    assert slope / (2 * step) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 300), entropy=st.sampled_from([0.0, 1e-3, 1.0]))
def test_the_mean_variation_obeys_the_chain_rule_exactly(seed: int, spread: float, entropy: float) -> None:
    rng = np.random.default_rng(seed)
    energy = network(PLANE, entropy, potential=True)
    before, after = (np.exp(-spread * rng.random(PLANE.shape)) for _ in range(2))
    drop = energy.value(PLANE, after) - energy.value(PLANE, before)
    size = abs(energy.value(PLANE, after)) + abs(energy.value(PLANE, before)) + 1
    mean = energy.mean_variation(PLANE, before, after)
    assert integrate(PLANE, (after - before) * mean) == pytest.approx(drop, abs=1e-13 * size)
    same = energy.mean_variation(PLANE, before, before)
    assert same == pytest.approx(energy.first_variation(PLANE, before), rel=1e-12, abs=1e-12)


FLOWS: list[Geometry] = [
    Wasserstein(),
    Wasserstein() + FisherRao(0.7),
    Wasserstein() + Spherical(FisherRao(0.7)),
    FisherRao(),
    Spherical(FisherRao()),
]


def solved(mesh: Cartesian, entropy: float, geometry: Geometry) -> Solution:
    flow = GradientFlow(mesh, network(mesh, entropy), geometry)
    return solve(flow, gaussian(mesh, 0.2, 0.3), [0.0, 0.5, 2.0], rtol=1e-5)


@pytest.mark.parametrize("geometry", FLOWS, ids=str)
@pytest.mark.parametrize("entropy", [0.0, 0.03])
def test_training_lowers_the_energy_by_what_the_ledger_says(entropy: float, geometry: Geometry) -> None:
    solution = solved(PLANE, entropy, geometry)
    assert solution.status == "complete"
    assert np.all(np.diff(solution.energy) < 0) and solution.minimum.min() > 0
    assert np.abs(solution.balance).max() < 1e-5 * solution.energy[0]
    if geometry.conserves_mass:
        assert np.ptp(solution.mass) < 1e-13


@pytest.mark.parametrize("dimension", [1, 3])
def test_networks_train_on_lines_and_in_space(dimension: int) -> None:
    mesh = Cartesian(24, -3.0, 3.0) if dimension == 1 else Cartesian((6, 8, 7), (-2,) * 3, (2,) * 3)
    solution = solved(mesh, 0.02, Wasserstein() + Spherical(FisherRao(0.5)))
    assert solution.status == "complete" and np.all(np.diff(solution.energy) < 0)
    assert np.abs(solution.balance).max() < 1e-6 * solution.energy[0]


def test_with_entropy_the_flow_settles_at_the_gibbs_measure_of_its_own_drift() -> None:
    energy, mesh = network(PLANE, 0.2), PLANE
    solution = solve(GradientFlow(mesh, energy, Wasserstein()), gaussian(mesh, 0.2, 0.3), [0.0, 200.0], rtol=1e-8)
    end = solution.density[-1]
    gibbs = np.exp(-energy.drift_potential(mesh, end) / energy.entropy)
    gibbs /= integrate(mesh, gibbs)
    assert np.abs(end / gibbs - 1).max() < 1e-6


@pytest.mark.parametrize("entropy", [0.0, 0.05])
def test_errors_in_space_fall_with_second_order(entropy: float) -> None:
    found = []
    for n in (16, 32, 64):
        mesh = Cartesian((n, n), (-3.0, -3.0), (3.0, 3.0))
        flow = GradientFlow(mesh, network(mesh, entropy), Wasserstein())
        found.append(solve(flow, gaussian(mesh, 0.2, 0.3), [0.0, 1.0], rtol=1e-6).density[-1])
    joined = [fine.reshape(n, 2, n, 2).mean(axis=(1, 3)) for n, fine in zip((16, 32), found[1:], strict=True)]
    gaps = [np.abs(a - b).mean() for a, b in zip(joined, found, strict=False)]
    assert 1.6 < np.log2(gaps[0] / gaps[1]) < 2.2


def test_what_makes_no_network_is_refused_in_one_line() -> None:
    line = ("weight",)
    for make, word in (
        (lambda: Neurons(INPUTS, "swish", line), "tanh"),
        (lambda: Neurons(INPUTS, "tanh", ("weight", "weight")), "one 'weight' per input"),
        (lambda: Neurons(INPUTS, "tanh", ("amplitude", "amplitude", "weight")), "at most once"),
        (lambda: Neurons(INPUTS, "tanh", ("weight", "speed")), "'amplitude' and 'bias'"),
        (lambda: usual_parameters(1, 2), "2 to 4 axes"),
        (lambda: ShallowNetwork(Neurons(INPUTS, "tanh", line), LABELS[1:]), "one per row"),
        (lambda: ShallowNetwork(Neurons(INPUTS, "tanh", line), LABELS, -1.0), "entropy"),
        (lambda: ShallowNetwork(Neurons(INPUTS, "tanh", line), LABELS, 1.0), "prior"),
        (lambda: network(PLANE).value(Cartesian(3, 0.0, 1.0), np.ones(3)), "one per axis"),
    ):
        with pytest.raises(MudotError, match=word) as refusal:
            make()
        assert "\n" not in str(refusal.value)

"""Which method solves which flow, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Stein, Sum, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.solvers.methods.balanced_steps import BalancedSteps
from mudot.solvers.methods.choice import method_for
from mudot.solvers.methods.reaction import PowerReaction
from mudot.solvers.methods.semigroup import FokkerPlanck
from mudot.solvers.methods.splitting import SymmetricSplitting

MESH = Cartesian(6, 0.0, 1.0)
KL = PowerDivergence(1, np.ones(6))


def test_transport_is_a_semigroup_and_reaction_a_closed_form() -> None:
    transport = method_for(MESH, KL, 2 * Wasserstein(0.25))
    assert isinstance(transport, FokkerPlanck) and transport.transport == 0.5
    plain = method_for(MESH, PowerDivergence(3, np.ones(6)), 3 * FisherRao(0.5), "stays")
    assert isinstance(plain, PowerReaction) and plain.reaction == 1.5
    assert not plain.spherical and plain.vacuum == "stays"
    spherical = method_for(MESH, KL, Spherical(FisherRao()))
    assert isinstance(spherical, PowerReaction) and spherical.spherical


@pytest.mark.parametrize(
    "geometry",
    [
        Spherical(Wasserstein() + FisherRao(0.4)),
        Wasserstein() + Spherical(FisherRao(0.4)),
        Spherical(Spherical(FisherRao(0.4)) + Wasserstein()),
        2 * Spherical(0.5 * Wasserstein() + FisherRao(0.2)),
    ],
)
def test_all_ways_of_writing_the_spherical_sum_are_one_method(geometry: Geometry) -> None:
    method = method_for(MESH, KL, geometry)
    assert isinstance(method, SymmetricSplitting)
    assert method.reaction.spherical and method.reaction.reaction == pytest.approx(0.4)
    assert method.transport.transport == 1.0


@pytest.mark.parametrize(
    ("power", "geometry", "word"),
    [
        (1.0, FisherRao() + Spherical(FisherRao()), "plain and spherical"),
        (1.0, Wasserstein() + Wasserstein(2.0), "more than one Wasserstein"),
        (1.0, Sum(()), "without terms"),
        (2.0, Wasserstein() + Stein(GaussianKernel(0.3)), "no method joins it with parts that a kernel smooths"),
    ],
)
def test_flows_without_a_method_are_refused_in_one_line(power: float, geometry: Geometry, word: str) -> None:
    with pytest.raises(MudotError, match=word) as refusal:
        method_for(MESH, PowerDivergence(power, np.ones(6)), geometry)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("power", [2.0, 0.0, 0.5])
def test_nonlinear_transport_is_solved_by_discrete_gradients(power: float) -> None:
    for geometry in (Wasserstein(), 0.5 * Wasserstein() + FisherRao(), Spherical(Wasserstein() + FisherRao(2.0))):
        method = method_for(MESH, PowerDivergence(power, np.ones(6)), geometry)
        assert isinstance(method, BalancedSteps) and method.parts == geometry.parts
        equation = method.equation
        assert equation.spherical is geometry.conserves_mass or not equation.reaction


def test_unknown_energies_and_geometries_are_refused_by_name() -> None:
    class Entropy:
        name = "entropy"
        multiplicative = False
        conserves_mass = True
        parts = ("entropy",)

    with pytest.raises(MudotError, match="entropy"):
        method_for(MESH, Entropy(), Wasserstein())  # type: ignore[arg-type]
    with pytest.raises(MudotError, match="no method for entropy"):
        method_for(MESH, KL, Entropy())  # type: ignore[arg-type]

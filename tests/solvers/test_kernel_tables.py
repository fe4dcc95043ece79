"""[kernel] tables: which kernel they give to whom, and one line for what cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.meshes.errors import MudotError
from mudot.solvers.energies import MaximumMeanDiscrepancy
from mudot.solvers.flows import solve
from mudot.solvers.geometries import (
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    Spherical,
    Stein,
)
from mudot.solvers.kernels.functions import (
    EnergyDistanceKernel,
    GaussianKernel,
    InverseMultiquadricKernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
)
from mudot.solvers.problem import load

MMD = '[energy]\nname = "mmd"'
PLAIN = '[geometry]\nname = "fisher-rao"'
RIDGE = '[geometry]\nname = "kernel-approximate-fisher-rao"\nridge = 0.1\nspherical = true'
SMOOTH = '[geometry]\nname = "kernelized-fisher-rao"\nreaction = 2.0'
WIDE = '\n[kernel]\nname = "gaussian"\nbandwidth = 0.5'

KERNELS = {
    'name = "gaussian"\nbandwidth = 0.5': GaussianKernel(0.5),
    'name = "laplace"\nbandwidth = 1': LaplaceKernel(1.0),
    'name = "matern"\nbandwidth = 0.3\nnu = 1.5': MaternKernel(0.3, 1.5),
    'name = "inverse-multiquadric"\nbandwidth = 2.0': InverseMultiquadricKernel(2.0),
    'name = "energy-distance"': EnergyDistanceKernel(),
    'name = "polynomial"\ndegree = 2\noffset = 1.0': PolynomialKernel(2, 1.0),
}


@pytest.mark.parametrize("table", KERNELS)
def test_every_kernel_has_its_table(table: str, problem_file: Callable[..., Path]) -> None:
    energy = load(problem_file(energy=MMD, geometry=f"{PLAIN}\n[kernel]\n{table}")).energy
    assert isinstance(energy, MaximumMeanDiscrepancy) and energy.kernel == KERNELS[table]


def test_one_table_serves_both_unless_one_has_its_own(problem_file: Callable[..., Path]) -> None:
    problem = load(problem_file(energy=MMD, geometry=SMOOTH + WIDE))
    assert problem.geometry == KernelizedFisherRao(GaussianKernel(0.5), 2.0)
    assert isinstance(problem.energy, MaximumMeanDiscrepancy) and problem.energy.kernel == GaussianKernel(0.5)
    own = '\n[energy.kernel]\nname = "laplace"\nbandwidth = 0.2'
    problem = load(problem_file(energy=MMD + own, geometry=RIDGE + WIDE))
    assert problem.geometry == Spherical(KernelApproximateFisherRao(GaussianKernel(0.5), 0.1))
    assert isinstance(problem.energy, MaximumMeanDiscrepancy) and problem.energy.kernel == LaplaceKernel(0.2)


NARROW = '\n[geometry.reaction_kernel]\nname = "laplace"\nbandwidth = 0.2'
SMOOTH_TRANSPORT = {
    'name = "stein"\ntransport = 2.0': Stein(GaussianKernel(0.5), 2.0),
    'name = "kernel-approximate-wasserstein"\nridge = 0.1': KernelApproximateWasserstein(GaussianKernel(0.5), 0.1),
    'name = "kernelized-wasserstein-fisher-rao"\nreaction = 3.0': (
        Stein(GaussianKernel(0.5)) + KernelizedFisherRao(GaussianKernel(0.5), 3.0)
    ),
    'name = "kernelized-wasserstein-fisher-rao"' + NARROW: (
        Stein(GaussianKernel(0.5)) + KernelizedFisherRao(LaplaceKernel(0.2))
    ),
    'name = "kernel-approximate-wasserstein-fisher-rao"\nridge = 0.1\nspherical = true': Spherical(
        KernelApproximateWasserstein(GaussianKernel(0.5), 0.1) + KernelApproximateFisherRao(GaussianKernel(0.5), 0.1)
    ),
}


@pytest.mark.parametrize("table", SMOOTH_TRANSPORT)
def test_smoothed_transport_has_its_tables_and_runs(table: str, problem_file: Callable[..., Path]) -> None:
    """A second kernel serves the reaction of a geometry with two; else one serves both."""
    head, _, tail = table.partition("\n[")
    geometry = f"[geometry]\n{head}{WIDE}" + (f"\n[{tail}" if tail else "")
    short = "[time]\nstop = 0.05\noutputs = 2\nrtol = 1e-4"
    problem = load(problem_file(geometry=geometry, time=short))
    assert problem.geometry == SMOOTH_TRANSPORT[table]
    solution = solve(problem.flow(), problem.start, problem.times, problem.rtol)
    assert solution.status == "complete" and solution.energy[-1] < solution.energy[0]
    assert abs(solution.balance[-1]) < 1e-4 * solution.energy[0]


def test_a_problem_with_a_kernel_runs_and_keeps_its_books(problem_file: Callable[..., Path]) -> None:
    problem = load(problem_file(geometry=RIDGE + WIDE, time="[time]\nstop = 0.5\noutputs = 3\nrtol = 1e-6"))
    solution = solve(problem.flow(), problem.start, problem.times, problem.rtol)
    assert solution.status == "complete"
    assert abs(solution.balance[-1]) < 1e-6 * solution.energy[0]


BAD = [
    (MMD, PLAIN, ("[kernel]", "missing table", "gaussian")),
    (MMD, PLAIN + WIDE.replace("gaussian", "gausian"), ("[kernel] name", "did you mean 'gaussian'")),
    (MMD, PLAIN + WIDE.replace("0.5", "-1"), ("[kernel] bandwidth", "-1", "positive")),
    (MMD, PLAIN + WIDE.replace("0.5", '"wide"'), ("[kernel] bandwidth", "'wide'")),
    (MMD, PLAIN + WIDE + "\nnu = 1.5", ("[kernel] nu", "unknown key")),
    (MMD, PLAIN + '\n[kernel]\nname = "matern"\nbandwidth = 1.0\nnu = 2.0', ("[kernel]", "nu", "2")),
    (MMD, PLAIN + '\n[kernel]\nname = "polynomial"\ndegree = 0\noffset = 1.0', ("[kernel] degree", "0")),
    (MMD, SMOOTH + '\n[kernel]\nname = "energy-distance"', ("energy-distance", "positive definite")),
    ('[energy]\nname = "kl"', PLAIN + WIDE, ("[kernel]", "neither")),
    (
        '[energy]\nname = "kl"\n[energy.kernel]\nname = "gaussian"\nbandwidth = 1.0',
        PLAIN,
        ("[energy.kernel]", "no kernel"),
    ),
    ('[energy]\nname = "kl"', RIDGE.replace("ridge = 0.1", "ridge = 0") + WIDE, ("[geometry] ridge", "positive")),
    ('[energy]\nname = "kl"', RIDGE.replace("ridge = 0.1\n", "") + WIDE, ("[geometry] ridge", "missing")),
    ('[energy]\nname = "renyi"\nalpha = 2.0', PLAIN, ("[geometry] spherical", "probability")),
    ('[energy]\nname = "renyi"\nalpha = 1.0', PLAIN + "\nspherical = true", ("[energy] alpha", "'kl'")),
]


@pytest.mark.parametrize(("energy", "geometry", "words"), BAD)
def test_bad_kernel_tables_get_one_line(
    energy: str, geometry: str, words: tuple[str, ...], problem_file: Callable[..., Path]
) -> None:
    with pytest.raises(MudotError) as caught:
        load(problem_file(energy=energy, geometry=geometry)).flow()
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


FLAT = [
    ("mmd", "regularization = 0.1\nreaction = 2.0", "2 mmd (gaussian, regularization 0.1)"),
    ("mmd", "spherical = true", "spherical (mmd (gaussian))"),
    ("de-stein", "regularization = 0.1", "de-stein (gaussian, regularization 0.1)"),
    (
        "de-kernelized-wasserstein-fisher-rao",
        "regularization = 0.1",
        "de-stein (gaussian, regularization 0.1) + mmd (gaussian, regularization 0.1)",
    ),
    ("interaction-force-transport", "spherical = true", "spherical (wasserstein + mmd (gaussian))"),
    ("local-regression-fisher-rao", "", "local-regression fisher-rao (gaussian)"),
    ("local-regression-wasserstein", "symmetric = true", "symmetrized local-regression wasserstein (gaussian)"),
]


@pytest.mark.parametrize(("name", "keys", "words"), FLAT)
def test_tables_of_inverse_and_regressed_kernels_give_their_geometries(
    name: str, keys: str, words: str, problem_file: Callable[..., Path]
) -> None:
    problem = load(problem_file(energy=MMD, geometry=f'[geometry]\nname = "{name}"\n{keys}' + WIDE))
    assert str(problem.geometry) == words
    assert problem.flow().method.description


@pytest.mark.parametrize(
    ("reference", "density"),
    [("", "target"), ('reference = "lebesgue"', "one"), ('reference = { density = "1 + x**2", mass = 2 }', "own")],
)
def test_flat_tables_take_target_lebesgue_or_a_density_as_reference(
    reference: str, density: str, problem_file: Callable[..., Path]
) -> None:
    geometry = f'[geometry]\nname = "flat-wasserstein-fisher-rao"\ntransport = 0.5\n{reference}'
    problem = load(problem_file(energy='[energy]\nname = "chi2"', geometry=geometry))
    assert str(problem.geometry) == "0.5 flat wasserstein + flat fisher-rao"
    omega = problem.geometry.terms[0].reference  # type: ignore[attr-defined]
    if density == "own":
        assert integrate(problem.mesh, omega) == pytest.approx(2)
    else:
        assert np.array_equal(omega, problem.target if density == "target" else np.ones(problem.mesh.shape))


def test_a_reference_that_is_none_gets_one_line(problem_file: Callable[..., Path]) -> None:
    geometry = '[geometry]\nname = "flat-fisher-rao"\nreference = "tarqet"'
    with pytest.raises(MudotError, match=r"\[geometry\] reference: got .*tarqet.* expected 'target', 'lebesgue', or"):
        load(problem_file(energy='[energy]\nname = "chi2"', geometry=geometry))

"""The problem files of published experiments are complete, and particles get from them what the grid gets."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from mudot.solvers import commands, storage
from mudot.validation.experiments import FOLDER, experiment, names
from mudot.validation.experiments.iris import log_posterior, problem_text

FAST = ("ift-gaussian", "svgd-mixture")


@pytest.mark.parametrize("name", names())
def test_every_problem_file_makes_a_flow(name: str) -> None:
    given = experiment(name, 0.25)
    assert given.problem.title
    assert given.problem.flow().method.description


@pytest.mark.parametrize("name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in names()])
def test_every_problem_file_runs_from_the_command_line(name: str, tmp_path: Path) -> None:
    assert commands.run(FOLDER / f"{name}.toml", tmp_path / "result.h5")
    assert storage.read(tmp_path / "result.h5").status == "complete"


@pytest.mark.parametrize("name", ["ift-mixture", "mueller-brown", "rings-kale", "iris-two"])
def test_particles_and_grid_see_one_target(name: str) -> None:
    given = experiment(name)
    points = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*given.mesh.coordinates)], axis=1)
    logs = given.target.log_density(points) - given.problem.log_target.reshape(-1)
    dense = given.problem.target.reshape(-1) > 0.1 * given.problem.target.max()
    # Up to a constant, and to the difference of a cell average and its value at the centre.
    assert np.ptp(logs[dense]) < 0.4


@pytest.mark.parametrize("name", ["iris-two", "double-well-birth-death", "svgd-mixture"])
def test_draws_have_the_moments_of_the_initial_measure(name: str) -> None:
    given = experiment(name)
    x = given.draws(40_000, np.random.default_rng(0)).positions
    for axis in range(given.mesh.dimension):
        masses = given.problem.start * given.mesh.volumes
        mean = float((masses * given.mesh.coordinates[axis]).sum())
        spread = math.sqrt(float((masses * (given.mesh.coordinates[axis] - mean) ** 2).sum()))
        assert x[:, axis].mean() == pytest.approx(mean, abs=5 * spread / 200)
        assert x[:, axis].std() == pytest.approx(spread, rel=0.02)


@pytest.mark.parametrize(("parameters", "name"), [(2, "iris-two"), (3, "iris-three")])
def test_posteriors_are_those_of_the_iris_data(parameters: int, name: str) -> None:
    pytest.importorskip("sklearn")
    assert (FOLDER / f"{name}.toml").read_text() == problem_text(parameters)


def test_formula_of_a_posterior_is_likelihood_times_prior() -> None:
    from mudot.solvers.expressions import parse

    rng = np.random.default_rng(3)
    features, labels = np.round(rng.standard_normal((30, 2)), 2), rng.choice([-1, 1], 30)
    theta = rng.standard_normal((5, 3))
    logits = labels * (theta[:, :1] + theta[:, 1:] @ features.T)
    wanted = -np.log1p(np.exp(-logits)).sum(axis=1) - (theta**2).sum(axis=1) / 8
    found = parse(log_posterior(features, labels, 4.0), ("x", "y", "z"))(*theta.T)
    np.testing.assert_allclose(found, wanted, rtol=1e-12)

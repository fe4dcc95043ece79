"""Published experiments as problem files: each runs with `mudot run`; here they are read, coarsened and varied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.densities import VARIABLES
from mudot.solvers.expressions import parse
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.problem import Problem, build
from mudot.solvers.schema import DensityTable
from mudot.validation.compare import draws
from mudot.validation.particles.samplers import Particles, uniform
from mudot.validation.particles.targets import Mixture, Numerical, Target, mixture

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Names of the problem files.

    >>> "svgd-mixture" in names()
    True
    """
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@dataclass(frozen=True, eq=False)
class Experiment:
    """A problem for the grid and what particles need of it."""

    inputs: Inputs
    problem: Problem

    @property
    def mesh(self) -> Cartesian:
        """The mesh."""
        return self.problem.mesh

    @property
    def target(self) -> Target:
        """The target in closed form: derivatives exact for mixtures, by differences for formulas."""
        table = self.inputs.target
        return _mixture(table) if table.mixture else _numerical(table, self.mesh.dimension)

    @property
    def target_mixture(self) -> Mixture:
        """The target where it is a mixture."""
        return _mixture(self.inputs.target)

    def draws(self, count: int, rng: np.random.Generator) -> Particles:
        """Independent particles from the initial measure: exact for mixtures, else uniform within cells."""
        if self.inputs.initial.mixture:
            return uniform(_mixture(self.inputs.initial).sample(count, rng))
        return uniform(draws(self.mesh, self.problem.start, count, int(rng.integers(2**31))))


def experiment(name: str, share: float = 1.0) -> Experiment:
    """The experiment of a file, with this share of its cells on every axis.

    >>> experiment("svgd-mixture", 0.5).mesh.shape
    (240,)
    """
    inputs = coarsened(read(FOLDER / f"{name}.toml"), share)
    return Experiment(inputs, build(inputs))


def _mixture(table: DensityTable) -> Mixture:
    if table.mixture is None:
        raise ValueError("this measure is not a mixture")
    return mixture(table.mixture.weights, table.mixture.means, table.mixture.covariances)


def _numerical(table: DensityTable, dimension: int) -> Numerical:
    formula = parse(str(table.log_density or table.density), VARIABLES[:dimension])
    if table.log_density:
        return Numerical(lambda x: formula(*x.T))
    return Numerical(lambda x: np.log(formula(*x.T)))


def coarsened(inputs: Inputs, share: float) -> Inputs:
    """The same tables with a share of the cells on every axis."""
    cells = [max(2, round(share * n)) for n in inputs.mesh.cells]
    return replace(inputs, mesh=inputs.mesh.model_copy(update={"cells": cells}))

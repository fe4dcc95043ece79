"""The energy of particles, where it is defined: on points entropies are infinite, discrepancies, potentials and
interactions are not.

Of an energy with an entropy that part is kept which points have. The energy is evaluated on the mesh of the result, as
the flow's own is, with the points shared among its cells to fourth order: at a cost that does not grow with the square
of their number, and with the error of second order in the cells that the flow has too.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.densities import CellAverages, cell_averages
from mudot.solvers.energies import (
    DeRegularizedMMD,
    Energy,
    FreeEnergy,
    KernelSteinDiscrepancy,
    MaximumMeanDiscrepancy,
    Moreau,
    PowerDivergence,
    ShallowNetwork,
)
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.inputs import checked
from mudot.solvers.interactions import Interaction
from mudot.solvers.kernel_tables import kernel_of
from mudot.solvers.results import Result
from mudot.validation.compare.deposit import on_mesh
from mudot.validation.compare.draws import draws

SETS = 40
"""Sets of draws from which the noise is taken."""


@dataclass(frozen=True)
class CloudEnergy:
    """An energy of a cloud, of the exact flow, and mean and standard deviation of those of as many independent draws of
    the flow. Draws have more energy than the flow where like repels like: k(x, x)/(2 n) in the mean for MMD^2/2."""

    name: str
    cloud: float
    exact: float
    draws: float
    deviation: float

    @property
    def deviations(self) -> float:
        """From the mean of draws, in their standard deviations."""
        return (self.cloud - self.draws) / self.deviation if self.deviation else float("nan")


@dataclass(frozen=True, eq=False)
class OnPoints:
    """What of an energy is defined on points, and what it is called."""

    name: str
    energy: Energy

    def of(self, mesh: Cartesian, points: np.ndarray, weights: np.ndarray, mass: float) -> float:
        """The energy of weighted points of a total mass."""
        return float(self.energy.value(mesh, mass * on_mesh(mesh, points, weights) / mesh.volumes))

    def beside(
        self,
        mesh: Cartesian,
        density: np.ndarray,
        points: np.ndarray,
        weights: np.ndarray,
        count: int,
        rng: np.random.Generator,
    ) -> CloudEnergy:
        """That of points with weights of sum 1, which get the mass of the density, of the density, and of `count` draws
        from it."""
        mass, equal = float((density * mesh.volumes).sum()), np.full(count, 1 / count)
        noise = [self.of(mesh, draws(mesh, density, count, int(rng.integers(2**63))), equal, mass) for _ in range(SETS)]
        exact = float(self.energy.value(mesh, density))
        mine = self.of(mesh, points, weights, mass)
        return CloudEnergy(self.name, mine, exact, float(np.mean(noise)), float(np.std(noise, ddof=1)))


def on_points(energy: Energy, mesh: Cartesian) -> OnPoints | None:
    """The part of an energy that points have; None where there is none.

    >>> line = Cartesian(4, 0.0, 1.0)
    >>> on_points(PowerDivergence(1, np.ones(4)), line).name, on_points(PowerDivergence(2, np.ones(4)), line)
    ('mean of -log pi', None)
    """
    if isinstance(energy, MaximumMeanDiscrepancy | KernelSteinDiscrepancy | Moreau | DeRegularizedMMD):
        return OnPoints("energy", energy)
    if isinstance(energy, PowerDivergence) and energy.power == 1:
        return OnPoints("mean of -log pi", FreeEnergy(0.0, potential=-np.asarray(energy.log_target)))
    if isinstance(energy, ShallowNetwork):
        bare = replace(energy, entropy=0.0, prior=None)
        return OnPoints("energy without entropy" if energy.entropy else "energy", bare)
    if isinstance(energy, FreeEnergy) and (energy.potential is not None or energy.interaction is not None):
        if energy.interaction is not None and _singular(energy.interaction, mesh):
            return None
        return OnPoints("energy without entropy" if energy.diffusion else "energy", replace(energy, diffusion=0.0))
    return None


def _singular(interaction: Interaction, mesh: Cartesian) -> bool:
    """Whether a point has no finite interaction with itself: W jumps at zero by more than it varies elsewhere."""
    lags = float(mesh.widths[0][0]) * np.arange(mesh.shape[0])
    with np.errstate(all="ignore"):
        values = np.asarray(interaction.function(lags, *[0 * lags] * (mesh.dimension - 1)))
    return not abs(values[0] - values[1]) <= np.ptp(values[1:])


def energy_of(result: Result) -> tuple[OnPoints | None, str]:
    """What of the energy of a result is defined on points, and a sentence that says why nothing is."""
    text = str(result.attributes.get("problem", ""))
    if not text:
        return None, "no energy of particles: the result holds no problem file"
    try:
        inputs = checked(result.path, text, tomllib.loads(text))
        folder = result.path.parent
        if inputs.target.data is None:
            target = cell_averages(inputs.target, result.mesh, folder)
        else:
            with np.errstate(divide="ignore"):
                target = CellAverages(result.target, np.log(result.target))
        kernel = None if inputs.energy_kernel is None else kernel_of(inputs.energy_kernel)
        found = on_points(inputs.energy.build(Ingredients(result.mesh, target, folder, kernel)), result.mesh)
    except MudotError as reason:
        return None, f"no energy of particles: {reason}"
    name = str(result.attributes.get("energy_name", inputs.energy.name))
    return found, "" if found else f"no energy of particles: {name} is not finite on points"

"""[energy] tables of problem files, one class per set of keys, and the energies that they describe."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.densities import VARIABLES
from mudot.solvers.energies import (
    NAMED,
    DeRegularizedMMD,
    Energy,
    FreeEnergy,
    InverseSobolev,
    JensenShannon,
    Kale,
    KernelSteinDiscrepancy,
    MaximumMeanDiscrepancy,
    Moreau,
    Neurons,
    PowerDivergence,
    Renyi,
    ShallowNetwork,
)
from mudot.solvers.energies.neurons import ACTIVATIONS, PARAMETERS, usual_parameters
from mudot.solvers.expressions import parse
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.interactions import Interaction
from mudot.solvers.messages import listed, naming
from mudot.solvers.schema import POSITIVE, Finite, Positive, Table
from mudot.solvers.training_data import training_data


class EnergyTable(Table):
    """[energy]: a name and the keys that go with it."""

    of_probabilities: ClassVar[bool] = False
    name: str

    @abstractmethod
    def build(self, given: Ingredients) -> Energy:
        """The energy. Raises MudotError for numbers that make none."""

    def extra_bytes(self, cells: tuple[int, ...], folder: Path) -> float:
        """Memory that the energy needs besides what every run does, with data from files in a folder."""
        return 0.0


class NamedEnergyTable(EnergyTable):
    """A power divergence with a name of its own."""

    def build(self, given: Ingredients) -> Energy:
        """D_phi_p for the p of the name."""
        return PowerDivergence(NAMED[self.name], given.target.values, given.target.log_values)


class PowerEnergyTable(EnergyTable):
    """name = "power": D_phi_p."""

    p: Finite = Field(description="a finite number")

    def build(self, given: Ingredients) -> Energy:
        """D_phi_p."""
        return PowerDivergence(self.p, given.target.values, given.target.log_values)


class JensenShannonTable(EnergyTable):
    """name = "jensen-shannon"."""

    def build(self, given: Ingredients) -> Energy:
        """The Jensen-Shannon divergence."""
        return JensenShannon(given.target.values, given.target.log_values)


class RenyiTable(EnergyTable):
    """name = "renyi"."""

    of_probabilities = True
    alpha: Positive = Field(description="a positive finite number other than 1")

    def build(self, given: Ingredients) -> Energy:
        """The Renyi divergence."""
        return Renyi(self.alpha, given.target.values, given.target.log_values)


class MmdTable(EnergyTable):
    """name = "mmd"."""

    uses_kernel = True

    def build(self, given: Ingredients) -> Energy:
        """MMD^2/2."""
        return MaximumMeanDiscrepancy(given.kernel, given.target.values)


class KsdTable(EnergyTable):
    """name = "ksd"."""

    uses_kernel = True

    def build(self, given: Ingredients) -> Energy:
        """KSD^2/2."""
        return KernelSteinDiscrepancy(given.kernel, given.target.values, given.target.log_values)


class LawgdTable(EnergyTable):
    """name = "lawgd"."""

    of_probabilities = True

    def build(self, given: Ingredients) -> Energy:
        """Half the squared H^-1 distance to the target; its Wasserstein flow is LAWGD."""
        return InverseSobolev(given.target.values, given.target.log_values)


class KaleTable(EnergyTable):
    """name = "kale"."""

    uses_kernel = True
    regularization: Positive = Field(description=POSITIVE)

    def build(self, given: Ingredients) -> Energy:
        """KALE."""
        return Kale(given.kernel, given.target.values, self.regularization)


class DrMmdTable(KaleTable):
    """name = "drmmd"."""

    def build(self, given: Ingredients) -> Energy:
        """The de-regularised MMD."""
        return DeRegularizedMMD(given.kernel, given.target.values, self.regularization)


class MoreauTable(EnergyTable):
    """name = "moreau"."""

    uses_kernel = True
    regularization: Positive = Field(description=POSITIVE)
    p: Annotated[float, Field(ge=1, le=2)] = Field(description="a number from 1 to 2")

    def build(self, given: Ingredients) -> Energy:
        """The Moreau envelope of D_phi_p."""
        return Moreau(given.kernel, given.target.values, self.regularization, self.p)


class ShallowNetworkTable(EnergyTable):
    """name = "shallow-network": mean-field regression; [target] is the prior of its entropy."""

    data: str = Field(description="the name of a .npz or .csv file in quotes")
    activation: str = Field(description=f"one of {listed(ACTIVATIONS)}, in quotes")
    entropy: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="a finite number of at least 0"
    )
    parameters: list[Literal["amplitude", "weight", "bias"]] | None = Field(
        None, description=f"a list of {listed(map(repr, PARAMETERS))}, one per axis of the mesh"
    )
    potential: str | None = Field(None, description="a formula in quotes, such as '0.01*(x**2 + y**2)'")

    def build(self, given: Ingredients) -> Energy:
        """The energy on its data."""
        neurons, labels = self._read(given.mesh.shape, given.folder)
        prior = PowerDivergence(1.0, given.target.values, given.target.log_values) if self.entropy else None
        return ShallowNetwork(neurons, labels, self.entropy, prior, _potential(self.potential, given.mesh))

    def extra_bytes(self, cells: tuple[int, ...], folder: Path) -> float:
        """The tabulated features."""
        return self._read(cells, folder)[0].table_bytes(cells)

    def _read(self, cells: tuple[int, ...], folder: Path) -> tuple[Neurons, np.ndarray]:
        with naming("data: "):
            inputs, labels = training_data(folder / self.data)
        if self.parameters is not None and len(self.parameters) != len(cells):
            raise MudotError(f"parameters: expected one per axis of the mesh, got {len(self.parameters)}")
        parameters = tuple(self.parameters or usual_parameters(len(cells), inputs.shape[1]))
        return Neurons(inputs, self.activation, parameters), labels


class FreeEnergyTable(EnergyTable):
    """name = "free-energy": internal, potential and interaction energy; [target] plays no part."""

    diffusion: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0, description="a finite number of at least 0"
    )
    exponent: Positive = Field(1.0, description=POSITIVE)
    potential: str | None = Field(None, description="a formula in quotes, such as 'x**2/2'")
    interaction: str | None = Field(None, description="a formula of the displacement in quotes, such as 'x**2/2'")

    def build(self, given: Ingredients) -> Energy:
        """The energy."""
        mesh, interaction = given.mesh, None
        if self.interaction is not None:
            with naming("interaction: "), np.errstate(all="ignore"):
                interaction = Interaction(parse(self.interaction, VARIABLES[: mesh.dimension]), self.interaction)
                interaction.potential(mesh, np.zeros(mesh.shape))
        return FreeEnergy(self.diffusion, self.exponent, _potential(self.potential, mesh), interaction)


def _potential(text: str | None, mesh: Cartesian) -> np.ndarray | None:
    """Cell averages of a formula."""
    if text is None:
        return None
    with naming("potential: "), np.errstate(all="ignore"):
        values = average(mesh, parse(text, VARIABLES[: mesh.dimension]))
        if not np.all(np.isfinite(values)):
            raise MudotError("expected finite values on the box")
    return values


ENERGIES: dict[str, type[EnergyTable]] = {
    **dict.fromkeys(NAMED, NamedEnergyTable),
    "power": PowerEnergyTable,
    "jensen-shannon": JensenShannonTable,
    "renyi": RenyiTable,
    "mmd": MmdTable,
    "ksd": KsdTable,
    "lawgd": LawgdTable,
    "kale": KaleTable,
    "drmmd": DrMmdTable,
    "moreau": MoreauTable,
    "free-energy": FreeEnergyTable,
    "shallow-network": ShallowNetworkTable,
}

"""[energy] tables of problem files, one class per set of keys, and the energies that they describe."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field

from mudot.solvers.energies import (
    NAMED,
    DeRegularizedMMD,
    Energy,
    JensenShannon,
    Kale,
    MaximumMeanDiscrepancy,
    Moreau,
    PowerDivergence,
    Renyi,
)
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.schema import POSITIVE, Finite, Positive, Table


class EnergyTable(Table):
    """[energy]: a name and the keys that go with it."""

    of_probabilities: ClassVar[bool] = False
    name: str

    @abstractmethod
    def build(self, given: Ingredients) -> Energy:
        """The energy. Raises MudotError for numbers that make none."""


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


ENERGIES: dict[str, type[EnergyTable]] = {
    **dict.fromkeys(NAMED, NamedEnergyTable),
    "power": PowerEnergyTable,
    "jensen-shannon": JensenShannonTable,
    "renyi": RenyiTable,
    "mmd": MmdTable,
    "kale": KaleTable,
    "drmmd": DrMmdTable,
    "moreau": MoreauTable,
}
RESERVED_ENERGIES = (*("ksd", "free-energy", "shallow-network"),)
"""Names that the format defines and this version does not compute."""

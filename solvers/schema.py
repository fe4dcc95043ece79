"""What a problem file may say: its tables and their keys, and what each key expects."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from mudot.meshes.boundaries import Boundary
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import NAMED

MOST_OUTPUTS = 1_000_000
"""Output times that a file may ask for."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

_CORNER = "a list of 1 to 3 finite numbers, one per axis"
_POSITIVE = "a positive finite number"
_TRUTH = "true or false"


class Table(BaseModel):
    """A table of the file: no unknown key, no conversion between types; descriptions say what is expected."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    uses_kernel: ClassVar[bool] = False
    transports: ClassVar[bool] = False
    works_on_faces: ClassVar[bool] = False


class MeshTable(Table):
    """[mesh]: a box cut into equal cells."""

    lower: list[Finite] = Field(min_length=1, max_length=3, description=_CORNER)
    upper: list[Finite] = Field(min_length=1, max_length=3, description=_CORNER)
    cells: list[Count] = Field(
        min_length=1, max_length=3, description="a list of 1 to 3 positive integers, one per axis"
    )
    boundary: list[Boundary] = Field(
        min_length=1,
        max_length=3,
        description="a list of 'no-flux' or 'periodic', one per axis or one for all",
    )

    def build(self) -> Cartesian:
        """The mesh."""
        return Cartesian(self.cells, self.lower, self.upper, tuple(self.boundary))


class Mixture(Table):
    """A Gaussian mixture; d numbers per mean and d x d per covariance in d dimensions."""

    weights: list[Positive] = Field(min_length=1, description="a list of positive numbers, one per component")
    means: list[list[Finite]] = Field(description="a list of points, each a list of one finite number per axis")
    covariances: list[list[list[Finite]]] = Field(description="a list of matrices, each a list of rows of numbers")


class DensityTable(Table):
    """[target] or [initial]: a measure in one of four forms, scaled to a mass."""

    log_density: str | None = Field(None, description="a formula in quotes, such as '-x**2/2'")
    density: str | None = Field(None, description="a formula in quotes, such as 'exp(-x**2/2)'")
    mixture: Mixture | None = Field(None, description="{ weights = [...], means = [[...]], covariances = [[[...]]] }")
    data: str | None = Field(None, description="the name of a .npy file in quotes")
    mass: Positive = Field(1.0, description=_POSITIVE)

    @property
    def form(self) -> str:
        """The key that gives the measure."""
        return self.forms[0]

    @property
    def forms(self) -> list[str]:
        """All keys that give a measure; a valid table has one."""
        return [key for key in ("log_density", "density", "mixture", "data") if getattr(self, key) is not None]


class NamedEnergyTable(Table):
    """[energy] of a divergence with a name."""

    name: str

    @property
    def power(self) -> float:
        """The p of phi_p."""
        return NAMED[self.name]


class PowerEnergyTable(Table):
    """[energy] name = "power": D_phi_p."""

    name: str
    p: Finite = Field(description="a finite number")

    @property
    def power(self) -> float:
        """The p of phi_p."""
        return self.p


class JensenShannonTable(Table):
    """[energy] name = "jensen-shannon"."""

    name: str


class RenyiTable(Table):
    """[energy] name = "renyi"."""

    name: str
    alpha: Positive = Field(description="a positive finite number other than 1")


class MmdTable(Table):
    """[energy] name = "mmd"."""

    uses_kernel = True
    name: str


class RegularizedTable(Table):
    """[energy] name = "kale" or "drmmd"."""

    uses_kernel = True
    name: str
    regularization: Positive = Field(description=_POSITIVE)


class MoreauTable(Table):
    """[energy] name = "moreau"."""

    uses_kernel = True
    name: str
    regularization: Positive = Field(description=_POSITIVE)
    p: Annotated[float, Field(ge=1, le=2)] = Field(description="a number from 1 to 2")


class FisherRaoTable(Table):
    """[geometry] name = "fisher-rao"."""

    name: str
    reaction: Positive = Field(1.0, description=_POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)
    vacuum: Literal["fills", "stays"] = Field("fills", description="'fills' or 'stays'")


class KernelizedFisherRaoTable(Table):
    """[geometry] name = "kernelized-fisher-rao"."""

    uses_kernel = True
    name: str
    reaction: Positive = Field(1.0, description=_POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)


class KernelApproximateFisherRaoTable(Table):
    """[geometry] name = "kernel-approximate-fisher-rao"."""

    uses_kernel = True
    name: str
    ridge: Positive = Field(description=_POSITIVE)
    reaction: Positive = Field(1.0, description=_POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)


class SteinTable(Table):
    """[geometry] name = "stein"."""

    uses_kernel = True
    works_on_faces = True
    name: str
    transport: Positive = Field(1.0, description=_POSITIVE)


class KernelApproximateWassersteinTable(SteinTable):
    """[geometry] name = "kernel-approximate-wasserstein"."""

    ridge: Positive = Field(description=_POSITIVE)


class KernelizedBothTable(Table):
    """[geometry] name = "kernelized-wasserstein-fisher-rao"."""

    uses_kernel = True
    works_on_faces = True
    name: str
    transport: Positive = Field(1.0, description=_POSITIVE)
    reaction: Positive = Field(1.0, description=_POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)


class KernelApproximateBothTable(KernelizedBothTable):
    """[geometry] name = "kernel-approximate-wasserstein-fisher-rao"."""

    ridge: Positive = Field(description=_POSITIVE)


class WassersteinTable(Table):
    """[geometry] name = "wasserstein"."""

    transports = True
    works_on_faces = True
    name: str
    transport: Positive = Field(1.0, description=_POSITIVE)


class WassersteinFisherRaoTable(Table):
    """[geometry] name = "wasserstein-fisher-rao"."""

    transports = True
    works_on_faces = True
    name: str
    transport: Positive = Field(1.0, description=_POSITIVE)
    reaction: Positive = Field(1.0, description=_POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)


class TimeTable(Table):
    """[time]: when to store and how accurately to get there."""

    stop: Positive = Field(description=_POSITIVE)
    outputs: list[Finite] | Annotated[int, Field(ge=2, le=MOST_OUTPUTS)] = Field(
        description=f"a list of increasing times from 0 to stop, or an integer from 2 to {MOST_OUTPUTS}"
    )
    rtol: Annotated[float, Field(gt=0, le=0.1)] = Field(description="a number above 0 and at most 0.1")

    def times(self) -> tuple[float, ...]:
        """The output times."""
        if isinstance(self.outputs, list):
            return tuple(float(time) for time in self.outputs)
        last = self.outputs - 1
        return tuple(self.stop * (step / last) for step in range(last + 1))


EnergyTable = (
    NamedEnergyTable | PowerEnergyTable | JensenShannonTable | RenyiTable | MmdTable | RegularizedTable | MoreauTable
)
GeometryTable = (
    FisherRaoTable
    | KernelizedFisherRaoTable
    | KernelApproximateFisherRaoTable
    | SteinTable
    | KernelizedBothTable
    | WassersteinTable
    | WassersteinFisherRaoTable
)

ENERGIES: dict[str, type[EnergyTable]] = {
    **dict.fromkeys(NAMED, NamedEnergyTable),
    "power": PowerEnergyTable,
    "jensen-shannon": JensenShannonTable,
    "renyi": RenyiTable,
    "mmd": MmdTable,
    "kale": RegularizedTable,
    "drmmd": RegularizedTable,
    "moreau": MoreauTable,
}
GEOMETRIES: dict[str, type[GeometryTable]] = {
    "fisher-rao": FisherRaoTable,
    "kernelized-fisher-rao": KernelizedFisherRaoTable,
    "kernel-approximate-fisher-rao": KernelApproximateFisherRaoTable,
    "stein": SteinTable,
    "kernel-approximate-wasserstein": KernelApproximateWassersteinTable,
    "kernelized-wasserstein-fisher-rao": KernelizedBothTable,
    "kernel-approximate-wasserstein-fisher-rao": KernelApproximateBothTable,
    "wasserstein": WassersteinTable,
    "wasserstein-fisher-rao": WassersteinFisherRaoTable,
}
RESERVED_ENERGIES = (*("ksd", "free-energy", "shallow-network"),)
"""Names that the format defines and this version does not compute."""
RESERVED_GEOMETRIES = (
    *("mmd", "de-stein", "de-kernelized-wasserstein-fisher-rao"),
    *("flat-fisher-rao", "flat-wasserstein", "flat-wasserstein-fisher-rao"),
    *("interaction-force-transport", "local-regression-fisher-rao", "local-regression-wasserstein"),
)
"""Names that the format defines and this version does not compute."""

"""What a problem file may say of mesh, measures and time: tables, their keys, and what each key expects."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from mudot.meshes.boundaries import Boundary
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.methods.choice import Integrator

MOST_OUTPUTS = 1_000_000
"""Output times that a file may ask for."""

Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

POSITIVE = "a positive finite number"
METHODS = ", ".join(map(repr, get_args(Integrator)))
_CORNER = "a list of 1 to 3 finite numbers, one per axis; on a line a number will do"


def _in_list(entry: Any) -> Any:
    """[entry] for a number or a text, everything else as it is: the lists of [mesh] may be written without brackets."""
    return [entry] if isinstance(entry, str | int | float) else entry


Corner = Annotated[list[Finite], BeforeValidator(_in_list)]


class Table(BaseModel):
    """A table of the file: no unknown key, no conversion between types; descriptions say what is expected."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    uses_kernel: ClassVar[bool] = False
    two_kernels: ClassVar[bool] = False
    works_on_faces: ClassVar[bool] = False


class MeshTable(Table):
    """[mesh]: a box cut into equal cells."""

    lower: Corner = Field(min_length=1, max_length=3, description=_CORNER)
    upper: Corner = Field(min_length=1, max_length=3, description=_CORNER)
    cells: Annotated[list[Count], BeforeValidator(_in_list)] = Field(
        min_length=1,
        max_length=3,
        description="a list of 1 to 3 positive integers, one per axis; on a line a number will do",
    )
    boundary: Annotated[list[Boundary], BeforeValidator(_in_list)] = Field(
        min_length=1,
        max_length=3,
        description="'no-flux' or 'periodic' for all axes, or a list of these, one per axis",
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
    mass: Positive = Field(1.0, description=POSITIVE)

    @property
    def form(self) -> str:
        """The key that gives the measure."""
        return self.forms[0]

    @property
    def forms(self) -> list[str]:
        """All keys that give a measure; a valid table has one."""
        return [key for key in ("log_density", "density", "mixture", "data") if getattr(self, key) is not None]


class TimeTable(Table):
    """[time]: when to store and how accurately to get there."""

    stop: Positive = Field(description=POSITIVE)
    outputs: list[Finite] | Annotated[int, Field(ge=2, le=MOST_OUTPUTS)] = Field(
        description=f"a list of increasing times from 0 to stop, or an integer from 2 to {MOST_OUTPUTS}"
    )
    rtol: Annotated[float, Field(gt=0, le=0.1)] = Field(description="a number above 0 and at most 0.1")
    method: Integrator = Field("automatic", description=METHODS)

    def times(self) -> tuple[float, ...]:
        """The output times."""
        if isinstance(self.outputs, list):
            return tuple(float(time) for time in self.outputs)
        last = self.outputs - 1
        return tuple(self.stop * (step / last) for step in range(last + 1))

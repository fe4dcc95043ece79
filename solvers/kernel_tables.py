"""[kernel] tables of problem files and the kernels that they describe."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mudot.meshes.errors import MudotError
from mudot.solvers.kernels.functions import (
    EnergyDistanceKernel,
    GaussianKernel,
    InverseMultiquadricKernel,
    Kernel,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
)
from mudot.solvers.schema import Positive, Table

_LENGTH = "a positive finite number, a length"


class RadialTable(Table):
    """A kernel with a bandwidth."""

    name: str
    bandwidth: Positive = Field(description=_LENGTH)


class MaternTable(Table):
    """name = "matern"."""

    name: str
    bandwidth: Positive = Field(description=_LENGTH)
    nu: float = Field(description="0.5, 1.5 or 2.5")


class EnergyDistanceTable(Table):
    """name = "energy-distance"."""

    name: str


class PolynomialTable(Table):
    """name = "polynomial"."""

    name: str
    degree: Annotated[int, Field(ge=1)] = Field(description="a positive integer")
    offset: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(description="a finite number of at least 0")


KernelTable = RadialTable | MaternTable | EnergyDistanceTable | PolynomialTable
KERNELS: dict[str, type[KernelTable]] = {
    "gaussian": RadialTable,
    "laplace": RadialTable,
    "matern": MaternTable,
    "inverse-multiquadric": RadialTable,
    "energy-distance": EnergyDistanceTable,
    "polynomial": PolynomialTable,
}


def kernel_of(table: KernelTable) -> Kernel:
    """The kernel of a table. Raises MudotError for numbers that make none.

    >>> kernel_of(RadialTable(name="gaussian", bandwidth=0.5))
    GaussianKernel(bandwidth=0.5)
    """
    if isinstance(table, MaternTable):
        return MaternKernel(table.bandwidth, table.nu)
    if isinstance(table, PolynomialTable):
        return PolynomialKernel(table.degree, table.offset)
    if isinstance(table, EnergyDistanceTable):
        return EnergyDistanceKernel()
    if table.name == "laplace":
        return LaplaceKernel(table.bandwidth)
    if table.name == "inverse-multiquadric":
        return InverseMultiquadricKernel(table.bandwidth)
    if table.name == "gaussian":
        return GaussianKernel(table.bandwidth)
    raise MudotError(f"kernel: unknown name {table.name!r}")

"""[geometry] tables of problem files, one class per set of keys, and the geometries that they describe."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from mudot.meshes.errors import MudotError
from mudot.solvers.densities import cell_averages, check_form
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    DeStein,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    LocalRegressionFisherRao,
    LocalRegressionWasserstein,
    Spherical,
    Stein,
    SymmetrizedRegressionFisherRao,
    SymmetrizedRegressionWasserstein,
    Wasserstein,
    kernel_sobolev_fisher,
)
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.schema import POSITIVE, DensityTable, Positive, Table

_TRUTH = "true or false"


class GeometryTable(Table):
    """[geometry]: a name and the keys that go with it."""

    name: str

    @abstractmethod
    def build(self, given: Ingredients) -> Geometry:
        """The geometry. Raises MudotError for numbers that make none."""


class Transport(GeometryTable):
    """Geometries that move mass."""

    works_on_faces = True
    transport: Positive = Field(1.0, description=POSITIVE)


class Reaction(GeometryTable):
    """Geometries that make and destroy mass, or keep it where asked."""

    reaction: Positive = Field(1.0, description=POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)

    def kept(self, geometry: Geometry) -> Geometry:
        """The geometry, or its mass-preserving version.

        >>> table = FisherRaoTable(name="fisher-rao", spherical=True)
        >>> table.kept(FisherRao())
        Spherical(base=FisherRao(reaction=1.0))
        """
        return Spherical(geometry) if self.spherical else geometry


class FisherRaoTable(Reaction):
    """name = "fisher-rao"."""

    vacuum: Literal["fills", "stays"] = Field("fills", description="'fills' or 'stays'")

    def build(self, given: Ingredients) -> Geometry:
        """Fisher-Rao."""
        return self.kept(FisherRao(self.reaction))


class KernelizedFisherRaoTable(Reaction):
    """name = "kernelized-fisher-rao"."""

    uses_kernel = True

    def build(self, given: Ingredients) -> Geometry:
        """Force-kernelized Fisher-Rao."""
        return self.kept(KernelizedFisherRao(given.kernel, self.reaction))


class KernelApproximateFisherRaoTable(Reaction):
    """name = "kernel-approximate-fisher-rao"."""

    uses_kernel = True
    ridge: Positive = Field(description=POSITIVE)

    def build(self, given: Ingredients) -> Geometry:
        """Ridge Fisher-Rao."""
        return self.kept(KernelApproximateFisherRao(given.kernel, self.ridge, self.reaction))


class WassersteinTable(Transport):
    """name = "wasserstein"."""

    def build(self, given: Ingredients) -> Geometry:
        """Wasserstein."""
        return Wasserstein(self.transport)


class SteinTable(Transport):
    """name = "stein"."""

    uses_kernel = True

    def build(self, given: Ingredients) -> Geometry:
        """Stein."""
        return Stein(given.kernel, self.transport)


class KernelApproximateWassersteinTable(Transport):
    """name = "kernel-approximate-wasserstein"."""

    uses_kernel = True
    ridge: Positive = Field(description=POSITIVE)

    def build(self, given: Ingredients) -> Geometry:
        """Ridge Wasserstein."""
        return KernelApproximateWasserstein(given.kernel, self.ridge, self.transport)


class WassersteinFisherRaoTable(Transport, Reaction):
    """name = "wasserstein-fisher-rao"."""

    def build(self, given: Ingredients) -> Geometry:
        """Hellinger-Kantorovich."""
        return self.kept(Wasserstein(self.transport) + FisherRao(self.reaction))


class KernelizedBothTable(Transport, Reaction):
    """name = "kernelized-wasserstein-fisher-rao"."""

    uses_kernel = True
    two_kernels = True

    def build(self, given: Ingredients) -> Geometry:
        """Stein plus force-kernelized Fisher-Rao."""
        return self.kept(
            Stein(given.kernel, self.transport) + KernelizedFisherRao(given.reaction_kernel, self.reaction)
        )


class KernelApproximateBothTable(Transport, Reaction):
    """name = "kernel-approximate-wasserstein-fisher-rao"."""

    uses_kernel = True
    two_kernels = True
    ridge: Positive = Field(description=POSITIVE)

    def build(self, given: Ingredients) -> Geometry:
        """Ridge Wasserstein plus ridge Fisher-Rao."""
        return self.kept(
            KernelApproximateWasserstein(given.kernel, self.ridge, self.transport)
            + KernelApproximateFisherRao(given.reaction_kernel, self.ridge, self.reaction)
        )


class Regularized(GeometryTable):
    """Geometries with the inverse of a kernel."""

    uses_kernel = True
    regularization: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        0.0, description="a finite number of at least 0"
    )


class MmdTable(Reaction, Regularized):
    """name = "mmd"."""

    def build(self, given: Ingredients) -> Geometry:
        """De-kernelized Fisher-Rao."""
        return self.kept(DeKernelizedFisherRao(given.kernel, self.regularization, self.reaction))


class DeSteinTable(Transport, Regularized):
    """name = "de-stein"."""

    def build(self, given: Ingredients) -> Geometry:
        """De-kernelized Wasserstein."""
        return DeStein(given.kernel, self.regularization, self.transport)


class DeKernelizedBothTable(Transport, Reaction, Regularized):
    """name = "de-kernelized-wasserstein-fisher-rao"."""

    two_kernels = True

    def build(self, given: Ingredients) -> Geometry:
        """De-Stein plus MMD."""
        inverse = DeKernelizedFisherRao(given.reaction_kernel, self.regularization, self.reaction)
        return self.kept(DeStein(given.kernel, self.regularization, self.transport) + inverse)


class InteractionForceTable(Transport, Reaction, Regularized):
    """name = "interaction-force-transport"."""

    def build(self, given: Ingredients) -> Geometry:
        """Wasserstein plus MMD."""
        inverse = DeKernelizedFisherRao(given.kernel, self.regularization, self.reaction)
        return self.kept(Wasserstein(self.transport) + inverse)


class Flat(GeometryTable):
    """Geometries with the mobility of a fixed measure."""

    reference: Literal["target", "lebesgue"] | DensityTable = Field(
        "target", description="'target', 'lebesgue', or a density such as { density = \"1 + x**2\" }"
    )

    def omega(self, given: Ingredients) -> np.ndarray:
        """Cell averages of the reference."""
        if isinstance(self.reference, DensityTable):
            check_form(self.reference, given.mesh.dimension)
            return cell_averages(self.reference, given.mesh, given.folder).values
        return given.target.values if self.reference == "target" else np.ones(given.mesh.shape)


class FlatFisherRaoTable(Flat, Reaction):
    """name = "flat-fisher-rao"."""

    def build(self, given: Ingredients) -> Geometry:
        """Flat Fisher-Rao."""
        return self.kept(FlatFisherRao(self.omega(given), self.reaction))


class FlatWassersteinTable(Flat, Transport):
    """name = "flat-wasserstein"."""

    def build(self, given: Ingredients) -> Geometry:
        """Flat Wasserstein."""
        return FlatWasserstein(self.omega(given), self.transport)


class FlatBothTable(Flat, Transport, Reaction):
    """name = "flat-wasserstein-fisher-rao"."""

    def build(self, given: Ingredients) -> Geometry:
        """Flat Wasserstein plus flat Fisher-Rao."""
        omega = self.omega(given)
        return self.kept(FlatWasserstein(omega, self.transport) + FlatFisherRao(omega, self.reaction))


class KernelSobolevFisherTable(Flat, Regularized):
    """name = "kernel-sobolev-fisher"."""

    works_on_faces = True
    weight: Positive = Field(1.0, description=POSITIVE)
    spherical: bool = Field(False, description=_TRUTH)

    def build(self, given: Ingredients) -> Geometry:
        """Flat Wasserstein plus flat Fisher-Rao plus twice the weight times MMD."""
        plain = kernel_sobolev_fisher(given.kernel, self.omega(given), self.weight, self.regularization)
        return Spherical(plain) if self.spherical else plain


class LocalRegressionFisherRaoTable(Reaction):
    """name = "local-regression-fisher-rao"."""

    uses_kernel = True
    symmetric: bool = Field(False, description=_TRUTH)

    def build(self, given: Ingredients) -> Geometry:
        """Nadaraya-Watson growth, or its symmetrised version, which is a geometry."""
        if self.spherical and not self.symmetric:
            raise MudotError("spherical: the local-regression field has no symmetric operator; set symmetric = true")
        made = SymmetrizedRegressionFisherRao if self.symmetric else LocalRegressionFisherRao
        return self.kept(made(given.kernel, self.reaction))


class LocalRegressionWassersteinTable(Transport):
    """name = "local-regression-wasserstein"."""

    uses_kernel = True
    symmetric: bool = Field(False, description=_TRUTH)

    def build(self, given: Ingredients) -> Geometry:
        """Nadaraya-Watson velocities, or their symmetrised version, which is a geometry."""
        made = SymmetrizedRegressionWasserstein if self.symmetric else LocalRegressionWasserstein
        return made(given.kernel, self.transport)


GEOMETRIES: dict[str, type[GeometryTable]] = {
    "fisher-rao": FisherRaoTable,
    "wasserstein": WassersteinTable,
    "wasserstein-fisher-rao": WassersteinFisherRaoTable,
    "kernelized-fisher-rao": KernelizedFisherRaoTable,
    "kernel-approximate-fisher-rao": KernelApproximateFisherRaoTable,
    "stein": SteinTable,
    "kernel-approximate-wasserstein": KernelApproximateWassersteinTable,
    "kernelized-wasserstein-fisher-rao": KernelizedBothTable,
    "kernel-approximate-wasserstein-fisher-rao": KernelApproximateBothTable,
    "mmd": MmdTable,
    "de-stein": DeSteinTable,
    "de-kernelized-wasserstein-fisher-rao": DeKernelizedBothTable,
    "flat-fisher-rao": FlatFisherRaoTable,
    "flat-wasserstein": FlatWassersteinTable,
    "flat-wasserstein-fisher-rao": FlatBothTable,
    "kernel-sobolev-fisher": KernelSobolevFisherTable,
    "interaction-force-transport": InteractionForceTable,
    "local-regression-fisher-rao": LocalRegressionFisherRaoTable,
    "local-regression-wasserstein": LocalRegressionWassersteinTable,
}

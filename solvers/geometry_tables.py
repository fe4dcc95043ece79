"""[geometry] tables of problem files, one class per set of keys, and the geometries that they describe."""

from __future__ import annotations

from abc import abstractmethod
from typing import Literal

from pydantic import Field

from mudot.solvers.geometries import (
    FisherRao,
    Geometry,
    KernelApproximateFisherRao,
    KernelApproximateWasserstein,
    KernelizedFisherRao,
    Spherical,
    Stein,
    Wasserstein,
)
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.schema import POSITIVE, Positive, Table

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
RESERVED_GEOMETRIES = (
    *("mmd", "de-stein", "de-kernelized-wasserstein-fisher-rao"),
    *("flat-fisher-rao", "flat-wasserstein", "flat-wasserstein-fisher-rao"),
    *("interaction-force-transport", "local-regression-fisher-rao", "local-regression-wasserstein"),
)
"""Names that the format defines and this version does not compute."""

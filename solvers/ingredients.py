"""What the tables of energies and geometries are built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.densities import CellAverages
from mudot.solvers.kernels.functions import Kernel


@dataclass(frozen=True, eq=False)
class Ingredients:
    """Mesh, target, kernels, and the folder by which file names go.

    own:    the kernel of the energy or geometry;   second: that of the reaction in a geometry with two
    """

    mesh: Cartesian
    target: CellAverages
    folder: Path
    own: Kernel | None = None
    second: Kernel | None = None

    @property
    def kernel(self) -> Kernel:
        """The kernel. Raises MudotError where there is none."""
        if self.own is None:
            raise MudotError("expected a kernel, found none")
        return self.own

    @property
    def reaction_kernel(self) -> Kernel:
        """The second kernel, else the first."""
        return self.second or self.kernel

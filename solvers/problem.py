"""Problem files: from a TOML file to a mesh, densities and the gradient flow that they describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.densities import VARIABLES, CellAverages, cell_averages
from mudot.solvers.energies import Energy
from mudot.solvers.expressions import first_place
from mudot.solvers.flows import GradientFlow
from mudot.solvers.geometries import Geometry
from mudot.solvers.geometry_tables import FisherRaoTable
from mudot.solvers.ingredients import Ingredients
from mudot.solvers.inputs import Inputs, read
from mudot.solvers.kernel_tables import kernel_of
from mudot.solvers.messages import naming
from mudot.solvers.methods.choice import Integrator
from mudot.solvers.methods.reaction import Vacuum
from mudot.solvers.schema import DensityTable


@dataclass(frozen=True, eq=False)
class Problem:
    """A gradient flow with its initial measure and output times; arrays live on the host and are read-only.

    path:       the file
    title:      the title, empty where the file gives none
    text:       the whole problem file
    mesh:       the mesh
    target:     cell averages of pi, shape `mesh.shape`
    log_target: their logarithms, finite where the averages underflow
    start:      cell averages of mu_0, shape `mesh.shape`
    energy:     the energy
    geometry:   the geometry with its weights
    vacuum:     what zero density does under phi_p, 0 < p < 1: 'fills' or 'stays' (see `PowerReaction`)
    times:      output times, increasing
    rtol:       relative tolerance of the time integration
    integrator: 'automatic', or the integrator that is asked for
    """

    path: Path
    title: str
    text: str
    mesh: Cartesian
    target: np.ndarray
    log_target: np.ndarray
    start: np.ndarray
    energy: Energy
    geometry: Geometry
    vacuum: Vacuum
    times: tuple[float, ...]
    rtol: float
    integrator: Integrator = "automatic"

    def flow(self) -> GradientFlow:
        """The gradient flow. Raises MudotError for a pair of energy and geometry that makes none."""
        with naming(f"{self.path}: [geometry] name: "):
            return GradientFlow(self.mesh, self.energy, self.geometry, self.vacuum, self.integrator)


def load(path: str | Path) -> Problem:
    """The problem that a file describes (`problem-file` contract: TOML, one table per part).

    Raises MudotError, one line that names file, table and key, for whatever cannot be used. `read` followed
    by `build` is the same; between the two the size is known and nothing of that size is allocated.
    """
    return build(read(path))


def build(inputs: Inputs) -> Problem:
    """The problem of checked tables: evaluates the densities. Raises MudotError as `load` does."""
    mesh = inputs.mesh.build()
    with naming(f"{inputs.path}: "):
        with naming("[target] "):
            target = cell_averages(inputs.target, mesh, inputs.path.parent)
            _check_positive(inputs.target, mesh, target)
        with naming("[initial] "):
            start = cell_averages(inputs.initial, mesh, inputs.path.parent)
        with naming("[kernel] "):
            tables = (inputs.energy_kernel, inputs.geometry_kernel, inputs.reaction_kernel)
            kernels = [None if table is None else kernel_of(table) for table in tables]
        folder = inputs.path.parent
        with naming("[energy] "):
            energy = inputs.energy.build(Ingredients(mesh, target, folder, kernels[0]))
        with naming("[geometry] "):
            geometry = inputs.geometry.build(Ingredients(mesh, target, folder, *kernels[1:]))
    return Problem(
        path=inputs.path,
        title=inputs.title,
        text=inputs.text,
        mesh=mesh,
        target=target.values,
        log_target=target.log_values,
        start=start.values,
        energy=energy,
        geometry=geometry,
        vacuum=inputs.geometry.vacuum if isinstance(inputs.geometry, FisherRaoTable) else "fills",
        times=inputs.time.times(),
        rtol=inputs.time.rtol,
        integrator=inputs.time.method,
    )


def _check_positive(table: DensityTable, mesh: Cartesian, target: CellAverages) -> None:
    """The flow contains log pi: a target must be positive in every cell."""
    zero = ~np.isfinite(target.log_values)
    if np.any(zero):
        place = first_place(zero, VARIABLES, np.ix_(*mesh.centers))
        raise MudotError(
            f"{table.form}: zero in {np.count_nonzero(zero)} of {mesh.size} cells, as at {place}; expected "
            "positive values everywhere (log_density keeps tails that underflow)"
        )

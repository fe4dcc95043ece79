"""The force that an Onsager operator turns into a given rate."""

from __future__ import annotations

from mudot.meshes.arrays import Array
from mudot.meshes.averages import volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries.protocol import Onsager
from mudot.solvers.linear import conjugate_gradients

_RESIDUAL = 1e-10


def optimal_force(
    onsager: Onsager, mesh: Cartesian, rate: Array, guess: Array | None = None, defect: float = 0.0
) -> Array:
    """phi with K(mu) phi = u, of the mesh's shape: R(u) = 1/2 <u, phi>.

    guess:  a force whose image is close to the rate
    defect: to which K itself is known, where it solves a problem; no residual below ten times that is asked for, for
            rate and K phi differ by as much, and kernels of finite rank cannot make up for it
    Raises NotConverged, as for rates that the operator cannot make.
    """
    residual = max(_RESIDUAL, 10 * defect)
    return conjugate_gradients(onsager.apply, rate, volumes(mesh, rate), onsager.diagonal(), guess, residual).solution

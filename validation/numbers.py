"""Numbers of a solution at every output: energy, distance to the target, mass, means and variances."""

from __future__ import annotations

import numpy as np

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.compare.distances import quadratic

NAMES = {
    "energy": "F(mu(t))",
    "mmd": "MMD of mu(t) and the target, both of mass one, with the Gaussian kernel of the attribute mmd_bandwidth",
    "mass": "total mass",
    **{f"{kind} {axis}": f"{kind} of {axis} under mu(t)" for axis in "xyz" for kind in ("mean", "variance")},
}
"""What they mean."""


def numbers_of(
    mesh: Cartesian, density: np.ndarray, energy: np.ndarray, target: np.ndarray, bandwidth: float
) -> dict[str, np.ndarray]:
    """Numbers by name, each of shape (outputs,).

    density:   cell averages, shape (outputs, *mesh.shape);   energy: theirs, shape (outputs,)
    target:    cell averages, shape `mesh.shape`
    bandwidth: of the Gaussian kernel exp(-|x - y|^2/(2 h^2)) of mmd
    """
    kernel, axes = GaussianKernel(bandwidth), tuple(range(1, mesh.dimension + 1))
    masses, aim = density * mesh.volumes, target * (mesh.volumes / integrate(mesh, target))
    mass = masses.sum(axis=axes)
    shares = masses / masses.sum(axis=axes, keepdims=True)
    squares = np.array([quadratic(mesh, kernel, share - aim) for share in shares])
    found = {"energy": np.asarray(energy), "mmd": np.sqrt(squares.clip(0)), "mass": mass}
    for axis, name in zip(range(mesh.dimension), "xyz", strict=False):
        x = mesh.coordinates[axis]
        mean = (shares * x).sum(axis=axes)
        found[f"mean {name}"], found[f"variance {name}"] = mean, (shares * x**2).sum(axis=axes) - mean**2
    return found

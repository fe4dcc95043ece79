"""What methods do to densities before and after their steps: zeros are lifted, where mobilities vanish beside empty
cells, and the mass is put back."""

from __future__ import annotations

from mudot.meshes.arrays import Array, array_module
from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.geometries import Geometry

_BACKGROUND = 1e-12


def filled(mesh: Cartesian, density: Array) -> Array:
    """The density with zeros lifted to 1e-12 of its largest value, at the same mass.

    >>> import numpy as np
    >>> filled(Cartesian(2, 0.0, 2.0), np.array([1.0, 0.0]))
    array([1.e+00, 1.e-12])
    """
    if float(density.min()) > 0:
        return density
    xp = array_module(density)
    lifted = xp.where(density > 0, density, _BACKGROUND * density.max())
    return lifted * (integrate(mesh, density) / integrate(mesh, lifted))


def with_mass(mesh: Cartesian, geometry: Geometry, density: Array, mass: float) -> Array:
    """The mass put back to the last digit where the geometry keeps it."""
    return density * (mass / integrate(mesh, density)) if geometry.conserves_mass else density

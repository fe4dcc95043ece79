"""Full optimal transport between particles and a density in the plane and in space, by POT (the extra `ot`).

The linear program grows with the product of the numbers of points, so that both sides are kept within limits: of more
particles so many are drawn, and cells are put together in blocks, each at its centre of mass. Values and noise floors
go through the same. Source of the solver: Flamary et al. 2021, J. Mach. Learn. Res. 22.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from mudot.meshes.cartesian import Cartesian

POINTS = 500
"""Most particles in the linear program."""
BLOCKS = 800
"""Most blocks of cells."""


def available() -> bool:
    """Whether POT is installed."""
    return importlib.util.find_spec("ot") is not None


def blocks(mesh: Cartesian, masses: np.ndarray, most: int = BLOCKS) -> tuple[np.ndarray, np.ndarray]:
    """Centres of mass, shape (k, d), and masses, shape (k,), of at most so many blocks of neighbouring cells.

    >>> places, masses = blocks(Cartesian((4, 2), (0, 0), (4, 2)), np.ones((4, 2)), most=4)
    >>> places.tolist(), masses.tolist()
    ([[1.0, 0.5], [1.0, 1.5], [3.0, 0.5], [3.0, 1.5]], [2.0, 2.0, 2.0, 2.0])
    """
    wide = [1] * mesh.dimension
    while np.prod([-(-n // w) for n, w in zip(mesh.shape, wide, strict=True)]) > most:
        counts = [-(-n // w) for n, w in zip(mesh.shape, wide, strict=True)]
        wide[int(np.argmax(counts))] *= 2

    def gathered(values: np.ndarray) -> np.ndarray:
        for axis, width in enumerate(wide):
            values = np.add.reduceat(values, np.arange(0, mesh.shape[axis], width), axis=axis)
        return values.reshape(-1)

    total = gathered(masses)
    kept = total > 1e-9 * total.max()
    places = [gathered(masses * c)[kept] / total[kept] for c in mesh.coordinates]
    return np.stack(places, axis=1), total[kept]


def full(points: np.ndarray, weights: np.ndarray, places: np.ndarray, masses: np.ndarray) -> tuple[float, float]:
    """(W1, W2) between weighted points of shape (n, d) and (m, d), exact to the solver's round-off."""
    import ot

    square = ot.dist(points, places)
    share, mass = weights / weights.sum(), masses / masses.sum()
    most = 1_000_000
    one = ot.emd2(share, mass, np.sqrt(square), numItermax=most)
    return float(one), float(np.sqrt(ot.emd2(share, mass, square, numItermax=most)))

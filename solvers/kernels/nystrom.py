"""Randomised Nystrom preconditioning of S + lambda (Frangella, Tropp & Udell 2023, algorithms 2.1 and 5.1).

A sketch with a few random vectors finds the large eigenvalues of S, those that make conjugate gradients slow; the
preconditioner lowers them to the size of the smallest one found. Twice as many vectors as there are eigenvalues above
lambda leave a condition number of a few units. The random vectors are those of a fixed seed: results repeat.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of

LARGEST_BYTES = 64 * 2**20
"""Memory that the vectors may take: it caps the rank, in 3D above all. Reading more costs more than it saves."""

_EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Nystrom:
    """P^-1 = 1 + U ((least + ridge) / (values + ridge) - 1) U^T, close to (least + ridge) (S + ridge)^-1.

    vectors: the rows of U^T, orthonormal, shape (rank, unknowns)
    values:  approximate eigenvalues of S on the host, largest first, shape (rank,)
    factor:  the bracket above, shape (rank,), on the device
    reached: whether all eigenvalues above the ridge were found
    """

    vectors: Array
    values: np.ndarray
    factor: Array
    reached: bool

    @property
    def rank(self) -> int:
        """Number of vectors."""
        return int(self.values.size)

    @property
    def bytes(self) -> int:
        """What the vectors take."""
        return 8 * int(self.vectors.size)

    def __call__(self, residual: Array) -> Array:
        """P^-1 times a vector of any shape with as many entries as there are unknowns."""
        flat = residual.reshape(-1)
        return (flat + (self.factor * (self.vectors @ flat)) @ self.vectors).reshape(residual.shape)


def nystrom(
    apply: Callable[[Array], Array], like: Array, ridge: float, rank: int | None = None, seed: int = 0
) -> Nystrom:
    """The preconditioner of a symmetric positive semidefinite matrix given by its products with arrays like `like`.

    rank: number of products spent; by default doubled from 32 until the smallest eigenvalue found is below the ridge
    or the vectors take `LARGEST_BYTES`
    """
    library, size = library_of(like), int(like.size)
    cap = max(1, min(size, LARGEST_BYTES // (8 * size)))
    generator = np.random.default_rng(seed)
    random, images = _sketch(apply, like, min(rank or 32, cap), generator, library)
    xp = array_module(like)
    while True:
        values, vectors = _eigenpairs(random, images, library)
        count = int(random.shape[0])
        if rank is not None or values.size < count or values[-1] <= ridge or count >= cap:
            break
        more = _sketch(apply, like, min(count, cap - count), generator, library)
        random, images = xp.concatenate([random, more[0]]), xp.concatenate([images, more[1]])
    factor = (values[-1] + ridge) / (values + ridge) - 1
    return Nystrom(vectors, values, library.to_device(factor), bool(values.size < count or values[-1] <= ridge))


def _sketch(
    apply: Callable[[Array], Array], like: Array, count: int, generator: np.random.Generator, library: ArrayLibrary
) -> tuple[Array, Array]:
    """Random rows of norm about 1, and their images; both of shape (count, unknowns)."""
    size = int(like.size)
    random = library.to_device(generator.standard_normal((count, size)) / math.sqrt(size))
    images = [apply(random[i].reshape(like.shape)).reshape(-1) for i in range(count)]
    return random, library.xp.stack(images)


def _eigenpairs(random: Array, images: Array, library: ArrayLibrary) -> tuple[np.ndarray, Array]:
    """Eigenvalues, largest first, and eigenvectors (rows) of S Omega (Omega^T S Omega)^+ Omega^T S."""
    size, send, fetch = int(random.shape[1]), library.to_device, library.to_host
    shift = math.sqrt(size) * _EPSILON * math.sqrt(float((images * images).sum()))
    shifted = images + shift * random  # makes the factorisation stable; taken off again below
    core = fetch(shifted @ random.T)
    # Eigenvectors instead of a Cholesky factor: round-off may leave the core slightly indefinite.
    spread, basis = np.linalg.eigh((core + core.T) / 2)
    kept = spread > _EPSILON * core.shape[0] * spread[-1]
    half = send(np.ascontiguousarray((basis[:, kept] / np.sqrt(spread[kept])).T)) @ shifted
    squares, rotation = np.linalg.eigh(fetch(half @ half.T))
    values = squares[::-1] - shift
    sound = values > 10 * shift
    if not sound.any():  # S vanishes to round-off
        return np.zeros(1), 0 * random[:1]
    turned = (rotation[:, ::-1] / np.sqrt(np.maximum(squares[::-1], shift)))[:, sound]
    return values[sound], send(np.ascontiguousarray(turned.T)) @ half

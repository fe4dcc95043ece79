"""Gram matrices of polynomial kernels: (offset + x.y)^degree = sum_a c_a x^a y^a over monomials of degree <= `degree`.

The monomials of a tensor grid are products of powers of single coordinates: O(N) memory and operations, exact, on
graded meshes too (c_a are the multinomial coefficients times a power of the offset).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import scipy.linalg

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.solvers.kernels.axes import along
from mudot.solvers.kernels.functions import PolynomialKernel
from mudot.solvers.kernels.points import Points

_EPSILON = float(np.finfo(float).eps)
_DIGITS = 1e-11
"""Relative round-off that a direct ridge solve may have."""


@dataclass(frozen=True, eq=False)
class Features:
    """G = Phi diag(c) Phi^T.

    powers:       x_i^0 ... x_i^degree of each axis, shape (n, degree + 1)
    coefficients: c, shape (degree + 1,) * dimension; zero for products of too high a degree
    moments:      sums of w x^(p + q) along each axis with the widths w given at construction, on the host
    """

    powers: tuple[Array, ...]
    coefficients: Array
    moments: tuple[np.ndarray, ...]

    @property
    def bytes(self) -> int:
        """What the powers take."""
        return sum(8 * int(power.size) for power in self.powers)

    def apply(self, values: Array) -> Array:
        """G times a vector given on the grid of points; of the same shape."""
        return self._expanded(self.coefficients * self._projected(values))

    def solve(self, weights: Array, values: Array, shift: float) -> Array:
        """(G diag(weights) + shift)^-1 values by Woodbury's identity; weights are products of the widths."""
        found = self._woodbury(weights, values, shift)
        # Subtracting nearly all of a smooth function loses digits: one correction brings them back.
        rest = values - self.apply(weights * found) - shift * found
        return found + self._woodbury(weights, rest, shift)

    def _woodbury(self, weights: Array, values: Array, shift: float) -> Array:
        library = library_of(values)
        used, root, matrix = self._small
        inside = library.to_host(self._projected(weights * values)).reshape(-1)[used] * root
        shifted = matrix + shift * np.eye(root.size)
        tensor = np.zeros(self.coefficients.shape)
        tensor.reshape(-1)[used] = root * scipy.linalg.solve(shifted, inside, assume_a="pos")
        return (values - self._expanded(library.to_device(tensor))) / shift

    def ridge(self, masses: Array, values: Array, shift: float) -> tuple[Array, float] | None:
        """(G diag(masses) + shift)^-1 G masses values and its squared norm in the Hilbert space, for any masses, by the
        Gram matrix of the monomials under them; None where round-off of that matrix is not far below the shift."""
        library, xp = library_of(masses), array_module(masses)
        used, root, _ = self._small
        sums = masses
        for axis, power in enumerate(self.powers):
            doubled = xp.concatenate([power, power[:, 1:] * power[:, -1:]], axis=1)
            sums = along(doubled.T, sums, axis)
        exponents = np.unravel_index(used, self.coefficients.shape)
        pairs = tuple(np.add.outer(e, e) for e in exponents)
        matrix = library.to_host(sums)[pairs] * np.multiply.outer(root, root)
        if _EPSILON * float(np.trace(matrix)) > _DIGITS * shift:
            return None
        load = library.to_host(self._projected(masses * values)).reshape(-1)[used] * root
        # A handful of unknowns, thousands of times: NumPy's call is the cheaper one.
        found = np.linalg.solve(matrix + shift * np.eye(root.size), load)
        tensor = np.zeros(self.coefficients.shape)
        tensor.reshape(-1)[used] = root * found
        return self._expanded(library.to_device(tensor)), float(found @ found)

    @cached_property
    def _small(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers of the monomials in use, roots of their coefficients, and their Gram matrix, scaled by the roots."""
        coefficients = library_of(self.coefficients).to_host(self.coefficients).reshape(-1)
        used = np.flatnonzero(coefficients > 0)
        root = np.sqrt(coefficients[used])
        matrix = reduce(np.kron, self.moments)[np.ix_(used, used)]
        return used, root, matrix * np.multiply.outer(root, root)

    def _projected(self, values: Array) -> Array:
        for axis, power in enumerate(self.powers):
            values = along(power.T, values, axis)
        return values

    def _expanded(self, tensor: Array) -> Array:
        for axis, power in enumerate(self.powers):
            tensor = along(power, tensor, axis)
        return tensor


def features(
    kernel: PolynomialKernel, points: Points, widths: tuple[np.ndarray, ...], library: ArrayLibrary
) -> Features:
    """The features of a polynomial kernel; `widths` are the weights of the points along each axis in `solve`."""
    powers = [np.vander(axis.coordinates, kernel.degree + 1, increasing=True) for axis in points]
    moments = tuple(power.T @ (width[:, None] * power) for power, width in zip(powers, widths, strict=True))
    send = library.to_device
    coefficients = send(_coefficients(kernel, len(points)))
    return Features(tuple(send(power) for power in powers), coefficients, moments)


def _coefficients(kernel: PolynomialKernel, dimension: int) -> np.ndarray:
    degree = kernel.degree
    tensor = np.zeros((degree + 1,) * dimension)
    for exponents in itertools.product(range(degree + 1), repeat=dimension):
        rest = degree - sum(exponents)
        if rest >= 0:
            ways = math.factorial(degree) // math.prod(math.factorial(a) for a in (*exponents, rest))
            tensor[exponents] = ways * kernel.offset**rest
    return tensor

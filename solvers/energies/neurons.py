"""Neurons phi(theta; x) = a sigma(w . x + b) with parameters theta on a mesh: their outputs for given data.

A measure mu of neurons makes the network f_mu(x) = int phi(theta; x) dmu(theta). On data x_1, ..., x_n it is a product
with the feature matrix phi(theta_K; x_i), data by cells. The amplitude factors out of it: only sigma is tabulated, data
by cells of weights and bias, and where that would take too much memory it is made anew, a block of data at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of, moved
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError

ACTIVATIONS: dict[str, Callable[[Any, Array], Array]] = {
    "tanh": lambda xp, z: xp.tanh(z),
    "relu": lambda xp, z: xp.maximum(z, 0.0),
    "sigmoid": lambda xp, z: (1 + xp.tanh(z / 2)) / 2,
    "softplus": lambda xp, z: xp.logaddexp(0.0, z),
    "sin": lambda xp, z: xp.sin(z),
    "cos": lambda xp, z: xp.cos(z),
    "gaussian": lambda xp, z: xp.exp(-(z**2) / 2),
}
"""sigma by name, of an array namespace and an array."""
PARAMETERS = ("amplitude", "weight", "bias")
"""What an axis of the mesh may stand for. Without an axis, the amplitude is one and the bias zero."""
_KEPT = 2**28
_BLOCK = 2**25


def usual_parameters(dimension: int, inputs: int) -> tuple[str, ...]:
    """The axes of a mesh: one weight per input, before them the amplitude, after them the bias, if there is room.

    >>> usual_parameters(1, 1), usual_parameters(2, 1), usual_parameters(3, 1)
    (('weight',), ('amplitude', 'weight'), ('amplitude', 'weight', 'bias'))
    """
    spare = dimension - inputs
    if not 0 <= spare <= 2:
        raise MudotError(
            f"data: {inputs} inputs need {inputs} to {inputs + 2} axes (weights, amplitude, bias), "
            f"the mesh has {dimension}"
        )
    return (*PARAMETERS[: min(spare, 1)], *("weight",) * inputs, *PARAMETERS[2 : 1 + spare])


@dataclass(frozen=True, eq=False)
class Neurons:
    """phi(theta; x_i) at the cell centres of a mesh.

    inputs:     x, shape (data, inputs)
    activation: a name of `ACTIVATIONS`
    parameters: what each axis of the mesh stands for: `weight` once per input, in their order; `amplitude` and `bias`
                at most once
    Raises MudotError for what makes no neurons.
    """

    inputs: Array
    activation: str
    parameters: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise MudotError(f"activation: expected one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        count = [self.parameters.count(name) for name in PARAMETERS]
        if count[0] > 1 or count[2] > 1 or sum(count) != len(self.parameters):
            raise MudotError(
                f"parameters: expected 'weight' for every input, 'amplitude' and 'bias' at most once, "
                f"got {list(self.parameters)}"
            )
        if self.inputs.ndim != 2 or count[1] != self.inputs.shape[1]:
            raise MudotError(
                f"parameters: expected one 'weight' per input, got {count[1]} for inputs of shape "
                f"{tuple(self.inputs.shape)}"
            )

    def on(self, library: ArrayLibrary) -> Neurons:
        """The same neurons with their data on another device."""
        return replace(self, inputs=moved(self.inputs, library))

    def outputs(self, mesh: Cartesian, masses: Array) -> Array:
        """sum_K phi(theta_K; x_i) m_K, shape (data,), for cell masses of the mesh's shape."""
        axis, amplitude = self._amplitude(mesh, library_of(masses))
        xp = array_module(masses)
        reduced = masses if axis < 0 else xp.tensordot(amplitude, masses, axes=(0, axis))
        flat = reduced.reshape(-1)
        return xp.concatenate([block @ flat for _, block in self._blocks(mesh)])

    def combined(self, mesh: Cartesian, coefficients: Array) -> Array:
        """sum_i c_i phi(theta_K; x_i), of the mesh's shape, for coefficients of shape (data,)."""
        axis, amplitude = self._amplitude(mesh, library_of(coefficients))
        total = 0
        for rows, block in self._blocks(mesh):
            total = total + coefficients[rows] @ block
        hidden = tuple(n for i, n in enumerate(mesh.shape) if i != axis)
        if axis < 0:
            return total.reshape(hidden)  # type: ignore[attr-defined]
        along = [-1 if i == axis else 1 for i in range(mesh.dimension)]
        rest = [1 if i == axis else n for i, n in enumerate(mesh.shape)]
        return amplitude.reshape(along) * total.reshape(rest)  # type: ignore[attr-defined]

    def table_bytes(self, shape: tuple[int, ...]) -> float:
        """Memory of the tabulated features on a mesh of a shape, with temporaries."""
        size = self._columns(shape)
        return 8.0 * size * (self._kept(size) + 3 * self._rows(size))

    def _amplitude(self, mesh: Cartesian, library: ArrayLibrary) -> tuple[int, Array]:
        if len(self.parameters) != mesh.dimension:
            raise MudotError(
                f"parameters: expected one per axis of the mesh, got {len(self.parameters)} for {mesh.dimension}"
            )
        if "amplitude" not in self.parameters:
            return -1, None
        axis = self.parameters.index("amplitude")
        return axis, _axes_on(mesh, library)[axis]

    def _columns(self, shape: tuple[int, ...]) -> int:
        """Cells of weights and bias."""
        return math.prod([n for n, name in zip(shape, self.parameters, strict=True) if name != "amplitude"])

    def _rows(self, size: int) -> int:
        return max(1, min(int(self.inputs.shape[0]), _BLOCK // (8 * size)))

    def _kept(self, size: int) -> int:
        """Rows of the table that are kept: all or none."""
        count = int(self.inputs.shape[0])
        return count if 8 * size * count <= _KEPT else 0

    def _blocks(self, mesh: Cartesian) -> Iterator[tuple[slice, Array]]:
        """Rows of the data and sigma for them, shape (rows, cells of weights and bias)."""
        if self._kept(self._columns(mesh.shape)):
            yield from _table(self, mesh)
        else:
            yield from self._made(mesh)

    def _made(self, mesh: Cartesian) -> Iterator[tuple[slice, Array]]:
        library = library_of(self.inputs)
        centers = _axes_on(mesh, library)
        hidden = [(name, c) for name, c in zip(self.parameters, centers, strict=True) if name != "amplitude"]
        ones = library.xp.ones(tuple(c.shape[0] for _, c in hidden))
        along = [[-1 if i == j else 1 for i in range(len(hidden))] for j in range(len(hidden))]
        named = [(name, (ones * c.reshape(shape)).reshape(-1)) for (name, c), shape in zip(hidden, along, strict=True)]
        weights = library.xp.stack([axis for name, axis in named if name == "weight"])
        bias = next((axis for name, axis in named if name == "bias"), None)
        step = self._rows(weights.shape[1])
        for first in range(0, self.inputs.shape[0], step):
            rows = slice(first, first + step)
            z = self.inputs[rows] @ weights
            yield rows, ACTIVATIONS[self.activation](library.xp, z if bias is None else z + bias)


@lru_cache(maxsize=4)
def _axes_on(mesh: Cartesian, library: ArrayLibrary) -> tuple[Array, ...]:
    """The cell centres along each axis, sent to a device once."""
    return tuple(map(library.to_device, mesh.centers))


@lru_cache(maxsize=2)
def _table(neurons: Neurons, mesh: Cartesian) -> tuple[tuple[slice, Array], ...]:
    return tuple(neurons._made(mesh))

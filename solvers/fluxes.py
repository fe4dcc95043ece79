"""Two-point fluxes of the Fokker-Planck equation that keep the target stationary (the detailed-balance family).

On a face K|L every scheme reads J = (|e|/d) m (s_K - s_L) with s = rho/pi and a mean m of pi_K, pi_L. It is stored
as the two numbers forward = m/pi_K and backward = m/pi_L, which depend on differences of V = -log pi alone, so that
nothing underflows with pi; then J = (|e|/d) (forward rho_K - backward rho_L). For any mean, mass is exact, pi is
stationary to round-off, the generator has nonnegative off-diagonal entries, and every convex entropy decays
(Heida, Kantner and Stephan 2020, arXiv:2002.09385). They differ in accuracy:

- `scharfetter_gummel` (default): m = 1/Lambda(1/pi_K, 1/pi_L), second order, upwind where the potential is steep;
- `square_root`: the geometric mean (SQRA), natural for the cosh structure; rates grow like exp(|d|/2);
- `harmonic`: superb for barrier crossing, poor for transients;
- `edge_average`: 1/m = mean of 1/pi along the edge, the most accurate spectral gaps; needs the potential as a function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, in_blocks, library_of, moved, to_host
from mudot.meshes.averages import Function
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.means import bernoulli, logarithmic_mean
from mudot.solvers.operators import across


@dataclass(frozen=True, eq=False)
class TwoPointFlux:
    """forward = m/pi_K and backward = m/pi_L of every face, shape (faces,), nonnegative."""

    forward: Array
    backward: Array

    def on(self, library: ArrayLibrary) -> TwoPointFlux:
        """The same flux on another device."""
        return TwoPointFlux(moved(self.forward, library), moved(self.backward, library))

    def mobility(self, left: Array, right: Array) -> Array:
        """m Lambda(s_K, s_L) = Lambda(forward rho_K, backward rho_L): the Onsager mobility for which the
        Wasserstein flow of KL is this flux exactly (Maas 2011; Mielke 2011; Chow, Huang, Li and Zhou 2012)."""
        return in_blocks(lambda l, f, r, b: logarithmic_mean(l * f, r * b), left, self.forward, right, self.backward)


def scharfetter_gummel(mesh: Cartesian, log_target: Array) -> TwoPointFlux:
    """Exponential fitting: exact for a constant flux in a linear potential (Scharfetter and Gummel 1969).

    log_target: log of the cell averages of pi, shape `mesh.shape`. Not for rates over high barriers on coarse meshes.
    """
    return TwoPointFlux(*_fitted(_potential_jump(mesh, log_target)))


def scharfetter_gummel_along(mesh: Cartesian, log_target: Array, axis: int) -> tuple[Array, Array]:
    """Forward and backward of the faces orthogonal to one axis, in the mesh's shape but for that axis."""
    xp = array_module(log_target)
    jump = log_target[_part(axis, slice(None, -1))] - log_target[_part(axis, slice(1, None))]
    if mesh.boundary[axis] == "periodic" and mesh.shape[axis] > 1:
        seam = log_target[_part(axis, slice(-1, None))] - log_target[_part(axis, slice(0, 1))]
        jump = xp.concatenate([jump, seam], axis=axis)
    return _fitted(jump)


def _fitted(jump: Array) -> tuple[Array, Array]:
    """B(d) and B(-d), one after the other and block by block: this is where a flow would need the most memory."""
    return in_blocks(lambda z: bernoulli(z)[0], jump), in_blocks(lambda z: bernoulli(z)[1], jump)


def by_axes(mesh: Cartesian, flux: TwoPointFlux) -> Iterator[tuple[Array, Array]]:
    """Forward and backward of the faces of one axis after another, in the mesh's shape but for that axis."""
    for block, shape in zip(mesh.face_blocks, mesh.face_shapes, strict=True):
        yield flux.forward[block].reshape(shape), flux.backward[block].reshape(shape)


def _part(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


def square_root(mesh: Cartesian, log_target: Array) -> TwoPointFlux:
    """Geometric mean (square-root approximation). Raises MudotError where a jump of V exceeds 700 (rates overflow)."""
    jump = _potential_jump(mesh, log_target)
    xp = array_module(jump)
    largest = float(xp.abs(jump).max()) if jump.size else 0.0
    if largest > 700:
        raise MudotError(f"square-root flux: the potential jumps by {largest:.3g} between cells; refine the mesh")
    return TwoPointFlux(xp.exp(-jump / 2), xp.exp(jump / 2))


def harmonic(mesh: Cartesian, log_target: Array) -> TwoPointFlux:
    """Harmonic mean of pi: the trapezoidal rule for 1/m = mean of 1/pi along the edge."""
    jump = _potential_jump(mesh, log_target)
    xp = array_module(jump)
    decay = xp.exp(-xp.abs(jump))
    large, small = 2 / (1 + decay), 2 * decay / (1 + decay)
    return TwoPointFlux(xp.where(jump > 0, small, large), xp.where(jump > 0, large, small))


def edge_average(mesh: Cartesian, log_target: Array, log_density: Function) -> TwoPointFlux:
    """1/m = mean of 1/pi between the cell centres (10-point Gauss), blended into Scharfetter-Gummel where it is steep.

    log_density: log pi as a function of coordinates, up to the same constant as `log_target`. With cell averages of
    pi the unblended form has a spurious stationary mode on steep slopes; the blend, linear in log m for
    2 <= |d| <= 4, removes it and keeps the accuracy.
    """
    log_pi = to_host(log_target)
    left, right = across(mesh, log_pi)
    jump = left - right
    nodes, weights = np.polynomial.legendre.leggauss(10)
    start, step = _edges(mesh)
    samples = [-log_density(*(a + (1 + x) / 2 * b for a, b in zip(start, step, strict=True))) for x in nodes]
    log_edge = -np.logaddexp.reduce([s + np.log(w / 2) for s, w in zip(samples, weights, strict=True)])
    log_fitted = left + np.log(np.maximum(bernoulli(jump)[0], np.finfo(float).tiny))
    share = np.clip(2 - np.abs(jump) / 2, 0, 1)
    log_mean = np.where(share > 0, share * log_edge + (1 - share) * log_fitted, log_fitted)
    steep = share == 0
    fitted = bernoulli(jump)
    send = library_of(log_target).to_device
    return TwoPointFlux(
        send(np.where(steep, fitted[0], np.exp(np.where(steep, 0, log_mean - left)))),
        send(np.where(steep, fitted[1], np.exp(np.where(steep, 0, log_mean - right)))),
    )


def _potential_jump(mesh: Cartesian, log_target: Array) -> Array:
    """d = V_L - V_K across every face, shape (faces,)."""
    left, right = across(mesh, log_target)
    left -= right
    return left


def _edges(mesh: Cartesian) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Start and extent of the segments between neighbouring cell centres, per axis, shape (faces,)."""
    faces = mesh.faces
    starts = [np.broadcast_to(c, mesh.shape).reshape(-1)[faces.left] for c in mesh.coordinates]
    number = np.repeat(np.arange(mesh.dimension), faces.per_axis)
    steps = [np.where(number == axis, faces.distance, 0.0) for axis in range(mesh.dimension)]
    return starts, steps


def generator(mesh: Cartesian, flux: TwoPointFlux) -> Any:
    """The matrix A of rho' = A rho, sparse (cells, cells) on the device of the flux: columns weighted by the volumes
    sum to zero, off-diagonal entries are nonnegative, A pi = 0."""
    library = library_of(flux.forward)
    host = library.to_host
    left, right = mesh.faces.left, mesh.faces.right
    coupling = mesh.faces.transmissibility
    out, back = coupling * host(flux.forward), coupling * host(flux.backward)
    volumes = mesh.volumes.reshape(-1)
    # What leaves a cell at `out` per volume enters its neighbour; the diagonal is what leaves.
    rows, columns = np.concatenate([right, left]), np.concatenate([left, right])
    gains = np.concatenate([out / volumes[right], back / volumes[left]])
    losses = np.bincount(left, out, mesh.size) + np.bincount(right, back, mesh.size)
    shape = (mesh.size, mesh.size)
    matrix = scipy.sparse.coo_array((gains, (rows, columns)), shape=shape).tocsr()
    return library.sparse((matrix + scipy.sparse.diags_array(-losses / volumes, format="csr")).tocsr())

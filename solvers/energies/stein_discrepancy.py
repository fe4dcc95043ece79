"""The kernel Stein discrepancy: the Stein dissipation of KL as an energy of its own.

    KSD^2(mu | pi) = <eta, K eta>,  eta = mu grad log(mu/pi) = grad mu - mu grad log pi

(Korba, Aubin-Frankowski, Majewski and Ablin 2021; Zhu and Mielke 2024, Prop. 6.10). On a mesh eta on a face is minus
the Scharfetter-Gummel flux, which is linear in mu: the energy is a quadratic form and this its exact derivative, and
KSD^2/2 is R* of `Stein` at log(mu/pi) to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of
from mudot.meshes.averages import volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies.divergences import finite_logs, retargeted
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel


@dataclass(frozen=True, eq=False)
class KernelSteinDiscrepancy:
    """KSD^2(mu | pi)/2, first variation -div(K eta) - grad log pi . K eta.

    kernel: for vector fields, component by component;   target, log_target: as for `PowerDivergence`
    """

    kernel: Kernel
    target: Array
    log_target: Array = None
    _flux: dict[tuple[Cartesian, str], tuple[Any, Any]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "log_target", finite_logs(self.target, self.log_target))

    def __str__(self) -> str:
        return f"ksd ({self.kernel.name})"

    @property
    def name(self) -> str:
        """`ksd`."""
        return "ksd"

    def on(self, library: ArrayLibrary) -> KernelSteinDiscrepancy:
        """The same energy with its data on another device."""
        return retargeted(self, library, _flux={})

    def value(self, mesh: Cartesian, density: Array) -> float:
        """KSD^2/2."""
        eta = self._matrices(mesh, density)[0] @ density.reshape(-1)
        return 0.5 * float((eta * operator_on(self.kernel, mesh, library_of(density)).face_gram(eta)).sum())

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """int k_pi(x, .) dmu with the Stein kernel k_pi."""
        matrix, transposed = self._matrices(mesh, density)
        smooth = operator_on(self.kernel, mesh, library_of(density)).face_gram(matrix @ density.reshape(-1))
        return (transposed @ smooth).reshape(mesh.shape) / volumes(mesh, density)

    def _matrices(self, mesh: Cartesian, density: Array) -> tuple[Any, Any]:
        """mu -> area times distance times eta on faces, sparse (faces, cells), and its transpose."""
        library = library_of(density)
        key = (mesh, library.name)
        if key not in self._flux:
            flux = scharfetter_gummel(mesh, self.log_target)
            faces = mesh.faces
            forward, backward = (library.to_host(side) for side in (flux.forward, flux.backward))
            count = faces.left.size
            data = np.stack([-faces.area * forward, faces.area * backward], axis=1).reshape(-1)
            columns = np.stack([faces.left, faces.right], axis=1).reshape(-1)
            matrix = scipy.sparse.csr_array((data, columns, np.arange(0, 2 * count + 1, 2)), shape=(count, mesh.size))
            self._flux[key] = (library.sparse(matrix), library.sparse(matrix.T.tocsr()))
        return self._flux[key]


def stein_kernel(kernel_values: Array, score: Array, points: Array, bandwidth: float) -> Array:
    """k_pi(x_i, x_j) of a Gaussian kernel on points of shape (n, d), from k(x_i, x_j) and grad log pi at the points.

    For tests and small problems: n^2 numbers.
    """
    xp, h2 = array_module(points), bandwidth**2
    gap = points[:, None] - points[None]
    cross = xp.sum((score[:, None] - score[None]) * gap, axis=2) / h2
    trace = points.shape[1] / h2 - xp.sum(gap * gap, axis=2) / h2**2
    return kernel_values * (score @ score.T + cross + trace)

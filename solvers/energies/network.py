"""Mean-field training of a network with one hidden layer: the energy whose gradient flows are its training.

    F(mu) = 1/2 mean_i (f_mu(x_i) - y_i)^2 + int V dmu + tau KL(mu | pi),      f_mu(x) = int phi(theta; x) dmu(theta)

Gradient descent of n wide neurons is, as n grows, the Wasserstein flow (Mei, Montanari and Nguyen 2018; Chizat and Bach
2018); noisy gradient descent the one with tau > 0 (mean-field Langevin: Hu, Ren, Siska and Szpruch 2021); birth and
death of neurons add Fisher-Rao (Rotskoff, Jelassi, Bruna and Vanden-Eijnden 2019). The target pi is the Gibbs prior: a
Gaussian pi is weight decay with noise, a constant one the entropy alone; without entropy it plays no part. The kernel
1/n sum_i phi(.; x_i) phi(.; x_i) has the rank of the data, so the flow costs two products with the feature matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, moved
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.energies.divergences import PowerDivergence
from mudot.solvers.energies.neurons import Neurons
from mudot.solvers.fluxes import scharfetter_gummel
from mudot.solvers.means import bernoulli
from mudot.solvers.operators import across
from mudot.solvers.quotients import entropy_quotient_slope
from mudot.solvers.reconstruction import one_sided, upwind


@dataclass(frozen=True, eq=False)
class ShallowNetwork:
    """Half the mean squared error of a mean-field network, with entropy relative to a prior and a potential.

    neurons:   phi on the cells and data
    labels:    y, shape (data,)
    entropy:   tau >= 0
    prior:     KL(. | pi); needed where tau > 0
    potential: V, the mesh's shape, such as weight decay; zero if None
    Raises MudotError for an entropy that is negative or without a prior, and labels that do not fit the inputs.

    >>> import numpy as np
    >>> neurons = Neurons(np.array([[1.0], [-1.0]]), "tanh", ("weight",))
    >>> energy = ShallowNetwork(neurons, np.array([0.5, -0.5]))
    >>> energy.value(Cartesian(4, -1.0, 1.0), np.full(4, 0.5))      # f = 0 by symmetry
    0.125
    """

    neurons: Neurons
    labels: Array
    entropy: float = 0.0
    prior: PowerDivergence | None = None
    potential: Array | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.entropy < math.inf:
            raise MudotError(f"entropy: expected a finite number of at least 0, got {self.entropy}")
        if self.entropy > 0 and (self.prior is None or self.prior.power != 1):
            raise MudotError("entropy: needs a prior, the relative entropy to a target")
        if tuple(self.labels.shape) != (self.neurons.inputs.shape[0],):
            raise MudotError(
                f"labels: expected one per row of the inputs ({self.neurons.inputs.shape[0]}), "
                f"got shape {tuple(self.labels.shape)}"
            )

    def __str__(self) -> str:
        noise = f", entropy {self.entropy:g}" if self.entropy else ""
        return f"shallow-network ({self.neurons.activation}, {self.labels.shape[0]} data{noise})"

    @property
    def name(self) -> str:
        """`shallow-network`."""
        return "shallow-network"

    def on(self, library: ArrayLibrary) -> ShallowNetwork:
        """The same energy with its data on another device."""
        return replace(
            self,
            neurons=self.neurons.on(library),
            labels=moved(self.labels, library),
            prior=None if self.prior is None else self.prior.on(library),
            potential=None if self.potential is None else moved(self.potential, library),
        )

    def predictions(self, mesh: Cartesian, density: Array) -> Array:
        """f_mu(x_i), shape (data,)."""
        return self.neurons.outputs(mesh, density * volumes(mesh, density))

    def loss(self, mesh: Cartesian, density: Array) -> float:
        """Half the mean squared error alone."""
        return 0.5 * float(((self.predictions(mesh, density) - self.labels) ** 2).mean())

    def value(self, mesh: Cartesian, density: Array) -> float:
        """F(mu)."""
        total = self.loss(mesh, density)
        if self.potential is not None:
            total += integrate(mesh, self.potential * density)
        if self.prior is not None and self.entropy:
            total += self.entropy * self.prior.value(mesh, density)
        return total

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """mean_i (f_mu(x_i) - y_i) phi(.; x_i) + V + tau log(mu/pi)."""
        xi = self._of_data(mesh, density)
        if self.prior is not None and self.entropy:
            xi = xi + self.entropy * self.prior.first_variation(mesh, density)
        return xi

    def drift_potential(self, mesh: Cartesian, density: Array) -> Array:
        """The first variation less tau log mu: what a particle sees besides its noise."""
        xi = self._of_data(mesh, density)
        if self.prior is not None and self.entropy:
            xi = xi - self.entropy * self.prior.log_target
        return xi

    def mean_variation(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """The discrete gradient: <., after - before> is exactly F(after) - F(before), and it is the first variation
        where both agree. Both densities must be positive where tau > 0."""
        xi = self._of_data(mesh, (before + after) / 2)
        if self.prior is not None and self.entropy:
            logs = self.prior.log_ratio(before)
            growth = self.prior.log_ratio(after) - logs
            xi = xi + self.entropy * (logs + (bernoulli(growth)[1] - 1))
        return xi

    def mean_slope(self, mesh: Cartesian, before: Array, after: Array) -> Array:
        """That of the entropy: what data say acts at a distance."""
        return self.entropy * entropy_quotient_slope(array_module(before).log(after / before))

    @property
    def exponent(self) -> float:
        """One: the entropy is that of linear diffusion."""
        return 1.0

    @property
    def acts_at_a_distance(self) -> bool:
        """Neurons answer to the same data."""
        return True

    def distant_slope(self, mesh: Cartesian, change: Array) -> Array:
        """mean_i f_change(x_i) phi(.; x_i) / 2."""
        return self.neurons.combined(mesh, self.predictions(mesh, change) / (2 * self.labels.shape[0]))

    def mobility(self, mesh: Cartesian, density: Array) -> Array:
        """The density on the faces, shape (faces,): with entropy that of the Scharfetter-Gummel flux for the momentary
        drift (Schlichting and Seis 2022, for aggregation-diffusion), without it the second-order upwind one."""
        if self.entropy:
            drift = self.drift_potential(mesh, density)
            return scharfetter_gummel(mesh, -drift / self.entropy).mobility(*across(mesh, density))
        left, right = across(mesh, self._of_data(mesh, density))
        return upwind(*one_sided(mesh, density), left - right)

    def _of_data(self, mesh: Cartesian, density: Array) -> Array:
        residual = (self.predictions(mesh, density) - self.labels) / self.labels.shape[0]
        xi = self.neurons.combined(mesh, residual)
        return xi if self.potential is None else xi + self.potential

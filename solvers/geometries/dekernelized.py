"""De-kernelized geometries: K contains the inverse of a kernel's operator and does not depend on mu.

The MMD geometry (de-kernelized Fisher-Rao) has R(u) = 1/2 <u, K u>: its geodesics are straight lines (Zhu and Mielke
2024, eqs. 3.9-3.10, Prop. 3.5; Gladin, Dvurechensky, Mielke and Zhu 2024, Prop. 3.2). De-Stein is its transport
twin (Zhu and Mielke 2024, Prop. 4.2). With a regularization epsilon, K + epsilon takes the place of K: then R* is
bounded. Nothing in these geometries keeps a density from becoming negative.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of, moved
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.geometries.algebra import Composable, check_definite, positive, weighted
from mudot.solvers.geometries.force import optimal_force
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.operators import KernelOperator, Place
from mudot.solvers.kernels.solves import inverse
from mudot.solvers.kernels.spectral import product_inverse
from mudot.solvers.kernels.staggered import InverseDiffusion, inverse_diffusion
from mudot.solvers.linear import NotConverged
from mudot.solvers.operators import divergence, gradient, stencil_of

_SOLVED = 1e-10
_BALANCED = 1e-12
_WELL = 1e-5
"""Least share of the largest eigenvalue of K + epsilon for which bases lose no more digits than solves leave."""


@dataclass(frozen=True)
class DeKernelizedFisherRao(Composable):
    """beta times the MMD geometry: K xi = (K + epsilon)^-1 xi, R* = beta/2 <xi, (K + epsilon)^-1 xi>,
    R(u) = 1/(2 beta) <u, (K + epsilon) u>.

    kernel: positive definite
    regularization: epsilon >= 0; with 0 only forces in the kernel's Hilbert space have a finite R* (those of MMD^2/2
    with the same kernel do), others stop a run with their residual
    origin: a measure pi (cell averages): solves for the force K(mu - pi) then start from their solution mu - pi;
    `GradientFlow` puts the target of MMD^2/2 there
    """

    kernel: Kernel
    regularization: float = 0.0
    reaction: float = 1.0
    origin: Array | None = field(default=None, compare=False, repr=False)
    parts: ClassVar[tuple[str, ...]] = ("mmd",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive("reaction", self.reaction)
        _check(self.kernel, self.regularization)

    def __str__(self) -> str:
        return weighted(self.reaction, f"mmd ({_in_words(self.kernel, self.regularization)})")

    def on(self, library: ArrayLibrary) -> DeKernelizedFisherRao:
        """The origin on another device."""
        return self if self.origin is None else replace(self, origin=moved(self.origin, library))

    def scaled(self, factor: float) -> DeKernelizedFisherRao:
        """The weight multiplied by a factor."""
        return replace(self, reaction=factor * self.reaction)

    def onsager(self, mesh: Cartesian, density: Array) -> InverseOnsager:
        """K, the same at every state."""
        operator = operator_on(self.kernel, mesh, library_of(density))
        guess = None if self.origin is None else density - self.origin
        return InverseOnsager(mesh, operator, self.regularization, self.reaction, guess)


@dataclass(frozen=True)
class DeStein(Composable):
    """alpha times the de-Stein geometry: K xi = -div((K + epsilon)^-1 grad xi), R* = alpha/2 |grad xi|^2 in the
    kernel's Hilbert space of vector fields.

    kernel, regularization: as for `DeKernelizedFisherRao`
    """

    kernel: Kernel
    regularization: float = 0.0
    transport: float = 1.0
    parts: ClassVar[tuple[str, ...]] = ("de-stein",)
    multiplicative: ClassVar[bool] = False
    conserves_mass: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive("transport", self.transport)
        _check(self.kernel, self.regularization)

    def __str__(self) -> str:
        return weighted(self.transport, f"de-stein ({_in_words(self.kernel, self.regularization)})")

    def on(self, library: ArrayLibrary) -> DeStein:
        """Itself: it has no data."""
        return self

    def scaled(self, factor: float) -> DeStein:
        """The weight multiplied by a factor."""
        return replace(self, transport=factor * self.transport)

    def onsager(self, mesh: Cartesian, density: Array) -> InverseTransport:
        """K, the same at every state."""
        operator = operator_on(self.kernel, mesh, library_of(density))
        return InverseTransport(mesh, operator, self.regularization, self.transport)


@dataclass(eq=False)
class Inverse:
    """(K + epsilon)^-1 on cells or faces. The last solution is kept, for the next right-hand side is often the same.

    guess: what a multiple of the solution may be
    """

    operator: KernelOperator
    epsilon: float
    on: Place = "cells"
    guess: Array | None = None
    _last: tuple[Array, Array] | None = field(default=None, repr=False)

    def __call__(self, f: Array) -> Array:
        """The solution. Raises NotConverged where there is none."""
        if self._last is None or self._last[0] is not f:
            guessed = self._guessed(f)
            self._last = (f, self._solved(f) if guessed is None else guessed)
        return self._last[1]

    def _guessed(self, f: Array) -> Array | None:
        """The multiple of the guess that comes closest, where it is a solution to the tolerance of the solver."""
        if self.guess is None:
            return None
        image = self.operator.gram_on(self.on, self.operator.weights(self.on) * self.guess) + self.epsilon * self.guess
        scale = float((image * image).sum())
        if scale == 0:
            return None
        factor = float((image * f).sum()) / scale
        rest = f - factor * image
        return factor * self.guess if float((rest * rest).sum()) <= _SOLVED**2 * float((f * f).sum()) else None

    def _solved(self, f: Array) -> Array:
        direct = product_inverse(self.operator, f, self.epsilon, self.on, _WELL)
        if direct is not None:
            return direct
        try:
            return inverse(self.operator, f, self.epsilon, on=self.on).solution
        except (NotConverged, MudotError) as reason:
            if self.epsilon:
                raise
            raise NotConverged(
                f"inverse of kernel {self.operator.kernel.name}: the force does not lie in the kernel's Hilbert space "
                f"as far as can be computed ({reason}); give a regularization > 0"
            ) from None


@dataclass(frozen=True, eq=False)
class InverseOnsager:
    """beta (K + epsilon)^-1 on cells."""

    mesh: Cartesian
    operator: KernelOperator
    epsilon: float
    reaction: float
    guess: Array | None = None

    @cached_property
    def _inverse(self) -> Inverse:
        return Inverse(self.operator, self.epsilon, "cells", self.guess)

    def balanced(self, xi: Array) -> bool:
        """Whether `apply` makes no mass, to round-off."""
        rate = self.apply(xi)
        return abs(integrate(self.mesh, rate)) <= _BALANCED * integrate(self.mesh, array_module(rate).abs(rate))

    def apply(self, xi: Array) -> Array:
        """beta (K + epsilon)^-1 xi."""
        return self.reaction * self._inverse(xi)

    def smoothed(self, u: Array) -> Array:
        """(K + epsilon) u / beta: the inverse of `apply`, which needs no solve."""
        return (self.operator.apply(u) + self.epsilon * u) / self.reaction

    def dual(self, xi: Array) -> tuple[float, ...]:
        """beta/2 <xi, (K + epsilon)^-1 xi>."""
        return (0.5 * integrate(self.mesh, xi * self.apply(xi)),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/(2 beta) <u, (K + epsilon) u>: no solve."""
        return (0.5 * integrate(self.mesh, rate * self.smoothed(rate)),)

    def diagonal(self) -> Array:
        """beta over the share of K that stays in a cell, plus epsilon."""
        return self.reaction / (volumes(self.mesh, self.operator.volumes) + self.epsilon)


@dataclass(frozen=True, eq=False)
class InverseTransport:
    """-div(alpha (K + epsilon)^-1 grad .) with the inverse on the faces of each orientation."""

    mesh: Cartesian
    operator: KernelOperator
    epsilon: float
    transport: float

    @cached_property
    def _inverse(self) -> Inverse:
        return Inverse(self.operator, self.epsilon, "faces")

    @cached_property
    def _direct(self) -> InverseDiffusion | None:
        """In the bases of a product kernel, where their round-off is below the tolerance of solves."""
        return inverse_diffusion(self.operator, self.epsilon, _WELL)

    def velocity(self, xi: Array) -> Array:
        """alpha (K + epsilon)^-1 grad xi on faces, shape (faces,)."""
        return self.transport * self._inverse(gradient(self.mesh, xi))

    def apply(self, xi: Array) -> Array:
        """-div of it."""
        if self._direct is not None:
            return self.transport * self._direct.applied(xi)
        return -divergence(self.mesh, self.velocity(xi))

    def dual(self, xi: Array) -> tuple[float, ...]:
        """1/2 <grad xi, v> on faces."""
        if self._direct is not None:
            return (0.5 * self.transport * self._direct.form(xi),)
        return (0.5 * float((self.operator.face_volumes * gradient(self.mesh, xi) * self.velocity(xi)).sum()),)

    def primal(self, rate: Array, guess: Array | None = None) -> tuple[float, ...]:
        """1/2 <u, phi> with K phi = u."""
        phi = optimal_force(self, self.mesh, rate, guess)
        return (0.5 * integrate(self.mesh, rate * phi),)

    def diagonal(self) -> Array:
        """2 alpha/h^2 over the share of K that stays on a face, plus epsilon."""
        volume = self.operator.volumes
        return self.transport * stencil_of(self.mesh, volume).stiffness / (volume + self.epsilon)


def _check(kernel: Kernel, regularization: float) -> None:
    check_definite(kernel)
    if not 0 <= regularization < float("inf"):
        raise MudotError(f"regularization: expected a finite number of at least 0, got {regularization}")


def _in_words(kernel: Kernel, regularization: float) -> str:
    return f"{kernel.name}, regularization {regularization:g}" if regularization else kernel.name

"""Stages of stiff flows with the inverse of a kernel, with diffusion, or with both: Newton's method for

    b - r + c K(b) xi(b) = 0        in log b,

each step one linear solve for the change v of the force, dlog b = v/p with p = dxi/dlog b:

    [b/p + c F - c alpha A diag(b)] v = -(b - r + c K xi)

F is the part of K that does not look at the density, A the Fokker-Planck generator: for an energy int phi(s) dpi the
Wasserstein part is -alpha A (pi g(s)) with g' = s phi'', and that is its derivative. Without A the operator is
symmetric and conjugate gradients do; with it, stabilised biconjugate ones. With W for the weight b/p, T for the rest,
the preconditioner is (W + s)^(1/2) (T + s) (W + s)^(1/2)/s with constants in T and what is then on its diagonal: in the
basis of the kernel, or with transport in that of the Laplacian. For s the geometric mean of the largest T and the
smallest W + T it is as good where W is small as where it is large. The variables are (W + s)^(1/2) y.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from operator import add
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from mudot.meshes.arrays import Array, array_module, library_of
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import Pointwise
from mudot.solvers.fluxes import generator, scharfetter_gummel
from mudot.solvers.geometries import (
    DeKernelizedFisherRao,
    DeStein,
    FisherRao,
    FlatFisherRao,
    FlatWasserstein,
    Geometry,
    Wasserstein,
)
from mudot.solvers.geometries.terms import terms
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.iterations import shifted_gradients
from mudot.solvers.kernels.operators import KernelOperator
from mudot.solvers.kernels.spectral import Basis, Diagonal, basis_of, harmonics, invertible
from mudot.solvers.kernels.staggered import InverseDiffusion, inverse_diffusion
from mudot.solvers.linear import stabilised_biconjugate_gradients

_MARGIN = 1e-9
"""Smallest share of the largest eigenvalue of K + epsilon for which it is inverted as it stands."""
FACTORED = 40_000
"""Cells up to which the matrix of a plane is factored."""
_AS_FACTORED = 1e-7
"""Residual of what is not factored, whatever the forcing: the iterates are then those of factors, on all devices."""
_SHORT, _FAR = 0.3, 50.0
"""Changes of log b that are taken as they are, and the largest that is ever tried."""
_BEYOND, _HALVINGS = 0.3, 30
"""How steep, over the first slope, the way up behind the minimum may be at the end of a step."""


@dataclass(frozen=True, eq=False)
class Parts:
    """A geometry taken apart: weights, references and the parts with the inverse of a kernel."""

    transport: float
    flat_transport: tuple[FlatWasserstein, ...]
    flat_reaction: tuple[FlatFisherRao, ...]
    inverse: DeKernelizedFisherRao | None
    inverse_transport: DeStein | None
    spherical: bool

    @property
    def moves(self) -> bool:
        """Whether there is transport."""
        return bool(self.transport or self.flat_transport or self.inverse_transport)


def taken_apart(geometry: Geometry) -> Parts | None:
    """The parts, or None where there are others, or several of a kind."""
    parts = terms(geometry)
    found = [part.geometry for part in parts]
    known = (Wasserstein, FlatWasserstein, FlatFisherRao, DeKernelizedFisherRao, DeStein)
    inverse = [g for g in found if isinstance(g, DeKernelizedFisherRao)]
    moving = [g for g in found if isinstance(g, DeStein)]
    if len(inverse) > 1 or len(moving) > 1 or not all(isinstance(g, known) for g in found):
        return None
    return Parts(
        sum(g.transport for g in found if isinstance(g, Wasserstein)),
        tuple(g for g in found if isinstance(g, FlatWasserstein)),
        tuple(g for g in found if isinstance(g, FlatFisherRao)),
        inverse[0] if inverse else None,
        moving[0] if moving else None,
        any(part.spherical for part in parts),
    )


@dataclass(frozen=True, eq=False)
class ByBasis:
    """The stage solver. Made by `by_basis`.

    near:      the basis in which the preconditioner is diagonal
    inverse:   the MMD part in the basis of its kernel
    diffusion: de-Stein in that of its own
    """

    mesh: Cartesian
    energy: Pointwise
    geometry: Geometry
    parts: Parts
    near: Basis
    inverse: Diagonal | None
    diffusion: Diagonal | InverseDiffusion | None

    def change(self, density: Array, right: Array, factor: float, forcing: float) -> Array:
        """The Newton step of log b at b = `density`; right: r, factor: c, forcing: residual of the linear solve over
        its right-hand side. Raises NotConverged."""
        mesh, near, root = self.mesh, self.near, self.near.root
        share = self.energy.logarithmic_curvature(mesh, density)
        rest = self._residual(density, right, factor)
        weight = density / share
        for flat in self.parts.flat_reaction:
            weight = weight + factor * flat.reaction * flat.reference
        smooth, total = self.parts.transport * float(density.mean()), self._stiffness
        if smooth:
            total = total + smooth * near.values
        total = factor * total
        shift = float(total.max() * (total.min() + weight.min())) ** 0.5
        scale, inverse = 1 / array_module(weight).sqrt(weight + shift), shift / (total + shift)

        def apply(coordinates: Array) -> Array:
            y = scale * near.out_of(coordinates)
            image = weight * y + factor * self._fixed(y)
            for flat in self.flat:
                image = image + factor * root * flat.apply(y / root)
            if self.parts.spherical:
                image = image - factor * (self._of_one * y).sum() / self._norm * self._of_one
            if self.generator is not None:
                moved = (self.generator @ (density * y / root).reshape(-1)).reshape(mesh.shape)
                image = image - (factor * self.parts.transport) * root * moved
            return near.into(scale * image)

        def precondition(coordinates: Array) -> Array:
            return near.diagonal(inverse, coordinates)

        wanted = near.into(-scale * root * rest)
        if self.generator is None:
            solved = shifted_gradients(apply, 0.0, wanted, None, forcing, precondition)
        else:
            solved = stabilised_biconjugate_gradients(apply, precondition, wanted, forcing)
        v = scale * near.out_of(solved.solution) / root
        return self._shortened(density, right, factor, v, v / share, rest)

    def _residual(self, density: Array, right: Array, factor: float) -> Array:
        """b - r + c K xi."""
        onsager = self.geometry.onsager(self.mesh, density)
        return density - right + factor * onsager.apply(self.energy.first_variation(self.mesh, density))

    def _shortened(self, density: Array, right: Array, factor: float, v: Array, step: Array, rest: Array) -> Array:
        """The step halved until it does not go far beyond the minimum along it.

        For KL and a fixed K the equation is the gradient, in h = log(b/pi), of the convex functional
        int pi e^h - <r, h> + c/2 <h, F h>, for which this makes Newton's method converge from anywhere.
        """
        xp = array_module(density)
        if float(xp.abs(step).max()) <= _SHORT:
            return step
        weight = v * volumes(self.mesh, density)
        start = float((weight * rest).sum())
        for _ in range(_HALVINGS):
            trial = density * xp.exp(xp.clip(step, -_FAR, _FAR))
            slope = float((weight * self._residual(trial, right, factor)).sum())
            if slope <= -_BEYOND * start:
                break
            step = step * min(0.5, max(0.1, start / (start - slope)))
        return step

    def _fixed(self, y: Array) -> Array:
        """The parts with inverses of kernels; one change of basis serves both where the kernel is one."""
        first, *others = self._inverses
        if others and others[0].basis is not first.basis:
            return reduce(add, [part.basis.out_of(part(part.basis.into(y))) for part in self._inverses])
        inside = first.basis.into(y)
        return first.basis.out_of(reduce(add, [part(inside) for part in self._inverses]))

    @cached_property
    def _inverses(self) -> tuple[Diagonal | InverseDiffusion, ...]:
        """One or two; waves make one of two."""
        one, two = self.inverse, self.diffusion
        if one is not None and isinstance(two, Diagonal):
            return (Diagonal(one.basis, one.symbol + two.symbol),)
        return tuple(part for part in (one, two) if part is not None)

    @cached_property
    def _stiffness(self) -> Array:
        """The diagonal of all parts but Wasserstein in the basis of the preconditioner."""
        total = reduce(add, [part.diagonal_in(self.near) for part in self._inverses])
        for flat in self.parts.flat_transport:
            total = total + flat.transport * float(flat.reference.mean()) * self.near.values
        return total

    @cached_property
    def _of_one(self) -> Array:
        """F 1 times the root of the volumes."""
        root, inverse = self.near.root, self.inverse
        total = 0 * root if inverse is None else inverse.basis.multiplied(inverse.symbol, root)
        for flat in self.parts.flat_reaction:
            total = total + flat.reaction * flat.reference * root
        return total

    @cached_property
    def _norm(self) -> float:
        return float((self._of_one * self.near.root).sum())

    @cached_property
    def flat(self) -> tuple[Any, ...]:
        """The operators of flat transport."""
        return tuple(part.onsager(self.mesh, part.reference) for part in self.parts.flat_transport)

    @cached_property
    def generator(self) -> Any:
        """A, or None without Wasserstein part."""
        return _generator(self.mesh, self.energy) if self.parts.transport else None


@dataclass(frozen=True, eq=False)
class ByDiffusion:
    """The stage solver of Wasserstein and Wasserstein-Fisher-Rao flows: sparse factors in one and two dimensions, else
    iterations. For w = b dlog b,

        [1 + c beta (xi - <xi> + p) - c alpha A diag(p)] w = -(b - r + c K xi);

    what a spherical reaction has of rank one is left out: it costs a step of Newton's method or two.
    """

    mesh: Cartesian
    energy: Pointwise
    geometry: Geometry
    transport: float
    reaction: float
    spherical: bool

    def change(self, density: Array, right: Array, factor: float, forcing: float) -> Array:
        """As `ByBasis.change`."""
        share, xi = (
            self.energy.logarithmic_curvature(self.mesh, density),
            self.energy.first_variation(self.mesh, density),
        )
        rest = (density - right + factor * self.geometry.onsager(self.mesh, density).apply(xi)).reshape(-1)
        centre = integrate(self.mesh, density * xi) / integrate(self.mesh, density) if self.spherical else 0.0
        inside = (1 + factor * self.reaction * (xi - centre + share)).reshape(-1)
        steepness, speed = share.reshape(-1), factor * self.transport
        if isinstance(density, np.ndarray) and self.mesh.dimension <= 2 and self.mesh.size <= FACTORED:
            matrix = scipy.sparse.diags_array(inside) - speed * self.generator @ scipy.sparse.diags_array(steepness)
            w = scipy.sparse.linalg.spsolve(matrix.tocsc(), -rest)
        else:
            diagonal = inside - speed * self.generator.diagonal() * steepness

            def apply(w: Array) -> Array:
                return inside * w - speed * (self.generator @ (steepness * w))

            tolerance = min(forcing, _AS_FACTORED)
            w = stabilised_biconjugate_gradients(apply, lambda r: r / diagonal, -rest, tolerance).solution
        return w.reshape(self.mesh.shape) / density

    @cached_property
    def generator(self) -> Any:
        """A."""
        return _generator(self.mesh, self.energy)


def _generator(mesh: Cartesian, energy: Pointwise) -> Any:
    return generator(mesh, scharfetter_gummel(mesh, energy.log_target))  # type: ignore[attr-defined]


def by_diffusion(mesh: Cartesian, energy: Pointwise, geometry: Geometry) -> ByDiffusion | None:
    """The stage solver for a Wasserstein part, with Fisher-Rao or without, else None."""
    parts = terms(geometry)
    found = [part.geometry for part in parts]
    if not all(isinstance(g, Wasserstein | FisherRao) for g in found):
        return None
    transport = sum(g.transport for g in found if isinstance(g, Wasserstein))
    reaction = sum(g.reaction for g in found if isinstance(g, FisherRao))
    return ByDiffusion(mesh, energy, geometry, transport, reaction, any(part.spherical for part in parts))


def by_basis(mesh: Cartesian, energy: Pointwise, geometry: Geometry) -> ByBasis | None:
    """The stage solver for a geometry that is diagonal in bases but for weights, else None."""
    parts = taken_apart(geometry)
    if parts is None:
        return None
    inverse = diffusion = near = None
    library = library_of(energy.target)  # type: ignore[attr-defined]
    if parts.inverse is not None:
        operator = operator_on(parts.inverse.kernel, mesh, library)
        inverse = _inverse(parts.inverse, operator)
        if inverse is None:
            return None
        near = harmonics(operator) if parts.moves else inverse.basis
    if parts.inverse_transport is not None:
        operator = operator_on(parts.inverse_transport.kernel, mesh, library)
        diffusion = _diffusion(parts.inverse_transport, operator)
        if diffusion is None or (inverse is not None and not inverse.basis.like(diffusion.basis)):
            return None
        near = harmonics(operator)
    return None if near is None else ByBasis(mesh, energy, geometry, parts, near, inverse, diffusion)


def _inverse(part: DeKernelizedFisherRao, operator: KernelOperator) -> Diagonal | None:
    """beta/(K + epsilon) in the basis of the kernel, where it has one."""
    basis = basis_of(operator)
    if basis is None or not invertible(basis, part.regularization, _MARGIN):
        return None
    return Diagonal(basis, part.reaction / (basis.values + part.regularization))


def _diffusion(part: DeStein, operator: KernelOperator) -> Diagonal | InverseDiffusion | None:
    """-alpha div (K + epsilon)^-1 grad likewise."""
    basis, waves = basis_of(operator), harmonics(operator)
    if basis is None or waves is None or not invertible(basis, part.regularization, _MARGIN):
        return None
    if basis.vectors is None:
        return Diagonal(basis, part.transport * waves.values / (basis.values + part.regularization))
    found = inverse_diffusion(operator, part.regularization, _MARGIN)
    return None if found is None else found.scaled(part.transport)

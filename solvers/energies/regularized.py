"""De-regularised discrepancies: between MMD^2 and the divergences, by kernel ridge regression on the target."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from mudot.meshes.arrays import Array, ArrayLibrary, array_module, library_of, moved
from mudot.meshes.averages import integrate, volumes
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.kernels.cached import operator_on
from mudot.solvers.kernels.functions import Kernel
from mudot.solvers.kernels.solves import ridge
from mudot.solvers.linear import NotConverged

_NEWTON, _HALVINGS = 60, 40
_GAP = 1e-13
_LOOSEST, _FORCING, _TIGHTEST = 1e-4, 1e-3, 1e-13
"""Residuals of the linear solves in Newton's method: a share of the error that is left, within these bounds."""


@dataclass(frozen=True, eq=False)
class DeRegularizedMMD:
    """(1 + lambda) <s - 1, A (s - 1)>_pi with A = (K_pi + lambda)^-1 K_pi, s = mu/pi: chi^2 for lambda to 0, MMD^2 for
    lambda to infinity. First variation 2 (1 + lambda) A (s - 1) (Chen et al. 2024, arXiv:2409.14980).

    kernel: positive definite;   target: positive cell averages of pi;   regularization: lambda > 0
    """

    kernel: Kernel
    target: Array
    regularization: float

    def __post_init__(self) -> None:
        _check(self.kernel, self.target, self.regularization)

    def __str__(self) -> str:
        return f"drmmd ({self.kernel.name}, regularization {self.regularization:g})"

    @property
    def name(self) -> str:
        """`drmmd`."""
        return "drmmd"

    def on(self, library: ArrayLibrary) -> DeRegularizedMMD:
        """The same energy with its data on another device."""
        return replace(self, target=moved(self.target, library))

    def value(self, mesh: Cartesian, density: Array) -> float:
        """DrMMD(mu, pi)."""
        return 0.5 * integrate(mesh, (density - self.target) * self.first_variation(mesh, density))

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """2 (1 + lambda) A (s - 1)."""
        operator = operator_on(self.kernel, mesh, library_of(density))
        masses = self.target * volumes(mesh, density)
        excess = (density - self.target) / self.target
        regression = ridge(operator, masses, excess, self.regularization, tolerance=1e-13)
        return 2 * (1 + self.regularization) * regression.f


@dataclass(frozen=True, eq=False)
class Moreau:
    """factor times the Moreau envelope of D_phi_p in the MMD geometry,

        min over sigma of D_phi_p(sigma | pi) + MMD^2(sigma, mu)/(2 lambda)
          = max over h of int h dmu - int phi_p*(h) dpi - lambda/2 |h|_H^2     (Neumayer et al. 2024, arXiv:2402.04613),

    with first variation factor times the maximiser h; sigma = pi (phi_p*)'(h). D_phi_p for lambda to 0, MMD^2/2 over
    lambda for lambda to infinity. Solved by Newton's method, each step a kernel ridge regression with masses
    pi (phi_p*)''(h), until the duality gap is below 1e-13 of the value or of round-off; else NotConverged. The gap is
    the square of a distance: regressions to a share of its root keep the quadratic convergence at less than half the
    iterations (Eisenstat and Walker 1996).

    power: p from 1 to 2, where phi_p* has a bounded second derivative;   regularization: lambda > 0
    factor, label: 1 + lambda and 'kale' make the envelope of KL into KALE
    """

    kernel: Kernel
    target: Array
    regularization: float
    power: float = 1.0
    factor: float = 1.0
    label: str = "moreau"

    def __post_init__(self) -> None:
        _check(self.kernel, self.target, self.regularization)
        if not 1 <= self.power <= 2:
            raise MudotError(f"energy: moreau is available for 1 <= p <= 2, got {self.power}")

    def __str__(self) -> str:
        power = f", p = {self.power:g}" if self.label == "moreau" else ""
        return f"{self.label} ({self.kernel.name}, regularization {self.regularization:g}{power})"

    @property
    def name(self) -> str:
        """`moreau` or `kale`."""
        return self.label

    def on(self, library: ArrayLibrary) -> Moreau:
        """The same energy with its data on another device."""
        return replace(self, target=moved(self.target, library))

    def value(self, mesh: Cartesian, density: Array) -> float:
        """The maximum of the dual problem."""
        return self.factor * self.solve(mesh, density).dual

    def first_variation(self, mesh: Cartesian, density: Array) -> Array:
        """factor h."""
        return self.factor * self.solve(mesh, density).witness

    def solve(self, mesh: Cartesian, density: Array) -> Envelope:
        """The maximiser, with the duality gap as its certificate."""
        operator = operator_on(self.kernel, mesh, library_of(density))
        volume = volumes(mesh, density)
        xp = array_module(density)
        source = xp.zeros_like(density)
        now, floor = self._evaluate(mesh, density, source, source), 1e-3 * integrate(mesh, self.target)
        for _ in range(_NEWTON):
            gap = now.gap / (abs(now.dual) + floor)
            if gap <= _GAP:
                return now
            weight = self.target * self._curvature(now.witness)
            wanted = (density - self.target * self._slope(now.witness) - self.regularization * now.source) / weight
            needed = max(_TIGHTEST, min(_LOOSEST, _FORCING * math.sqrt(gap)))
            step = ridge(operator, weight * volume, wanted, self.regularization, tolerance=needed)
            direction = xp.sqrt(weight / volume) * step.y
            now = self._searched(mesh, density, now, direction, step.f)
        raise NotConverged(f"{self.label}: duality gap {now.gap:.1e} at value {now.dual:.2e} after {_NEWTON} steps")

    def _searched(self, mesh: Cartesian, density: Array, now: Envelope, source: Array, witness: Array) -> Envelope:
        """The longest halved step that does not lower the dual value beyond round-off."""
        length = 1.0
        for _ in range(_HALVINGS):
            trial = self._evaluate(mesh, density, now.source + length * source, now.witness + length * witness)
            if trial.dual >= now.dual - 1e-14 * (abs(now.dual) + 1) and math.isfinite(trial.gap):
                return trial
            length /= 2
        return now

    def _evaluate(self, mesh: Cartesian, density: Array, source: Array, witness: Array) -> Envelope:
        """Values of both problems at h = K a, a = `source`, and sigma = pi (phi*)'(h)."""
        p, half = self.power, self.regularization / 2
        inside = self._inside(witness)
        xp = array_module(density)
        conjugate = xp.expm1(xp.minimum(witness, 700.0)) if p == 1 else (inside ** (p / (p - 1)) - 1) / p
        squared = integrate(mesh, source * witness)
        dual = integrate(mesh, density * witness - self.target * conjugate) - half * squared
        # As D(sigma|pi) = int h dsigma - int phi*(h) dpi, the gap is |mu - sigma - lambda a|^2 in MMD over 2 lambda.
        rest = density - self.target * self._slope(witness) - self.regularization * source
        smooth = operator_on(self.kernel, mesh, library_of(density)).apply(rest)
        gap = integrate(mesh, rest * smooth) / (2 * self.regularization)
        return Envelope(witness, source, dual, gap)

    def _inside(self, witness: Array) -> Array:
        """1 + (p - 1) h, not below zero."""
        return array_module(witness).maximum(1 + (self.power - 1) * witness, 0.0)

    def _slope(self, witness: Array) -> Array:
        """(phi_p*)'(h) = (1 + (p - 1) h)_+^(1/(p - 1)), exp(h) for p = 1."""
        xp = array_module(witness)
        return (
            xp.exp(xp.minimum(witness, 700.0)) if self.power == 1 else self._inside(witness) ** (1 / (self.power - 1))
        )

    def _curvature(self, witness: Array) -> Array:
        """(phi_p*)''(h), kept from zero where the positive part cuts: the Newton step needs some weight everywhere."""
        xp = array_module(witness)
        if self.power == 1:
            return xp.exp(xp.minimum(witness, 700.0))
        inside = xp.maximum(self._inside(witness), 1e-8)
        return inside ** ((2 - self.power) / (self.power - 1))


@dataclass(frozen=True, eq=False)
class Envelope:
    """The dual solution h = K a: `witness` h, `source` a, the dual value, and the gap to the primal value at sigma."""

    witness: Array
    source: Array
    dual: float
    gap: float


def Kale(kernel: Kernel, target: Array, regularization: float) -> Moreau:
    """KALE: (1 + lambda) times the envelope of KL; KL for lambda to 0, MMD^2/2 for lambda to infinity
    (Glaser, Arbel and Gretton 2021, arXiv:2106.08929)."""
    return Moreau(kernel, target, regularization, 1.0, 1 + regularization, "kale")


def _check(kernel: Kernel, target: Array, regularization: float) -> None:
    if not 0 < regularization < math.inf:
        raise MudotError(f"energy: regularization must be a positive finite number, got {regularization}")
    if not kernel.positive_definite:
        raise MudotError(f"kernel {kernel.name}: this energy needs a positive definite kernel")
    if not bool((target > np.finfo(float).tiny).all()):
        raise MudotError("target: this energy divides by pi; expected cell averages above 1e-307 everywhere")

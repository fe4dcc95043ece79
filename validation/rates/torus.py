"""Constants of decay on the unit torus with pi = 1, for every geometry: theorems, and what the mesh knows exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mudot.validation.rates import theorems

MMD = "MMD²/2"
"""The energy whose kernel has the symbol `kernel`; all others are powers p."""

SMALL = ("FR", "WFR", "kernelized FR", "ridge FR", "kernelized WFR", "ridge WFR")
"""Reaction in proportion to the density, or to its square: at m pi I/F falls to zero with m where F stays bounded, and
for kernels where it grows like log(1/m)."""
LARGE = ("flat FR", "flat WFR", "MMD", "MMD, regularised", "D-WFR", "KSF", "IFT")
"""Reaction that does not know the density: at m pi I/F is phi'(m)^2/phi(m) times a number, which falls to zero as m
grows for p < 2."""


@dataclass(frozen=True, eq=False)
class Torus:
    """Symbols over the modes 0, 1, ...: of the Laplacian and of the energy's kernel, and by geometry a symbol that its
    operator is never below, whatever the density; shape (modes,).

    alpha, beta: weights of transport and reaction where both are there;   conserving: geometries that keep the mass
    """

    laplace: np.ndarray
    kernel: np.ndarray
    floors: Mapping[str, np.ndarray]
    alpha: float
    beta: float
    conserving: frozenset[str]


def constant(geometry: str, energy: float | str, torus: Torus) -> tuple[float, str] | None:
    """c in I >= c F over all states, of the right mass where the geometry keeps it, and its source; (0, source) where
    there is provably none; None where neither is known.

    Of a translation-invariant operator, or of a sum with one, the least product of symbols bounds I/F for quadratic
    energies (derived). The logarithmic Sobolev constant of a cycle of an even number of cells is twice its spectral gap
    (Chen and Sheu 2003), and I of KL with logarithmic means is not below that of the Dirichlet form.
    """
    beta = torus.beta if geometry in ("WFR", "spherical WFR") else 1.0
    if geometry in ("FR", "WFR") and energy != MMD:
        p = float(energy)
        if p <= 0.5:
            return beta * theorems.plain_constant(p), "Zhu and Mielke 2024, Cor. 6.5, 6.7"
        return 0.0, "none: Zhu and Mielke 2024, Lemma 6.2"
    if geometry in ("SFR", "spherical WFR") and energy != MMD and float(energy) <= 0.5:
        return beta * theorems.spherical_constant(float(energy)), "derived (`rates.spherical`)"
    if geometry == "SFR" and energy != MMD:
        return 0.0, "none: two-point densities (derived)"
    gap = 2 * float(torus.laplace[1:].min())
    if energy == 1.0 and geometry in ("W", "spherical WFR", "spherical IFT"):
        share = 1.0 if geometry == "W" else torus.alpha
        return (
            share * gap,
            "Chen and Sheu 2003" if geometry == "W" else "by its transport; Gladin et al. 2024, Prop. 3.8",
        )
    if geometry == "kernelized FR" and energy != MMD and float(energy) > 0.5:
        return 0.0, "none: Zhu and Mielke 2024, Lemma 6.8, Cor. 6.9"
    if geometry in SMALL and (energy == MMD or float(energy) >= 0):
        return 0.0, "none: small multiples of π (derived)"
    if geometry in LARGE and energy != MMD and float(energy) < 2:
        return 0.0, "none: large multiples of π (derived)"
    if geometry in torus.floors and energy in (2.0, MMD):
        modes = torus.floors[geometry] * (torus.kernel if energy == MMD else 1.0)
        least = 2 * float(modes[1 if geometry in torus.conserving else 0 :].min())
        return least, "product of symbols (derived)" if energy == 2.0 else "Gladin et al. 2024, Thm 3.7; derived"
    return None

"""Drift against walls, and linear and nonlinear diffusion with free fronts."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.drift import DriftDiffusion
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.exact.porous_medium import Barenblatt, ConfinedBarenblatt
from mudot.validation.known.problem import ANY, ROUGH, Known, free, mixture, parts


def drifts() -> list[Known]:
    """A start with a double zero, weak and strong drift."""
    found = []
    for drift, d, cells in ((1.0, 1, 10), (20.0, 1, 40), (1.0, 2, 10)):
        mass = DriftDiffusion(drift, 0.0).mass
        formula = f"exp({drift / 2}*x)*(pi*cos(pi*x) + {drift / 2}*sin(pi*x)) + pi*exp({drift}*(x - 0.5))"
        data = (
            f'[target]\nmass = {mass!r}\nlog_density = "{drift}*x"\n'
            f'[initial]\nmass = {mass!r}\ndensity = "maximum({formula}, 0)"\n'
        )

        def exact(mesh: Cartesian, t: float, drift: float = drift) -> np.ndarray:
            return DriftDiffusion(drift, t).averages(mesh)

        box = (0.0,) * d, (1.0,) * d, (cells,) + (4,) * (d - 1)
        tables = data + parts('"kl"', '"wasserstein"')
        found.append(Known(f"drift {drift:g}, {d}D", *box, tables, exact, (0.02, 0.1)))
    return found


def diffusions() -> list[Known]:
    """Nonlinear diffusion, with kinks at fronts, and Gaussians by free energies."""
    found = []
    for m, d, half, cells, rtol in (
        (2.0, 1, 4.0, 25, 3e-3),
        (3.0, 1, 4.0, 25, 1e-2),
        (4.0, 1, 4.0, 25, 2e-2),
        (1.5, 1, 4.0, 25, 3e-3),
        (2.0, 2, 3.0, 11, 4e-2),
        (3.0, 2, 3.0, 11, 1e-1),
        (2.0, 3, 2.4, 6, 2e-1),
        (0.75, 1, 12.0, 40, 5e-3),
    ):
        profile = Barenblatt(m, d)
        square = " + ".join(f"{axis}**2" for axis in "xyz"[:d])
        formula = f"maximum({profile.height!r} - {profile.curvature!r}*({square}), 0)**{1 / (m - 1)!r}"

        def spreading(mesh: Cartesian, t: float, profile: Barenblatt = profile) -> np.ndarray:
            return profile.averages(mesh, 1.0 + t)

        tables = f'{ANY}[initial]\ndensity = "{formula}"\n' + free(f"exponent = {m}")
        box = (-half,) * d, (half,) * d, (cells,) * d
        name = f"Barenblatt, m = {m:g}, {d}D"
        family = ROUGH if m > 1 else ""
        found.append(Known(name, *box, tables, spreading, rtol=rtol, numbers=d == 1 and m > 1, family=family))
    early = 1 - math.exp(-1)
    for name, lines, begin, variance in (
        ("heat by free energy", "diffusion = 1.0", 1.0, lambda t: 1.0 + 2 * t),
        ("nonlocal Fokker-Planck", 'interaction = "x**2/2"', early, lambda t: 1 - math.exp(-1 - 2 * t)),
    ):

        def normal(mesh: Cartesian, t: float, variance: Callable[[float], float] = variance) -> np.ndarray:
            return Gaussian(0.0, variance(t)).cell_averages(mesh)

        tables = ANY + mixture("initial", Gaussian(0.0, begin)) + free(lines)
        half = 13.0 if name.startswith("heat") else 7.0
        found.append(Known(name, (-half,), (half,), (24,), tables, normal, rtol=5e-3))
    return found


def confined() -> list[Known]:
    """Nonlinear diffusion against a harmonic potential, from half the final width."""
    found = []
    for m, d, cells, rtol in ((2.0, 1, 20, 5e-3), (3.0, 1, 20, 2e-2), (2.0, 2, 6, 2e-1)):
        profile = ConfinedBarenblatt(m, 0.5, d)
        square = " + ".join(f"{axis}**2" for axis in "xyz"[:d])
        formula = f"maximum({profile.height!r} - {(m - 1) / (2 * m) * 4!r}*({square}), 0)**{1 / (m - 1)!r}"
        tables = f'{ANY}[initial]\ndensity = "{formula}"\n' + free(f'exponent = {m}\npotential = "({square})/2"')
        box = (-2.0,) * d, (2.0,) * d, (cells,) * d
        name = f"confined Barenblatt, m = {m:g}, {d}D"
        found.append(Known(name, *box, tables, profile.averages, rtol=rtol, numbers=d == 1, family=ROUGH))
    return found

"""Gaussian flows of KL."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.gaussian_flows import fisher_rao, hellinger_kantorovich, ornstein_uhlenbeck
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.known.problem import Known, bells

Path = Callable[[Gaussian, Gaussian, float], Gaussian]

_LINE = Gaussian(1.2, 0.4), Gaussian(0.0, 1.0)
_PLANE = (
    Gaussian([0.8, -0.5], [[0.6, 0.1], [0.1, 0.5]]),
    Gaussian([0.0, 0.0], [[1.0, 0.2], [0.2, 0.7]]),
)
_SPACE = (
    Gaussian([0.5, 0.0, -0.4], np.diag([0.7, 1.0, 0.8])),
    Gaussian([0.0, 0.0, 0.0], np.diag([1.0, 0.9, 0.8])),
)
_GEOMETRIES: dict[str, tuple[str, Path]] = {
    "Ornstein-Uhlenbeck": ('"wasserstein"', ornstein_uhlenbeck),
    "Fisher-Rao": ('"fisher-rao"', fisher_rao),
    "spherical Fisher-Rao": (
        '"fisher-rao"\nspherical = true',
        lambda a, b, t: fisher_rao(a, b, t, 1.0, True),
    ),
    "WFR": ('"wasserstein-fisher-rao"\nreaction = 0.5', lambda a, b, t: hellinger_kantorovich(a, b, t, 1.0, 0.5)),
    "spherical WFR": (
        '"wasserstein-fisher-rao"\nspherical = true',
        lambda a, b, t: hellinger_kantorovich(a, b, t, 1.0, 1.0, True),
    ),
}


def gaussians() -> list[Known]:
    found = []
    for d, (start, target), half, cells, rtol in (
        (1, _LINE, 7.5, 30, 1e-3),
        (2, _PLANE, 7.0, 15, 5e-3),
        (3, _SPACE, 6.0, 12, 5e-2),
    ):
        for name, (geometry, path) in _GEOMETRIES.items():
            if d == 1 or (d == 2 and "spherical" in name) or name in ("Ornstein-Uhlenbeck", "Fisher-Rao"):

                def exact(
                    mesh: Cartesian, t: float, path: Path = path, a: Gaussian = start, b: Gaussian = target
                ) -> np.ndarray:
                    return path(a, b, t).cell_averages(mesh)

                box = (-half,) * d, (half,) * d, (cells,) * d
                tables = bells(start, target, '"kl"', geometry)
                label = f"{name}, {d}D"
                found.append(Known(label, *box, tables, exact, rtol=rtol, numbers=d < 3))
    return found


def flat() -> list[Known]:
    """Flat geometries whose reference is the target: the Fokker-Planck equation once more, and with relaxation."""
    start, target = Gaussian(0.5, 0.8), Gaussian(0.0, 1.0)
    found = []
    for name, geometry, reaction in (
        ("flat Wasserstein", '"flat-wasserstein"', 0.0),
        ("flat WFR", '"flat-wasserstein-fisher-rao"\nreaction = 0.5', 0.5),
    ):

        def exact(mesh: Cartesian, t: float, reaction: float = reaction) -> np.ndarray:
            pi, moved = (g.cell_averages(mesh) for g in (target, ornstein_uhlenbeck(start, target, t)))
            return np.asarray(pi + math.exp(-reaction * t) * (moved - pi))

        tables = bells(start, target, '"chi2"', f'{geometry}\nreference = "target"')
        found.append(Known(f"{name} flow of chi2", (-7.0,), (7.0,), (28,), tables, exact))
    return found

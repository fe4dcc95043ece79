"""Problem files whose exact solution is known, from all parts of the field: what error bars are held against."""

from dataclasses import replace

from mudot.validation.known.diffusions import confined, diffusions, drifts
from mudot.validation.known.gaussians import flat, gaussians
from mudot.validation.known.kernels import kernels
from mudot.validation.known.problem import Known
from mudot.validation.known.reactions import powers, relaxations
from mudot.validation.known.rough import rough

__all__ = ["KNOWN", "Known"]

_FAMILIES = {
    "Gaussians": [*gaussians(), *flat()],
    "powers, relaxation, modes": [*powers(), *relaxations()],
    "kernel geometries": kernels(),
    "drift and diffusion": [*drifts(), *diffusions(), *confined(), *rough()],
}
_QUICK = (
    "Ornstein-Uhlenbeck, 1D",
    "spherical Fisher-Rao, 1D",
    "Fisher-Rao, 2D",
    "Fisher-Rao, 3D",
    "Fisher-Rao, p = 0.5",
    "spherical Fisher-Rao, p = 3",
    "MMD flow of MMD",
    "heat on a torus, 2D",
    "ridge Wasserstein, bilinear kernel, 1D",
    "ridge Fisher-Rao, quadratic kernel",
    "ridge Fisher-Rao, constants",
    "drift 20, 1D",
    "Barenblatt, m = 3, 1D",
    "Fisher-Rao from a box",
    "a step that spreads",
    "Wasserstein flow of the energy distance",
    "aggregation, interval",
)
KNOWN: tuple[Known, ...] = tuple(
    replace(known, family=known.family or name, quick=known.name in _QUICK)
    for name, members in _FAMILIES.items()
    for known in members
)
"""All of them."""

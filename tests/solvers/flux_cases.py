"""What tests of two-point fluxes share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.fluxes import TwoPointFlux, harmonic, scharfetter_gummel, square_root

Potential = Callable[[np.ndarray], np.ndarray]

FLUXES: dict[str, Callable[[Cartesian, np.ndarray], TwoPointFlux]] = {
    "sg": scharfetter_gummel,
    "sqra": square_root,
    "harmonic": harmonic,
}

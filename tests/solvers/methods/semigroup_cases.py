"""What tests of the semigroup share."""

from __future__ import annotations

import numpy as np

from mudot.solvers.methods.semigroup import FokkerPlanck


def path(method: FokkerPlanck, density: np.ndarray, times: list[float]) -> list[np.ndarray]:
    """Densities at increasing times."""
    return [moved.density for moved in method.trace(density, times, np.inf, 1e-6)]


def after(method: FokkerPlanck, density: np.ndarray, duration: float) -> np.ndarray:
    """The density after a duration."""
    return method.advance(density, duration, np.inf, 1e-6).density

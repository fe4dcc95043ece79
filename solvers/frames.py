"""One moment of a run: the density and its ledger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """A density with everything the ledger knows of it; also the whole state a run restarts from.

    time:    t
    density: cell averages of mu(t), host array of the mesh's shape
    energy:  F(mu(t)); balance: F(mu(t)) + dissipation - F(mu_0), NaN where F(mu_0) is infinite
    mass, minimum: total mass, least cell average
    rate:    int_0^t R ds, one entry per part of the geometry;   slope: int_0^t R* ds, likewise
    step:    suggestion for the next panel of the ledger (its controller's memory)
    substep: suggestion for the next step of the method (its controller's memory)
    steps:   number of panels since the start
    """

    time: float
    density: np.ndarray
    energy: float
    balance: float
    mass: float
    minimum: float
    rate: tuple[float, ...]
    slope: tuple[float, ...]
    step: float
    substep: float
    steps: int

    @property
    def dissipation(self) -> float:
        """int_0^t (R + R*) ds over all parts."""
        return float(sum(self.rate) + sum(self.slope))

"""A problem file whose exact solution is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.gaussians import Gaussian

Exact = Callable[[Cartesian, float], np.ndarray]
"""Cell averages of the exact solution at a time."""


ROUGH = "fronts and jumps"
"""The family of solutions that are not of second order."""


@dataclass(frozen=True)
class Known:
    """A problem and its solution.

    tables:  [target], [initial], [energy], [geometry] and [kernel] in TOML
    cells:   of the coarsest mesh, per axis;   rtol: what is asked for
    numbers: whether energy and moments are compared too, by the exact averages on finer meshes
    quick:   whether it belongs to the quick runs
    family:  what it is an example of
    """

    name: str
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    cells: tuple[int, ...]
    tables: str
    exact: Exact
    times: tuple[float, ...] = (0.25, 1.0)
    rtol: float = 1e-3
    boundary: str = "no-flux"
    numbers: bool = True
    quick: bool = False
    family: str = ""

    def text(self, scale: float = 1.0) -> str:
        """The problem file, with so many times the cells."""
        cells = [round(n * scale) for n in self.cells]
        return (
            f'title = "{self.name}"\n[mesh]\nlower = {list(self.lower)}\nupper = {list(self.upper)}\ncells = {cells}\n'
            f'boundary = ["{self.boundary}"]\n{self.tables}\n'
            f"[time]\nstop = {self.times[-1]}\noutputs = {list(self.times)}\nrtol = 1e-2\n"
        )


def mixture(table: str, bell: Gaussian) -> str:
    mean, covariance = bell.mean.tolist(), bell.covariance.tolist()
    return (
        f"[{table}]\nmass = {bell.mass}\n"
        f"mixture = {{ weights = [1.0], means = [{mean}], covariances = [{covariance}] }}\n"
    )


def parts(energy: str, geometry: str, kernel: str = "") -> str:
    """[energy], [geometry] and [kernel] from their lines."""
    tables = f"[energy]\nname = {energy}\n[geometry]\nname = {geometry}\n"
    return f"{tables}[kernel]\nname = {kernel}\n" if kernel else tables


def bells(start: Gaussian, target: Gaussian, energy: str, geometry: str, kernel: str = "") -> str:
    return mixture("target", target) + mixture("initial", start) + parts(energy, geometry, kernel)


ANY = '[target]\nlog_density = "0*x"\n'
"""Free energies have no target."""


def free(lines: str) -> str:
    """The Wasserstein flow of a free energy with these lines."""
    return parts(f'"free-energy"\n{lines}', '"wasserstein"')

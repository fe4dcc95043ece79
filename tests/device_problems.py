"""Problem files for every pair of geometry and energy, small enough to be solved on the host and on a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mudot.solvers.energy_tables import ENERGIES
from mudot.solvers.geometry_tables import GEOMETRIES
from mudot.solvers.problem import Problem, load

MESHES = {
    "ring": 'lower = [0.0]\nupper = [3.0]\ncells = [12]\nboundary = ["periodic"]',
    "square": "lower = [-1.5, -1.5]\nupper = [1.5, 1.5]\ncells = [5, 4]\nboundary = ['no-flux']",
    "cube": "lower = [-1.0, -1.0, -1.0]\nupper = [1.0, 1.0, 1.0]\ncells = [4, 3, 3]\nboundary = ['no-flux']",
}
_TARGETS = {"ring": "cos(2*pi*x/3)", "square": "0.2*x*y - x**2/2 - y**2/2", "cube": "0.3*x*y - z**2/2"}
_STARTS = {"ring": "sin(2*pi*x/3)", "square": "-(x - 0.3)**2/2 - y**2/2", "cube": "0.5*x - y**2/2 - z"}
_POTENTIALS = {"ring": "cos(2*pi*x/3)", "square": "x**2/2", "cube": "x**2/2"}
_KEYS = {
    "power": "p = 0.5",
    "renyi": "alpha = 2.0",
    "kale": "regularization = 0.1",
    "drmmd": "regularization = 0.1",
    "moreau": "regularization = 0.1\np = 2.0",
    "shallow-network": 'data = "data.npz"\nactivation = "tanh"\nentropy = 0.1',
}
_PROBABILITY = {"renyi", "lawgd"}
"""Energies that ask for a geometry that keeps the mass."""

REFUSED = (
    {(g, e) for g in ("wasserstein", "wasserstein-fisher-rao") for e in ("jensen-shannon", "renyi")}
    | {("interaction-force-transport", e) for e in ("reverse-kl", "chi2", "hellinger", "power")}
    | {("interaction-force-transport", e) for e in ("jensen-shannon", "renyi")}
)
"""Pairs that had no flow when this was written; should they get one, it is tested like all others."""

HOST_ONLY = {
    (g, e)
    for g in ("wasserstein", "wasserstein-fisher-rao")
    for e in ("reverse-kl", "chi2", "hellinger", "power", "free-energy")
} | {("fisher-rao", "free-energy")}
"""Pairs solved by discrete gradients, which may refuse a device."""

_MANY_STEPS = {("interaction-force-transport", "kl")} | {
    (g, e)
    for g in ("de-stein", "de-kernelized-wasserstein-fisher-rao")
    for e in ("kl", "reverse-kl", "chi2", "hellinger", "power", "jensen-shannon", "renyi")
}
"""Pairs that need many implicit steps."""
_QUICK_GEOMETRIES = {"fisher-rao", "wasserstein", "kernelized-fisher-rao", "flat-fisher-rao"}
_QUICK_ENERGIES = {"kl", "mmd"}


@dataclass(frozen=True)
class Pair:
    """A geometry and an energy by name, on one of MESHES; spherical where the energy asks for it, or where said."""

    geometry: str
    energy: str
    mesh: str = "square"
    spherical: bool = False

    def __str__(self) -> str:
        return f"{self.energy} by {'spherical ' * self.spherical}{self.geometry} on a {self.mesh}"

    @property
    def key(self) -> tuple[str, str]:
        """Geometry and energy."""
        return (self.geometry, self.energy)

    @property
    def quick(self) -> bool:
        """Whether it belongs to those that go through every geometry and every energy in seconds."""
        chosen = self.geometry in _QUICK_GEOMETRIES or self.energy in _QUICK_ENERGIES
        return chosen and self.key not in _MANY_STEPS and not self.spherical and self.mesh == "square"

    def text(self) -> str:
        """The problem file."""
        geometry, energy = GEOMETRIES[self.geometry], ENERGIES[self.energy]
        known = geometry.model_fields
        keys = [f'name = "{self.geometry}"']
        keys += ["ridge = 0.1"] * ("ridge" in known) + ["regularization = 2.0"] * ("regularization" in known)
        wants = self.spherical or self.energy in _PROBABILITY
        keys += ["symmetric = true"] * (wants and "symmetric" in known)
        keys += ["spherical = true"] * (wants and "spherical" in known)
        more = _KEYS.get(self.energy, "")
        if self.energy == "free-energy":
            more = f'exponent = 2.0\npotential = "{_POTENTIALS[self.mesh]}"'
        kernel = '[kernel]\nname = "gaussian"\nbandwidth = 0.7\n' if geometry.uses_kernel or energy.uses_kernel else ""
        return "\n".join(
            [
                *("[mesh]", MESHES[self.mesh]),
                *("[target]", f'log_density = "{_TARGETS[self.mesh]}"'),
                *("[initial]", f'log_density = "{_STARTS[self.mesh]}"'),
                *("[energy]", f'name = "{self.energy}"', more),
                *("[geometry]", *keys, kernel),
                *("[time]", "stop = 0.02", "outputs = [0.0, 0.02]", "rtol = 1e-4"),
            ]
        )

    def problem(self, folder: Path) -> Problem:
        """The problem, its file written into a folder. Raises MudotError as `load` does."""
        inputs = np.linspace(-1, 1, 7)
        np.savez(folder / "data.npz", inputs=inputs[:, None], labels=np.sin(2 * inputs))
        path = folder / "problem.toml"
        path.write_text(self.text())
        return load(path)


def pairs() -> list[Pair]:
    """Every geometry with every energy in the plane; with some on the other meshes and under `spherical`."""
    table = [Pair(geometry, energy) for geometry in GEOMETRIES for energy in ENERGIES]
    others = [
        Pair(geometry, energy, mesh) for geometry in GEOMETRIES for energy, mesh in (("kl", "ring"), ("mmd", "cube"))
    ]
    reactions = [name for name, kind in GEOMETRIES.items() if "spherical" in kind.model_fields]
    return table + others + [Pair(name, "kl", spherical=True) for name in reactions]

"""Clouds against the density of a result: every distance beside its noise floor, moments, energies, the best lag."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError
from mudot.solvers.results import Result
from mudot.validation.compare import distances, transport
from mudot.validation.compare.clouds import Clouds
from mudot.validation.compare.deposit import on_mesh, outside
from mudot.validation.compare.draws import density_at, draws
from mudot.validation.compare.energies import CloudEnergy, OnPoints, energy_of
from mudot.validation.compare.lag import lag

REPLICATES = 40
"""Sets of independent draws from which noise floors are taken."""
LEVEL = 0.95
_MOST = 20_000
"""Draws and points for sliced distances."""


@dataclass(frozen=True)
class Measure:
    """One number of a cloud: its value, and mean and upper quantile of what independent draws of the flow have."""

    name: str
    value: float
    floor: float
    upper: float

    @property
    def within_noise(self) -> bool:
        """Whether independent draws of this number could be as far away."""
        return self.value <= self.upper


@dataclass(frozen=True)
class Moment:
    """A moment: of the cloud, of the exact flow, and the difference in standard errors of independent draws."""

    name: str
    cloud: float
    exact: float
    errors: float


@dataclass(frozen=True)
class Row:
    """A cloud at one time. `effective`: number of equal draws that its weights are worth; `outside`: share of the mass
    beyond the box; `energy`: None where the energy is not defined on points."""

    time: float
    particles: int
    effective: float
    outside: float
    measures: tuple[Measure, ...]
    moments: tuple[Moment, ...]
    energy: CloudEnergy | None = None


@dataclass(frozen=True)
class Comparison:
    """All rows, the bandwidth of MMD, the shift of time by which the clouds fit best (NaN for one frame), how
    Wasserstein distances were taken, and why there is no energy, empty where there is one."""

    rows: tuple[Row, ...]
    bandwidth: float
    lag: float
    transport: str = ""
    without_energy: str = ""

    @property
    def consistent(self) -> bool:
        """Whether the clouds could be independent draws: at most one number in ten is beyond its 95 % quantile (one in
        twenty would be by chance; they are correlated), and none twice its noise floor."""
        measures = [m for row in self.rows for m in row.measures]
        far = [m for m in measures if not m.within_noise]
        return len(far) <= 0.1 * len(measures) and all(m.value <= 2 * m.floor for m in far)

    @property
    def verdict(self) -> str:
        """One sentence."""
        measures = [m for row in self.rows for m in row.measures]
        far = [m for m in measures if not m.within_noise]
        if self.consistent:
            return (
                f"consistent with independent draws: {len(measures) - len(far)} of {len(measures)} numbers within noise"
            )
        worst = max(far, key=lambda m: m.value / m.floor)
        return (
            f"beyond the noise of independent draws in {len(far)} of {len(measures)} numbers; "
            f"{worst.name} up to {worst.value / worst.floor:.3g} times its noise floor"
        )


def compare(result: Result, clouds: Clouds, bandwidth: float | None = None, seed: int = 0) -> Comparison:
    """Hold clouds against a result.

    bandwidth: of the Gaussian kernel of MMD; a quarter of the target's spread by default
    Raises MudotError for clouds of another dimension, times outside the result, and a bandwidth that is none.
    """
    mesh = result.mesh
    if clouds.positions[0].shape[1] != mesh.dimension:
        raise MudotError(
            f"positions: expected points in {mesh.dimension} dimensions, got {clouds.positions[0].shape[1]}"
        )
    width = bandwidth if bandwidth is not None else distances.deviation(mesh, result.target) / 4
    if not 0 < width < np.inf:
        raise MudotError(f"bandwidth: expected a positive number, got {width}")
    rng = np.random.default_rng(seed)
    energy, why_not = energy_of(result)
    rows = [
        _row(mesh, density_at(result, float(t)), float(t), x, w, width, energy, rng)
        for t, x, w in zip(clouds.times, clouds.positions, clouds.weights, strict=True)
    ]
    return Comparison(tuple(rows), width, lag(result, clouds, width), _how(mesh, clouds), why_not)


def _row(
    mesh: Cartesian,
    density: np.ndarray,
    time: float,
    points: np.ndarray,
    weights: np.ndarray,
    bandwidth: float,
    energy: OnPoints | None,
    rng: np.random.Generator,
) -> Row:
    masses = density * mesh.volumes
    masses = masses / masses.sum()
    effective = float(1 / (weights**2).sum())
    count = max(1, round(effective))
    measures = _on_mesh(mesh, masses, points, weights, count, bandwidth, rng)
    measures += _wasserstein(mesh, density, masses, points, weights, count, rng)
    if mesh.dimension > 1 and transport.available():
        measures += _full(mesh, density, masses, points, weights, count, rng)
    return Row(
        time,
        len(points),
        effective,
        outside(mesh, points, weights),
        tuple(measures),
        _moments(mesh, masses, points, weights, effective),
        None if energy is None else energy.beside(mesh, density, points, weights, count, rng),
    )


def _noise(name: str, value: float, replicates: list[float]) -> Measure:
    """Quantiles so that one more draw lies below them as often as their level says (Weibull's places)."""
    upper = float(np.quantile(replicates, LEVEL, method="weibull"))
    return Measure(name, value, float(np.mean(replicates)), upper)


def _on_mesh(
    mesh: Cartesian,
    masses: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    count: int,
    bandwidth: float,
    rng: np.random.Generator,
) -> list[Measure]:
    """MMD and energy distance; draws go through the same sharing among cell centres as the particles."""
    mine = on_mesh(mesh, points, weights) - masses
    clouds = [
        on_mesh(mesh, draws(mesh, masses / mesh.volumes, count, int(rng.integers(2**63))), np.full(count, 1 / count))
        - masses
        for _ in range(REPLICATES)
    ]
    found = []
    for name, kernel in distances.kernels(mesh, bandwidth).items():

        def length(gap: np.ndarray, kernel: Any = kernel) -> float:
            return float(np.sqrt(max(0.0, distances.quadratic(mesh, kernel, gap))))

        found.append(_noise(name, length(mine), [length(gap) for gap in clouds]))
    return found


def _wasserstein(
    mesh: Cartesian,
    density: np.ndarray,
    masses: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> list[Measure]:
    """W1 and W2: exact on a line; sliced, on at most so many points, in the plane and in space."""
    names = ("W1", "W2") if mesh.dimension == 1 else ("sliced W1", "sliced W2")
    if mesh.dimension == 1:

        def measure(x: np.ndarray, w: np.ndarray) -> tuple[float, float]:
            return distances.wasserstein_line(x[:, 0], w, mesh.edges[0], masses)

        sets = REPLICATES
    else:
        centres = np.stack([c.reshape(-1) for c in np.broadcast_arrays(*mesh.coordinates)], axis=1)
        flat = masses.reshape(-1)
        kept = flat > 1e-9 * flat.max()

        def measure(x: np.ndarray, w: np.ndarray) -> tuple[float, float]:
            return distances.sliced(x, w, centres[kept], flat[kept] / flat[kept].sum())

        sets = REPLICATES // 2
        points, weights, count = _thinned(points, weights, count, _MOST, rng)
    value = measure(points, weights)
    replicates = [
        measure(draws(mesh, density, count, int(rng.integers(2**63))), np.full(count, 1 / count)) for _ in range(sets)
    ]
    return [_noise(name, value[i], [r[i] for r in replicates]) for i, name in enumerate(names)]


def _thinned(
    points: np.ndarray, weights: np.ndarray, count: int, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, int]:
    """At most so many points, drawn by their weights, and as many independent draws to compare them with."""
    if len(points) <= most:
        return points, weights, count
    return points[rng.choice(len(points), most, p=weights)], np.full(most, 1 / most), min(count, most)


def _full(
    mesh: Cartesian,
    density: np.ndarray,
    masses: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    count: int,
    rng: np.random.Generator,
) -> list[Measure]:
    """W1 and W2 by a linear program, on at most so many particles and blocks of cells. Twenty sets of draws tell no
    95 % quantile: beyond the noise is what exceeds their mean by three standard deviations."""
    places, shares = transport.blocks(mesh, masses)
    points, weights, count = _thinned(points, weights, count, transport.POINTS, rng)
    value = transport.full(points, weights, places, shares)
    replicates = [
        transport.full(draws(mesh, density, count, int(rng.integers(2**63))), np.full(count, 1 / count), places, shares)
        for _ in range(REPLICATES // 2)
    ]
    mean, spread = np.mean(replicates, axis=0), np.std(replicates, axis=0, ddof=1)
    names = ("full W1", "full W2")
    return [Measure(n, value[i], float(mean[i]), float(mean[i] + 3 * spread[i])) for i, n in enumerate(names)]


def _how(mesh: Cartesian, clouds: Clouds) -> str:
    """How Wasserstein distances were taken, in a sentence."""
    if mesh.dimension == 1:
        return "W1 and W2 are exact"
    if not transport.available():
        return "full W1 and W2 are left out: POT is not installed (pip install 'mudot[ot]')"
    most = max(len(points) for points in clouds.positions)
    who = f"{transport.POINTS} of {most} particles, drawn" if most > transport.POINTS else f"all {most} particles"
    fewer = min(transport.BLOCKS, mesh.size)
    return f"full W1 and W2: exact (POT) between {who}, and the density in at most {fewer} blocks of cells"


def _moments(
    mesh: Cartesian, masses: np.ndarray, points: np.ndarray, weights: np.ndarray, effective: float
) -> tuple[Moment, ...]:
    """Means and variances along the axes, of the piecewise constant density."""
    found = []
    for axis, name in zip(range(mesh.dimension), "xyz", strict=False):
        centre = mesh.coordinates[axis]
        within = np.broadcast_to((mesh.widths[axis] ** 2 / 12).reshape(np.shape(centre)), mesh.shape)
        mean = float((masses * centre).sum())
        gap = centre - mean
        variance = float((masses * (gap**2 + within)).sum())
        fourth = float((masses * gap**4).sum())
        x = points[:, axis]
        m = float(weights @ x)
        v = float(weights @ (x - m) ** 2)
        found.append(Moment(f"mean {name}", m, mean, (m - mean) / np.sqrt(variance / effective)))
        spread = np.sqrt(max(fourth - variance**2, 1e-300) / effective)
        found.append(Moment(f"variance {name}", v, variance, float((v - variance) / spread)))
    return tuple(found)

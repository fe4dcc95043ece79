"""Flows of powers, relaxation by several gradient systems, and modes of a torus."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from mudot.meshes.averages import average, integrate
from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.reactions import linear_relaxation, plain_power, spherical_power
from mudot.validation.known.problem import Known, parts


def normalised(mesh: Cartesian, function: Callable[..., np.ndarray]) -> np.ndarray:
    values = average(mesh, function, 12)
    return values / integrate(mesh, values)


_TARGET, _START = "exp(-(x - 0.3)**2) + 0.05", "exp(-(x + 0.5)**2/0.8) + 0.02"


def _pi(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-((x - 0.3) ** 2)) + 0.05)


def _mu(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(-((x + 0.5) ** 2) / 0.8) + 0.02)


def powers() -> list[Known]:
    """Fisher-Rao flows of power divergences, by their differential equation at Gauss points."""
    data = f'[target]\ndensity = "{_TARGET}"\n[initial]\ndensity = "{_START}"\n'
    nodes, weights = np.polynomial.legendre.leggauss(12)

    def exact(mesh: Cartesian, t: float, p: float, spherical: bool) -> np.ndarray:
        x = mesh.centers[0][:, None] + mesh.widths[0][:, None] / 2 * nodes
        volumes = mesh.widths[0][:, None] / 2 * weights
        pi, mu = _pi(x) / (_pi(x) * volumes).sum(), _mu(x) / (_mu(x) * volumes).sum()
        ratio = spherical_power(mu / pi, pi * volumes, p, t) if spherical else plain_power(mu / pi, p, t)
        return np.asarray((ratio * pi * volumes).sum(axis=1) / mesh.widths[0])

    found = []
    for energy, p in (('"power"\np = -1.0', -1.0), ('"hellinger"', 0.5), ('"chi2"', 2.0), ('"power"\np = 3.0', 3.0)):
        for spherical in (False, True):

            def solution(mesh: Cartesian, t: float, p: float = p, spherical: bool = spherical) -> np.ndarray:
                return exact(mesh, t, p, spherical)

            geometry = f'"fisher-rao"\nspherical = {str(spherical).lower()}'
            name = f"{'spherical ' * spherical}Fisher-Rao, p = {p:g}"
            found.append(Known(name, (-2.0,), (2.0,), (10,), data + parts(energy, geometry), solution))
    return found


def relaxations() -> list[Known]:
    """One linear equation by several gradient systems, and modes of a torus."""
    data = f'[target]\ndensity = "{_TARGET}"\n[initial]\ndensity = "{_START}"\n'

    def relaxed(mesh: Cartesian, t: float) -> np.ndarray:
        return linear_relaxation(normalised(mesh, _mu), normalised(mesh, _pi), t)

    kernel = '"gaussian"\nbandwidth = 0.6'
    flows = {
        "MMD flow of MMD": parts('"mmd"', '"mmd"\nregularization = 0.0', kernel),
        "Fisher-Rao flow of reverse KL": parts('"reverse-kl"', '"fisher-rao"'),
        "flat Fisher-Rao flow of chi2": parts('"chi2"', '"flat-fisher-rao"\nreference = "target"'),
    }
    found = [Known(name, (-2.0,), (2.0,), (10,), data + tables, relaxed) for name, tables in flows.items()]
    wide = 0.15
    multiplier = wide * math.sqrt(2 * math.pi) * math.exp(-((2 * math.pi * wide) ** 2) / 2)
    square, mode = (2 * math.pi) ** 2, f'"gaussian"\nbandwidth = {wide}'
    matern = '"matern"\nnu = 1.5\nbandwidth = 0.3'
    rates = {
        "heat on a torus": (square, parts('"kl"', '"wasserstein"'), (0.005, 0.02)),
        "flat Wasserstein flow of MMD": (
            square * multiplier,
            parts('"mmd"', '"flat-wasserstein"\nreference = "lebesgue"', mode),
            (0.02, 0.1),
        ),
        "flat Fisher-Rao flow of MMD": (
            multiplier,
            parts('"mmd"', '"flat-fisher-rao"\nreference = "lebesgue"', mode),
            (0.5, 2.0),
        ),
        "de-kernelized Stein flow of MMD": (square, parts('"mmd"', '"de-stein"', matern), (0.005, 0.02)),
        "de-kernelized WFR flow of MMD": (
            square + 1,
            parts('"mmd"', '"de-kernelized-wasserstein-fisher-rao"', matern),
            (0.005, 0.02),
        ),
    }
    for name, (rate, tables, times) in rates.items():
        for d in (1, 2) if name == "heat on a torus" else (1,):
            wave = "*".join(f"cos(2*pi*{axis})" for axis in "xy"[:d])
            data = f'[target]\nlog_density = "0*x"\n[initial]\ndensity = "1 + 0.5*{wave}"\n'

            def waves(mesh: Cartesian, t: float, rate: float = rate) -> np.ndarray:
                decay = math.exp(-rate * mesh.dimension * t) / 2
                return average(mesh, lambda *x: 1 + decay * math.prod(np.cos(2 * math.pi * c) for c in x))

            box = (0.0,) * d, (1.0,) * d, (10,) * d
            found.append(Known(f"{name}, {d}D", *box, data + tables, waves, times, boundary="periodic"))
    return found

"""Jumps, corners and singular attraction."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from mudot.meshes.averages import average
from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.porous_medium import Aggregation
from mudot.validation.exact.profiles import step_diffusion_averages
from mudot.validation.known.problem import ANY, ROUGH, Known, free, parts


def _quantiles(mesh: Cartesian, t: float) -> np.ndarray:
    """The Wasserstein flow of the energy distance to the uniform density from 1 - 0.6 cos 2 pi x."""
    u = np.linspace(0, 1, 400_001)
    cumulated = u - 0.6 * np.sin(2 * np.pi * u) / (2 * np.pi)
    # The quantile at level F(x) is x: the curve (Q_t, F) is known in closed form at every x.
    quantile = cumulated + (u - cumulated) * math.exp(-2 * t)
    return np.asarray(np.diff(np.interp(mesh.edges[0], quantile, cumulated)) / mesh.widths[0])


def rough() -> list[Known]:
    """Jumps, corners and singular attraction."""
    low, high, floor = 0.31 - 0.9, 0.31 + 0.9, 0.01

    def overlap(mesh: Cartesian, a: float, b: float) -> np.ndarray:
        return np.diff(np.clip(mesh.edges[0], a, b)) / mesh.widths[0]

    def boxes(mesh: Cartesian, t: float) -> np.ndarray:
        inside, width = overlap(mesh, low, high), 6.0
        mass = (high - low) + floor * (width - (high - low))
        values = [(v / mass) ** math.exp(-t) * (1 / width) ** (1 - math.exp(-t)) for v in (1.0, floor)]
        return np.asarray(values[0] * inside + values[1] * (1 - inside))

    def smoothed(mesh: Cartesian, t: float) -> np.ndarray:
        decay, spread = math.exp(-t), math.sqrt(1 - math.exp(-2 * t))

        def density(x: np.ndarray) -> np.ndarray:
            return np.asarray(ndtr((x - decay * low) / spread) - ndtr((x - decay * high) / spread))

        return average(mesh, density) / (decay * (high - low))

    hat = '[initial]\ndensity = "where(abs(x - 0.31) < 0.9, 1, {})"\n'
    normal = "[target]\nmixture = { weights = [1.0], means = [[0.0]], covariances = [[[1.0]]] }\n"
    step = '[target]\nmass = 20.0\nlog_density = "0*x"\n[initial]\nmass = 20.0\ndensity = "where(x < 0, 2, 0)"\n'
    wave = '[target]\nlog_density = "0*x"\n[initial]\ndensity = "1 - 0.6*cos(2*pi*x)"\n'
    transport = parts('"kl"', '"wasserstein"')
    found = [
        Known(
            "Fisher-Rao from a box",
            (-3.0,),
            (3.0,),
            (13,),
            ANY + hat.format(floor) + parts('"kl"', '"fisher-rao"'),
            boxes,
            rtol=2e-2,
            family=ROUGH,
        ),
        Known(
            "Ornstein-Uhlenbeck from a box",
            (-7.0,),
            (7.0,),
            (33,),
            normal + hat.format(0) + transport,
            smoothed,
            rtol=1e-2,
            family=ROUGH,
        ),
        Known(
            "a step that spreads",
            (-10.0,),
            (10.0,),
            (25,),
            step + transport,
            step_diffusion_averages,
            (0.05, 0.5),
            5e-3,
            family=ROUGH,
        ),
        Known(
            "Wasserstein flow of the energy distance",
            (0.0,),
            (1.0,),
            (15,),
            wave + parts('"mmd"', '"wasserstein"', '"energy-distance"'),
            _quantiles,
            (0.25, 0.5),
        ),
    ]
    for shape, text in (("interval", "x**2/2 - abs(x)"), ("semicircle", "x**2/2 - log(maximum(abs(x), 1e-300))")):
        exact, r = Aggregation(shape), Aggregation(shape).radius(0.0)
        start = f"where(abs(x) < {r!r}, 1, 0)" if shape == "interval" else f"sqrt(maximum({r * r!r} - x**2, 0))"
        tables = f'{ANY}[initial]\ndensity = "{start}"\n' + free(f'diffusion = 0.0\ninteraction = "{text}"')
        rtol = 1.5e-1 if shape == "interval" else 2e-2
        found.append(
            Known(f"aggregation, {shape}", (-2.0,), (2.0,), (25,), tables, exact.averages, rtol=rtol, family=ROUGH)
        )
    return found

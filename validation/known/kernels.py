"""Kernel geometries with polynomial kernels, and constants on a torus."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.cartesian import Cartesian
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.exact.kernel_flows import (
    bilinear_and_quadratic,
    bilinear_stein,
    quadratic_fisher_rao,
    ridge_constant,
)
from mudot.validation.known.problem import Known, bells, parts


def kernels() -> list[Known]:
    """Kernel geometries with polynomial kernels, and constants on a torus."""
    linear, quadratic = (f'"polynomial"\ndegree = {n}\noffset = 1.0' for n in (1, 2))
    start, target = Gaussian(1.0, 0.5), Gaussian(0.0, 1.0)
    small, large = Gaussian(-0.4, 0.8, 0.9), Gaussian(0.2, 0.6, 1.2)
    plane = Gaussian([0.6, -0.4], [[0.6, -0.1], [-0.1, 0.4]]), Gaussian([0.3, -0.2], [[1.0, 0.3], [0.3, 0.8]])
    found = []
    for ridge, name in ((None, "Stein"), (0.5, "ridge Wasserstein")):
        geometry = '"stein"' if ridge is None else f'"kernel-approximate-wasserstein"\nridge = {ridge}'
        for d, (a, b), half, cells in ((1, (start, target), 7.5, 36), (2, plane, 5.0, 12)):

            def moved(
                mesh: Cartesian, t: float, a: Gaussian = a, b: Gaussian = b, ridge: float | None = ridge
            ) -> np.ndarray:
                return bilinear_stein(a, b, t, ridge).cell_averages(mesh)

            tables, box = bells(a, b, '"kl"', geometry, linear), ((-half,) * d, (half,) * d, (cells,) * d)
            rtol, label = 3e-3 if d == 1 else 3e-2, f"{name}, bilinear kernel, {d}D"
            found.append(Known(label, *box, tables, moved, rtol=rtol, numbers=d == 1))
    for ridge, name in ((None, "kernelized Fisher-Rao"), (0.1, "ridge Fisher-Rao")):
        geometry = '"kernelized-fisher-rao"' if ridge is None else f'"kernel-approximate-fisher-rao"\nridge = {ridge}'

        def grown(mesh: Cartesian, t: float, ridge: float | None = ridge) -> np.ndarray:
            return quadratic_fisher_rao(small, large, t, ridge).cell_averages(mesh)

        tables = bells(small, large, '"kl"', geometry, quadratic)
        found.append(Known(f"{name}, quadratic kernel", (-7.0,), (7.0,), (28,), tables, grown))
    geometry = '"kernel-approximate-wasserstein-fisher-rao"\nridge = 0.1'
    reaction = f"[geometry.reaction_kernel]\nname = {quadratic}\n"

    def joint(mesh: Cartesian, t: float) -> np.ndarray:
        return bilinear_and_quadratic(small, large, t, 0.1).cell_averages(mesh)

    tables = bells(small, large, '"kl"', geometry, linear) + reaction
    found.append(Known("ridge WFR, two kernels", (-7.0,), (7.0,), (28,), tables, joint, rtol=3e-3))
    level = '[target]\nmass = 0.7\nlog_density = "0*x"\n[initial]\nmass = 2.0\nlog_density = "0*x"\n'
    ridge_geometry = '"kernel-approximate-fisher-rao"\nridge = 0.1'
    tables = level + parts('"reverse-kl"', ridge_geometry, '"gaussian"\nbandwidth = 0.1')
    weight = 0.1 * math.sqrt(2 * math.pi)

    def constant(mesh: Cartesian, t: float) -> np.ndarray:
        return np.full(mesh.shape, ridge_constant(2.0, 0.7, weight, 0.1, t))

    found.append(Known("ridge Fisher-Rao, constants", (0.0,), (1.0,), (20,), tables, constant, boundary="periodic"))
    return found

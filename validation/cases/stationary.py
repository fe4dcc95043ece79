"""Fluxes one by one: stationary problems with prescribed values at the walls, and a step that spreads.

The solvers know walls without flux only. Here the faces at the walls are assembled from the same flux function, with
the distance h/2 and the value at the wall; inside stands the generator that the flows use.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.special import erfc

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.flows import GradientFlow
from mudot.solvers.fluxes import TwoPointFlux, generator, scharfetter_gummel
from mudot.solvers.geometries import Wasserstein
from mudot.solvers.means import bernoulli
from mudot.validation import reference
from mudot.validation.convergence import orders
from mudot.validation.finished import solve
from mudot.validation.outcome import Case, Check, Outcome, Plot, Series, Table


def convection(
    cells: int, length: float, speed: float, diffusion: float, source: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centres and solution of (D phi' + u phi)' + S = 0, phi(0) = 0, phi(L) = 1."""
    mesh = Cartesian(cells, 0.0, length)
    x, h = mesh.centers[0], length / cells
    matrix = diffusion * generator(mesh, scharfetter_gummel(mesh, -speed * x / diffusion)).tolil()
    right = np.full(cells, -source)
    # At the walls V jumps by u h/(2 D) between the wall and the centre; the rate is D/(h/2)/h times forward, backward.
    forward, backward = (float(b[0]) for b in bernoulli(np.array([speed * h / (2 * diffusion)])))
    rate = 2 * diffusion / h**2
    matrix[0, 0] -= rate * backward
    matrix[-1, -1] -= rate * forward
    right[-1] -= rate * backward
    return x, np.asarray(scipy.sparse.linalg.spsolve(matrix.tocsc(), right))


def exact_convection(x: np.ndarray, length: float, speed: float, diffusion: float, source: float) -> np.ndarray:
    """-S x/u + (1 + S L/u) (1 - exp(-u x/D))/(1 - exp(-u L/D))."""
    layer = np.expm1(-speed * x / diffusion) / math.expm1(-speed * length / diffusion)
    return np.asarray(-source * x / speed + (1 + source * length / speed) * layer)


def _fitting(quick: bool) -> Outcome:
    """Nodally exact without a source for every Peclet number; second order with one."""
    outcome, rows = Outcome(), []
    pairs = [("u = 10, L = 10, 10 cells", (10, 10.0, 10.0, 1.0))]
    pairs += [(f"cell Péclet number {10.0**k:g}", (1000, 1.0, 1.0, 1e-3 / 10.0**k)) for k in range(-3, 4)]
    for name, (cells, length, speed, diffusion) in pairs:
        x, found = convection(cells, length, speed, diffusion, 0.0)
        error = float(np.max(np.abs(found - exact_convection(x, length, speed, diffusion, 0.0))))
        bound = 1e-14 if cells == 10 else 1e-11
        outcome.checks.append(Check(f"no source, {name}: largest nodal error", error, bound))
        rows.append((name, cells, error))
    sizes, errors = sorted(reference.CONVECTION_SOURCE_ERRORS), []
    for cells in sizes:
        x, found = convection(cells, 10.0, 10.0, 1.0, 1.0)
        errors.append(float(np.max(np.abs(found - exact_convection(x, 10.0, 10.0, 1.0, 1.0)))))
        over = errors[-1] / reference.CONVECTION_SOURCE_ERRORS[cells]
        outcome.checks.append(Check(f"source, {cells} cells: error over the listed one", over, reference.BAND))
        rows.append(("source S = 1, u = 10, L = 10", cells, errors[-1]))
    order = float(orders(sizes, errors)[-1])
    outcome.checks.append(Check("source: order on the finest pair", order, 0.1, "within", 2.0))
    outcome.checks.append(Check("layered diffusion: largest nodal error", _layers(4 * 6 + 2), 1e-12))
    outcome.tables.append(
        Table("Largest nodal error of exponential fitting", ("problem", "cells", "error"), tuple(rows))
    )
    outcome.plots.append(
        Plot(
            "convection with a source",
            "cells",
            "largest nodal error",
            (Series("Scharfetter-Gummel", sizes, errors, -2.0),),
            True,
            True,
        )
    )
    return outcome


def _layers(cells: int) -> float:
    """D = 1, 0.1, 1 by face on (0, L/4), (L/4, 3L/4), (3L/4, L); phi(0) = 0, D phi'(L) = 1: the largest nodal error."""
    mesh = Cartesian(cells, 0.0, 1.0)
    x, faces, h = mesh.centers[0], mesh.edges[0][1:-1], 1 / cells
    diffusion = np.where((faces > 0.25) & (faces < 0.75), 0.1, 1.0)
    plain = scharfetter_gummel(mesh, np.zeros(cells))
    matrix = generator(mesh, TwoPointFlux(diffusion * plain.forward, diffusion * plain.backward)).tolil()
    matrix[0, 0] -= 2 / h**2
    right = np.zeros(cells)
    right[-1] -= 1 / h
    found = scipy.sparse.linalg.spsolve(matrix.tocsc(), right)
    exact = np.where(x <= 0.25, x, np.where(x <= 0.75, 10 * x - 2.25, x + 4.5))
    return float(np.max(np.abs(found - exact)))


Boundary = tuple[str, float]
_LINES: dict[str, tuple[Boundary, Boundary, Callable[[np.ndarray], np.ndarray]]] = {
    "φ(0) = 0, φ(1) = 1": (("value", 0.0), ("value", 1.0), lambda x: x),
    "φ(0) = 0, φ'(1) = 3": (("value", 0.0), ("slope", 3.0), lambda x: 3 * x),
    "φ'(0) = -2, φ(1) = 0": (("slope", -2.0), ("value", 0.0), lambda x: 2 - 2 * x),
}
"""phi'' = 0 on [0, 1]: conditions at 0 and 1, and the solution."""


def _harmonic_line(left: Boundary, right: Boundary, cells: int = 16) -> tuple[np.ndarray, np.ndarray]:
    mesh, h = Cartesian(cells, 0.0, 1.0), 1 / cells
    matrix = generator(mesh, scharfetter_gummel(mesh, np.zeros(cells))).tolil()
    load = np.zeros(cells)
    for place, outward, (kind, value) in ((0, -1, left), (cells - 1, 1, right)):
        if kind == "value":
            matrix[place, place] -= 2 / h**2
            load[place] -= 2 * value / h**2
        else:
            load[place] -= outward * value / h
    return mesh.centers[0], np.asarray(scipy.sparse.linalg.spsolve(matrix.tocsc(), load))


def _harmonic_plane(cells: int) -> tuple[float, float]:
    """Largest error on [0, 2 pi]^2 with sin y on the x-sides and sin x on the y-sides, plain and over 1 + |phi|."""
    mesh = Cartesian((cells, cells), (0.0, 0.0), (2 * math.pi, 2 * math.pi))
    x, y = mesh.coordinates
    wall = 2 / (2 * math.pi / cells) ** 2
    edge, load = np.zeros(mesh.shape), np.zeros(mesh.shape)
    for side in (0, -1):
        edge[side, :] += wall
        edge[:, side] += wall
        load[side, :] -= wall * np.sin(mesh.centers[1])
        load[:, side] -= wall * np.sin(mesh.centers[0])
    inside = generator(mesh, scharfetter_gummel(mesh, np.zeros(mesh.shape)))
    matrix = inside - scipy.sparse.diags(edge.reshape(-1))
    found = scipy.sparse.linalg.spsolve(matrix.tocsc(), load.reshape(-1)).reshape(mesh.shape)
    exact = (np.cosh(math.pi - y) * np.sin(x) + np.cosh(math.pi - x) * np.sin(y)) / math.cosh(math.pi)
    error = np.abs(found - exact)
    return float(np.max(error)), float(np.max(error / (1 + np.abs(exact))))


def _diffusion(quick: bool) -> Outcome:
    """Linear functions exactly, a harmonic one with second order; a step spreads like erfc."""
    outcome, rows = Outcome(), []
    for name, (left, right, solution) in _LINES.items():
        x, phi = _harmonic_line(left, right)
        error = float(np.max(np.abs(phi - solution(x))))
        outcome.checks.append(Check(f"{name}: largest nodal error", error, 1e-12))
        rows.append((name, 16, error))
    sizes = (16, 32, 64)
    found = [_harmonic_plane(n) for n in sizes]
    errors = [plain for plain, _ in found]
    outcome.checks.append(Check("square, 16² cells: largest error over 1 + |φ|", found[0][1], 1e-2))
    outcome.checks.append(
        Check("square: order on the finest pair", float(orders(sizes, errors)[-1]), 0.15, "within", 2.0)
    )
    rows += [("harmonic function on a square", n, e) for n, e in zip(sizes, errors, strict=True)]
    for kind, listed in reference.STEP_ERRORS.items():
        for cells in sorted(listed):
            error = _step(cells, kind)
            outcome.checks.append(
                Check(f"step, {cells} cells, {kind}: error over the listed one", error / listed[cells], reference.BAND)
            )
            rows.append((f"step at t = 45, against {kind}", cells, error))
    outcome.tables.append(Table("Elementary diffusion", ("problem", "cells per axis", "largest error"), tuple(rows)))
    return outcome


def _step(cells: int, kind: str) -> float:
    """2 to the left of 0 and 0 to the right on [-50, 50], exact in time, against erfc by averages or at points."""
    mesh = Cartesian(cells, -50.0, 50.0)
    x, edges, width = mesh.centers[0], mesh.edges[0], 2 * math.sqrt(reference.STEP_TIME)
    flow = GradientFlow(mesh, KullbackLeibler(np.ones(cells)), Wasserstein())
    found = solve(flow, np.where(x < 0, 2.0, 0.0), [reference.STEP_TIME], rtol=1e-8).density[-1]
    z = edges / width
    primitive = width * (z * erfc(z) - np.exp(-(z**2)) / math.sqrt(math.pi))
    exact = np.diff(primitive) / np.diff(edges) if kind == "averages" else erfc(x / width)
    return float(np.max(np.abs(found - exact)))


STATIONARY = (
    Case(
        "exponential-fitting",
        "Exponential fitting is exact for constant flux",
        "Scharfetter-Gummel fluxes give stationary convection-diffusion exactly in the nodes, for every Péclet number; "
        "with a source the error is second order.",
        "Scharfetter and Gummel 1969; problems of FiPy's examples exponential1D, exponential1DSource, peclet, mesh1D",
        "(D φ' + u φ)' + S = 0, φ(0) = 0, φ(L) = 1; faces at the walls from the same flux with half the distance",
        _fitting,
    ),
    Case(
        "elementary-diffusion",
        "Elementary diffusion",
        "The Laplacian is exact on linear functions and second order on harmonic ones; a step spreads like erfc.",
        "test problems of py-pde and FiPy (diffusion.mesh1D); formulas derived once more",
        "φ'' = 0 on [0, 1]; Δφ = 0 on [0, 2π]²; the Wasserstein flow of the entropy from a step on [-50, 50]",
        _diffusion,
    ),
)

"""I2, I3, I6, I7, I8 and I10: Wasserstein flows of discrepancies and divergences."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.linalg

from mudot.solvers.energies import (
    InverseSobolev,
    KernelSteinDiscrepancy,
    KullbackLeibler,
    MaximumMeanDiscrepancy,
    PowerDivergence,
    chi_squared,
)
from mudot.solvers.geometries import FlatFisherRao, FlatWasserstein, Wasserstein
from mudot.solvers.kernels.functions import GaussianKernel
from mudot.validation.cases.links import RTOL, WRITTEN, Link, links, on_line, on_ring, run
from mudot.validation.exact.literal import Line, as_matrix, exponentials, followed, gaussian

POWERS = (-1.0, 0.0, 0.5, 1.0, 2.0, 3.0)


def mmd(cells: int) -> list[Link]:
    """I2: Wasserstein of MMD^2/2 moves mass along the gradient of K_mu(1 - pi/mu), the kernelized force of KL(pi|mu)
    (derived; cf. Zhu 2024). On a ring: at walls smooth velocities drain cells in finite time, with this mobility."""
    mesh, mu, pi = on_ring(cells)
    line, times = Line(mesh), (0.0, 0.3, 1.0)
    smooth = line.kernel(gaussian(0.1))

    def rate(m: np.ndarray) -> np.ndarray:
        return line.moved(line.logarithmic(m), smooth @ (m * (1 - pi / m)))

    paths = {
        "W of MMD²/2": run(mesh, MaximumMeanDiscrepancy(GaussianKernel(0.1), pi), Wasserstein(), mu, times),
        f"W, force-kernelized, of KL(π|μ), {WRITTEN}": followed(rate, mu, times),
    }
    return links(mesh, "I2", "μ' = div(μ∇K(μ - π))", paths)


def stein(cells: int) -> list[Link]:
    """I3: the same with the Stein kernel of pi, the kernel between the fluxes eta = grad mu - mu grad log pi of unit
    masses (derived). On a ring, for the same reason."""
    mesh, mu, pi = on_ring(cells)
    line, times = Line(mesh), (0.0, 0.002, 0.01)
    flux = line.fitted(pi)[:, None] * line.slope / pi
    smooth = flux.T @ line.face_kernel(gaussian(0.1)) @ flux

    def rate(m: np.ndarray) -> np.ndarray:
        return line.moved(line.diffusive(m, pi), smooth @ (m * (1 - pi / m)))

    paths = {
        "W of KSD²/2": run(mesh, KernelSteinDiscrepancy(GaussianKernel(0.1), pi), Wasserstein(), mu, times),
        f"W, force-kernelized by the Stein kernel, of KL(π|μ), {WRITTEN}": followed(rate, mu, times),
    }
    return links(mesh, "I3", "μ' = div(μ∇K_π(μ - π))", paths)


def fokker_planck(cells: int) -> list[Link]:
    """I6: Fokker-Planck, by the semigroup of KL and by the exponential of the flat geometry's Onsager operator."""
    mesh, mu, pi = on_line(cells)
    line, times, flat = Line(mesh), (0.0, 0.1, 0.4), FlatWasserstein(pi)
    onsager = flat.onsager(mesh, mu)
    paths = {
        "W of KL(μ|π)": run(mesh, KullbackLeibler(pi), Wasserstein(), mu, times),
        "flat W_π of χ²/2, exponential of its Onsager matrix": exponentials(
            -as_matrix(lambda m: onsager.apply(m / pi), cells), mu, times
        ),
        WRITTEN: exponentials(as_matrix(lambda m: line.moved(line.fitted(pi), m / pi), cells), mu, times),
    }
    return links(mesh, "I6", "μ' = div(π∇(μ/π)) = Δμ + div(μ∇V)", paths)


def filtration(cells: int, powers: Sequence[float], rtol: float) -> list[Link]:
    """I7: Wasserstein of D_phi_p is the filtration equation for s^p, log s for p = 0; by implicit steps of order two
    with an exact balance, but for p = 1."""
    mesh, mu, pi = on_line(cells)
    line, times, found = Line(mesh), (0.0, 0.05, 0.2), []
    for p in powers:

        def rate(m: np.ndarray, p: float = p) -> np.ndarray:
            s = m / pi
            return line.moved(line.fitted(pi), np.log(s) if p == 0 else s**p / p)

        asked = RTOL if p == 1 else rtol
        paths = {
            f"W of D_φ, p = {p:g}": run(mesh, PowerDivergence(p, pi), Wasserstein(), mu, times, asked),
            WRITTEN: followed(rate, mu, times),
        }
        equation = "μ' = div(π∇log s)" if p == 0 else "μ' = div(π∇sᵖ)/p"
        found += links(mesh, "I7", equation, paths, asked)
    return found


def flat_both(cells: int) -> list[Link]:
    """I8: flat Wasserstein-Fisher-Rao of chi^2/2 with reference pi is linear."""
    mesh, mu, pi = on_line(cells)
    line, times, alpha, beta = Line(mesh), (0.0, 0.1, 0.4), 0.7, 1.3
    geometry = alpha * FlatWasserstein(pi) + beta * FlatFisherRao(pi)
    onsager = geometry.onsager(mesh, mu)
    written = alpha * as_matrix(lambda m: line.moved(line.fitted(pi), m / pi), cells) - beta * np.eye(cells)
    paths = {
        "flat WFR_π of χ²/2": run(mesh, chi_squared(pi), geometry, mu, times),
        "exponential of its Onsager matrix": pi
        + exponentials(-as_matrix(lambda m: onsager.apply(m / pi), cells), mu - pi, times),
        WRITTEN: pi + exponentials(written, mu - pi, times),
    }
    return links(mesh, "I8", "μ' = α div(π∇s) - β(μ - π)", paths)


def lawgd(cells: int) -> list[Link]:
    """I10: Wasserstein of the H^-1(pi) distance is LAWGD, whose force (-L)^-1 (s - 1) is summed over eigenfunctions of
    -L as in Chewi et al. 2020."""
    mesh, mu, pi = on_line(cells)
    line, times = Line(mesh), (0.0, 0.5, 2.0)
    root = np.sqrt(pi)
    energy = line.slope.T @ (line.fitted(pi)[:, None] * line.slope)
    values, vectors = scipy.linalg.eigh(energy / root[:, None] / root)
    modes = vectors[:, 1:] / root[:, None]

    def rate(m: np.ndarray) -> np.ndarray:
        force = modes @ ((modes.T @ (m - pi)) / values[1:])
        return line.moved(line.diffusive(m, pi), force)

    paths = {
        "W of |μ - π|²/2 in H⁻¹(π)": run(mesh, InverseSobolev(pi), Wasserstein(), mu, times),
        f"LAWGD by eigenfunctions, {WRITTEN}": followed(rate, mu, times),
    }
    return links(mesh, "I10", "μ' = div(μ∇(-L)⁻¹(s - 1))", paths)

"""I9 and I11: inverse kernels as differential operators, and sums of de-kernelized geometries."""

from __future__ import annotations

import math

import numpy as np

from mudot.meshes.averages import norm
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.energies import KullbackLeibler
from mudot.solvers.geometries import DeKernelizedFisherRao, DeStein, Geometry, Wasserstein, kernel_sobolev_fisher
from mudot.solvers.kernels.functions import LaplaceKernel, MaternKernel
from mudot.validation.cases.links import WRITTEN, Link, links, on_ring, run
from mudot.validation.exact.literal import Line, as_matrix, followed, laplace

LENGTH = 0.1
ALPHA = 0.5


def local(cells: int, rtol: float) -> list[Link]:
    """I9: K^-1 of exp(-r/l) is (1 - l^2 d^2)/(2 l), on the mesh by the three-point scheme that is exact for its
    solutions; MMD and IFT flows of KL are log-fast diffusion with reaction."""
    mesh, mu, pi = on_ring(cells)
    line, times, kernel = Line(mesh), (0.0, 0.05, 0.2), LaplaceKernel(LENGTH)
    step = line.h / LENGTH
    neighbours = np.roll(np.eye(cells), 1, axis=1) + np.roll(np.eye(cells), -1, axis=1)
    elliptic = (2 * math.cosh(step) * np.eye(cells) - neighbours) / (2 * math.sinh(step) * line.h)
    inverse, energy, found = DeKernelizedFisherRao(kernel), KullbackLeibler(pi), []
    flows: dict[str, tuple[Geometry, float, str]] = {
        "MMD of KL(μ|π)": (inverse, 0.0, "μ' = -(1 - ℓ²Δ) log s / 2ℓ"),
        "IFT of KL(μ|π)": (ALPHA * Wasserstein() + inverse, ALPHA, "μ' = α div(μ∇log s) - (1 - ℓ²Δ) log s / 2ℓ"),
    }
    for name, (geometry, alpha, equation) in flows.items():

        def rate(m: np.ndarray, alpha: float = alpha) -> np.ndarray:
            return np.asarray(alpha * line.moved(line.fitted(pi), m / pi) - elliptic @ np.log(m / pi))

        paths = {
            name: run(mesh, energy, geometry, mu, times, rtol),
            f"exact three-point scheme of 1 - ℓ²Δ, {WRITTEN}": followed(rate, mu, times),
        }
        found += links(mesh, "I9, m = 1", equation, paths, rtol)
    return found


def smoother(cells: int, rtol: float) -> list[Link]:
    """I9 for m = 2: the Matern kernel of smoothness 3/2 is 4 l times Green's function of (1 - l^2 d^2)^2, l = h/sqrt 3.
    The mesh sees the values of that function: its Fourier coefficients summed over aliases."""
    mesh, mu, pi = on_ring(cells)
    times = (0.0, 0.02, 0.05)
    inverse = _by_symbol(1 / _green(mesh, 2, aliases=200))
    paths = {
        "MMD of KL(μ|π)": run(
            mesh, KullbackLeibler(pi), DeKernelizedFisherRao(MaternKernel(LENGTH, 1.5)), mu, times, rtol
        ),
        f"Fourier coefficients of 1 - ℓ²Δ, {WRITTEN}": followed(lambda m: -inverse @ np.log(m / pi), mu, times),
    }
    return links(mesh, "I9, m = 2", "μ' = -(1 - ℓ²Δ)² log s / 4ℓ", paths, rtol)


def orders_of_inverses() -> list[tuple[int, float]]:
    """m, and the order in the mesh width at which K^-1 xi on it tends to (1 - l^2 Delta)^m xi: 2 m, by aliases."""
    found = []
    for m, kernel in ((1, LaplaceKernel(LENGTH)), (2, MaternKernel(LENGTH, 1.5))):
        gaps = []
        for cells in (64, 128):
            mesh, mu, pi = on_ring(cells)
            xi = KullbackLeibler(pi).first_variation(mesh, mu)
            local = _by_symbol(1 / _green(mesh, m, aliases=0)) @ xi
            gaps.append(norm(mesh, DeKernelizedFisherRao(kernel).onsager(mesh, mu).apply(xi) - local))
        found.append((m, math.log2(gaps[0] / gaps[1])))
    return found


def _green(mesh: Cartesian, m: int, aliases: int) -> np.ndarray:
    """Fourier coefficients of the kernel: 2 m l (1 + l^2 w^2)^-m, summed over so many aliases to either side."""
    cells, length = mesh.shape[0], LENGTH / math.sqrt(2 * m - 1)
    waves = 2 * np.pi * np.fft.rfftfreq(cells, 1 / cells)
    shifts = 2 * np.pi * cells * np.arange(-aliases, aliases + 1)
    return np.asarray((2 * m * length * (1 + (length * np.add.outer(waves, shifts)) ** 2) ** -m).sum(axis=1))


def _by_symbol(symbol: np.ndarray) -> np.ndarray:
    """The matrix that multiplies Fourier coefficients by a symbol; an even number of cells."""
    cells = 2 * (symbol.size - 1)
    return as_matrix(lambda f: np.fft.irfft(symbol * np.fft.rfft(f), cells), cells)


def both_dekernelized(cells: int, rtol: float) -> list[Link]:
    """I11: the D-WFR flow is the De-Stein and the MMD flow with one force, the KSF flow likewise: rates add (Zhu and
    Mielke 2024, Prop. 5.3 and Ex. 5.2)."""
    mesh, mu, pi = on_ring(cells)
    line, kernel, weight = Line(mesh), LaplaceKernel(LENGTH), 0.3
    faces, inside = (np.linalg.inv(k(laplace(LENGTH))) for k in (line.face_kernel, line.kernel))
    de_stein = line.slope.T @ faces @ line.slope
    flat = line.slope.T @ (line.fitted(pi)[:, None] * line.slope) + np.diag(pi)
    energy, found = KullbackLeibler(pi), []
    flows: dict[str, tuple[Geometry, np.ndarray, str, tuple[float, ...]]] = {
        "D-WFR of KL(μ|π)": (
            0.01 * DeStein(kernel) + DeKernelizedFisherRao(kernel),
            0.01 * de_stein + inside,
            "μ' = div(K⁻¹∇ξ) - K⁻¹ξ",
            (0.0, 0.01, 0.03),
        ),
        "KSF of KL(μ|π)": (
            kernel_sobolev_fisher(kernel, pi, weight),
            flat + 2 * weight * inside,
            "μ' = div(π∇ξ) - πξ - 2aK⁻¹ξ",
            (0.0, 0.01, 0.02),
        ),
    }
    for name, (geometry, matrix, equation, times) in flows.items():

        def rate(m: np.ndarray, matrix: np.ndarray = matrix) -> np.ndarray:
            return np.asarray(-matrix @ np.log(m / pi))

        paths = {
            name: run(mesh, energy, geometry, mu, times, rtol),
            f"sum of the parts, {WRITTEN}": followed(rate, mu, times),
        }
        found += links(mesh, "I11", equation, paths, rtol)
    return found


def sum_rule(cells: int) -> float:
    """R of a sum against the least R_1(u_1) + R_2(u - u_1) over all splittings u_1, for the rate of the D-WFR flow:
    relative difference (the other half of I11)."""
    mesh, mu, pi = on_ring(cells)
    kernel = LaplaceKernel(LENGTH)
    both = 0.01 * DeStein(kernel) + DeKernelizedFisherRao(kernel)
    force = KullbackLeibler(pi).first_variation(mesh, mu)
    onsager = both.onsager(mesh, mu)
    u = -onsager.apply(force)
    line = Line(mesh)
    smooth = line.kernel(laplace(LENGTH))
    de_stein = 0.01 * line.slope.T @ np.linalg.solve(line.face_kernel(laplace(LENGTH)), line.slope)
    # u_1 has no mass: coordinates in a basis of such rates make the least-squares problem definite.
    basis = np.linalg.svd(np.ones((1, cells)))[2][1:].T
    one, two = np.linalg.pinv(de_stein, rcond=1e-11), smooth
    split = basis @ np.linalg.solve(basis.T @ (one + two) @ basis, basis.T @ (two @ u))
    least = 0.5 * line.h * float(split @ one @ split + (u - split) @ two @ (u - split))
    return abs(float(sum(onsager.primal(u, guess=-force))) / least - 1)

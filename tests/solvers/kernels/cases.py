"""Meshes, kernels and brute-force Gram matrices for the tests of kernel operators."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np

from mudot.meshes.arrays import numpy_library
from mudot.meshes.cartesian import Cartesian
from mudot.solvers.kernels import (
    EnergyDistanceKernel,
    GaussianKernel,
    InverseMultiquadricKernel,
    Kernel,
    KernelOperator,
    LaplaceKernel,
    MaternKernel,
    PolynomialKernel,
    kernel_operator,
)

Profile = Callable[[np.ndarray], np.ndarray]

MESHES = {
    "line": Cartesian(13, -1.0, 1.5),
    "ring": Cartesian(12, 0.0, 1.0, boundary="periodic"),
    "graded line": Cartesian.graded([np.linspace(-1.2, 1.2, 15) ** 3]),
    "graded ring": Cartesian.graded([np.linspace(0.0, 1.0, 10) ** 1.5], boundary="periodic"),
    "square": Cartesian((6, 5), (-1.0, -0.5), (1.0, 1.0)),
    "torus": Cartesian((5, 6), (0.0, 0.0), (1.0, 1.2), boundary="periodic"),
    "tube": Cartesian((6, 4), (0.0, 0.0), (1.0, 0.9), boundary=("no-flux", "periodic")),
    "graded square": Cartesian.graded([np.linspace(-1, 1, 6) ** 3, np.linspace(0, 1, 5) ** 2]),
    "graded tube": Cartesian.graded([np.linspace(0, 1, 6) ** 2, np.linspace(0, 1, 5)], ("no-flux", "periodic")),
    "strip": Cartesian((5, 1), (0.0, 0.0), (1.0, 1.0)),
    "cube": Cartesian((4, 3, 3), (0.0,) * 3, (1.0, 0.8, 1.1)),
    "torus in 3D": Cartesian((3, 4, 3), (0.0,) * 3, (2.0, 2.4, 1.8), boundary="periodic"),
    "mixed in 3D": Cartesian((3, 3, 4), (0.0,) * 3, (2.0, 0.8, 1.9), boundary=("periodic", "no-flux", "periodic")),
    "graded in 3D": Cartesian.graded([np.linspace(0, 1, 4) ** 2, np.linspace(0, 1, 4), np.linspace(0, 1, 3)]),
}

DECAYING: dict[str, Kernel] = {
    "gaussian": GaussianKernel(0.3),
    "laplace": LaplaceKernel(0.2),
    "matern 1/2": MaternKernel(0.2, 0.5),
    "matern 3/2": MaternKernel(0.25, 1.5),
    "matern 5/2": MaternKernel(0.25, 2.5),
}
OTHERS: dict[str, Kernel] = {
    "inverse multiquadric": InverseMultiquadricKernel(0.4),
    "energy distance": EnergyDistanceKernel(),
    "bilinear": PolynomialKernel(1, 1.0),
    "cubic": PolynomialKernel(3, 0.5),
    "homogeneous": PolynomialKernel(2, 0.0),
}
KERNELS = DECAYING | OTHERS


def pairs() -> list[tuple[str, str]]:
    """Every kernel on every mesh that allows it."""
    return [
        (kernel, mesh)
        for kernel, mesh in itertools.product(KERNELS, MESHES)
        if kernel in DECAYING or "periodic" not in MESHES[mesh].boundary
    ]


def formula(kernel: Kernel, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """k(x, y) in free space, written down once more; points in the last axis."""
    if isinstance(kernel, PolynomialKernel):
        return np.asarray((kernel.offset + (x * y).sum(-1)) ** kernel.degree)
    r = np.sqrt(((x - y) ** 2).sum(-1))
    if isinstance(kernel, GaussianKernel):
        return np.asarray(np.exp(-(r**2) / (2 * kernel.bandwidth**2)))
    if isinstance(kernel, LaplaceKernel):
        return np.asarray(np.exp(-r / kernel.bandwidth))
    if isinstance(kernel, InverseMultiquadricKernel):
        return np.asarray((1 + r**2 / kernel.bandwidth**2) ** -0.5)
    if isinstance(kernel, EnergyDistanceKernel):
        return -r
    assert isinstance(kernel, MaternKernel)
    a = math.sqrt(2 * kernel.nu) * r / kernel.bandwidth
    return np.asarray({0.5: 1 + 0 * a, 1.5: 1 + a, 2.5: 1 + a + a**2 / 3}[kernel.nu] * np.exp(-a))


def brute_force(kernel: Kernel, mesh: Cartesian, axes: list[np.ndarray], images: int | None = None) -> np.ndarray:
    """The Gram matrix of the tensor grid of points, summed over `images` images to either side of periodic axes."""
    images = images or (4 if mesh.dimension == 3 else 9)
    points = np.stack([axis.reshape(-1) for axis in np.meshgrid(*axes, indexing="ij")], axis=-1)
    periods = [high - low for low, high in zip(mesh.lower, mesh.upper, strict=True)]
    ranges = [range(-images, images + 1) if b == "periodic" else range(1) for b in mesh.boundary]
    total = np.zeros((len(points), len(points)))
    for shift in itertools.product(*ranges):
        total += formula(kernel, points[:, None] + np.multiply(shift, periods), points[None])
    return total


def face_axes(mesh: Cartesian, orientation: int) -> list[np.ndarray]:
    """Coordinates of the face points of an orientation: between neighbours, on the seam last."""
    axes = list(mesh.centers)
    seam = mesh.boundary[orientation] == "periodic" and mesh.shape[orientation] > 1
    axes[orientation] = mesh.edges[orientation][1 : None if seam else -1]
    return axes


def density(mesh: Cartesian) -> np.ndarray:
    """A positive density of mass one that is no product."""
    x = mesh.coordinates
    values = np.broadcast_to(1 + 0.6 * np.sin(2 * x[0] + 0.3) * np.cos(3 * x[-1]), mesh.shape)
    return np.asarray(values / (values * mesh.volumes).sum())


def field(mesh: Cartesian) -> np.ndarray:
    """A smooth cell function."""
    x = mesh.coordinates
    return np.broadcast_to(np.cos(2 * x[0]) + 0.5 * np.sin(5 * x[-1]) + 0.2, mesh.shape).copy()


def normal(mean: float, variance: float) -> Profile:
    """The density of N(mean, variance)."""
    return lambda x: np.exp(-((x - mean) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)


def on_line(kernel: Kernel, n: int, half: float) -> tuple[KernelOperator, np.ndarray, np.ndarray]:
    """Operator, centres and cell width on [-half, half]."""
    mesh = Cartesian(n, -half, half)
    return kernel_operator(kernel, mesh, numpy_library()), mesh.centers[0], mesh.volumes

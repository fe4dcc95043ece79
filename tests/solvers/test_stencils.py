"""Systems of a mesh's stencil: products and solutions against dense matrices, and iterations that do not grow."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers import stencils
from mudot.solvers.linear import NotConverged, stabilised_biconjugate_gradients
from mudot.solvers.stencils import StencilMatrix, from_faces
from tests import device

MESHES = {
    "line": Cartesian(9, 0.0, 1.0),
    "ring": Cartesian(7, 0.0, 1.0, "periodic"),
    "pair": Cartesian((2, 3), (0.0,) * 2, (1.0,) * 2, "periodic"),
    "mixed": Cartesian((7, 6), (0.0, 0.0), (1.0, 2.0), ("periodic", "no-flux")),
    "space": Cartesian((5, 4, 6), (0.0,) * 3, (1.0, 2.0, 1.5), ("no-flux", "periodic", "no-flux")),
    "thin": Cartesian((1, 5, 4), (0.0,) * 3, (1.0,) * 3),
}


def random_matrix(mesh: Cartesian, seed: int = 0) -> tuple[StencilMatrix, np.ndarray]:
    """A matrix of random flows, and the same densely, face by face."""
    rng, faces = np.random.default_rng(seed), mesh.faces
    mass = 0.5 + rng.random(mesh.shape)
    out, back = 3 * rng.random((2, faces.left.size))
    dense = np.diag(mass.reshape(-1))
    for k, l, a, b in zip(faces.left, faces.right, out, -back, strict=True):
        dense[k, k] += a
        dense[k, l] += b
        dense[l, k] -= a
        dense[l, l] -= b
    return from_faces(mesh, mass, out, -back), dense


@pytest.mark.parametrize("name", MESHES)
def test_products_sparse_matrices_and_solutions_are_those_of_the_dense_matrix(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = MESHES[name]
    matrix, dense = random_matrix(mesh)
    x = np.random.default_rng(1).normal(size=mesh.shape)
    right = (dense @ x.reshape(-1)).reshape(mesh.shape)
    np.testing.assert_allclose(matrix.apply(x), right, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(matrix.matrix().toarray(), dense, rtol=1e-14)
    np.testing.assert_allclose(matrix.solve(right, 1e-12).solution, x, rtol=1e-10, atol=1e-10)
    monkeypatch.setattr(stencils, "_DIRECT", {1: np.inf, 2: 0, 3: 0})
    np.testing.assert_allclose(matrix.solve(right, 1e-12).solution, x, rtol=1e-9, atol=1e-9)


def test_what_lies_beyond_the_stencil_is_solved_with_it() -> None:
    mesh = MESHES["mixed"]
    matrix, dense = random_matrix(mesh)
    u, v, x = np.random.default_rng(2).normal(size=(3, mesh.size))
    far = 0.1 * np.outer(u, v)
    found = matrix.solve(
        ((dense + far) @ x).reshape(mesh.shape), 1e-12, lambda y: (far @ y.reshape(-1)).reshape(y.shape)
    )
    np.testing.assert_allclose(found.solution.reshape(-1), x, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("boundary", ["no-flux", "periodic"])
def test_coarser_levels_keep_what_flows(boundary: str) -> None:
    # Columns sum up to the mass on every level: what leaves a block enters its neighbours.
    mesh = Cartesian((12, 8), (0.0, 0.0), (1.0, 1.0), boundary)
    matrix: StencilMatrix | None = random_matrix(mesh)[0]
    total, levels = float(matrix.mass.sum()) if matrix is not None else 0.0, 0
    while matrix is not None:
        columns = matrix.matrix().toarray().sum(axis=0)
        np.testing.assert_allclose(columns, matrix.mass.reshape(-1), rtol=1e-12)
        assert float(matrix.mass.sum()) == pytest.approx(total, rel=1e-13)
        matrix, levels = matrix._coarse, levels + 1
    assert levels >= 3


def implicit_diffusion(cells: int, dimension: int, length: float) -> StencilMatrix:
    """1 - tau div grad with tau = (length of a cell)^2 * length^2, smoothly varying over a factor 100."""
    mesh = Cartesian((cells,) * dimension, (0.0,) * dimension, (1.0,) * dimension)
    x = mesh.centers[0][:, None] if dimension == 2 else mesh.centers[0][:, None, None]
    strength = (10 ** (2 * np.sin(2 * np.pi * x)) * np.ones(mesh.shape)).reshape(-1)
    weight = length**2 * np.sqrt(strength[mesh.faces.left] * strength[mesh.faces.right])
    return from_faces(mesh, np.ones(mesh.shape), weight, -weight)


@pytest.mark.parametrize(("dimension", "sizes"), [(2, (48, 96)), (3, (12, 24))])
def test_iterations_grow_neither_with_the_mesh_nor_with_the_step(dimension: int, sizes: tuple[int, ...]) -> None:
    rng, counts = np.random.default_rng(3), []
    for cells in sizes:
        for length in (1.0, 10.0):
            matrix = implicit_diffusion(cells, dimension, length)
            counts.append(
                stabilised_biconjugate_gradients(
                    matrix.apply, matrix.cycle, rng.normal(size=matrix.mass.shape), 1e-8
                ).iterations
            )
    assert max(counts) <= 14


def draining_vacuum(cells: int, dimension: int, courant: float) -> StencilMatrix:
    """Diffusion in a ball, around it the upwind drift towards it, by so many cells a step, of a vacuum."""
    mesh = Cartesian((cells,) * dimension, (-1.0,) * dimension, (1.0,) * dimension)
    square = sum(x**2 for x in mesh.coordinates) * np.ones(mesh.shape)
    potential, inside = square.reshape(-1) * cells * courant / 4, square.reshape(-1) < 0.25
    k, l = mesh.faces.left, mesh.faces.right
    drop = potential[k] - potential[l]
    diffused = np.where(inside[k] & inside[l], 4.0, 0.0)
    return from_faces(mesh, np.ones(mesh.shape), diffused + np.maximum(drop, 0), -diffused - np.maximum(-drop, 0))


@pytest.mark.parametrize(("dimension", "cells"), [(2, 48), (3, 24)])
def test_iterations_stay_few_where_a_drift_drains_vacuum_by_many_cells_per_step(dimension: int, cells: int) -> None:
    for courant in (1.0, 10.0, 100.0):
        matrix = draining_vacuum(cells, dimension, courant)
        right = np.random.default_rng(4).normal(size=matrix.mass.shape)
        assert stabilised_biconjugate_gradients(matrix.apply, matrix.cycle, right, 1e-8).iterations <= 8


@pytest.mark.parametrize("name", ["ring", "mixed", "space"])
def test_a_device_solves_them_too(name: str) -> None:
    library, mesh = device.library(), MESHES[name]
    matrix, dense = random_matrix(mesh)
    send = library.to_device
    moved = StencilMatrix(
        send(matrix.mass),
        tuple(stencils.Coupling(c.axis, send(c.behind + 0), send(c.ahead + 0), c.periodic) for c in matrix.couplings),
    )
    x = np.random.default_rng(1).normal(size=mesh.shape)
    right = (dense @ x.reshape(-1)).reshape(mesh.shape)
    np.testing.assert_allclose(library.to_host(moved.solve(send(right), 1e-12).solution), x, rtol=1e-9, atol=1e-9)


def test_singular_systems_are_refused() -> None:
    mesh = MESHES["line"]
    nothing = np.zeros(mesh.faces.left.size)
    with pytest.raises(NotConverged, match="singular"):
        from_faces(mesh, np.zeros(mesh.shape), nothing, nothing).solve(np.ones(mesh.shape), 1e-8)
    with pytest.raises(NotConverged, match="biconjugate"):
        stabilised_biconjugate_gradients(lambda x: 0 * x, lambda x: x, np.ones(3))

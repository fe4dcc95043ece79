"""Gradient and divergence as sparse matrices, from the list of faces: what the array passes are held to."""

from __future__ import annotations

import numpy as np
import scipy.sparse

from mudot.meshes.cartesian import Cartesian


def gradient_matrix(mesh: Cartesian) -> scipy.sparse.csr_array:
    """(faces, cells): row e is (-1, 1)/d_e at the two cells of face e."""
    faces = mesh.faces
    count = faces.left.size
    rows = np.concatenate([np.arange(count)] * 2)
    entries = np.concatenate([-1 / faces.distance, 1 / faces.distance])
    columns = np.concatenate([faces.left, faces.right])
    return scipy.sparse.coo_array((entries, (rows, columns)), shape=(count, mesh.size)).tocsr()


def divergence_matrix(mesh: Cartesian) -> scipy.sparse.csr_array:
    """(cells, faces): minus the adjoint in the inner products of cells and faces."""
    faces = mesh.faces
    weight = scipy.sparse.diags_array(faces.area * faces.distance)
    return (scipy.sparse.diags_array(-1 / mesh.volumes.reshape(-1)) @ gradient_matrix(mesh).T @ weight).tocsr()

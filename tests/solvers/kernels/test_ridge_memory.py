"""Kernel ridge regressions that start from what was solved before: warm starts, preconditioners, memories."""

from __future__ import annotations

import numpy as np

from mudot.solvers.kernels import GaussianKernel, RidgeMemory, ridge, ridge_preconditioner
from tests.solvers.kernels.cases import normal, on_line


def test_warm_start_saves_iterations_and_an_exact_one_all() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.2), 256, 6.0)
    masses, xi = normal(0, 1)(x) * volumes, np.cos(x)
    cold = ridge(operator, masses, xi, 1e-3)
    assert ridge(operator, masses, xi, 1e-3, guess=cold.y).iterations == 0
    moved = (1 + 1e-6 * np.sin(x)) * masses
    warm = ridge(operator, moved, xi, 1e-3, guess=cold.y)
    assert 0 < warm.iterations < 0.7 * cold.iterations
    np.testing.assert_allclose(warm.f, ridge(operator, moved, xi, 1e-3).f, rtol=0, atol=1e-8)


def test_preconditioner_of_full_reach_leaves_a_few_iterations_and_repeats() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.2), 512, 6.0)
    masses = normal(0, 1)(x) * volumes
    first, second = (ridge_preconditioner(operator, masses, 1e-6) for _ in range(2))
    assert first.reached and first.rank >= 61  # as many eigenvalues are above the ridge
    assert np.array_equal(first.vectors, second.vectors)
    root = np.sqrt(masses)
    dense = root[:, None] * operator.cells.matrices[0] * root  # type: ignore[attr-defined]
    exact = np.linalg.eigvalsh(dense)[::-1][: first.rank]
    assert (first.values <= exact * (1 + 1e-12)).all()
    np.testing.assert_allclose(first.values, exact, rtol=0, atol=3e-5 * exact[0])
    np.testing.assert_allclose(first.vectors @ first.vectors.T, np.eye(first.rank), rtol=0, atol=1e-8)
    found = ridge(operator, masses, np.cos(3 * x), 1e-6, preconditioner=first)
    assert found.iterations <= 12 and found.defect <= 1e-10
    wide = ridge_preconditioner(operator, masses, 1e-6, rank=128)
    assert ridge(operator, masses, np.cos(3 * x), 1e-6, preconditioner=wide).iterations <= 2


def test_a_memory_along_a_flow_saves_iterations_and_changes_nothing() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.3), 256, 6.0)
    memory, xi = RidgeMemory(), np.cos(2 * x)
    warm, cold = 0, 0
    for mean in np.linspace(0, 0.05, 13):
        masses = normal(float(mean), 0.5)(x) * volumes
        found, plain = memory.solve(operator, masses, xi, 1e-2), ridge(operator, masses, xi, 1e-2)
        np.testing.assert_allclose(found.f, plain.f, rtol=0, atol=1e-8)
        warm, cold = warm + found.iterations, cold + plain.iterations
    assert warm < 0.7 * cold


def test_a_memory_keeps_its_preconditioner_until_it_fails() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.3), 256, 6.0)
    memory, xi = RidgeMemory(), np.cos(2 * x)
    counts, kept = [], []
    for mean in np.linspace(0, 3, 13):
        masses = normal(float(mean), 0.5)(x) * volumes
        found = memory.solve(operator, masses, xi, 1e-6)
        np.testing.assert_allclose(found.f, ridge(operator, masses, xi, 1e-6, tolerance=1e-12).f, rtol=0, atol=1e-5)
        counts.append(found.iterations)
        kept.append(id(memory._sequences[id(operator), "cells", 0]._made))
    plain = ridge(operator, masses, xi, 1e-6).iterations
    assert max(counts) < plain / 2 and 1 < len(set(kept)) < len(kept)


def test_a_memory_does_without_preconditioner_for_large_ridges_and_keeps_sequences_apart() -> None:
    operator, x, volumes = on_line(GaussianKernel(0.3), 64, 6.0)
    memory, masses = RidgeMemory(), normal(0, 1)(x) * volumes
    memory.solve(operator, masses, np.cos(x), 1e-2)
    other = memory.solve(operator, masses, np.ones_like(x), 1e-2, slot=1)
    assert memory._sequences[id(operator), "cells", 0]._made is None
    np.testing.assert_allclose(other.f, ridge(operator, masses, np.ones_like(x), 1e-2).f, rtol=0, atol=1e-9)
    assert memory.solve(operator, masses, np.cos(x), 1e-2).iterations <= 1

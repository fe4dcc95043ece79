"""Conjugate gradients: solutions, singular systems, round-off floor, and an honest failure."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.solvers.linear import NotConverged, conjugate_gradients


def system(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A weight and a matrix symmetric and positive definite in it, and a right-hand side."""
    rng = np.random.default_rng(seed)
    weight = 0.5 + rng.random(n)
    half = rng.normal(size=(n, n))
    return weight, (half @ half.T + np.eye(n)) / weight[:, None], rng.normal(size=n)


@pytest.mark.parametrize("seed", range(5))
def test_solution_is_that_of_a_direct_solver(seed: int) -> None:
    weight, matrix, right = system(30, seed)
    found = conjugate_gradients(lambda x: matrix @ x, right, weight, np.diag(matrix), tolerance=1e-13)
    exact = np.linalg.solve(matrix, right)
    assert np.abs(found.solution - exact).max() < 1e-9 * np.abs(exact).max()
    assert found.residual <= 1e-12 and 0 < found.iterations < 200


def test_exact_guess_needs_no_iteration() -> None:
    weight, matrix, right = system(30, 1)
    exact = np.linalg.solve(matrix, right)
    found = conjugate_gradients(lambda x: matrix @ x, right, weight, np.diag(matrix), guess=exact)
    assert found.iterations == 0 and np.array_equal(found.solution, exact)


def test_guess_is_left_as_it_was() -> None:
    weight, matrix, right = system(12, 2)
    guess, kept = np.ones(12), np.ones(12)
    conjugate_gradients(lambda x: matrix @ x, right, weight, np.diag(matrix), guess=guess)
    assert np.array_equal(guess, kept)


def test_consistent_singular_system_is_solved() -> None:
    n = 40
    matrix = 2 * np.eye(n) - np.roll(np.eye(n), 1, 0) - np.roll(np.eye(n), -1, 0)
    right = np.sin(2 * np.pi * np.arange(n) / n)
    found = conjugate_gradients(lambda x: matrix @ x, right, np.ones(n), np.diag(matrix), tolerance=1e-12)
    assert np.abs(matrix @ found.solution - right).max() < 1e-11


def test_zero_right_hand_side_has_the_zero_solution() -> None:
    weight, matrix, _ = system(8, 3)
    found = conjugate_gradients(lambda x: matrix @ x, np.zeros(8), weight, np.diag(matrix), guess=np.ones(8))
    assert np.array_equal(found.solution, np.zeros(8)) and found.iterations == 0


def test_zero_on_the_diagonal_is_taken_as_one() -> None:
    weight, matrix, right = system(8, 4)
    found = conjugate_gradients(lambda x: matrix @ x, right, weight, np.zeros(8), tolerance=1e-13, floor=0.0)
    assert np.abs(matrix @ found.solution - right).max() < 1e-10


def test_failure_says_how_far_it_came() -> None:
    weight, matrix, right = system(40, 5)
    with pytest.raises(NotConverged, match=r"residual .* after 3 iterations, needed 1\.0e-12"):
        conjugate_gradients(lambda x: matrix @ x, right, weight, np.diag(matrix), tolerance=1e-12, limit=3)


def test_inconsistent_singular_system_fails_honestly() -> None:
    n = 40
    matrix = 2 * np.eye(n) - np.roll(np.eye(n), 1, 0) - np.roll(np.eye(n), -1, 0)
    with pytest.raises(NotConverged):
        conjugate_gradients(lambda x: matrix @ x, np.ones(n), np.ones(n), np.diag(matrix))


def test_what_the_operator_is_given_stays_as_it_was() -> None:
    """Operators may remember it: solves inside of them start from earlier ones."""
    weight, matrix, right = system(12, 6)
    given: list[tuple[np.ndarray, np.ndarray]] = []

    def apply(x: np.ndarray) -> np.ndarray:
        given.append((x, x.copy()))
        return np.asarray(matrix @ x)

    conjugate_gradients(apply, right, weight, np.diag(matrix), guess=right / 3, tolerance=1e-12)
    assert len(given) > 3 and all(np.array_equal(x, then) for x, then in given)

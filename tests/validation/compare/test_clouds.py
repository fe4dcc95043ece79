"""Clouds from files, from arrays of NumPy and of other libraries, and what is refused."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mudot.meshes.errors import MudotError
from mudot.validation.compare import read_clouds
from mudot.validation.compare.clouds import clouds

POSITIONS = np.random.default_rng(0).standard_normal((2, 7, 3))
WEIGHTS = np.random.default_rng(1).random((2, 7))


class Tensor:
    """Like a tensor of PyTorch: no conversion before `detach` and `cpu`."""

    def __init__(self, values: np.ndarray, ready: int = 0) -> None:
        self.values, self.ready = values, ready

    def detach(self) -> Tensor:
        return Tensor(self.values, self.ready + 1)

    def cpu(self) -> Tensor:
        return Tensor(self.values, self.ready + 1)

    def __array__(self, *_: object, **__: object) -> np.ndarray:
        assert self.ready == 2
        return self.values


def of_torch(values: np.ndarray) -> Any:
    """A tensor that is part of a gradient."""
    torch = pytest.importorskip("torch")
    return torch.tensor(values, requires_grad=True) * 1.0


OF_JAX = """
import jax.numpy as jnp, numpy as np
from mudot.validation.compare.clouds import clouds

positions = np.random.default_rng(0).standard_normal((2, 7, 3))
for given in (jnp.asarray(positions), [jnp.asarray(p) for p in positions]):
    found = clouds(jnp.asarray([0.0, 1.0]), given)
    for one, other in zip(found.positions, positions, strict=True):
        assert type(one) is np.ndarray and one.dtype == float
        np.testing.assert_allclose(one, other, rtol=1e-6)  # single precision, as is usual there
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_arrays_of_jax_are_clouds_with_the_same_numbers() -> None:
    """In a process of its own: one with the threads of JAX must not fork, as others of the tests do."""
    done = subprocess.run([sys.executable, "-c", OF_JAX], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("made", [Tensor, of_torch])
@pytest.mark.parametrize("listed", [False, True])
def test_arrays_of_other_libraries_are_clouds_with_the_same_numbers(made: Any, listed: bool) -> None:
    positions, weights = ([made(a) for a in arrays] if listed else made(arrays) for arrays in (POSITIONS, WEIGHTS))
    found = clouds(made(np.array([0.0, 1.0])), positions, weights)
    assert found.times.tolist() == [0.0, 1.0]
    for n in range(2):
        np.testing.assert_allclose(found.positions[n], POSITIONS[n], rtol=1e-6)
        np.testing.assert_allclose(found.weights[n], WEIGHTS[n] / WEIGHTS[n].sum(), rtol=1e-6)
        assert type(found.positions[n]) is np.ndarray and found.positions[n].dtype == float


def test_clouds_of_different_sizes_come_as_a_list_of_tensors() -> None:
    torch = pytest.importorskip("torch")
    found = clouds(torch.tensor([0.0, 2.0]), [torch.zeros(3, 2), torch.ones(5, 2)])
    assert [len(p) for p in found.positions] == [3, 5]


def test_numbers_that_numpy_does_not_know_are_refused_in_one_line() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(MudotError, match="expected numbers that NumPy knows"):
        clouds([0.0], torch.zeros(3, 2, dtype=torch.bfloat16))


def test_bad_clouds_are_refused() -> None:
    with pytest.raises(MudotError, match="one cloud per time"):
        clouds([0.0, 1.0], [np.zeros((3, 1))])
    with pytest.raises(MudotError, match="increasing"):
        clouds([1.0, 0.0], np.zeros((2, 3, 1)))


def test_clouds_of_csv_files_are_grouped_by_time(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("time,x,weight\n0,1,1\n0,2,3\n1,5,1\n")
    found = read_clouds(tmp_path / "p.csv", 1)
    assert found.times.tolist() == [0.0, 1.0] and found.weights[0].tolist() == [0.25, 0.75]

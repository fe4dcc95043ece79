"""The stand-in for CuPy refuses what CuPy refuses, and counts what costs time on a device."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import scipy.sparse

from mudot.meshes.arrays import array_module
from tests import device
from tests.device_cases import assert_on_both


def vector() -> Any:
    """0, 1, 2, 3 on the device."""
    return device.to_device(np.arange(4.0))


def matrix() -> Any:
    """A sparse matrix of the device."""
    return device.csr_matrix(scipy.sparse.csr_array(np.eye(4)))


REFUSED: dict[str, Callable[[], Any]] = {
    "host + device": lambda: np.ones(4) + vector(),
    "device + host": lambda: vector() + np.ones(4),
    "device + host of no dimension": lambda: vector() + np.array(1.0),
    "device += host": lambda: vector().__iadd__(np.ones(4)),
    "host += device": lambda: np.ones(4).__iadd__(vector()),
    "device < host": lambda: vector() < np.ones(4),
    "device @ host": lambda: vector() @ np.ones(4),
    "device * list": lambda: vector() * [1.0, 2.0, 3.0, 4.0],
    "numpy.asarray": lambda: np.asarray(vector()),
    "numpy.array of a list of device numbers": lambda: np.array([vector()[0], vector()[1]]),
    "ufunc of NumPy": lambda: np.exp(vector()),
    "function of NumPy": lambda: np.sum(vector()),
    "function of the device on a host array": lambda: device.xp.exp(np.ones(4)),
    "where with a host condition": lambda: device.xp.where(np.ones(4) > 0, vector(), 0.0),
    "where with a scalar condition": lambda: device.xp.where(True, vector(), 0.0),
    "where with a host choice": lambda: device.xp.where(vector() > 0, vector(), np.ones(4)),
    "where that counts": lambda: device.xp.where(vector() > 0),
    "sum with where": lambda: vector().sum(where=vector() > 0),
    "max with initial": lambda: vector().max(initial=0.0),
    "max with initial, as a function": lambda: device.xp.max(vector(), initial=0.0),
    "sum of a list": lambda: device.xp.sum([1.0, 2.0]),
    "stack of host arrays": lambda: device.xp.stack([np.ones(4), np.ones(4)]),
    "stack of mixed arrays": lambda: device.xp.stack([vector(), np.ones(4)]),
    "stack of numbers": lambda: device.xp.stack([1.0, 2.0]),
    "host index": lambda: vector()[np.array([0, 1])],
    "host mask": lambda: vector()[np.arange(4) > 1],
    "list as index": lambda: vector()[[0, 1]],
    "host array assigned": lambda: vector().__setitem__(slice(2), np.ones(2)),
    "sparse @ host": lambda: matrix() @ np.ones(4),
    "host @ sparse": lambda: np.ones(4) @ matrix(),
    "sparse * device": lambda: matrix() * vector(),
    "sparse + host sparse": lambda: matrix() + scipy.sparse.csr_array(np.eye(4)),
    "host sparse @ device": lambda: scipy.sparse.csr_array(np.eye(4)) @ vector(),
    "single precision": lambda: device.to_device(np.ones(4, dtype=np.float32)),
    "single precision, by the way": lambda: vector().astype(np.float32),
    "to the device twice": lambda: device.to_device(vector()),
    "to the host twice": lambda: device.to_host(np.ones(4)),
}


@pytest.mark.parametrize("operation", REFUSED.values(), ids=REFUSED.keys())
def test_stand_in_refuses(operation: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        operation()


@pytest.mark.parametrize("name", ["block", "vecdot", "errstate", "asarray", "nditer", "__array_namespace__"])
def test_stand_in_lacks_what_cupy_lacks_and_implicit_transfers(name: str) -> None:
    assert not hasattr(device.xp, name)


def test_stand_in_refuses_other_threads() -> None:
    values = vector()
    with ThreadPoolExecutor(1) as pool, pytest.raises(TypeError, match="another thread"):
        pool.submit(lambda: values + 1).result()


def test_stand_in_has_only_names_and_keywords_of_cupy() -> None:
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
    for name, parameters in device.PARAMETERS.items():
        keywords = {"axis", "dtype", "out", "keepdims"}.intersection(parameters.split())
        assert not keywords or keywords <= inspect.signature(getattr(cupy, name)).parameters.keys()
    names = [*device.PARAMETERS, *device.CONSTANTS.split(), "where"]
    assert [name for name in names if not hasattr(cupy, name)] == []
    assert [name for name in device.METHODS.split() if not hasattr(cupy.ndarray, name)] == []


def test_stand_in_computes_as_numpy_does() -> None:
    def compute(xp: Any, a: Any) -> list[Any]:
        b = a.reshape(2, -1).T @ a.reshape(2, 2) - np.float64(2.0) * a[:2]
        b *= 3
        b[0, :1] += -1
        mask = (a > 1) & ~(a == 3)
        return [
            b,
            1 / (1 + a),
            2.0**a,
            abs(-a),
            a[mask],
            a[a.astype(int)],
            xp.where(mask, -np.inf, a),
            xp.maximum(a, 1),
        ]

    assert_on_both(lambda a: compute(array_module(a), a), np.arange(4.0))


def test_stand_in_counts_transfers_and_waiting() -> None:
    with device.watched() as traffic:
        a = device.to_device(np.ones(3))
        device.to_host(a)
        outcome = [
            float(a.sum()),
            int(a.argmax()),
            bool((a > 0).all()),
            a.max().item(),
            len(a[a > 2]),
            [1, 2][(a[0] > 2).astype(int)],
        ]
    assert outcome == [3.0, 0, True, 1.0, 0, 1]
    assert (traffic.to_device, traffic.to_host, traffic.synchronisations) == (1, 1, 6)


def test_stand_in_shares_no_memory_with_the_host() -> None:
    host = np.ones(3)
    array = device.to_device(host)
    host[0], back = 5.0, device.to_host(array)
    back[1] = 7.0
    assert device.to_host(array).tolist() == [1.0, 1.0, 1.0]

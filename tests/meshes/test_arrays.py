"""Arrays choose their library; pointwise work in blocks changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from mudot.meshes.arrays import array_module, in_blocks, library_of, numpy_library, register, to_host


def test_numpy_arrays_belong_to_numpy() -> None:
    array = np.arange(3.0)
    assert array_module(array) is np and library_of(array) is numpy_library()
    assert to_host(array) is array
    assert numpy_library().special.erf(0.0) == 0


@pytest.mark.parametrize("thing", [[1.0, 2.0], 3.0, "text", None])
def test_things_that_are_no_arrays_are_refused_by_type(thing: object) -> None:
    with pytest.raises(TypeError, match=f"got {type(thing).__name__}"):
        library_of(thing)


def test_registered_libraries_are_found_by_the_type_of_the_array() -> None:
    class Foreign:
        """An array of another library."""

    Foreign.__module__ = "foreign.arrays"
    register("foreign", numpy_library)
    assert library_of(Foreign()) is numpy_library()


@pytest.mark.parametrize("shape", [(5,), (40_000,), (7, 9_001), (33, 40, 50)])
def test_blocks_give_what_the_whole_gives(shape: tuple[int, ...]) -> None:
    a, b = np.random.default_rng(0).random((2, *shape))
    assert np.array_equal(in_blocks(lambda x, y: np.exp(x) * y, a, b), np.exp(a) * b)
    assert np.array_equal(in_blocks(np.sqrt, a.T), np.sqrt(a.T))

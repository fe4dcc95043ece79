"""Strict floating point for every test, and repeatable random ones."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("mudot", derandomize=True, deadline=None, max_examples=50)
hypothesis.settings.load_profile("mudot")


@pytest.fixture(autouse=True)
def strict_floating_point() -> Iterator[None]:
    """Overflow, division by zero and invalid operations are errors; underflow is not (tails of 1e-280)."""
    with np.errstate(all="raise", under="ignore"):
        yield

"""Kernel flows of Gaussians against values that were derived by another route."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mudot.validation import reference
from mudot.validation.exact.gaussian_flows import fisher_rao
from mudot.validation.exact.gaussians import Gaussian
from mudot.validation.exact.kernel_flows import bilinear_stein, quadratic_fisher_rao, ridge_constant

START, TARGET = Gaussian([1.0, -0.7], [[0.6, -0.1], [-0.1, 0.4]]), Gaussian([0.3, -0.2], [[1.0, 0.5], [0.5, 2.0]])


@pytest.mark.parametrize(
    ("ridge", "values"),
    [
        (None, (0.4497838240, -0.5114104204, 0.6663413989, 0.2443897234, 0.9133824875)),
        (0.1, (0.5550428301, -0.4680905638, 0.8143437922, 0.1849642543, 1.1441288209)),
        (1.0, (0.6721647829, -0.5624941669, 0.6355575218, 0.0979022583, 0.7063094107)),
    ],
)
def test_ridge_transport_of_gaussians_reaches_the_derived_values(
    ridge: float | None, values: tuple[float, ...]
) -> None:
    found = bilinear_stein(START, TARGET, 0.8, ridge)
    covariance = found.covariance[np.triu_indices(2)]
    assert [*found.mean, *covariance] == pytest.approx(values, abs=1e-9)


@pytest.mark.parametrize("ridge", reference.QUADRATIC_FAMILY)
def test_ridge_reaction_of_gaussians_is_as_far_from_fisher_rao_as_derived(ridge: float) -> None:
    start, target = Gaussian(-0.8, 1.3, 0.9), Gaussian(0.4, 0.5, 1.2)
    one, two = quadratic_fisher_rao(start, target, 1.0, ridge), fisher_rao(start, target, 1.0)
    x = np.array([-1.0, 0.0, 1.0])
    a, b, c = one.log_density(x) - two.log_density(x)
    eta = (b, (c - a) / 2 / math.sqrt(2), (a + c) / 2 - b)
    assert max(map(abs, eta)) == pytest.approx(reference.QUADRATIC_FAMILY[ridge][0], rel=2e-6)


def test_constants_keep_their_first_integral() -> None:
    share = 0.1 / (0.25 * 0.7)
    first = [
        math.log(c - 0.7) + share * math.log((c - 0.7) / c) for c in (2.0, ridge_constant(2.0, 0.7, 0.25, 0.1, 1.5))
    ]
    assert first[0] - first[1] == pytest.approx(1.5, abs=1e-10)

"""No kernel can race: whatever the order of the threads, each writes entries that no other one reads or writes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from mudot.solvers.compiled.cells import parameters, source
from tests import host_kernels

OWN = {"i", "(long long)j * cells + i"}
"""Places of thread i: one entry, or one of every sum."""
TOGETHER = r"__shared__|__syncthreads|atomic\w*|__shfl\w*|const_cast|static\s+(?!__device__)|__managed__"
"""Words by which threads meet."""


def bodies(text: str) -> dict[str, str]:
    """The text of every kernel between its braces, comments left out."""
    bare = re.sub(r"//[^\n]*", "", text)
    return dict(re.findall(r"^KERNEL (\w+)\([^)]*\)\s*\{(.*?)^\}", bare, re.MULTILINE | re.DOTALL))


def races(text: str, given: dict[str, tuple[tuple[str, str], ...]]) -> list[str]:
    """What could go wrong between threads."""
    found = [f"threads meet: {word}" for word in re.findall(TOGETHER, re.sub(r"//[^\n]*", "", text))]
    helpers = re.findall(r"^CELL [^(]*\(([^)]*)\)", text, re.MULTILINE)
    found += [f"a function may write: {inside}" for inside in helpers if re.search(r"(?<!const )double\*", inside)]
    for name, body in bodies(text).items():
        *read, (kind, out) = given[name]
        if kind.startswith("const") or not all(k.startswith("const") for k, _ in read if k.endswith("*")):
            found.append(f"{name}: expected one array to write, the last")
        if not body.lstrip().startswith("NUMBER_OF_THREAD("):
            found.append(f"{name}: does not begin with the number of its thread")
        places = re.findall(rf"\b{out}\b(\[[^\]]*\])?", body)
        found += [f"{name}: touches {out}{place}" for place in places if place.strip("[]") not in OWN]
        if re.search(r"\bi\s*(=[^=]|\+=|-=|\+\+|--)", body):
            found.append(f"{name}: changes the number of its thread")
    return found


def test_every_thread_writes_its_own_entries() -> None:
    assert bodies(source()).keys() == parameters().keys()
    assert races(source(), parameters()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    out[i] = (f[right] - f[left])", "    out[i + 1] = (f[right] - f[left])"),
        ("    out[i] = total;", "    out[i] = total + out[i - 1];"),
        ("total[(long long)j * cells + i] += sum;", "total[j] += sum;"),
        ("    out[i] = logarithmic_mean_of(a[i], b[i]);", "    atomicAdd(out + i, a[i]);"),
        ("    NUMBER_OF_THREAD(faces)\n    const int faces0", "    const int i = 0, faces0"),
        ("const double* width, const double* flux)\n{", "const double* width, double* flux)\n{"),
    ],
)
def test_planted_races_are_found(old: str, new: str) -> None:
    assert old in source()
    assert races(source().replace(old, new), parameters()) != []


@pytest.mark.parametrize("threads", [1, 7, 256])
def test_every_order_of_the_threads_has_the_same_bits(threads: int) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random(1000), rng.random(1000)
    weights = rng.random((3, 2))

    def results(order: host_kernels.Order) -> list[np.ndarray]:
        run, total = host_kernels.on_host(threads=threads, order=order, guarded=True), np.zeros((3, 1000))
        run.gather(total, weights, [a, b])
        return [total, run.combination([0.5, 2.0], [a, b]), run.logarithmic_mean(a, b), run.log_ratio(a, b, np.log(b))]

    first = results("forwards")
    for order in ("backwards", "shuffled"):
        assert all(np.array_equal(x, y) for x, y in zip(first, results(order), strict=True))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6, 12, 97, 1024, 30030])
@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled"])
def test_every_order_meets_every_thread_once(order: host_kernels.Order, count: int) -> None:
    stride = host_kernels._stride(order, count)
    assert sorted(k * stride % count for k in range(count)) == list(range(count))
    # Four and six threads have no third way round.
    assert count < 7 or (order == "shuffled") == (stride not in (1, count - 1))

"""A few threads for large array work on the host: NumPy and SciPy let go of the interpreter inside their loops.

The number is that of the processors at hand, or OMP_NUM_THREADS where it is set and smaller. Work is always cut into
the same independent pieces, so results do not depend on the number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from threading import current_thread

_NAME = "mudot-work"


def processors() -> int:
    """How many processors this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def count() -> int:
    """How many threads to use."""
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, min(processors(), int(asked) if asked.isdigit() and int(asked) > 0 else processors()))


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count(), thread_name_prefix=_NAME)


def run(tasks: Sequence[Callable[[], object]]) -> None:
    """Do all tasks, side by side where there are threads; an exception of any of them is raised.

    A task may call this too: it does its own tasks by itself, as waiting for threads that wait for it would never end.
    """
    if count() == 1 or len(tasks) == 1 or current_thread().name.startswith(_NAME):
        for task in tasks:
            task()
        return
    for future in [_pool().submit(task) for task in tasks]:
        future.result()


def pieces(length: int) -> list[slice]:
    """One slice per thread that together cover range(length)."""
    edges = [length * i // count() for i in range(count() + 1)]
    return [slice(a, b) for a, b in pairwise(edges) if a < b]

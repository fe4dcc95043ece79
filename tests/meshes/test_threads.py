"""Threads for array work: tasks that hand out tasks come to an end."""

from __future__ import annotations

import os
import subprocess
import sys

NESTED = """
from mudot.meshes import threads
done = []
threads.count = lambda: 2
threads.run([lambda: threads.run([lambda: done.append(1)] * 3)] * 4)
print(len(done))
"""


def test_tasks_that_hand_out_tasks_come_to_an_end() -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    run = subprocess.run([sys.executable, "-c", NESTED], capture_output=True, text=True, timeout=120, env=environment)
    assert run.stdout.strip() == "12", run.stderr

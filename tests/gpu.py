"""`make test-gpu`: every test that a device can show something in, or one line and status 2 where there is none."""

from __future__ import annotations

import sys
import time

import pytest

from mudot.meshes.arrays import library_for
from mudot.meshes.errors import MudotError

SELECTED = "gpu and not slow"
SECONDS = 420.0
"""After so long no test begins; what is left is skipped, and said."""


class Deadline:
    """A plugin of pytest that begins nothing after a time."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def pytest_runtest_setup(self) -> None:
        """Skip what would begin too late."""
        if time.monotonic() > self._until:
            pytest.skip("left out: the time is over")


def main(arguments: list[str]) -> int:
    """Run them; arguments go to pytest. Returns its status, or 2."""
    try:
        library = library_for("gpu")
    except MudotError as reason:
        print(reason, file=sys.stderr)
        return 2
    print(f"on the {library.device}", flush=True)
    options = ["-q", "-rs", "-m", SELECTED, "-p", "no:cacheprovider", "--durations=10"]
    return int(pytest.main([*options, "tests", *arguments], plugins=[Deadline(SECONDS)]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

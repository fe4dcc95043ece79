"""`make test-gpu`: every test that a device can show something in, or one line and status 2 where there is none."""

from __future__ import annotations

import sys

import pytest

from mudot.meshes.arrays import library_for
from mudot.meshes.errors import MudotError

SELECTED = "gpu and not slow"


def main(arguments: list[str]) -> int:
    """Run them; arguments go to pytest. Returns its status, or 2."""
    try:
        library = library_for("gpu")
    except MudotError as reason:
        print(reason, file=sys.stderr)
        return 2
    print(f"on the {library.device}", flush=True)
    return int(pytest.main(["-q", "-m", SELECTED, "-p", "no:cacheprovider", "--durations=10", "tests", *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What happens at the two ends of an axis."""

from __future__ import annotations

from typing import Literal, get_args

from mudot.meshes.errors import MudotError

Boundary = Literal["no-flux", "periodic"]
"""`no-flux`: nothing crosses the wall (the total flux is zero, not the normal derivative).
`periodic`: the last cell meets the first one at a seam that is a face like any other."""

IN_WORDS: dict[str, str] = {
    "no-flux": "no-flux walls: no mass crosses them",
    "periodic": "periodic: what leaves at one end enters at the other",
}


def boundaries(given: str | tuple[str, ...] | list[str], dimension: int) -> tuple[str, ...]:
    """One boundary per axis; a single entry serves all axes.

    >>> boundaries("periodic", 2)
    ('periodic', 'periodic')
    """
    names = (given,) if isinstance(given, str) else tuple(given)
    for name in names:
        if name not in get_args(Boundary):
            raise MudotError(f"boundary: expected 'no-flux' or 'periodic', got {name!r}")
    if len(names) == 1:
        names = names * dimension
    if len(names) != dimension:
        raise MudotError(f"boundary: expected 1 or {dimension} entries (one per axis), got {len(names)}")
    return names

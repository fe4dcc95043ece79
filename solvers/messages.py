"""Words shared by every line that tells a user what is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mudot.meshes.errors import MudotError


def quoted(value: object, length: int = 60) -> str:
    """A value as it may stand in a one-line message: its repr, on one line, cut to about `length` characters.

    >>> quoted("kl"), quoted(list(range(100)), 12)
    ("'kl'", '[0, 1, 2, ...')
    """
    # A value whose repr is refused (an integer of thousands of digits) is described by its type instead.
    try:
        words = " ".join(repr(value).split())
    except ValueError:
        words = f"a very long {type(value).__name__}"
    return words if len(words) <= length else words[: length - 3].rstrip() + " ..."


def listed(words: Iterable[str]) -> str:
    """Words as a list to choose from.

    >>> listed(["kl", "chi2"])
    'kl, chi2'
    """
    return ", ".join(words)


def suggestion(word: str, valid: Iterable[str]) -> str:
    """The end of a sentence that proposes the nearest valid word; empty where none is near.

    >>> suggestion("waserstein", ["wasserstein", "fisher-rao"])
    "; did you mean 'wasserstein'?"
    >>> suggestion("q", ["x", "y"])
    ''
    """
    by_lower_case = {name.lower(): name for name in valid}
    near = difflib.get_close_matches(word.lower(), by_lower_case, n=1)
    return f"; did you mean '{by_lower_case[near[0]]}'?" if near else ""


@contextmanager
def naming(place: str) -> Iterator[None]:
    """Put a place before the message of a MudotError, and keep it on one line.

    >>> with naming("p.toml: "):
    ...     raise MudotError("[mesh] cells: too few")
    Traceback (most recent call last):
    mudot.meshes.errors.MudotError: p.toml: [mesh] cells: too few
    """
    try:
        yield
    except MudotError as error:
        raise MudotError(" ".join(f"{place}{error}".splitlines())) from None

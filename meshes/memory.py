"""How freed arrays are kept for the next ones."""

from __future__ import annotations

import numpy as np

_KEPT = 31 * 2**20


def keep_freed() -> None:
    """Let the C library keep freed blocks of up to 31 MiB instead of handing each back to the system.

    glibc maps blocks above 128 KiB afresh, so that every temporary of an array expression is paid for page by page,
    which at 256^2 cells takes as long as the arithmetic; the first large block that is freed raises that limit to its
    own size. Nothing is touched: this takes no memory and no time. Elsewhere it does nothing.
    """
    np.empty(_KEPT, dtype=np.uint8)

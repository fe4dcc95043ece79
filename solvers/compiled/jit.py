"""How every loop is compiled: cached on disk, without the interpreter's lock, rounding and dividing as NumPy does."""

from __future__ import annotations

from typing import Any

import numba  # type: ignore[import-untyped, unused-ignore]

compiled: Any = numba.njit(cache=True, nogil=True, fastmath=False, error_model="numpy")
inlined: Any = numba.njit(fastmath=False, error_model="numpy", inline="always")

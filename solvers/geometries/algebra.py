"""Sums and multiples of geometries, written with + and *."""

from __future__ import annotations

from typing import Any

from mudot.meshes.errors import MudotError
from mudot.solvers.kernels.functions import Kernel


def positive(name: str, value: float) -> None:
    """Raise MudotError unless the weight is a positive finite number."""
    if not 0 < value < float("inf"):
        raise MudotError(f"{name}: expected a positive finite weight, got {value}")


def check_definite(kernel: Kernel) -> None:
    """Raise MudotError for a kernel that makes no geometry."""
    if not kernel.positive_definite:
        raise MudotError(f"kernel {kernel.name}: this geometry needs a positive definite kernel")


def weighted(weight: float, name: str) -> str:
    """A weight and a name as they are read: `0.5 fisher-rao`, `wasserstein`."""
    return name if weight == 1 else f"{weight:g} {name}"


class Composable:
    """K_1 + K_2 is the sum rule R* = R*_1 + R*_2, R = inf-convolution (Zhu and Mielke 2024, Lemma 5.1)."""

    def __add__(self, other: Any) -> Any:
        from mudot.solvers.geometries.sums import Sum

        return Sum((*getattr(self, "terms", (self,)), *getattr(other, "terms", (other,))))

    def __rmul__(self, factor: float) -> Any:
        return self.scaled(factor)  # type: ignore[attr-defined]

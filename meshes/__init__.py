"""Cartesian meshes in one, two and three dimensions, and the averages that live on them."""

from mudot.meshes.averages import average, integrate, log_average, norm
from mudot.meshes.cartesian import Cartesian
from mudot.meshes.errors import MudotError

__all__ = ["Cartesian", "MudotError", "average", "integrate", "log_average", "norm"]

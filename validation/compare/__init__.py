"""Particles held against a result: distances with the noise that independent draws would have, moments, and draws."""

from mudot.validation.compare.clouds import Clouds, read_clouds
from mudot.validation.compare.comparison import Comparison, compare
from mudot.validation.compare.draws import draws, expectation, marginal, quantiles

__all__ = ["Clouds", "Comparison", "compare", "draws", "expectation", "marginal", "quantiles", "read_clouds"]

"""Decay rates and functional inequalities: the constants of the theorems, and what flows and densities attain."""

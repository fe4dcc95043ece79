"""Particle methods as witnesses: compact, vectorised, and independent of the grid code that they are held against.

Positions are arrays of shape (n, d), weights of shape (n,) sum to one.
"""

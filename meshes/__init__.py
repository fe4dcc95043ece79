"""Cartesian meshes in one, two and three dimensions, and the averages that live on them."""

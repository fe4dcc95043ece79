"""Time stepping: one method a file; each advances a density over a duration."""

"""Evolutionary Gamma-convergence, measured: families of gradient systems beside their limit, with error bars."""

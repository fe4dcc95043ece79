"""Solutions in closed form or by an ordinary differential equation, each with its source.

Host arrays and SciPy only: nothing here shares code with the solvers, so that agreement means something.
"""

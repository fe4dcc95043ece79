"""The peers of the benchmark, each at settings that suit it. Every function sets up all it needs.

Imports of the peers stand in the functions: they are optional (`pip install 'mudot[bench]'`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate
import scipy.sparse
import scipy.sparse.linalg

from bench.problems import POROUS, FokkerPlanckProblem


def scharfetter_gummel(problem: FokkerPlanckProblem, cells: int) -> Any:
    """The generator on midpoints in CSR, by SciPy alone."""
    d, h = problem.dimension, 2 * problem.half / cells
    centers = problem.edges(cells)[:-1] + h / 2
    potential = problem.potential(*np.ix_(*[centers] * d)) + np.zeros((cells,) * d)
    numbers = np.arange(cells**d).reshape((cells,) * d)
    rows, columns, values = [], [], []
    for axis in range(d):
        jump = np.diff(potential, axis=axis)
        small = np.abs(jump) < 1e-8
        safe = np.where(small, 1.0, jump)
        up = np.where(small, 1 - jump / 2, safe / np.expm1(safe)) / h**2
        left, right = (np.take(numbers, part, axis) for part in (range(cells - 1), range(1, cells)))
        for source, sink, rate in ((left, right, up), (right, left, up + jump / h**2)):
            rows += [sink.ravel(), source.ravel()]
            columns += [source.ravel()] * 2
            values += [rate.ravel(), -rate.ravel()]
    shape = (cells**d,) * 2
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    return scipy.sparse.csr_array(scipy.sparse.coo_array(entries, shape=shape))


def krylov(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """scipy.sparse.linalg.expm_multiply of the Scharfetter-Gummel generator."""
    start = problem.start(cells)
    matrix = scharfetter_gummel(problem, cells) * problem.stop
    return np.asarray(scipy.sparse.linalg.expm_multiply(matrix, start.ravel()).reshape(start.shape))


def crank_nicolson(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """Crank-Nicolson, factored once by splu: 50 steps, 200 on a line, where they cost little."""
    steps = 200 if problem.dimension == 1 else 50
    start = problem.start(cells)
    half = scharfetter_gummel(problem, cells) * (problem.stop / steps / 2)
    identity = scipy.sparse.eye_array(start.size)
    factors = scipy.sparse.linalg.splu(
        (identity - half).tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}
    )
    explicit, density = (identity + half).tocsr(), start.ravel()
    for _ in range(steps):
        density = factors.solve(explicit @ density)
    return np.asarray(density.reshape(start.shape))


def bdf(problem: FokkerPlanckProblem, cells: int, rtol: float = 1e-4) -> np.ndarray:
    """scipy.integrate.solve_ivp, BDF with the sparse Jacobian."""
    start, matrix = problem.start(cells), scharfetter_gummel(problem, cells)
    found = scipy.integrate.solve_ivp(
        lambda _, rho: matrix @ rho, (0, problem.stop), start.ravel(), "BDF", rtol=rtol, atol=1e-8, jac=matrix.tocsc()
    )
    return np.asarray(found.y[:, -1].reshape(start.shape))


def runge_kutta(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """scipy.integrate.solve_ivp, RK45."""
    start, matrix = problem.start(cells), scharfetter_gummel(problem, cells)
    found = scipy.integrate.solve_ivp(
        lambda _, rho: matrix @ rho, (0, problem.stop), start.ravel(), "RK45", rtol=1e-4, atol=1e-8
    )
    return np.asarray(found.y[:, -1].reshape(start.shape))


def fipy(problem: FokkerPlanckProblem, cells: int, steps: int = 50) -> np.ndarray:
    """FiPy: exponential convection, implicit Euler, direct solver (its conjugate gradients are wrong here)."""
    import fipy as library

    h, d = 2 * problem.half / cells, problem.dimension
    sizes = {f"n{axis}": cells for axis in "xyz"[:d]} | {f"d{axis}": h for axis in "xyz"[:d]}
    mesh = getattr(library, f"Grid{d}D")(**sizes) + ((-problem.half,),) * d
    places = mesh.faceCenters.value
    drift = library.FaceVariable(mesh=mesh, rank=1, value=np.array([problem.drift(a, *places) for a in range(d)]))
    # FiPy numbers cells with x fastest.
    density = library.CellVariable(mesh=mesh, value=problem.start(cells).transpose().ravel())
    equation = library.TransientTerm() == library.DiffusionTerm(1.0) + library.ExponentialConvectionTerm(coeff=drift)
    solver = library.LinearLUSolver()
    for _ in range(steps):
        equation.solve(var=density, dt=problem.stop / steps, solver=solver)
    return np.asarray(density.value.reshape((cells,) * d).transpose())


def fipy_finely(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """FiPy with 200 steps: it is of first order in time."""
    return fipy(problem, cells, 200)


def fplanck(problem: FokkerPlanckProblem, cells: int) -> np.ndarray:
    """fplanck: its own rates, the matrix exponential of SciPy."""
    import scipy.constants

    # Version 0.2.2 asks NumPy for a name that NumPy 2 no longer has.
    vars(np)["product"] = np.prod
    from fplanck import boundary, fokker_planck

    d = problem.dimension
    model = fokker_planck(
        temperature=1 / scipy.constants.k,
        drag=1,
        extent=[2 * problem.half] * d,
        resolution=2 * problem.half / cells,
        boundary=boundary.reflecting,
        potential=problem.potential,
    )
    start = problem.start(cells)
    return np.asarray(model.propagate(lambda *_: start, problem.stop, normalize=False))


def py_pde(problem: FokkerPlanckProblem, cells: int) -> Callable[[], np.ndarray]:
    """py-pde: adaptive Runge-Kutta, compiled and set up. Other ways of writing the equation, with the gradient of V in
    closed form or multiplied out, lose mass through the walls at this accuracy."""
    import pde

    grid = pde.CartesianGrid([[-problem.half, problem.half]] * problem.dimension, [cells] * problem.dimension)
    potential = pde.ScalarField(grid, problem.potential(*np.ix_(*[grid.axes_coords[0]] * problem.dimension)))
    equation = pde.PDE({"p": "laplace(p) + divergence(p * gradient(V))"}, consts={"V": potential}, bc={"derivative": 0})
    return _stepped(equation, pde.ScalarField(grid, problem.start(cells)), problem.stop)


def py_pde_porous(start: np.ndarray) -> Callable[[], np.ndarray]:
    """py-pde on the porous-medium equation, compiled and set up."""
    import pde

    grid = pde.CartesianGrid([[-POROUS.half, POROUS.half]] * 2, list(start.shape))
    equation = pde.PDE({"p": "laplace(p**2)"}, bc={"derivative": 0})
    return _stepped(equation, pde.ScalarField(grid, start), POROUS.last - POROUS.first)


def _stepped(equation: Any, start: Any, stop: float) -> Callable[[], np.ndarray]:
    """A run of a stepper that a very short one has compiled; `solve` would compile anew every time."""
    import pde

    solver = pde.RungeKuttaSolver(equation, adaptive=True, tolerance=1e-5)
    stepper = solver.make_stepper(start, dt=1e-6)

    def run(until: float = stop) -> np.ndarray:
        state = start.copy()
        stepper(state, 0.0, until)
        return np.asarray(state.data)

    run(1e-5)
    return run


def porous_bdf(start: np.ndarray) -> np.ndarray:
    """solve_ivp's BDF on the porous-medium equation, with its Jacobian."""
    cells = start.shape[0]
    h = 2 * POROUS.half / cells
    second = scipy.sparse.diags_array([np.ones(cells - 1), -2 * np.ones(cells), np.ones(cells - 1)], offsets=[-1, 0, 1])
    line = scipy.sparse.lil_array(second)
    line[0, 0] = line[-1, -1] = -1
    identity = scipy.sparse.eye_array(cells)
    laplacian = ((scipy.sparse.kron(line, identity) + scipy.sparse.kron(identity, line)) / h**2).tocsr()
    found = scipy.integrate.solve_ivp(
        lambda _, rho: laplacian @ (rho * rho),
        (POROUS.first, POROUS.last),
        start.ravel(),
        "BDF",
        rtol=1e-4,
        atol=1e-7,
        jac=lambda _, rho: (laplacian @ scipy.sparse.diags_array(2 * rho)).tocsc(),
    )
    return np.asarray(found.y[:, -1].reshape(start.shape))

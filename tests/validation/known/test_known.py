"""Error bars are held against every exact solution of the suite, and problems whose solution is known start there."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import norm
from mudot.solvers.inputs import read
from mudot.solvers.problem import build
from mudot.validation.known import KNOWN, Known

VALIDATION = Path(__file__).resolve().parents[3] / "validation"
NO_FLOWS = {
    "convection_diffusion": "a stationary problem with given values at the ends",
    "layered_profile": "a stationary problem with given values at the ends",
    "harmonic_function": "a stationary problem with given values at the ends",
    "step_diffusion": "point values of the one in averages",
    "spherical_hellinger": "the closed form of spherical_power for p = 1/2",
    "spherical_hellinger_affinity": "a number",
    "spherical_kl_energies": "numbers",
    "hellinger_kantorovich_on_the_line": "the one-dimensional form of hellinger_kantorovich",
    "log_probability": "of Gaussians",
    "kl": "of Gaussians",
}
"""What is exact and no solution of its own."""
LITERAL = "literal"
"""Equations on a mesh, which have its error."""


def public(path: Path) -> set[str]:
    nodes = ast.parse(path.read_text()).body
    return {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")}


def test_no_exact_solution_is_left_out() -> None:
    exact = set().union(*(public(path) for path in (VALIDATION / "exact").glob("*.py") if path.stem != LITERAL))
    used = {
        alias.name
        for path in (VALIDATION / "known").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mudot.validation.exact")
        for alias in node.names
    }
    assert exact - used == set(NO_FLOWS)


def test_names_are_unique_and_every_dimension_is_there() -> None:
    assert len({known.name for known in KNOWN}) == len(KNOWN)
    assert {len(known.cells) for known in KNOWN} == {1, 2, 3}


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_problems_start_where_their_solutions_do(known: Known, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(known.text(2.0 if len(known.cells) == 1 else 1.0))
    problem = build(read(tmp_path / "p.toml"))
    exact = known.exact(problem.mesh, 1e-9)
    assert norm(problem.mesh, problem.start - exact) < 0.03 * float(np.sum(exact * problem.mesh.volumes))

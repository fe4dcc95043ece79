"""The benchmark runs from end to end on a tiny mesh; its references and its peers solve the equations."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from bench import __main__ as program
from bench import constants, ours, peers
from bench.limits import SET_UP
from bench.measure import measured
from bench.numbers import Row, seconds_to
from bench.problems import POROUS, PROBLEMS, FokkerPlanckProblem
from bench.tables import table
from bench.targets import judged


@pytest.mark.parametrize("name", ["P1", "P2"])
def test_mudot_tends_to_the_reference_of_a_separable_problem_at_second_order(name: str) -> None:
    problem = PROBLEMS[name]
    errors = []
    for cells in (16, 32):
        reference = problem.reference(cells)
        errors.append(np.abs(ours.exponential(problem, cells) - reference).sum() / reference.sum())
    assert errors[1] < 2e-2
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.3)


@pytest.mark.slow
def test_the_coupled_reference_without_coupling_is_the_product_of_lines() -> None:
    apart = PROBLEMS["P1"]
    slightly = FokkerPlanckProblem(apart.wells, 1e-12, apart.half, apart.mean, apart.spread, 0.05)
    exactly = FokkerPlanckProblem(apart.wells, 0.0, apart.half, apart.mean, apart.spread, 0.05)
    assert np.abs(slightly.reference(8) - exactly.reference(8)).max() < 1e-9


@pytest.mark.parametrize("solver", [peers.krylov, peers.crank_nicolson, peers.bdf, peers.runge_kutta])
def test_peers_of_scipy_keep_mass_and_solve_the_same_equation(solver: object) -> None:
    problem = PROBLEMS["P1n"]
    found = solver(problem, 32)  # type: ignore[operator]
    assert found.sum() == pytest.approx(problem.start(32).sum(), rel=1e-6)
    assert np.abs(found - ours.exponential(problem, 32)).sum() < 2e-2 * found.sum()


def test_the_porous_medium_problem_has_mass_one() -> None:
    for time in (POROUS.first, POROUS.last):
        assert POROUS.exact(48, time).sum() * (6 / 48) ** 2 == pytest.approx(1, abs=1e-4)


def test_every_measurement_has_its_numbers(tmp_path: Path) -> None:
    for problem, solver in (("P1", "mudot"), ("P4", "solve_ivp BDF"), ("P5", "dense sum")):
        row = measured(problem, solver, 12, 0.0, tmp_path / "reference.npy")
        assert row["seconds"] >= 0 and row["peak"] > 1e7 and np.isfinite(row["mass"])


def test_a_run_prints_and_writes_table_numbers_and_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans = (
        program.Plan("P1", ("CN + splu",), (8,)),
        program.Plan("P2", ("FiPy",), (4,)),
    )
    monkeypatch.setattr(program, "QUICK", plans)
    monkeypatch.setattr(program, "SIZES", ())
    monkeypatch.setattr(program, "find_spec", lambda name: None)
    monkeypatch.setattr(program.processes, "measured", lambda: [])
    assert program.main(["--quick", "--output", str(tmp_path)]) == 0
    data = json.loads((tmp_path / "bench.json").read_text())
    numbers = [row for row in data["rows"] if "failed" not in row]
    assert [(row["problem"], row["cells"]) for row in numbers] == [("P1", 8)]
    assert {row["failed"] for row in data["rows"] if row["solver"] == "FiPy"} == {"not installed"}
    assert all((tmp_path / name).stat().st_size > 1000 for name in ("bench.png", "bench.pdf"))
    assert data["machine"]["processor"] in (tmp_path / "bench.md").read_text()
    assert "FiPy, 0: not installed" in capsys.readouterr().out


def test_times_to_an_error_lie_between_those_of_two_meshes() -> None:
    rows = [{"error": 1e-2, "seconds": 1.0}, {"error": 1e-4, "seconds": 100.0}]
    assert seconds_to(rows, 1e-3) == pytest.approx(10)
    assert seconds_to(rows, 1e-5) is None
    assert seconds_to(rows, 1.0) == 1.0


def test_a_table_says_what_was_left_out() -> None:
    about = {"processor": "X", "processors": 2, "python": "3", "load": 0.0}
    row = {"problem": "P1", "solver": "py-pde", "cells": 64, "failed": "more than 60 s"}
    assert "- P1, py-pde, 64: more than 60 s" in table(about, [row])


def test_the_constants_of_the_cost_model_can_be_measured_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "timed", lambda run, seconds: (run(), 1e-6, 1e-6))
    found = constants.measured()
    assert set(found) == {"TERM", "GATHER", "CALL", "FLOP", "POLE", "ELIMINATION", "SWEEP"}
    assert all(kept > 0 for kept, _ in found.values())


def row(problem: str, solver: str, cells: int, seconds: float, error: float | None, threads: int = 1) -> Row:
    numbers = {"cells": cells, "seconds": seconds, "clock": seconds, "error": error, "threads": threads}
    return {"problem": problem, "solver": solver} | numbers


def test_missed_targets_say_what_set_up_alone_would_allow() -> None:
    rows = [
        row("P1", "mudot, extrapolated", 8, 0.004, 1e-2),
        row("P1", "mudot, extrapolated", 16, 0.006, 1e-3),
        *(row(f"P1, {SET_UP}", SET_UP, cells, 0.001, None) for cells in (8, 16, 32)),
        row("P1", "CN + splu", 64, 0.03, 1e-3),
        {"problem": "triad", "solver": "", "cells": 128, "bandwidth": 1e11, "sweep": 72 * 128**2 / 4e10, "hot": 1e-9},
    ]
    limits = {verdict.asked: verdict.limit for verdict in judged(rows)}
    found = limits["P1 to 0.001: 10 times CN + splu"]
    assert found == "10 times would be 3 ms; set-up alone takes 2 ms on 16 and 32 cells per axis: 15 times at most"
    assert "reaches 72 % on 128^2" in limits["One term of the recurrence: half the triad's bandwidth"]
    assert not judged([*rows[:-2], row("P1", "CN + splu", 64, 0.06, 1e-3)])[0].limit


def test_targets_are_judged_at_the_error_asked_for_or_at_the_least_of_the_peer() -> None:
    rows = [
        row("P1", "mudot", 64, 0.01, 1e-3),
        row("P1", "mudot, extrapolated", 64, 0.02, 1e-5),
        row("P1", "mudot", 64, 1e-9, 1e-3, threads=2),
        row("P1", "CN + splu", 64, 0.2, 1e-3),
        row("P1", "py-pde", 64, 0.3, 5e-3),
        row("P2", "mudot", 64, 0.1, 1e-3),
        row("P2", "FiPy", 64, 60.0, 1e-2),
        row("P5", "mudot", 256, 1.4, None),
        row("P5", "matrix products alone", 256, 1.0, None),
        {"problem": "triad", "solver": "", "cells": 128, "bandwidth": 1e11, "sweep": 72 * 128**2 / 4e10},
    ]
    found = {asked: (words, met) for asked, words, met, _ in judged(rows)}
    assert found["P1 to 0.001: 10 times CN + splu"] == ("20 times (0.01 s against 0.2 s)", True)
    words, met = found["P1 to 0.001: 400 times py-pde"]
    assert "30 times" in words and "at 5.0e-03, its least error" in words and not met
    assert found["P2 on 64^3: 500 times FiPy"][1]
    assert found["P5 on 256^2: 1.5 of its matrix products"] == ("1.4", True)
    assert found["One term of the recurrence: half the triad's bandwidth"] == ("40 % on 128^2", False)
    assert not any("P3" in asked for asked in found)

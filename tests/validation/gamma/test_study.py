"""Studies: bars cover the error, powers are refused where bars are large, and what is planted turns verdicts red."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mudot.solvers.linear import NotConverged
from mudot.validation.cli import main
from mudot.validation.gamma import study as studies
from mudot.validation.gamma import systems
from mudot.validation.gamma.families import read_study
from mudot.validation.gamma.fits import Fit, Measured, fitted
from mudot.validation.gamma.ladders import measure
from mudot.validation.gamma.study import computed, gamma_study
from mudot.validation.gamma.systems import Curve, System, bent, functionals, gauss, oscillating
from mudot.validation.outcome import Outcome

STUDY = (Path(__file__).parent / "test_families.py").read_text().split('"""')[3]


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    text = STUDY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "study.toml").write_text(text)
    return folder / "study.toml"


def failed(outcome: Outcome) -> list[str]:
    return [check.claim for check in outcome.checks if not check.passed]


def test_a_study_passes_and_a_wrong_prediction_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report"
    assert main(["gamma", str(written(tmp_path)), "-o", str(report)]) == 0
    assert "Powers of the distance to the limit" in capsys.readouterr().out
    found = json.loads((report / "results.json").read_text())
    assert found["cases"][0]["passed"] and f"mudot gamma {tmp_path}" in (report / "index.html").read_text()
    path = written(tmp_path, ("predicted_rate = 1.0", "predicted_rate = 1.3"))
    assert main(["gamma", str(path), "-o", str(report)]) == 1


def test_bars_cover_what_two_finer_meshes_and_a_finer_tolerance_change(tmp_path: Path) -> None:
    study = read_study(written(tmp_path))
    coarse, tight, fine = measure(study, 1, 1.0, 3), measure(study, 1, 0.01, 5), measure(study, 2, 1.0, 3)
    truth = measure(study, 8, 0.01, 6)
    for name, value in fine.values.items():
        bar = np.abs(value - coarse.values[name]) + 2 * np.abs(tight.values[name] - coarse.values[name])
        assert np.all(np.abs(value - truth.values[name]) <= bar + 1e-14), name


def test_numbers_below_ten_bars_are_not_fitted() -> None:
    x, y = [1e-1, 1e-2, 1e-3, 1e-4], np.array([1e-1, 1e-2, 1e-3, 1e-4])
    bars = np.array([1e-5, 1e-5, 1e-5, 1.1e-5])
    fit = fitted(x, Measured(y, bars))
    assert fit.points == 3 and fit.power == pytest.approx(1) and 0 < fit.bars < 0.01
    assert np.isnan(fitted(x, Measured(y, 20 * bars)).power)


def test_intervals_of_powers_cover_the_truth_as_often_as_they_say() -> None:
    rng, hits = np.random.default_rng(0), 0
    x = np.geomspace(1, 1e-3, 6)
    for _ in range(1000):
        y = x**0.7 * np.exp(0.05 * rng.normal(size=6))
        fit = fitted(list(x), Measured(y, np.zeros(6)))
        hits += abs(fit.power - 0.7) <= fit.scatter
    assert 925 <= hits <= 975  # 95 % of 1000, within 3.6 standard deviations


def test_the_next_term_of_an_expansion_is_what_a_fit_of_one_power_mistakes() -> None:
    x = np.geomspace(1e-2, 1e-4, 6)
    bent = Measured(x**0.5 * (1 + 3 * x**0.5), np.zeros(6))
    plain, both = fitted(list(x), bent), fitted(list(x), bent, 0.5)
    assert abs(plain.power - 0.5) > plain.width  # an interval that misses the truth
    assert abs(both.power - 0.5) < both.width < 0.02


def test_intervals_with_a_next_term_cover_the_truth_as_often_as_they_say() -> None:
    rng, hits = np.random.default_rng(0), 0
    x = np.geomspace(1, 1e-3, 7)
    for _ in range(1000):
        y = x**0.7 * np.exp(0.4 * x**0.5 + 0.05 * rng.normal(size=7))
        fit = fitted(list(x), Measured(y, np.zeros(7)), 0.5)
        hits += abs(fit.power - 0.7) <= fit.scatter
    assert 925 <= hits <= 975


def test_a_power_whose_interval_misses_the_prediction_or_whose_last_number_drowns_is_not_confirmed(
    tmp_path: Path,
) -> None:
    study = read_study(written(tmp_path, ("monotone = true", "monotone = true\nnext_term = 1.0")))
    narrow = Fit(1.01, 1e-3, 1e-3, 1e-3, 2)
    claims = [check.claim for check in studies._rates(study, {"l1": narrow}, False) if not check.passed]
    assert "solutions, L1: its distance to the prediction over that" in claims
    assert "solutions, L1: numbers above 10 bars" in claims and "solutions, L1: power" not in claims


def test_states_between_outputs_are_those_of_the_flow(tmp_path: Path) -> None:
    _, limit = studies.systems(read_study(written(tmp_path)), 1, 1.0)
    nodes = np.array([0.0, 0.1, 0.35])
    states = limit.along(nodes, 0.1)
    assert np.allclose(states, limit.solve(nodes).density, rtol=1e-9)
    assert np.array_equal(states[0], limit.problem.start)


def test_a_study_whose_bars_hide_the_effect_is_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = studies.measure

    def noisy(study, refinement, rtol, points):  # type: ignore[no-untyped-def]
        ladder = honest(study, refinement, rtol, points)
        ladder.values["l1"][:] *= 1 + 0.3 * (refinement == 2)
        return ladder

    monkeypatch.setattr(studies, "measure", noisy)
    assert "solutions, L1: numbers above 10 bars" in failed(gamma_study(written(tmp_path)))


def test_a_broken_balance_a_wrong_rate_and_a_wrong_limit_turn_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    wrong = failed(computed(read_study(written(tmp_path, ('"fisher-rao"', '"fisher-rao"\ngeometry.reaction = 2.02')))))
    assert any("power" in claim for claim in wrong) or any("numbers" in claim for claim in wrong)
    honest = System.potentials
    with monkeypatch.context() as patch:
        patch.setattr(System, "potentials", lambda s, u, v, asked: honest(s, u, v, asked) * [1.01, 1, 1])
        assert any("J by definition" in claim for claim in failed(computed(read_study(written(tmp_path)))))
    with monkeypatch.context() as patch:
        patch.setattr(studies, "violations", lambda *_: {"R* increasing along the ladder": (1e-3, 1e-6)})
        assert any("arbitrary states" in claim for claim in failed(computed(read_study(path))))


def test_gaps_vanish_on_solutions_and_curves_keep_ends_and_mass(tmp_path: Path) -> None:
    study = read_study(written(tmp_path))
    _, limit = studies.systems(study, 1, 1.0)
    nodes, weights = gauss(0.5, 6)
    run = limit.solve(np.concatenate([[0.0], nodes, [0.5]]))
    states = run.density[1:-1]
    curve = Curve(limit.problem.mesh, weights, states, np.array([limit.flow.rate(u) for u in states]),
                  (run.density[0], run.density[-1]))  # fmt: skip
    own = functionals(limit, curve)
    assert own.gap < 1e-20 and abs(own.balance) < 1e-10 and own.rate == pytest.approx(own.slope)
    shape = np.cos(2 * np.pi * limit.problem.mesh.centers[0])
    other = bent(curve, nodes, 0.5, 0.3, shape, keep_mass=True)
    seen = functionals(limit, other)
    assert seen.gap > 1e-3 and seen.balance == pytest.approx(seen.gap, rel=1e-5)
    assert np.allclose(other.states.sum(axis=1), states.sum(axis=1), rtol=1e-12)
    waves = oscillating(curve, 4, 0.9, keep_mass=True)
    assert np.allclose(waves.states.sum(axis=1), states.sum(axis=1))
    assert np.allclose(waves.rates.sum(axis=1), curve.rates.sum(axis=1), rtol=1e-9)


def test_rates_out_of_reach_cost_infinitely_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = read_study(written(tmp_path))
    members, _ = studies.systems(study, 1, 1.0)
    geometry = type(members[0].flow.discrete_geometry.onsager(members[0].problem.mesh, members[0].problem.start))

    def never(*_: object, **__: object) -> tuple[float, ...]:
        raise NotConverged("out of reach")

    monkeypatch.setattr(geometry, "primal", never)
    rate, slope, gap = members[0].potentials(members[0].problem.start, members[0].problem.start)
    assert np.isinf(rate) and np.isinf(gap) and np.isfinite(slope)


def test_a_flow_that_fails_is_said_with_status_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: object) -> None:
        raise systems.FlowFailed("fisher-rao: stopped at t = 0.1")

    monkeypatch.setattr(System, "solve", stopped)
    assert main(["gamma", str(written(tmp_path)), "-o", str(tmp_path / "report")]) == 1
    assert "stopped at t = 0.1" in capsys.readouterr().err and not (tmp_path / "report").exists()


def test_an_energy_times_a_factor_scales_every_functional(tmp_path: Path) -> None:
    _, limit = studies.systems(read_study(written(tmp_path)), 1, 1.0)
    double = System(limit.problem, factor=2.0)
    u = limit.problem.start
    v = u * np.sin(2 * np.pi * limit.problem.mesh.centers[0])
    rate, slope, _ = limit.potentials(u, v)
    # R does not know the energy; R*(-2 xi) = 4 R*(-xi); the flow of 2F under K is twice as fast.
    assert double.potentials(u, v)[:2] == pytest.approx([rate, 4 * slope])
    assert np.allclose(double.flow.rate(u), 2 * limit.flow.rate(u))

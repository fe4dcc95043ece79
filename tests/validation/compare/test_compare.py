"""Particles against results: exact distances, honest noise floors, found biases, and the commands."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from mudot.meshes.averages import integrate
from mudot.meshes.cartesian import Cartesian
from mudot.solvers import commands, storage
from mudot.validation.cli import main
from mudot.validation.compare import compare, draws, expectation, marginal, quantiles, transport
from mudot.validation.compare.clouds import clouds
from mudot.validation.compare.distances import sliced, wasserstein_line

PROBLEM = """
[mesh]
lower = {lower}
upper = {upper}
cells = {cells}
boundary = ["no-flux"]
[target]
log_density = "{target}"
[initial]
log_density = "{initial}"
[energy]
name = "kl"
[geometry]
name = "wasserstein"
[time]
stop = 1.0
outputs = 11
rtol = 1e-6
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Ornstein-Uhlenbeck flow from N(2, 1/4)."""
    folder = tmp_path_factory.mktemp("line")
    text = PROBLEM.format(lower=[-6.0], upper=[6.0], cells=[400], target="-x**2/2", initial="-2*(x - 2)**2")
    (folder / "problem.toml").write_text(text)
    assert commands.run(folder / "problem.toml", folder / "result.h5")
    return folder / "result.h5"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A double well times a normal density."""
    folder = tmp_path_factory.mktemp("plane")
    text = PROBLEM.format(
        lower=[-2.5, -4.0],
        upper=[2.5, 4.0],
        cells=[50, 48],
        target="-(x**2 - 1)**2 - y**2/2",
        initial="-(x + 1)**2*4 - y**2",
    )
    (folder / "problem.toml").write_text(text)
    assert commands.run(folder / "problem.toml", folder / "result.h5")
    return folder / "result.h5"


def exact(time: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws of the Ornstein-Uhlenbeck flow."""
    return 2 * math.exp(-time) + math.sqrt(1 - 0.75 * math.exp(-2 * time)) * rng.standard_normal((count, 1))


def test_wasserstein_distances_on_a_line_agree_with_fine_quadrature() -> None:
    rng = np.random.default_rng(0)
    edges = np.sort(rng.random(8)) * 4 - 2
    masses, points, weights = rng.random(7), rng.normal(0, 1, 9), rng.random(9)
    masses[3] = 0.0
    masses, weights = masses / masses.sum(), weights / weights.sum()
    fine = np.concatenate([np.linspace(a, b, 4001)[:-1] + (b - a) / 8000 for a, b in pairwise(edges)])
    share = np.repeat(masses / 4000, 4000)
    w1, w2 = wasserstein_line(points, weights, edges, masses)
    assert w1 == pytest.approx(wasserstein_distance(points, fine, weights, share), rel=1e-5)
    levels = (np.arange(200_000) + 0.5) / 200_000
    order = np.argsort(points)
    mine = points[order][np.searchsorted(np.cumsum(weights[order]), levels)]
    other = fine[np.minimum(np.searchsorted(np.cumsum(share), levels), fine.size - 1)]
    assert w2**2 == pytest.approx(float(((mine - other) ** 2).mean()), rel=1e-3)


def test_empty_cells_beyond_the_last_mass_change_nothing() -> None:
    # The half of the last gap of the distribution function rounds to 1, which belongs to the empty cell.
    masses = np.array([1 - 2.0**-53, 2.0**-53, 0.0])
    w1, w2 = wasserstein_line(np.array([0.5]), np.array([1.0]), np.array([0.0, 1.0, 2.0, 3.0]), masses)
    assert w1 == pytest.approx(0.25, rel=1e-12)
    assert 12 * w2**2 == pytest.approx(1.0, rel=1e-12)


def test_shifted_points_are_as_far_as_they_were_shifted() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((500, 2))
    equal = np.full(500, 1 / 500)
    one, two = sliced(x + np.array([3.0, 4.0]), equal, x, equal)
    # The mean of |cos| over directions of the plane is 2/pi; that of cos^2 is 1/2.
    assert one == pytest.approx(5 * 2 / math.pi, rel=0.1) and two == pytest.approx(5 / math.sqrt(2), rel=0.1)


def test_full_transport_between_shifted_clouds_is_the_shift() -> None:
    pytest.importorskip("ot")
    rng = np.random.default_rng(8)
    x, w = rng.standard_normal((60, 2)), rng.dirichlet(np.ones(60))
    found = transport.full(x + np.array([3.0, 4.0]), w, x, w)
    assert found == pytest.approx((5.0, 5.0), rel=1e-9)


def test_full_transport_on_a_line_agrees_with_the_exact_distances() -> None:
    pytest.importorskip("ot")
    rng = np.random.default_rng(9)
    x, w, y, m = (
        rng.standard_normal((40, 1)),
        rng.dirichlet(np.ones(40)),
        rng.random((30, 1)),
        rng.dirichlet(np.ones(30)),
    )
    assert transport.full(x, w, y, m)[0] == pytest.approx(wasserstein_distance(x[:, 0], y[:, 0], w, m), rel=1e-9)


def test_blocks_keep_mass_and_mean() -> None:
    mesh = Cartesian((50, 37), (-1.0, -1.0), (1.0, 2.0))
    masses = np.random.default_rng(10).dirichlet(np.ones(mesh.size)).reshape(mesh.shape)
    places, shares = transport.blocks(mesh, masses, 300)
    assert len(shares) <= 300 and shares.sum() == pytest.approx(1.0)
    for axis in range(2):
        assert float(shares @ places[:, axis]) == pytest.approx(float((masses * mesh.coordinates[axis]).sum()))


def test_full_transport_finds_a_bias_and_says_how_it_was_taken(plane: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ot")
    monkeypatch.setattr(transport, "POINTS", 200)
    monkeypatch.setattr(transport, "BLOCKS", 300)
    result = storage.read(plane)
    x = draws(result.mesh, result.density(-1), 1000, 11)
    names = ("full W1", "full W2")
    for shift, biased in ((0.0, False), (0.8, True)):
        found = compare(result, clouds([1.0], [x + shift]))
        full = [m for m in found.rows[0].measures if m.name in names]
        assert len(full) == 2 and all((m.value > 1.5 * m.floor) == biased for m in full)
        assert "200 of 1000 particles" in found.transport
    monkeypatch.setattr(transport, "available", lambda: False)
    found = compare(result, clouds([1.0], [x]))
    assert "POT is not installed" in found.transport and not {m.name for m in found.rows[0].measures} & set(names)


def test_draws_marginals_quantiles_and_expectations_belong_to_the_density(plane: Path) -> None:
    result = storage.read(plane)
    mesh, density = result.mesh, result.density(-1)
    x = draws(mesh, density, 100_000, 3)
    assert x.shape == (100_000, 2) and abs(x[:, 0]).max() <= 2.5
    mean = expectation(mesh, density, "x")
    assert x[:, 0].mean() == pytest.approx(mean, abs=5 * x[:, 0].std() / math.sqrt(100_000))
    line = marginal(mesh, density, 0)
    assert float((line * mesh.widths[0]).sum()) == pytest.approx(integrate(mesh, density))
    low, middle, high = quantiles(mesh, density, 0, (0.25, 0.5, 0.75))
    np.testing.assert_allclose(np.quantile(x[:, 0], (0.25, 0.5, 0.75)), (low, middle, high), atol=0.03)


def test_draws_of_the_exact_flow_are_within_noise_about_as_often_as_they_should(line: Path) -> None:
    result, rng = storage.read(line), np.random.default_rng(4)
    inside = []
    for _ in range(12):
        cloud = clouds([0.5, 1.0], [exact(t, 400, rng) for t in (0.5, 1.0)])
        found = compare(result, cloud, seed=int(rng.integers(10**6)))
        inside += [measure.within_noise for row in found.rows for measure in row.measures]
    # Correlated, with level 0.95: well above one half, and not always.
    assert np.mean(inside) > 0.85


@pytest.mark.parametrize(("shift", "scale"), [(0.3, 1.0), (0.0, 1.3)])
def test_biased_particles_are_found_out(line: Path, shift: float, scale: float) -> None:
    rng = np.random.default_rng(5)
    cloud = clouds([1.0], [shift + scale * exact(1.0, 4000, rng)])
    found = compare(storage.read(line), cloud)
    assert not any(measure.within_noise for measure in found.rows[0].measures)
    assert "times its noise floor" in found.verdict
    moment = found.rows[0].moments[0 if shift else 1]
    assert abs(moment.errors) > 5


def test_clouds_that_are_late_show_their_lag(line: Path) -> None:
    rng = np.random.default_rng(6)
    times = [0.3, 0.5, 0.7]
    found = compare(storage.read(line), clouds(times, [exact(t - 0.1, 20_000, rng) for t in times]))
    assert found.lag == pytest.approx(-0.1, abs=0.03)


def test_weights_count_by_what_they_are_worth(line: Path) -> None:
    rng = np.random.default_rng(7)
    x = exact(1.0, 4000, rng)
    # Importance weights of a wider proposal.
    wide = 0.7357588823 + 1.5 * rng.standard_normal((8000, 1))
    log_ratio = -((wide - 0.7357588823) ** 2) / 2 * (1 / 0.898498537573 - 1 / 2.25)
    weights = np.exp(log_ratio[:, 0])
    result = storage.read(line)
    even, weighted = compare(result, clouds([1.0], [x])), compare(result, clouds([1.0], [wide], [weights]))
    assert even.rows[0].effective == pytest.approx(4000)
    assert 2000 < weighted.rows[0].effective < 7900
    assert weighted.rows[0].measures[0].value < 3 * weighted.rows[0].measures[0].floor


def test_commands_compare_sample_and_expect(plane: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "draws.npz"
    assert main(["sample", str(plane), "--time", "0.55", "--number", "3000", "-o", str(output)]) == 0
    arguments = [
        "compare",
        str(plane),
        str(output),
        "-o",
        str(tmp_path / "c.json"),
        "--figure",
        str(tmp_path / "c.png"),
    ]
    status = main(arguments)
    text = capsys.readouterr().out
    content = json.loads((tmp_path / "c.json").read_text())
    assert "MMD" in text and "sliced W1" in text and (tmp_path / "c.png").stat().st_size > 5000
    ratios = [m["value"] / m["floor"] for m in content["rows"][0]["measures"]]
    assert max(ratios) < 2 and status in (0, 1)
    shifted = tmp_path / "shifted.csv"
    with np.load(output) as content:
        points = content["positions"][0] + 0.3
    np.savetxt(shifted, np.column_stack([np.full(3000, 0.55), points]), delimiter=",", header="time,x,y", comments="")
    assert main(["compare", str(plane), str(shifted)]) == 1
    assert "beyond the noise" in capsys.readouterr().out
    assert main(["expect", str(plane), "x**2", "y", "--time", "1.0"]) == 0
    assert "<x**2> = " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.npz", {"places": np.zeros((3, 1))}, "expected an array `positions`"),
        ("a.npz", {"positions": np.full((3, 1), np.nan)}, "finite numbers"),
        ("a.npz", {"positions": np.zeros((1, 3, 1)), "times": np.array([9.0])}, "a time from 0 to 1"),
        ("a.npz", {"positions": np.zeros((1, 3, 2)), "times": np.array([1.0])}, "points in 1 dimensions"),
        (
            "a.npz",
            {"positions": np.zeros((1, 3, 1)), "times": np.array([1.0]), "weights": -np.ones((1, 3))},
            "at least 0",
        ),
        ("a.csv", None, "expected a header"),
        ("missing.npz", None, "no such file; expected"),
    ],
)
def test_particles_that_cannot_be_used_get_one_line(
    line: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    content: dict[str, np.ndarray] | None,
    words: str,
) -> None:
    if content is not None:
        np.savez(tmp_path / name, **content)  # type: ignore[arg-type]
    elif name == "a.csv":
        (tmp_path / name).write_text("a,b\n1,2\n")
    assert main(["compare", str(line), str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error

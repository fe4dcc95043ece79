"""Problem files: the problem and the flow that a good one gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mudot.meshes.averages import integrate
from mudot.solvers.energies import PowerDivergence
from mudot.solvers.geometries import FisherRao, Geometry, Spherical, Wasserstein
from mudot.solvers.inputs import read
from mudot.solvers.problem import build, load

WriteFile = Callable[..., Path]


def time_with(**keys: str) -> str:
    good = {"stop": "2.0", "outputs": "3", "rtol": "1e-6"}
    return "[time]\n" + "\n".join(f"{key} = {value}" for key, value in {**good, **keys}.items())


def test_example_of_the_format_gives_mesh_times_and_weights(problem_file: WriteFile, tmp_path: Path) -> None:
    problem = load(problem_file())
    assert problem.title == "A tilted double well"
    assert problem.text == (tmp_path / "case.toml").read_text()
    assert problem.mesh.shape == (20,)
    assert problem.mesh.boundary == ("no-flux",)
    assert problem.times == (0.0, 0.1, 0.5, 2.0)
    assert problem.rtol == 1e-6
    assert str(problem.energy) == "kl"
    assert problem.geometry == Spherical(Wasserstein(1.0) + FisherRao(2.0))
    assert integrate(problem.mesh, problem.target) == pytest.approx(1, rel=1e-14)
    assert integrate(problem.mesh, problem.start) == pytest.approx(1, rel=1e-14)


def test_flow_carries_energy_geometry_and_target(problem_file: WriteFile) -> None:
    problem = load(problem_file())
    flow = problem.flow()
    assert flow.mesh is problem.mesh
    assert flow.energy.name == "kl"
    assert flow.geometry == problem.geometry
    assert flow.energy.value(flow.mesh, problem.target) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize(
    ("table", "geometry"),
    [
        ('name = "fisher-rao"', FisherRao(1.0)),
        ('name = "fisher-rao"\nreaction = 3\nspherical = true', Spherical(FisherRao(3.0))),
        ('name = "wasserstein"\ntransport = 0.5', Wasserstein(0.5)),
        ('name = "wasserstein-fisher-rao"', Wasserstein(1.0) + FisherRao(1.0)),
        ('name = "wasserstein-fisher-rao"\ntransport = 2\nspherical = false', Wasserstein(2.0) + FisherRao(1.0)),
    ],
)
def test_geometry_table_gives_the_geometry(problem_file: WriteFile, table: str, geometry: Geometry) -> None:
    problem = load(problem_file(geometry=f"[geometry]\n{table}"))
    assert problem.geometry == geometry
    assert problem.flow().geometry == geometry


@pytest.mark.parametrize(
    ("table", "power"),
    [('"kl"', 1.0), ('"reverse-kl"', 0.0), ('"chi2"', 2.0), ('"hellinger"', 0.5), ('"power"\np = -3', -3.0)],
)
def test_energy_table_gives_the_power(problem_file: WriteFile, table: str, power: float) -> None:
    problem = load(problem_file(energy=f"[energy]\nname = {table}", geometry='[geometry]\nname = "fisher-rao"'))
    energy = problem.flow().energy
    assert isinstance(energy, PowerDivergence) and energy.power == power


def test_power_one_goes_with_wasserstein(problem_file: WriteFile) -> None:
    assert load(problem_file(energy='[energy]\nname = "power"\np = 1')).flow().energy.name == "kl"


def test_number_of_outputs_means_even_spacing_with_both_ends(problem_file: WriteFile) -> None:
    problem = load(problem_file(time=time_with(stop="0.7", outputs="8")))
    np.testing.assert_allclose(problem.times, np.linspace(0, 0.7, 8), rtol=1e-15)
    assert (problem.times[0], problem.times[-1]) == (0.0, 0.7)


def test_outputs_need_contain_neither_end(problem_file: WriteFile) -> None:
    assert load(problem_file(time=time_with(outputs="[0.5, 1]"))).times == (0.5, 1.0)


def test_defaults_are_unit_mass_unit_weights_and_no_title(problem_file: WriteFile) -> None:
    problem = load(problem_file(title="", geometry='[geometry]\nname = "wasserstein-fisher-rao"'))
    assert problem.title == ""
    assert integrate(problem.mesh, problem.target) == pytest.approx(1, rel=1e-14)
    assert problem.geometry == Wasserstein(1.0) + FisherRao(1.0)


def test_a_byte_order_mark_is_no_mistake(problem_file: WriteFile) -> None:
    path = problem_file()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load(path).mesh.shape == (20,)


def test_loading_twice_gives_the_same_bits_and_arrays_that_cannot_be_changed(problem_file: WriteFile) -> None:
    path = problem_file()
    one, two = load(path), build(read(path))
    for name in ("target", "log_target", "start"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
        with pytest.raises(ValueError, match="read-only"):
            getattr(one, name)[0] = 1.0

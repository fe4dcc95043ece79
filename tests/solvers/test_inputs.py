"""The one line that every malformed problem file gets."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mudot.meshes.errors import MudotError
from mudot.solvers.inputs import MOST_CELLS, read
from mudot.solvers.problem import load

WriteFile = Callable[..., Path]
PLANE = '[mesh]\nlower = [-3, -3]\nupper = [3, 3]\ncells = [12, 8]\nboundary = ["no-flux", "periodic"]'


def mesh_with(**keys: str) -> str:
    good = {"lower": "[-2.0]", "upper": "[2.0]", "cells": "[20]", "boundary": '["no-flux"]'}
    return "[mesh]\n" + "\n".join(f"{key} = {value}" for key, value in {**good, **keys}.items())


def time_with(**keys: str) -> str:
    good = {"stop": "2.0", "outputs": "3", "rtol": "1e-6"}
    return "[time]\n" + "\n".join(f"{key} = {value}" for key, value in {**good, **keys}.items())


def mixture(weights: str = "[1]", means: str = "[[0]]", covariances: str = "[[[1]]]") -> str:
    return f"[target]\nmixture = {{ weights = {weights}, means = {means}, covariances = {covariances} }}"


# Every case: an identifier, the tables that are replaced, and the words that the line has to contain.
MALFORMED: list[tuple[str, dict[str, str], tuple[str, ...]]] = [
    ("not-toml", {"mesh": "[mesh"}, ("not valid TOML", "line")),
    ("no-quotes", {"energy": "[energy]\nname = kl"}, ("not valid TOML", "line", "quotes")),
    ("key-twice", {"time": "[time]\nstop = 1\nstop = 2"}, ("not valid TOML", "line")),
    ("endless-integer", {"time": f"[time]\nstop = {'9' * 5000}"}, ("not valid TOML",)),
    ("deep-list", {"time": f"[time]\nstop = {'[' * 5000}"}, ("not valid TOML",)),
    ("no-mesh", {"mesh": ""}, ("[mesh]", "missing")),
    ("no-target", {"target": ""}, ("[target]", "missing")),
    ("no-initial", {"initial": ""}, ("[initial]", "missing")),
    ("no-energy", {"energy": ""}, ("[energy]", "missing")),
    ("no-geometry", {"geometry": ""}, ("[geometry]", "missing")),
    ("no-time", {"time": ""}, ("[time]", "missing")),
    ("table-misspelt", {"geometry": '[geometri]\nname = "wasserstein"'}, ("[geometri]", "did you mean 'geometry'")),
    ("table-unknown", {"time": time_with() + "\n[output]\nfile = 1"}, ("[output]", "unknown table")),
    ("key-at-the-top", {"title": 'titel = "x"'}, ("titel", "did you mean 'title'")),
    ("title-number", {"title": "title = 3"}, ("title", "text in quotes")),
    ("mesh-number", {"title": "mesh = 3", "mesh": ""}, ("[mesh]", "got 3", "table")),
    ("mesh-list", {"mesh": "[[mesh]]\nlower = [0]"}, ("[mesh]", "table")),
    ("energy-string", {"title": 'energy = "kl"', "energy": ""}, ("[energy]", "'kl'", "table")),
    ("kernel-unused", {"time": time_with() + '\n[kernel]\nname = "gaussian"'}, ("[kernel]", "remove")),
    # the mesh
    ("mesh-key-missing", {"mesh": "[mesh]\nlower = [0]\nupper = [1]\ncells = [4]"}, ("[mesh] boundary", "missing")),
    ("mesh-key-misspelt", {"mesh": mesh_with(cels="[3]")}, ("[mesh] cels", "did you mean 'cells'")),
    ("mesh-empty", {"mesh": "[mesh]"}, ("[mesh] lower", "missing")),
    ("cells-bare-text", {"mesh": mesh_with(cells='"20"')}, ("[mesh] cells: got '20'", "integer")),
    ("cells-bare-bool", {"mesh": mesh_with(cells="true")}, ("[mesh] cells: got True", "integer")),
    ("cells-bare-in-a-plane", {"mesh": PLANE.replace("[12, 8]", "12")}, ("[mesh] cells", "1 in cells", "per axis")),
    ("lower-bare-text", {"mesh": mesh_with(lower='"a"')}, ("[mesh] lower: got 'a'", "finite number")),
    ("cells-string", {"mesh": mesh_with(cells='["20"]')}, ("[mesh] cells[0]", "'20'", "integer")),
    ("cells-float", {"mesh": mesh_with(cells="[20.0]")}, ("[mesh] cells[0]", "20.0", "integer")),
    ("cells-bool", {"mesh": mesh_with(cells="[true]")}, ("[mesh] cells[0]", "True", "integer")),
    ("cells-zero", {"mesh": mesh_with(cells="[0]")}, ("[mesh] cells[0]", "got 0", "positive")),
    ("cells-negative", {"mesh": mesh_with(cells="[-4]")}, ("[mesh] cells[0]", "-4", "positive")),
    ("cells-none", {"mesh": mesh_with(cells="[]")}, ("[mesh] cells", "got []", "1 to 3")),
    ("four-axes", {"mesh": mesh_with(cells="[2, 2, 2, 2]")}, ("[mesh] cells", "1 to 3")),
    ("cells-too-many", {"mesh": mesh_with(cells="[1000000000000]")}, ("[mesh] cells", "10^12.0", "2^31")),
    ("cells-googol", {"mesh": mesh_with(cells=f"[1{'0' * 400}]")}, ("[mesh] cells", "10^400.0", "2^31")),
    (
        "cells-too-many-together",
        {"mesh": mesh_with(lower="[0, 0, 0]", upper="[1, 1, 1]", cells="[2048, 2048, 2048]")},
        ("[mesh] cells", "2^31"),
    ),
    ("lower-too-long", {"mesh": mesh_with(lower="[-2, -2]")}, ("[mesh] lower", "one entry per axis")),
    ("upper-too-long", {"mesh": mesh_with(upper="[2, 2]")}, ("[mesh] upper", "one entry per axis")),
    ("cells-too-long", {"mesh": mesh_with(cells="[2, 2]")}, ("[mesh] cells", "one entry per axis")),
    ("lower-nan", {"mesh": mesh_with(lower="[nan]")}, ("[mesh] lower[0]", "nan", "finite")),
    ("upper-inf", {"mesh": mesh_with(upper="[inf]")}, ("[mesh] upper[0]", "inf", "finite")),
    ("lower-string", {"mesh": mesh_with(lower='["-2"]')}, ("[mesh] lower[0]", "'-2'", "finite numbers")),
    ("lower-bool", {"mesh": mesh_with(lower="[false]")}, ("[mesh] lower[0]", "False", "finite numbers")),
    ("upper-googol", {"mesh": mesh_with(upper=f"[1{'0' * 400}]")}, ("[mesh] upper[0]", "finite")),
    ("box-empty", {"mesh": mesh_with(upper="[-2.0]")}, ("[mesh] upper[0]", "empty box")),
    ("box-inverted", {"mesh": mesh_with(upper="[-5]")}, ("[mesh] upper[0]", "lower < upper")),
    ("box-overflows", {"mesh": mesh_with(lower="[-1e308]", upper="[1e308]")}, ("[mesh] upper", "double precision")),
    ("box-too-thin", {"mesh": mesh_with(lower="[1]", upper="[1.00000000000001]")}, ("[mesh] cells[0]", "too short")),
    ("boundary-unknown", {"mesh": mesh_with(boundary='["periodc"]')}, ("boundary[0]", "did you mean 'periodic'")),
    ("boundary-bare", {"mesh": mesh_with(boundary='"noflux"')}, ("boundary: got 'noflux'", "did you mean 'no-flux'")),
    ("boundary-two", {"mesh": mesh_with(boundary='["periodic", "periodic"]')}, ("[mesh] boundary", "2 entries")),
    # formulas and masses
    ("no-form", {"target": "[target]\nmass = 1"}, ("[target]", "exactly one", "found none")),
    (
        "two-forms",
        {"initial": '[initial]\ndensity = "1"\ndata = "a.npy"'},
        ("[initial]", "exactly one", "density and data"),
    ),
    ("form-misspelt", {"target": '[target]\nlogdensity = "x"'}, ("[target] logdensity", "did you mean 'log_density'")),
    ("formula-number", {"target": "[target]\ndensity = 1.0"}, ("[target] density", "got 1.0", "formula in quotes")),
    ("formula-unknown-name", {"target": '[target]\ndensity = "exp(-y)"'}, ("[target] density", "exp(-y)", "'y'")),
    (
        "formula-reaches-python",
        {"initial": "[initial]\nlog_density = \"__import__('os').system('true')\""},
        ("[initial] log_density", "__import__", "attributes"),
    ),
    ("formula-attribute", {"target": '[target]\ndensity = "x.__class__"'}, ("[target] density", "__class__")),
    ("formula-unfinished", {"target": '[target]\nlog_density = "-(x"'}, ("[target] log_density", "never closed")),
    ("formula-empty", {"target": '[target]\nlog_density = ""'}, ("[target] log_density", "empty")),
    ("formula-nan", {"target": '[target]\nlog_density = "log(x)"'}, ("[target] log_density", "not a number at x = -")),
    ("formula-infinite", {"target": '[target]\nlog_density = "9**9**9"'}, ("[target] log_density", "infinite at x")),
    ("density-infinite", {"initial": '[initial]\ndensity = "exp(1000)"'}, ("[initial] density", "infinite at x")),
    ("density-negative", {"initial": '[initial]\ndensity = "x"'}, ("[initial] density", "negative at x = -")),
    ("density-zero", {"initial": '[initial]\ndensity = "0*x"'}, ("[initial] density", "zero on the whole box")),
    ("log-density-zero", {"initial": '[initial]\nlog_density = "log(0)"'}, ("[initial] log_density", "zero on the")),
    ("target-with-zeros", {"target": '[target]\ndensity = "x > 0"'}, ("[target] density", "zero in 10 of 20 cells")),
    (
        "target-underflows",
        {"target": '[target]\ndensity = "exp(-1000*x**2)"'},
        ("[target] density", "zero in", "log_density"),
    ),
    ("mass-zero", {"target": '[target]\ndensity = "1"\nmass = 0'}, ("[target] mass", "got 0", "positive")),
    ("mass-negative", {"target": '[target]\ndensity = "1"\nmass = -1.0'}, ("[target] mass", "-1.0", "positive")),
    ("mass-nan", {"initial": '[initial]\ndensity = "1"\nmass = nan'}, ("[initial] mass", "nan", "finite")),
    ("mass-infinite", {"initial": '[initial]\ndensity = "1"\nmass = inf'}, ("[initial] mass", "inf", "finite")),
    ("mass-string", {"initial": '[initial]\ndensity = "1"\nmass = "1"'}, ("[initial] mass", "'1'", "positive")),
    ("mass-tiny", {"initial": '[initial]\ndensity = "1"\nmass = 1e-323'}, ("[initial] mass", "double precision")),
    # mixtures
    ("mixture-string", {"target": '[target]\nmixture = "two"'}, ("[target] mixture", "'two'", "weights")),
    (
        "mixture-key",
        {"target": "[target]\nmixture = { weigths = [1] }"},
        ("mixture: weigths", "did you mean 'weights'"),
    ),
    ("mixture-no-means", {"target": "[target]\nmixture = { weights = [1] }"}, ("mixture: means", "missing")),
    ("mixture-empty", {"target": mixture("[]", "[]", "[]")}, ("mixture: weights", "got []")),
    ("weight-zero", {"target": mixture("[0]")}, ("mixture: weights[0]", "got 0", "positive")),
    ("weight-negative", {"target": mixture("[1, -1]")}, ("mixture: weights[1]", "-1", "positive")),
    ("mixture-sizes", {"target": mixture("[1, 1]")}, ("[target] mixture", "2, 1 and 1")),
    ("mean-axes", {"target": mixture(means="[[0, 0]]")}, ("[target] mixture: means[0]", "expected 1 number", "got 2")),
    ("mean-nan", {"target": mixture(means="[[nan]]")}, ("mixture: means[0][0]", "nan", "finite")),
    ("mean-flat", {"target": mixture(means="[0]")}, ("mixture: means[0]", "got 0", "list")),
    ("covariance-shape", {"target": mixture(covariances="[[[1, 0], [0, 1]]]")}, ("covariances[0]", "1 x 1")),
    ("covariance-negative", {"target": mixture(covariances="[[[-1]]]")}, ("covariances[0]", "positive definite")),
    ("covariance-zero", {"target": mixture(covariances="[[[0]]]")}, ("covariances[0]", "positive definite")),
    ("covariance-flat", {"target": mixture(covariances="[[1]]")}, ("mixture: covariances[0][0]", "rows")),
    (
        "covariance-asymmetric",
        {"mesh": PLANE, "target": mixture(means="[[0, 0]]", covariances="[[[1, 0.2], [0, 1]]]")},
        ("covariances[0]", "symmetric"),
    ),
    (
        "covariance-indefinite",
        {"mesh": PLANE, "target": mixture(means="[[0, 0]]", covariances="[[[1, 2], [2, 1]]]")},
        ("covariances[0]", "positive definite"),
    ),
    # energy, geometry and their pairs
    ("energy-nameless", {"energy": "[energy]"}, ("[energy] name", "missing", "reverse-kl")),
    ("energy-number", {"energy": "[energy]\nname = 1"}, ("[energy] name", "got 1")),
    ("energy-unknown", {"energy": '[energy]\nname = "helinger"'}, ("[energy] name", "did you mean 'hellinger'")),
    ("energy-case", {"energy": '[energy]\nname = "KL"'}, ("[energy] name", "'KL'", "did you mean 'kl'")),
    ("energy-extra-key", {"energy": '[energy]\nname = "kl"\np = 2'}, ("[energy] p", "unknown key")),
    ("power-without-p", {"energy": '[energy]\nname = "power"'}, ("[energy] p", "missing")),
    ("power-nan", {"energy": '[energy]\nname = "power"\np = nan'}, ("[energy] p", "nan", "finite")),
    ("power-string", {"energy": '[energy]\nname = "power"\np = "2"'}, ("[energy] p", "'2'", "finite number")),
    ("geometry-nameless", {"geometry": "[geometry]\nreaction = 3"}, ("[geometry] name", "missing")),
    ("name-misspelt", {"geometry": "[geometry]\nnme = 3"}, ("[geometry] nme", "did you mean 'name'")),
    (
        "geometry-unknown",
        {"geometry": '[geometry]\nname = "waserstein"'},
        ("[geometry] name", "did you mean 'wasserstein'"),
    ),
    (
        "geometry-foreign-key",
        {"geometry": '[geometry]\nname = "fisher-rao"\ntransport = 1.0'},
        ("[geometry] transport", "unknown key", "reaction"),
    ),
    (
        "geometry-spherical-wasserstein",
        {"geometry": '[geometry]\nname = "wasserstein"\nspherical = true'},
        ("[geometry] spherical", "unknown key"),
    ),
    (
        "reaction-zero",
        {"geometry": '[geometry]\nname = "fisher-rao"\nreaction = 0'},
        ("[geometry] reaction", "got 0", "positive"),
    ),
    (
        "transport-negative",
        {"geometry": '[geometry]\nname = "wasserstein"\ntransport = -1.5'},
        ("[geometry] transport", "-1.5", "positive"),
    ),
    (
        "spherical-number",
        {"geometry": '[geometry]\nname = "fisher-rao"\nspherical = 1'},
        ("[geometry] spherical", "got 1", "true or false"),
    ),
    (
        "lawgd-without-mass",
        {"energy": '[energy]\nname = "lawgd"', "geometry": '[geometry]\nname = "fisher-rao"'},
        ("[geometry] spherical", "'lawgd' compares probability measures"),
    ),
    # time
    ("time-key", {"time": time_with(tol="1e-6")}, ("[time] tol", "unknown key", "did you mean 'rtol'")),
    ("no-rtol", {"time": "[time]\nstop = 1\noutputs = 2"}, ("[time] rtol", "missing")),
    ("stop-zero", {"time": time_with(stop="0")}, ("[time] stop", "got 0", "positive")),
    ("stop-infinite", {"time": time_with(stop="inf")}, ("[time] stop", "inf", "finite")),
    ("stop-date", {"time": time_with(stop="2024-01-01")}, ("[time] stop", "date", "positive finite number")),
    ("rtol-zero", {"time": time_with(rtol="0.0")}, ("[time] rtol", "0.0", "at most 0.1")),
    ("rtol-large", {"time": time_with(rtol="0.5")}, ("[time] rtol", "0.5", "at most 0.1")),
    ("rtol-nan", {"time": time_with(rtol="nan")}, ("[time] rtol", "nan", "at most 0.1")),
    ("outputs-one", {"time": time_with(outputs="1")}, ("[time] outputs", "got 1", "integer from 2")),
    ("outputs-float", {"time": time_with(outputs="2.5")}, ("[time] outputs", "2.5", "increasing times")),
    ("outputs-bool", {"time": time_with(outputs="true")}, ("[time] outputs", "True", "integer from 2")),
    ("outputs-many", {"time": time_with(outputs="1000000000000")}, ("[time] outputs", "1000000")),
    ("outputs-none", {"time": time_with(outputs="[]")}, ("[time] outputs", "got 0 times")),
    ("outputs-word", {"time": time_with(outputs='[0, "1"]')}, ("[time] outputs[1]", "'1'")),
    ("outputs-nan", {"time": time_with(outputs="[0, nan]")}, ("[time] outputs[1]", "nan")),
    ("outputs-repeat", {"time": time_with(outputs="[0, 1, 1]")}, ("[time] outputs[2]", "increasing")),
    ("outputs-decrease", {"time": time_with(outputs="[1, 0.5]")}, ("[time] outputs[1]", "increasing")),
    ("outputs-late", {"time": time_with(outputs="[0, 3]")}, ("[time] outputs[1]", "stop = 2.0")),
    ("outputs-early", {"time": time_with(outputs="[-1, 1]")}, ("[time] outputs[0]", "from 0")),
]


@pytest.mark.parametrize(("tables", "words"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED])
def test_malformed_file_gets_one_line_with_file_table_and_key(
    problem_file: WriteFile, tmp_path: Path, tables: dict[str, str], words: tuple[str, ...]
) -> None:
    with pytest.raises(MudotError) as caught:
        load(problem_file(**tables)).flow()
    line = str(caught.value)
    assert line.isprintable()
    assert line.startswith(f"{tmp_path / 'case.toml'}: ")
    for word in words:
        assert word in line


def test_on_a_line_the_mesh_needs_no_brackets(problem_file: WriteFile) -> None:
    bare = mesh_with(lower="-2.0", upper="2", cells="20", boundary='"periodic"')
    with_brackets = read(problem_file(mesh=mesh_with(boundary='["periodic"]'))).mesh
    assert read(problem_file(mesh=bare)).mesh == with_brackets


def test_one_word_is_the_boundary_of_all_axes(problem_file: WriteFile) -> None:
    plane = PLANE.replace('["no-flux", "periodic"]', '"periodic"')
    target = mixture(means="[[0, 0]]", covariances="[[[1, 0], [0, 1]]]")
    tables = {"target": target, "initial": target.replace("target", "initial")}
    assert read(problem_file(mesh=plane, **tables)).mesh.build().boundary == ("periodic", "periodic")


def test_a_misspelt_key_is_reported_before_the_key_it_stands_for(problem_file: WriteFile) -> None:
    with pytest.raises(MudotError, match=r"\[mesh\] uper: unknown key; .* did you mean 'upper'\?"):
        load(problem_file(mesh=mesh_with().replace("upper", "uper")))


@pytest.mark.parametrize(
    ("content", "word"),
    [(None, "no such file"), (b"\x89HDF\r\n\x1a\n\xff", "not UTF-8"), (b"", "missing"), (b"\0" * 9, "not valid TOML")],
)
def test_what_is_no_problem_file_gets_one_line(tmp_path: Path, content: bytes | None, word: str) -> None:
    path = tmp_path / "case.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MudotError, match=word) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_a_folder_is_no_problem_file(tmp_path: Path) -> None:
    with pytest.raises(MudotError, match="no such file"):
        load(tmp_path)


def test_the_largest_mesh_is_read_without_allocating_it(problem_file: WriteFile) -> None:
    sides = mesh_with(lower="[0, 0, 0]", upper="[1, 1, 1]", cells="[2048, 1024, 1024]")
    inputs = read(problem_file(mesh=sides))
    assert math.prod(inputs.mesh.cells) == MOST_CELLS

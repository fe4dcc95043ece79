"""Result files as other programs see them: names, dimensions and coordinates of netCDF-4."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from mudot.meshes.cartesian import Cartesian
from mudot.solvers.frames import Frame
from mudot.solvers.records import VARIABLES
from mudot.solvers.storage import FileTrajectory

MESH = Cartesian((3, 2), (0, 0), (3, 1), ("periodic", "no-flux"))
TIMES = [0.0, 0.5, 2.0]
PARTS = ("wasserstein", "fisher-rao")


@pytest.fixture
def running(tmp_path: Path) -> Path:
    """A file with two frames of three, whose writer is still there."""
    path = tmp_path / "result.h5"
    attributes = {"title": "Grüße", "problem": "x" * 10**5}
    trajectory = FileTrajectory.create(path, MESH, TIMES, np.full(MESH.shape, 2.0), PARTS, attributes)
    for time in TIMES[:2]:
        density = np.arange(6.0).reshape(3, 2) + time
        trajectory.append(Frame(time, density, 3.0, 0.0, 1.0, 0.0, (1.0, 2.0), (3.0, 4.0), 0.1, 0.2, 7))
    return path


@pytest.mark.parametrize("engine", ["h5netcdf", "netcdf4"])
def test_xarray_opens_a_running_file_with_named_dimensions_and_coordinates(running: Path, engine: str) -> None:
    xarray = pytest.importorskip("xarray")
    pytest.importorskip({"h5netcdf": "h5netcdf", "netcdf4": "netCDF4"}[engine])
    with xarray.open_dataset(running, engine=engine) as data:
        assert data.density.dims == ("time", "x", "y")
        assert data.target.dims == ("x", "y")
        assert data.rate_dissipation.dims == data.slope_dissipation.dims == ("time", "part")
        assert {name: size for name, size in data.sizes.items() if "edges" in name} == {"x_edges": 4, "y_edges": 3}
        for name in ("energy", "mass", "minimum", "dissipation", "balance", "steps", "step", "substep", "crc"):
            assert data[name].dims == ("time",)
        for name, axis in zip("xy", MESH.centers, strict=True):
            np.testing.assert_array_equal(data[name], axis)
        np.testing.assert_array_equal(data.density.sel(x=1.5, time=0.5), [2.5, 3.5])
        np.testing.assert_array_equal(data.time, [0.0, 0.5, np.nan])
        assert list(data.part.values) == list(PARTS)
        assert (data.attrs["title"], data.attrs["status"], len(data.attrs["problem"])) == ("Grüße", "running", 10**5)


def test_time_is_an_axis_and_never_a_date(running: Path) -> None:
    with h5py.File(running, "r") as file:
        attributes = dict(file["time"].attrs)
    assert (attributes["axis"], attributes["standard_name"]) == (b"T", b"time")
    assert "units" not in attributes


def test_every_variable_lies_in_one_piece_and_says_what_it_is(running: Path) -> None:
    with h5py.File(running, "r") as file:
        for name, variable in VARIABLES.items():
            assert file[name].chunks is None and file[name].id.get_offset() is not None
            assert file[name].attrs["long_name"].decode() == variable.meaning


def test_frames_to_come_take_no_room_on_disk(tmp_path: Path) -> None:
    mesh = Cartesian((64, 64, 64), (0, 0, 0), (1, 1, 1))
    path = tmp_path / "result.h5"
    FileTrajectory.create(path, mesh, list(range(10)), np.ones(mesh.shape), PARTS).close()
    assert path.stat().st_size > 10 * 8 * mesh.size
    assert path.stat().st_blocks * 512 < 2 * 8 * mesh.size


def test_numbers_to_come_are_not_numbers(running: Path) -> None:
    with h5py.File(running, "r") as file:
        missing = [name for name in VARIABLES if name != "density" and file[name].dtype.kind == "f"]
        assert all(np.all(np.isnan(file[name][2])) and np.all(np.isfinite(file[name][:2])) for name in missing)

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import dask.array as da
import netCDF4
import numpy as np
import pytest
import xarray as xr

from nowcast import products
from nowcast.errors import InputError, MachineError
from nowcast.readers import open_cube, open_forecast
from nowcast.writers import write_cube, write_dataset
from nowcast.writers.netcdf import chunk_sizes

Reopen = Callable[..., xr.Dataset]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_cube_comes_back(projected: xr.DataArray, suffix: str, lazy: bool, tmp_path: Path, reopen: Reopen) -> None:
    cube = projected.chunk(time=1) if lazy else projected
    path = write_cube(cube, tmp_path / f"out{suffix}")
    again = reopen(path)
    field = again["precipitation"]
    assert field.dims == ("valid_time", "y", "x")
    assert field.dtype == np.float32
    np.testing.assert_array_equal(field.values, projected.values[:, 0])
    for side in ("y", "x"):
        assert again[side].dtype == projected[side].dtype
        assert again[side].attrs == projected[side].attrs
        np.testing.assert_array_equal(again[side].values, projected[side].values)
    np.testing.assert_array_equal(again["valid_time"].values, projected["time"].values)
    np.testing.assert_array_equal(again["start_time"].values, projected["start_time"].values)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("realizations", [0, 2])
def test_a_forecast_comes_back(
    projected: xr.DataArray,
    forecast_maker: Callable[..., xr.DataArray],
    suffix: str,
    realizations: int,
    tmp_path: Path,
    reopen: Reopen,
) -> None:
    forecast = forecast_maker(projected, references=2, realizations=realizations)
    again = reopen(write_cube(forecast, tmp_path / f"out{suffix}"))
    np.testing.assert_array_equal(again["precipitation"].values, forecast.squeeze("channel").values)
    for name in ("forecast_reference_time", "lead_time"):
        np.testing.assert_array_equal(again[name].values, forecast[name].values)
    assert again["lead_time"].dtype.kind == "m"
    assert again["valid_time"].dims == ("forecast_reference_time", "lead_time")
    assert (again.valid_time == again.forecast_reference_time + again.lead_time).all()
    assert again["precipitation"].attrs["nowcast_model"] == "convlstm"


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("grid", ["cube", "projected", "geographic", "curvilinear"])
@pytest.mark.parametrize("lazy", [False, True])
def test_a_probabilistic_forecast_comes_back(
    grid: str,
    lazy: bool,
    suffix: str,
    request: pytest.FixtureRequest,
    products_maker: Callable[..., xr.Dataset],
    tmp_path: Path,
) -> None:
    forecast = products_maker(request.getfixturevalue(grid))
    own = products.mean(forecast)
    chance = products.probability_name(str(own.name))
    path = write_cube(forecast.chunk(forecast_reference_time=1) if lazy else forecast, tmp_path / f"out{suffix}")
    again = open_forecast(path)
    assert isinstance(again, xr.Dataset)
    assert all(field.chunks for field in again.data_vars.values())
    assert set(again.data_vars) == set(forecast.data_vars)
    assert again.attrs == forecast.attrs
    assert set(again.coords) == {*forecast.coords, "valid_time"}
    for name, field in forecast.data_vars.items():
        assert again[name].dims == field.dims
        assert again[name].dtype == np.float32
        np.testing.assert_allclose(again[name].values, field.values, atol=5.01e-5 if name == chance else 0, rtol=0)
        told = {key: value for key, value in field.attrs.items() if not key.startswith(("dataset:", "source_dims"))}
        assert told.items() <= again[name].attrs.items()
    for name, coord in forecast.coords.items():
        assert again[name].dims == coord.dims
        np.testing.assert_array_equal(again[name].values, coord.values)
        assert set(coord.attrs) - {"bounds"} <= set(again[name].attrs)
    assert forecast["threshold"].attrs.items() <= again["threshold"].attrs.items()
    beside = write_cube(again, tmp_path / f"beside{suffix}")
    xr.testing.assert_equal(open_forecast(beside).compute(), again.compute())


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_anyone_reads_the_products(
    projected: xr.DataArray, products_maker: Callable[..., xr.Dataset], suffix: str, tmp_path: Path, reopen: Reopen
) -> None:
    forecast = products_maker(projected)
    again = reopen(write_cube(forecast, tmp_path / f"out{suffix}"))
    for name, field in forecast.data_vars.items():
        np.testing.assert_allclose(again[name].values, field.squeeze("channel").values, atol=5.01e-5, rtol=0)
    chance = again["probability_of_precipitation_above_threshold"]
    assert float(chance.sel(threshold=1.0).max()) <= 1
    assert chance.encoding["dtype"] == np.uint16
    assert again["threshold"].attrs["units"] == "kg m-2"
    assert (again.valid_time == again.forecast_reference_time + again.lead_time).all()


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("cut", [False, True])
def test_lazy_products_are_computed_once_for_all_of_them(
    cube: xr.DataArray,
    products_maker: Callable[..., xr.Dataset],
    suffix: str,
    cut: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if cut:  # each frame in blocks of its own
        monkeypatch.setattr("nowcast.writers.netcdf.CHUNK_BYTES", 1)
        monkeypatch.setattr("nowcast.writers.netcdf.BLOCK_BYTES", 1)
        monkeypatch.setattr("nowcast.writers.zarr.FRAMES", (1, 1))
        monkeypatch.setattr("nowcast.writers.zarr.SMALLEST_BYTES", 1)
        monkeypatch.setattr("nowcast.writers.zarr.SIDE", 3)
    computed: list[int] = []
    forecast = products_maker(cube, references=5, leads=4, computed=computed.append)
    path = write_cube(forecast, tmp_path / f"out{suffix}")
    assert sorted(computed) == [0, 1, 2, 3, 4]
    again = open_forecast(path)
    assert (again["rain_rate"].chunksizes["lead_time"] == (1, 1, 1, 1)) is cut
    np.testing.assert_array_equal(again["rain_rate"].values, forecast["rain_rate"].values)
    assert len(computed) == 10


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
@pytest.mark.parametrize("lazy", [False, True])
def test_what_packing_cannot_hold_is_written_as_float32(
    cube: xr.DataArray, suffix: str, lazy: bool, tmp_path: Path, reopen: Reopen
) -> None:
    values = np.full(cube.shape, 0.07, dtype="float32")
    values[-1, 0, 2, 3] = 4000.0
    cube = cube.copy(data=da.from_array(values, chunks=(4, 1, 8, 10)) if lazy else values)
    cube.encoding = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 0.0, "_FillValue": -32768}
    np.testing.assert_array_equal(reopen(write_cube(cube, tmp_path / f"out{suffix}"))["rain_rate"].values, values[:, 0])


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_packing_is_kept(cube: xr.DataArray, suffix: str, tmp_path: Path, reopen: Reopen) -> None:
    values = np.linspace(-20, 300, cube.size).reshape(cube.shape)
    values[3, 0, 1, 1] = np.nan
    cube = cube.copy(data=values)
    cube.encoding = {"dtype": "int16", "scale_factor": 0.01, "add_offset": 5.0, "_FillValue": -32768}
    again = reopen(write_cube(cube, tmp_path / f"out{suffix}"))["rain_rate"]
    assert again.encoding["dtype"] == np.int16
    np.testing.assert_allclose(again.values, values[:, 0], atol=0.005 * (1 + 1e-9), rtol=0)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_truth_is_written_as_one_and_zero(cube: xr.DataArray, suffix: str, tmp_path: Path) -> None:
    path = write_cube(cube > 2000, tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(open_cube(path).values, cube.values > 2000)


def test_what_is_no_array_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a ndarray"):
        write_cube(np.zeros((2, 1, 3, 4)), tmp_path / "a.nc")  # type: ignore[arg-type]


def test_every_number_is_checksummed(projected: xr.DataArray, tmp_path: Path) -> None:
    path = write_cube(projected, tmp_path / "out.nc")
    with netCDF4.Dataset(path) as file:
        assert file.data_model == "NETCDF4"
        for name in ("precipitation", "x", "y", "valid_time", "start_time"):
            filters = file[name].filters()
            assert filters["zlib"], name
            assert filters["shuffle"], name
            assert filters["fletcher32"], name
        assert "_FillValue" not in file["x"].ncattrs()
        assert np.isnan(file["precipitation"].getncattr("_FillValue"))


def test_chunks_are_frames_and_small_frames_share_one() -> None:
    def chunks(*shape: int) -> tuple[int, ...]:
        lazy = da.zeros(shape, chunks=shape, dtype="float32")
        return tuple(chunk_sizes(xr.Variable(("time", "channel", "y", "x")[-len(shape) :], lazy)).values())

    assert chunks(288, 1, 512, 512) == (1, 1, 512, 512)
    assert chunks(288, 3, 5000, 100) == (1, 1, 2048, 100)
    assert chunks(200, 1, 64, 64) == (16, 1, 64, 64)


@pytest.mark.parametrize("name", ["out.txt", "out", "out.ncx"])
def test_another_suffix_is_refused(cube: xr.DataArray, name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no way to write") as caught:
        write_cube(cube, tmp_path / name)
    assert ".nc" in str(caught.value)
    assert ".zarr" in str(caught.value)


def test_a_folder_in_the_way_of_a_file_is_refused_before_any_work(cube: xr.DataArray, tmp_path: Path) -> None:
    (tmp_path / "out.nc").mkdir()

    def never(block: np.ndarray) -> np.ndarray:
        raise AssertionError("read for nothing")

    lazy = cube.copy(data=da.from_array(cube.values).map_blocks(never, meta=np.empty((0,) * 4, "float32")))
    with pytest.raises(InputError, match="in the way"):
        write_cube(lazy, tmp_path / "out.nc")


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_failure_while_reading_keeps_the_old_output(cube: xr.DataArray, suffix: str, tmp_path: Path) -> None:
    path = write_cube(cube, tmp_path / f"out{suffix}")
    files = [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.is_file()]
    before = {entry: entry.read_bytes() for entry in files}

    def fail(block: np.ndarray, block_info: object = None) -> np.ndarray:
        raise ValueError("damaged block")

    lazy = cube.copy(data=da.from_array(cube.values).map_blocks(fail, meta=np.empty((0,) * 4, "float32")))
    with pytest.raises(ValueError, match="damaged block"):
        write_cube(lazy, path)
    assert {entry: entry.read_bytes() for entry in files} == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_cube_can_be_written_over_what_it_is_read_from(cube: xr.DataArray, suffix: str, tmp_path: Path) -> None:
    path = write_cube(cube, tmp_path / f"out{suffix}")
    options: dict[str, object] = {"engine": "zarr", "consolidated": False} if suffix == ".zarr" else {}
    with xr.open_dataset(path, chunks={}, **options) as source:
        lazy = source["rain_rate"].expand_dims("channel", axis=1) + 1
        write_cube(lazy.assign_attrs(cube.attrs), path)
    with xr.open_dataset(path, **options) as again:
        np.testing.assert_array_equal(again["rain_rate"].values, cube.values[:, 0] + 1)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_progress_ends_at_the_whole(cube: xr.DataArray, suffix: str, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    write_cube(cube.chunk(time=2), tmp_path / f"out{suffix}", progress=lambda *step: told.append(step))
    assert [done for done, _ in told] == list(range(1, len(told) + 1))
    assert told[-1][0] == told[-1][1]


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_scores_come_back(suffix: str, tmp_path: Path, reopen: Reopen) -> None:
    lead = np.array([5, 10], dtype="timedelta64[m]").astype("timedelta64[ns]")
    scores = xr.Dataset(
        {
            "mae": (("forecaster", "lead_time"), np.array([[1.5, np.nan], [1 / 3, 4.0]]), {"units": "mm h-1"}),
            "csi": (("forecaster", "lead_time", "threshold"), np.arange(8.0).reshape(2, 2, 2)),
        },
        coords={"forecaster": ["convlstm", "persistence"], "lead_time": lead, "threshold": [0.1, 1.0]},
        attrs={"settings": {"seed": 1}, "sharp": True},
    )
    again = reopen(write_dataset(scores, tmp_path / f"scores{suffix}"))
    for name in ("mae", "csi"):
        assert again[name].dims == scores[name].dims
        np.testing.assert_array_equal(again[name].values, scores[name].values)
    np.testing.assert_array_equal(again["lead_time"].values, lead)
    assert [str(name) for name in again["forecaster"].values] == ["convlstm", "persistence"]
    assert again.attrs["settings"] == '{"seed": 1}'


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "nowcast", str(place)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs root on Linux, and leave to mount a small disk")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_full_disk(small_disk: Path, suffix: str) -> None:
    # in a process of its own: HDF5 keeps the file that it could not write, and must not crash at its end
    program = f"""
        import os
        from pathlib import Path
        import numpy as np, pandas as pd, xarray as xr
        from nowcast.errors import MachineError
        from nowcast.writers import write_cube

        target = Path({str(small_disk)!r}, "out{suffix}")
        time = pd.date_range("2026-05-01", periods=40, freq="5min").values
        def noise(frames):
            values = np.random.default_rng(1).random((frames, 1, 256, 256), dtype="float32")
            return xr.DataArray(values, dims=("time", "channel", "y", "x"), coords={{"time": time[:frames]}}, name="v")
        write_cube(noise(2), target)
        free = os.statvfs(target.parent).f_bavail
        try:
            write_cube(noise(40), target)
        except MachineError as error:
            assert "No space left" in str(error), error
        else:
            raise SystemExit("it fitted")
        assert os.listdir(target.parent) == [target.name]
        assert os.statvfs(target.parent).f_bavail == free
        options = dict(engine="zarr", consolidated=False) if target.is_dir() else {{}}
        with xr.open_dataset(target, **options) as old:
            np.testing.assert_array_equal(old["v"].values, noise(2).values)
    """
    ran = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr


def test_the_folder_must_exist(cube: xr.DataArray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        write_cube(cube, tmp_path / "no" / "out.nc")


def test_a_failure_inside_hdf5_with_room_left_is_not_called_a_full_disk(
    cube: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(RuntimeError, match="HDF error"):
        write_cube(cube, tmp_path / "out.nc")
    monkeypatch.setattr("nowcast.writers.netcdf.FULL_DISK_BYTES", 2**80)
    with pytest.raises(MachineError, match="could not be written"):
        write_cube(cube, tmp_path / "out.nc")

"""Found by content; whatever cannot be read is refused in words."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError, MachineError, UnsafeError
from nowcast.readers import open_cube, open_forecast, reading
from nowcast.readers.damage import parsing


def dataset(frames: int = 3, start: int = 0, **field) -> xr.Dataset:
    """Each pixel tells its frame, row and column; y from north to south."""
    frame, row, column = np.indices((frames, 6, 8))
    times = 300 * (start + np.arange(frames))
    return xr.Dataset(
        {
            "rain": (
                ("time", "y", "x"),
                (100 * (frame + start) + 10 * row + column).astype("f4"),
                {"units": "mm", **field},
            )
        },
        coords={
            "time": ("time", times, {"units": "seconds since 2020-01-01"}),
            "y": ("y", 1000.0 * np.arange(6)[::-1], {"units": "m"}),
            "x": ("x", 1000.0 * np.arange(8), {"units": "m"}),
        },
        attrs={"institution": "here"},
    )


def plain(cube: xr.DataArray) -> np.ndarray:
    return cube.values[:, 0]


@pytest.mark.parametrize(
    "kind", ["NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA", "NETCDF4", "zarr2", "zarr3", "shards"]
)
def test_formats_open_by_content_and_are_never_flipped(kind: str, tmp_path: Path) -> None:
    source, path = dataset(), tmp_path / "frames.png"
    if kind == "shards":
        encoding = {"rain": {"chunks": (1, 3, 4), "shards": (2, 6, 8)}}
        source.to_zarr(path, zarr_format=3, consolidated=False, encoding=encoding)
    elif kind.startswith("zarr"):
        source.to_zarr(path, zarr_format=int(kind[-1]), consolidated=kind == "zarr2")
    elif kind == "NETCDF3_CLASSIC":
        source["time"] = source["time"].astype("i4").assign_attrs(source["time"].attrs)
        source.to_netcdf(path, format=kind, engine="netcdf4")
    else:
        source["time"] = source["time"].astype("f8").assign_attrs(source["time"].attrs)
        source.to_netcdf(path, format=kind, engine="netcdf4")
    cube = open_cube(path)
    assert cube.dims == ("time", "channel", "y", "x")
    assert cube.chunks is not None
    assert cube.attrs["dataset:institution"] == "here"
    assert cube.attrs["source_dims"] == "time=time y=y x=x"
    np.testing.assert_array_equal(plain(cube), source["rain"].values)
    np.testing.assert_array_equal(cube["y"].values, source["y"].values)
    assert cube["time"].values[1] == np.datetime64("2020-01-01T00:05")
    if kind == "shards":
        assert cube.chunks == ((2, 1), (1,), (6,), (8,))


def test_user_block_before_hdf5_is_found(tmp_path: Path) -> None:
    from nowcast.readers.formats.netcdf import NetCDFReader

    dataset().to_netcdf(tmp_path / "a.nc")
    (tmp_path / "b").write_bytes(bytes(1024) + (tmp_path / "a.nc").read_bytes())
    (tmp_path / "c").write_bytes(bytes(1000) + (tmp_path / "a.nc").read_bytes())
    assert NetCDFReader().recognises(tmp_path / "b")
    assert not NetCDFReader().recognises(tmp_path / "c")


def test_folder_and_glob_are_read_in_natural_order_and_the_rest_is_told(tmp_path: Path) -> None:
    for number in (2, 10, 1):
        dataset(1, number).to_netcdf(tmp_path / f"f{number}.nc")
    assert open_cube(str(tmp_path / "f*.nc")).encoding["source"].endswith("f1.nc")
    (tmp_path / "README.txt").write_text("hello there")
    with pytest.warns(UserWarning, match=r"1 of 4 entries are left out: README.txt: text that begins 'hello there'"):
        cube = open_cube(tmp_path)
    assert plain(cube)[:, 0, 0].tolist() == [100, 200, 1000]


def test_chunks_can_be_asked_for(tmp_path: Path) -> None:
    dataset().to_netcdf(tmp_path / "a.nc")
    assert open_cube(tmp_path / "a.nc", chunks={"time": 1, "y": 3}).chunks == ((1, 1, 1), (1,), (3, 3), (8,))
    for wrong in ({"lat": 1}, "much"):
        with pytest.raises(InputError, match=r"a\.nc: .*cannot be cut into these chunks"):
            open_cube(tmp_path / "a.nc", chunks=wrong)


def _text(path: Path) -> None:
    path.write_text("time,rain\n1,2\n")


def _lfs(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _folder_of_text(path: Path) -> None:
    path.mkdir()
    (path / "a.txt").write_text("words")


def _cut(path: Path, **options) -> None:
    values = dataset(40)
    values["time"] = values["time"].astype("f8").assign_attrs(values["time"].attrs)
    values.to_netcdf(path, **options)
    os.truncate(path, path.stat().st_size // 2)


def _cut_classic(path: Path) -> None:
    _cut(path, format="NETCDF3_64BIT_OFFSET", engine="netcdf4", unlimited_dims=["time"])


def _profiles(path: Path) -> None:
    xr.Dataset({"a": ("z", np.arange(3.0))}).to_netcdf(path)


def _no_time(path: Path) -> None:
    dataset().isel(time=0).drop_vars("time").to_netcdf(path)


def _noleap(path: Path) -> None:
    values = dataset()
    values["time"].attrs["calendar"] = "noleap"
    values.to_netcdf(path)


def _groups(path: Path) -> None:
    dataset().to_netcdf(path, group="PRODUCT")


def _damaged_json(path: Path) -> None:
    dataset().to_zarr(path, zarr_format=3, consolidated=False)
    (path / "rain" / "zarr.json").write_text('{"shape": [')


def _bad_json(path: Path) -> None:
    dataset().to_zarr(path, zarr_format=2, consolidated=False)
    (path / "rain" / ".zarray").write_text('{"shape": [3, 6, 8]}')


def _single_array(path: Path) -> None:
    dataset().to_zarr(path.parent / "group", zarr_format=3, consolidated=False)
    shutil.move(path.parent / "group" / "rain", path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_text, "text that begins 'time,rain 1,2'"),
        (lambda path: path.touch(), "an empty file"),
        (lambda path: path.mkdir(), "an empty folder"),
        (_folder_of_text, "nothing that can be read"),
        (_lfs, "git-LFS pointer"),
        (_fifo, "no regular file"),
        (_cut, "damaged"),
        (_cut_classic, "the file is cut short"),
        (lambda path: path.write_bytes(b"CDF\x01\x00\x00"), "header"),
        (lambda path: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100)), "damaged"),
        (lambda path: path.write_bytes(b"\x1f\x8b" + bytes(50)), "gunzip"),
        (_profiles, "holds no field on a grid"),
        (_no_time, "nothing says when"),
        (_noleap, "noleap"),
        (_groups, "PRODUCT"),
        (_damaged_json, "no JSON"),
        (_bad_json, "damaged"),
        (_single_array, "a single zarr array"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(make, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.nc"
    make(path)
    with pytest.raises(InputError) as refusal:
        open_cube(path)
    assert words in str(refusal.value)
    assert str(path) in str(refusal.value)


@pytest.mark.parametrize("name", ["https://host/a.nc", "s3://bucket/a.zarr", "file:///a.nc"])
def test_addresses_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="nothing was asked of it"):
        open_cube(name)


def test_missing_paths_and_globs_are_told(tmp_path: Path) -> None:
    dataset().to_netcdf(tmp_path / "radar_2020.nc")
    with pytest.raises(InputError, match=r"did you mean .*radar_2020.nc"):
        open_cube(tmp_path / "radar_2002.nc")
    with pytest.raises(InputError, match="no file matches"):
        open_cube(f"{tmp_path}/*.h5")
    with pytest.raises(InputError, match="no path"):
        open_cube([])


def test_lacking_permission_is_the_machines_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset().to_netcdf(tmp_path / "a.nc")
    true_open = Path.open

    def refuse(path: Path, *args, **options):
        if path.name == "a.nc":
            raise PermissionError(13, "Permission denied")
        return true_open(path, *args, **options)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MachineError, match="may not be read"):
        open_cube(tmp_path / "a.nc")


def test_garbled_chunk_and_file_cut_while_open_are_told_by_name(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    dataset().to_zarr(store, zarr_format=3, consolidated=False)
    cube = open_cube(store)
    (store / "rain" / "c" / "0" / "0" / "0").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"a.zarr: damaged"), reading(str(store)):
        cube.compute()
    path = tmp_path / "a.nc"
    noise = dataset(60)
    noise["rain"].values[:] = np.random.default_rng(0).random(noise["rain"].shape)
    noise.to_netcdf(path, encoding={"rain": {"zlib": True, "chunksizes": (1, 6, 8)}})
    cube = open_cube(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(InputError, match=r"a.nc: damaged"), reading(str(path)):
        cube.compute()


def test_reading_lets_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="mistake"), reading("a.nc"):
        raise ValueError("a mistake in a program")
    with pytest.raises(MachineError), reading("a.nc"):
        raise OSError(28, "No space left on device")


def _forecast(frames: int = 4) -> xr.Dataset:
    lead = {"units": "minutes", "standard_name": "forecast_period"}
    values = np.arange(2 * frames * 6 * 8, dtype="f4").reshape(2, frames, 6, 8)
    return xr.Dataset(
        {"rain": (("forecast_reference_time", "lead_time", "y", "x"), values, {"units": "mm"})},
        coords={
            "forecast_reference_time": (
                "forecast_reference_time",
                [0, 600],
                {"units": "seconds since 2020-01-01", "standard_name": "forecast_reference_time"},
            ),
            "lead_time": ("lead_time", 5 * np.arange(1, frames + 1), lead),
            "y": 1000.0 * np.arange(6),
            "x": 1000.0 * np.arange(8),
        },
    )


@pytest.mark.parametrize("kind", ["nc", "zarr"])
def test_forecasts_open_as_forecasts_only(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"f.{kind}"
    source = _forecast()
    if kind == "nc":
        source.to_netcdf(path)
    else:
        source.to_zarr(path, zarr_format=3, consolidated=False)
    forecast = open_forecast(path)
    assert forecast.dims == ("forecast_reference_time", "lead_time", "channel", "y", "x")
    assert forecast["lead_time"].values[1] == np.timedelta64(10, "m")
    assert forecast["valid_time"].values[1, 1] == np.datetime64("2020-01-01T00:20")
    np.testing.assert_array_equal(forecast.values[:, :, 0], source["rain"].values)
    with pytest.raises(InputError, match=r"is a forecast[\s\S]*open_forecast"):
        open_cube(path)


def test_one_of_several_fields_of_a_forecast_can_be_asked_for(tmp_path: Path) -> None:
    moment = {"reftime": ((), 0, {"units": "hours since 2020-01-01", "standard_name": "forecast_reference_time"})}
    lead = ("lead", [1, 2], {"units": "hours", "standard_name": "forecast_period"})
    fields = {name: (("lead", "y", "x"), np.zeros((2, 3, 4))) for name in ("rain", "snow")}
    xr.Dataset(fields, coords={**moment, "lead": lead}).to_netcdf(tmp_path / "f.nc")
    with pytest.raises(InputError, match="variable='rain'"):
        open_forecast(tmp_path / "f.nc")
    assert open_forecast(tmp_path / "f.nc", variable="snow").name == "snow"


def test_single_forecast_along_time_opens_and_a_cube_does_not(tmp_path: Path) -> None:
    source = dataset().assign_coords(
        forecast_period=("time", [300, 600, 900], {"units": "s", "standard_name": "forecast_period"}),
        forecast_reference_time=((), -300, {"units": "seconds since 2020-01-01"}),
    )
    source.to_netcdf(tmp_path / "one.nc")
    forecast = open_forecast(tmp_path / "one.nc")
    assert forecast.shape == (1, 3, 1, 6, 8)
    assert forecast["valid_time"].values[0].tolist() == open_cube(tmp_path / "one.nc")["time"].values.tolist()
    dataset().to_netcdf(tmp_path / "cube.nc")
    with pytest.raises(InputError, match="is not a forecast"):
        open_forecast(tmp_path / "cube.nc")


def test_the_door_imports_nothing_heavy() -> None:
    code = "import sys, nowcast.readers; print([m for m in ('zarr', 'netCDF4', 'torch', 'dask') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_chunks_too_small_for_dask_are_taken_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(12 * 8 * 10, dtype="float32").reshape(12, 8, 10)
    times = np.datetime64("2026-05-01", "ns") + np.arange(12) * np.timedelta64(5, "m")
    dataset = xr.Dataset({"rain": (("time", "y", "x"), values, {"units": "mm"})}, {"time": times})
    dataset.to_netcdf(tmp_path / "a.nc", encoding={"rain": {"chunksizes": (1, 2, 5)}})
    assert open_cube(tmp_path / "a.nc").data.npartitions == 12 * 4 * 2
    monkeypatch.setattr("nowcast.readers.labelling.gridded.MOST_CHUNKS", 24)
    monkeypatch.setattr("nowcast.readers.labelling.gridded.CHUNK_BYTES", 4 * 80)
    cube = open_cube(tmp_path / "a.nc")
    assert cube.chunks == ((1,) * 12, (1,), (8,), (10,))
    np.testing.assert_array_equal(cube.values[:, 0], values)


@pytest.mark.parametrize("error", [KeyError("x"), TypeError("x"), ZeroDivisionError(), RecursionError("deep")])
def test_within_parsing_every_error_is_damage_of_the_file(error: Exception) -> None:
    with pytest.raises(InputError, match=rf"(?s)a\.nc: damaged.*{type(error).__name__}") as caught, parsing("a.nc"):
        raise error
    assert caught.value.__cause__ is error


def test_parsing_lets_pass_what_is_no_damage() -> None:
    with pytest.raises(MachineError, match="more memory"), parsing("a.nc"):
        raise MemoryError("Unable to allocate 9 EiB")
    with pytest.raises(UserWarning, match="beware"), parsing("a.nc"):
        raise UserWarning("beware")
    with pytest.raises(UnsafeError, match="pickle"), parsing("a.nc"):
        raise UnsafeError("pickle")


def test_a_classic_header_that_crashes_the_netcdf_library_is_refused_before(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    dataset().to_netcdf(path, engine="netcdf4", format="NETCDF3_64BIT")
    data = bytearray(path.read_bytes())
    data[18] ^= 16  # the first dim's name is 4100 bytes long: netCDF-C 4.9.3 reads on into nowhere
    path.write_bytes(data)
    with pytest.raises(InputError, match="header of a NetCDF classic file"):
        open_cube(path)


def test_what_was_never_written_to_a_netcdf_file_is_missing(tmp_path: Path) -> None:
    for kind in ("NETCDF4", "NETCDF3_CLASSIC"):
        with netCDF4.Dataset(tmp_path / "a.nc", "w", format=kind) as file:
            for name, size in (("time", None), ("y", 3), ("x", 4)):
                file.createDimension(name, size)
            file.createVariable("time", "f8", ("time",)).units = "hours since 2020-01-01"
            file["time"][:] = [0, 1, 2]
            rain = file.createVariable("rain", "f4", ("time", "y", "x"))
            rain[0], rain[2] = 1, 2
        cube = open_cube(tmp_path / "a.nc")
        assert np.isnan(cube.values[1]).all()
        np.testing.assert_array_equal(cube.values[[0, 2], 0, 0, 0], [1, 2])


def test_what_is_missing_is_nan_or_an_error(tmp_path: Path) -> None:
    dataset().to_netcdf(tmp_path / "a.nc")
    assert open_cube(tmp_path / "a.nc", missing="nan").shape == (3, 1, 6, 8)
    with pytest.raises(InputError, match="--missing 'zero'"):
        open_cube(tmp_path / "a.nc", missing="zero")

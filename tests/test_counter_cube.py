"""Each pixel tells its frame, row and column: through the whole pipeline nothing is shifted, flipped or transposed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import model_file, run
from nowcast.cube import grid_step, time_step
from nowcast.errors import InputError
from nowcast.models import Persistence
from nowcast.readers import open_forecast
from nowcast.scaling import Scaler
from nowcast.tensors import Batch, Loader, Windows
from nowcast.windows import plan

FRAMES, ROWS, COLUMNS = 12, 7, 10
CONTEXT, HORIZON = 3, 2
IDENTITY = Scaler("unit", 0.0, 1.0)
REOPEN = {".nc": {}, ".zarr": {"engine": "zarr", "consolidated": False}}


@dataclass(frozen=True)
class Kind:
    """How the source says where its pixels are."""

    y: str = "y"
    x: str = "x"
    ascending: bool = False
    mapped: bool = True
    columns_first: bool = False
    scalar_times: bool = False


KINDS = {
    "north to south": Kind(),
    "y ascending": Kind(ascending=True),
    "latitude and longitude": Kind(y="latitude", x="longitude", mapped=False),
    "latitude ascending": Kind(y="latitude", x="longitude", mapped=False, ascending=True),
    "columns first": Kind(columns_first=True),
    "a file per time": Kind(scalar_times=True),
}


@dataclass(frozen=True)
class Source:
    paths: list[Path]
    plain: xr.Dataset
    kind: Kind


def counted(frame: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    return (1000 * frame + 20 * row + column).astype("float32")


TRUTH = counted(*np.indices((FRAMES, ROWS, COLUMNS)))


@pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Source:
    """Written by xarray alone, as somebody else would."""
    kind: Kind = request.param
    times = np.datetime64("2026-03-28T22:30", "ns") + np.arange(FRAMES) * np.timedelta64(10, "m")
    rows = np.arange(ROWS) * (1.0 if kind.ascending else -1.0)
    y_attrs = {"units": "m", "standard_name": "projection_y_coordinate"}
    x_attrs = {"units": "m", "standard_name": "projection_x_coordinate"}
    y, x = 5000.0 + 500 * rows, -2000.0 + 500 * np.arange(COLUMNS)
    if not kind.mapped:
        y_attrs = {"units": "degrees_north", "standard_name": "latitude"}
        x_attrs = {"units": "degrees_east", "standard_name": "longitude"}
        y, x = 47.0 + 0.25 * rows, 5.0 + 0.25 * np.arange(COLUMNS)
    field = xr.DataArray(
        TRUTH,
        dims=("time", kind.y, kind.x),
        coords={
            "time": ("time", times, {"standard_name": "time"}),
            kind.y: (kind.y, y, y_attrs),
            kind.x: (kind.x, x, x_attrs),
        },
        attrs={"units": "mm h-1", "long_name": "rain rate"},
    )
    plain = field.to_dataset(name="rain_rate")
    if kind.mapped:
        mapping = {"grid_mapping_name": "lambert_azimuthal_equal_area", "latitude_of_projection_origin": 55.0}
        plain["proj"] = xr.DataArray(np.int32(0), attrs={**mapping, "longitude_of_projection_origin": 10.0})
        plain["rain_rate"].attrs["grid_mapping"] = "proj"
    if kind.columns_first:
        plain = plain.transpose("time", kind.x, kind.y)
    folder = tmp_path / "source"
    folder.mkdir()
    if not kind.scalar_times:
        plain.to_netcdf(folder / "all.nc")
        return Source([folder / "all.nc"], plain, kind)
    for frame in range(FRAMES):
        plain.isel(time=frame).to_netcdf(folder / f"{FRAMES - frame:03}.nc")  # names run against time
    return Source(sorted(folder.iterdir()), plain, kind)


@pytest.fixture
def reopen() -> Iterator[Callable[[Path], xr.Dataset]]:
    opened: list[xr.Dataset] = []

    def open_again(path: Path) -> xr.Dataset:
        opened.append(xr.open_dataset(path, **REOPEN[path.suffix]))
        return opened[-1]

    yield open_again
    for dataset in opened:
        dataset.close()


def persistence_file(cube: xr.DataArray, path: Path, *, scaler: Scaler = IDENTITY) -> Path:
    card = model_file.Card(
        model="persistence",
        keywords={"channels": 1, "masked": False},
        scaler=scaler.to_dict(),
        variable=str(cube.name),
        units=cube.attrs["units"],
        channels=1,
        grid_step=grid_step(cube),
        time_step_seconds=time_step(cube) or 0.0,
        context=CONTEXT,
        horizon=HORIZON,
        masked=False,
        trained_on={},
        versions=model_file.versions(),
    )
    return model_file.save(path, Persistence(channels=1, masked=False), card)


def same_grid(dataset: xr.Dataset, source: Source) -> None:
    """The source's own coordinates, under its own names, and its grid mapping."""
    for name in (source.kind.y, source.kind.x):
        np.testing.assert_array_equal(dataset[name].values, source.plain[name].values)
        assert dataset[name].dims == (name,)
        for key, value in source.plain[name].attrs.items():
            assert dataset[name].attrs[key] == value
    if source.kind.mapped:
        stated = dataset["rain_rate"].attrs.get("grid_mapping") or dataset["rain_rate"].encoding.get("grid_mapping")
        assert stated == "proj"
        assert dataset["proj"].attrs == source.plain["proj"].attrs


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_from_door_to_door(source: Source, suffix: str, tmp_path: Path, reopen: Callable[[Path], xr.Dataset]) -> None:
    # convert
    stored = run.convert(source.paths, tmp_path / f"cube{suffix}", progress=False)
    plain = reopen(stored)
    assert plain["rain_rate"].dims == ("time", source.kind.y, source.kind.x)
    np.testing.assert_array_equal(plain["rain_rate"].values, TRUTH)
    np.testing.assert_array_equal(plain["time"].values, source.plain["time"].values)
    same_grid(plain, source)

    # open
    cube = nowcast.open_cube(stored)
    assert cube.dims == ("time", "channel", "y", "x")
    np.testing.assert_array_equal(cube.values[:, 0], TRUTH)
    np.testing.assert_array_equal(cube["time"].values, source.plain["time"].values)
    np.testing.assert_array_equal(cube["y"].values, source.plain[source.kind.y].values)

    # windows and tensors
    cut = plan(cube, context=CONTEXT, horizon=HORIZON, patch=(4, 6), patch_stride=3)
    windows = Windows(cube, cut, IDENTITY, masked=False)
    assert len(windows) == (FRAMES - CONTEXT - HORIZON + 1) * 2 * 3
    corners = set()
    loaded = next(iter(Loader([windows], batch=len(windows), shuffle=False)))
    for index in range(len(windows)):
        start, (row, column) = divmod(index, len(cut.corners))[0], cut.corners[index % len(cut.corners)]
        corners.add((row, column))
        frames, rows, columns = np.indices((CONTEXT + HORIZON, 4, 6))
        expected = counted(start + frames, row + rows, column + columns)
        for batch in (windows[index], Batch(*(part[index] for part in loaded))):
            np.testing.assert_array_equal(batch.context[:, 0].numpy(), expected[:CONTEXT])
            np.testing.assert_array_equal(batch.target[:, 0].numpy(), expected[CONTEXT:])
            assert bool((batch.weight == 1).all())
    assert corners == {(row, column) for row in (0, 3) for column in (0, 3, 4)}

    # forecast, from the stored cube and from the source itself
    model = persistence_file(cube, tmp_path / "model.safetensors")
    predicted = run.forecast(stored, run=model, every=True, progress=False)
    xr.testing.assert_equal(predicted, run.forecast(source.paths, run=model, every=True, progress=False))
    references = np.arange(CONTEXT - 1, FRAMES)
    held = np.broadcast_to(TRUTH[references][:, None], (len(references), HORIZON, ROWS, COLUMNS))
    np.testing.assert_array_equal(predicted.values[:, :, 0], held)
    leads = np.arange(1, HORIZON + 1) * np.timedelta64(10, "m")
    valid = source.plain["time"].values[references][:, None] + leads[None]
    np.testing.assert_array_equal(predicted["valid_time"].values, valid)

    # write, and read as anyone would
    written = nowcast.write_cube(predicted, tmp_path / f"forecast{suffix}")
    again = reopen(written)
    assert again["rain_rate"].dims == ("forecast_reference_time", "lead_time", source.kind.y, source.kind.x)
    np.testing.assert_array_equal(again["rain_rate"].values, held)
    same_grid(again, source)
    times = source.plain["time"].values
    np.testing.assert_array_equal(again["forecast_reference_time"].values, times[references])
    np.testing.assert_array_equal(again["lead_time"].values, leads)
    np.testing.assert_array_equal(again["valid_time"].values, valid)
    np.testing.assert_array_equal(again["valid_time"].values[:-HORIZON, 1], times[CONTEXT + 1 :])
    np.testing.assert_array_equal(open_forecast(written).values[:, :, 0], held)

    # evaluate: after k steps each pixel is off by 1000 k
    scores = run.evaluate(written, source.paths, baselines=["persistence"], progress=False)
    assert list(scores["forecaster"].values) == ["forecast", "persistence"]
    np.testing.assert_allclose(scores["mse"].sel(forecaster="persistence").values, [1000.0**2, 2000.0**2], rtol=1e-12)
    np.testing.assert_allclose(scores["mae"].sel(forecaster="persistence").values, [1000.0, 2000.0], rtol=1e-12)
    np.testing.assert_array_equal(scores["cases"].values, [FRAMES - CONTEXT, FRAMES - CONTEXT - 1])


def test_a_perfect_forecast_has_no_error(source: Source, tmp_path: Path) -> None:
    cube = nowcast.open_cube(source.paths)
    model = persistence_file(cube, tmp_path / "model.safetensors")
    predicted = run.forecast(cube, run=model, every=True, progress=False)
    references = np.arange(CONTEXT - 1, FRAMES - HORIZON)
    truth = TRUTH[references[:, None] + np.arange(1, HORIZON + 1)][:, :, None]
    perfect = predicted.isel(forecast_reference_time=slice(0, len(references)))
    perfect = perfect.copy(data=truth).assign_attrs(nowcast_model="perfect")
    written = nowcast.write_cube(perfect, tmp_path / "perfect.nc")
    scores = run.evaluate(written, source.paths, baselines=["persistence"], progress=False)
    assert (scores["mse"].sel(forecaster="perfect") == 0).all()
    assert (scores["mae"].sel(forecaster="perfect") == 0).all()
    np.testing.assert_allclose(scores["mse"].sel(forecaster="persistence").values, [1000.0**2, 2000.0**2], rtol=1e-12)
    # one frame later, or upside down, it is not perfect any more
    late = perfect.assign_coords(forecast_reference_time=perfect["forecast_reference_time"] + np.timedelta64(10, "m"))
    late = late.drop_vars("valid_time")
    upside_down = perfect.copy(data=truth[:, :, :, ::-1])
    for wrong, off in ((late, 1000.0**2), (upside_down, (20 * (2 * np.arange(ROWS) - (ROWS - 1.0))) ** 2)):
        mse = run.evaluate(wrong, cube, baselines=["persistence"], progress=False)["mse"].sel(
            forecaster="perfect", lead_time="10min"
        )
        assert float(mse) == pytest.approx(float(np.mean(off)))


def test_the_forecast_of_a_flipped_field_is_the_flipped_forecast(source: Source, tmp_path: Path) -> None:
    cube = nowcast.open_cube(source.paths)
    scaler = Scaler.fit(cube)
    model = persistence_file(cube, tmp_path / "model.safetensors", scaler=scaler)
    predicted = run.forecast(cube, run=model, every=True, progress=False)
    for axis in ("y", "x"):
        flipped = cube.isel({axis: slice(None, None, -1)})
        with pytest.raises(InputError, match=f"{axis} (rising|falling)"):
            run.forecast(flipped, run=model, every=True, progress=False)
        other = persistence_file(flipped, tmp_path / "flipped.safetensors", scaler=scaler)
        turned = run.forecast(flipped, run=other, every=True, progress=False)
        xr.testing.assert_equal(turned, predicted.isel({axis: slice(None, None, -1)}))
        assert not np.array_equal(turned.values, predicted.values)
    np.testing.assert_allclose(predicted.values[:, 0, 0], TRUTH[CONTEXT - 1 :], rtol=1e-5, atol=1e-3)


def test_one_reference_time_is_the_same_alone_and_among_all(source: Source, tmp_path: Path) -> None:
    cube = nowcast.open_cube(source.paths)
    model = persistence_file(cube, tmp_path / "model.safetensors")
    every = run.forecast(cube, run=model, every=True, progress=False)
    times = [str(moment)[:19] for moment in cube["time"].values[[8, 5]]]
    chosen = run.forecast(cube, run=model, at=times, progress=False)
    xr.testing.assert_equal(chosen, every.isel(forecast_reference_time=[5 - CONTEXT + 1, 8 - CONTEXT + 1]))
    newest = run.forecast(cube, run=model, progress=False)
    xr.testing.assert_equal(newest, every.isel(forecast_reference_time=[-1]))

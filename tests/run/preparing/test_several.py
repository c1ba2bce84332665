"""Several cubes as one training set: each split on its own, all scaled as one, in one unit by a stated formula."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import nowcast
from nowcast import config, model_file, run
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.run import folder
from nowcast.run.preparing.several import prepare_all
from nowcast.run.source import cubes_from
from nowcast.scaling import Statistics
from nowcast.tensors import Loader

QUICK: dict[str, Any] = {"context": 3, "horizon": 2, "epochs": 1, "hidden": [4], "patch": 16, "stride": 2}


@pytest.fixture(scope="module")
def here() -> xr.DataArray:
    return advected_echoes(frames=50, size=32)


@pytest.fixture(scope="module")
def there() -> xr.DataArray:
    """Another agency: amounts in five minutes, on pixels of two kilometres, another field."""
    cube = advected_echoes(frames=60, size=40, seed=7)
    assert cube.attrs["units"] == "mm h-1"
    amounts = cube.copy(data=(cube.values / 12).astype("float32"))
    wide = {axis: (axis, 2 * cube[axis].values, cube[axis].attrs) for axis in ("y", "x")}
    amounts = amounts.assign_coords(wide).rename("precipitation_amount")
    amounts.attrs |= {"units": "mm", "standard_name": "precipitation_amount"}
    return amounts


def settings(**flags: Any) -> config.Settings:
    return config.resolve(None, QUICK | flags)


def test_units_are_brought_to_one_by_a_formula_that_is_told(
    here: xr.DataArray, there: xr.DataArray, capsys: pytest.CaptureFixture[str]
) -> None:
    cubes = cubes_from([here, there])
    assert [cube.attrs["units"] for cube in cubes] == ["mm h-1", "mm h-1"]
    assert {cube.name for cube in cubes} == {here.name}
    np.testing.assert_allclose(cubes[1].values, there.values * 12, rtol=1e-6)
    assert "mm to mm h-1, times 12" in capsys.readouterr().err


def test_another_time_step_is_refused(here: xr.DataArray, there: xr.DataArray) -> None:
    with pytest.raises(InputError, match=r"(?s)another time step.*10 min.*5 min"):
        cubes_from([here, there[::2]])


def test_all_are_scaled_by_the_training_parts_of_all(here: xr.DataArray, there: xr.DataArray) -> None:
    cubes = cubes_from([here, there])
    parts = prepare_all(cubes, settings())
    assert parts[0].scaler == parts[1].scaler
    training = [part.cube.isel(time=part.split.frames("training")).values.ravel() for part in parts]
    both = np.concatenate(training).astype("float64")
    found = Statistics.together([part.statistics for part in parts])
    assert (found.count, found.lowest, found.highest) == (both.size, both.min(), both.max())
    assert found.mean == pytest.approx(both.mean(), rel=1e-9)
    assert found.std == pytest.approx(both.std(), rel=1e-9)
    spoilt = [part.cube.copy(data=part.cube.values.copy()) for part in parts]
    for cube, part in zip(spoilt, parts, strict=True):
        cube.values[sorted(set(range(len(cube))) - set(part.split.frames("training")))] = 1e6
    assert prepare_all(spoilt, settings())[0].scaler.to_dict() == parts[0].scaler.to_dict()


def test_hours_that_are_trained_on_here_and_tested_on_there_are_told(
    here: xr.DataArray, there: xr.DataArray, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_all(cubes_from([here, there]), settings())
    assert "beware   cubes share times" in capsys.readouterr().err
    later = there.assign_coords(time=there["time"].copy(data=there["time"].values + np.timedelta64(30, "D")))
    prepare_all(cubes_from([here, later]), settings())
    assert "share times" not in capsys.readouterr().err


def test_patches_come_from_each_and_scores_are_of_each(here: xr.DataArray, there: xr.DataArray, tmp_path: Path) -> None:
    paths = [nowcast.write_cube(cube, tmp_path / f"{name}.zarr") for name, cube in (("a", here), ("b", there))]
    scores = run.fit(paths, run=tmp_path / "run", augment="auto", events="auto", progress=False, **QUICK)
    for name in (folder.SPLIT, folder.SCORES, folder.PICTURE, folder.EVENTS):
        for number in (1, 2):
            assert (tmp_path / "run" / folder.numbered(name, number)).is_file()
    for number in (1, 2):
        audit = json.loads((tmp_path / "run" / folder.numbered(folder.SPLIT, number)).read_text())
        assert audit["shared_frames"] == 0
    xr.testing.assert_identical(scores.drop_attrs(), xr.load_dataset(tmp_path / "run" / "scores.nc").drop_attrs())
    card = model_file.load_card(tmp_path / "run" / folder.MODEL)
    assert str(paths[0]) in card.trained_on["source"]
    assert str(paths[1]) in card.trained_on["source"]
    assert card.grid_step["x"] * 2 == card.other_grids[0]["x"]
    rates = there.copy(data=there.values * 12).rename(here.name).assign_attrs(here.attrs)
    for cube in (here, rates):
        assert run.forecast(cube, run=tmp_path / "run", progress=False).sizes["lead_time"] == 2
    with pytest.raises(InputError, match="grid step"):
        run.forecast(here.assign_coords(x=here["x"] * 3), run=tmp_path / "run", progress=False)
    run.fit(paths, run=tmp_path / "run", resume=True, epochs=2, progress=False)


def test_weights_are_shares_of_an_epoch(
    here: xr.DataArray, there: xr.DataArray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, np.ndarray]] = []
    begin = Loader.cut

    def watched(self: Loader) -> Any:
        for cut in begin(self):
            if self.shuffle:
                seen.append((self.epoch, cut.cubes.numpy().copy()))
            yield cut

    monkeypatch.setattr(Loader, "cut", watched)
    run.fit([here, there], run=tmp_path / "run", weights=[3, 1], progress=False, **QUICK | {"epochs": 2})
    last = np.concatenate([cubes for epoch, cubes in seen if epoch == 1])
    assert (last == 0).sum() / (last == 1).sum() == pytest.approx(3, rel=0.1)
    with pytest.raises(InputError, match="one for each cube"):
        run.fit([here, there], run=tmp_path / "other", weights=[3, 1, 1], progress=False, **QUICK)


def test_files_of_one_kind_are_still_one_cube(here: xr.DataArray, tmp_path: Path) -> None:
    first = nowcast.write_cube(here[:25], tmp_path / "a.nc")
    second = nowcast.write_cube(here[25:], tmp_path / "b.nc")
    (cube,) = cubes_from([first, second])
    assert cube.sizes["time"] == 50


def test_a_cube_and_a_file_side_by_side_are_two_cubes(here: xr.DataArray, there: xr.DataArray, tmp_path: Path) -> None:
    path = nowcast.write_cube(there, tmp_path / "there.nc")
    for given in ([here, path], [path, here]):
        assert {cube.sizes["time"] for cube in cubes_from(given)} == {here.sizes["time"], there.sizes["time"]}


def test_ways_of_reading_are_refused_for_a_cube_that_is_read(here: xr.DataArray, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="in memory already"):
        run.fit(here, run=tmp_path / "run", options={"axes": "TYX"}, progress=False, **QUICK)
    assert not (tmp_path / "run").exists()


def test_many_files_of_several_kinds_are_refused_as_before(here: xr.DataArray, tmp_path: Path) -> None:
    for number in range(17):
        nowcast.write_cube(here[number : number + 1, :, : 16 + number], tmp_path / f"{number:02}.nc")
    with pytest.raises(InputError, match="kinds, not one"):
        cubes_from(sorted(tmp_path.glob("*.nc")))

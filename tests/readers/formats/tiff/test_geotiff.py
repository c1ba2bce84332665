from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from nowcast import open_cube
from nowcast.errors import InputError

VALUES = np.arange(12, dtype="uint8").reshape(3, 4)


def write(
    path: Path, values: np.ndarray = VALUES, *, epsg: int = 3067, raster: int = 1, more: list | None = None
) -> Path:
    kind = 2 if epsg == 4326 else 1
    keys = (1, 1, 0, 3, 1024, 0, 1, kind, 1025, 0, 1, raster, 3072 if kind == 1 else 2048, 0, 1, epsg)
    tags = [
        (33550, "d", 3, (250.0, 500.0, 0.0), True),
        (33922, "d", 6, (0.0, 0.0, 0.0, 1000.0, 9000.0, 0.0), True),
        (34735, "H", len(keys), keys, True),
        *(more or []),
    ]
    planes = {"planarconfig": "contig", "photometric": "minisblack"} if values.ndim == 3 else {}
    tifffile.imwrite(path, values, extratags=tags, metadata=None, **planes)
    return path


@pytest.mark.parametrize(("raster", "left", "top"), [(1, 1125, 8750), (2, 1000, 9000)])
def test_places_by_corner_or_centre(raster: int, left: float, top: float, tmp_path: Path) -> None:
    cube = open_cube(write(tmp_path / "r_202605011200.tif", raster=raster))
    np.testing.assert_array_equal(cube.values[0, 0], VALUES)
    assert cube["x"].values.tolist() == [left + 250 * column for column in range(4)]
    assert cube["y"].values.tolist() == [top - 500 * row for row in range(3)]
    assert cube["crs"].attrs["grid_mapping_name"] == "transverse_mercator"
    assert str(cube["time"].values[0])[:16] == "2026-05-01T12:00"


def test_degrees_are_latitudes_and_longitudes(tmp_path: Path) -> None:
    cube = open_cube(write(tmp_path / "r_202605011200.tif", epsg=4326))
    assert cube.attrs["source_dims"] == "time=time y=lat x=lon" or "y=lat" in cube.attrs["source_dims"]
    assert cube["y"].attrs["units"] == "degrees_north"


def test_gdal_s_metadata_scale_and_mask(tmp_path: Path) -> None:
    text = (
        '<GDALMetadata><Item name="Quantity" unit="mm/h">Rain rate</Item><Item name="Gain">0.1</Item>'
        '<Item name="Offset">-1</Item><Item name="Observation time">202605011205</Item></GDALMetadata>'
    )
    more = [(42112, "s", 0, text, True), (42113, "s", 0, "11", True)]
    cube = open_cube(write(tmp_path / "a.tif", more=more))
    expected = 0.1 * VALUES.astype(float) - 1
    expected[2, 3] = np.nan
    np.testing.assert_allclose(cube.values[0, 0], expected, rtol=1e-6)
    assert (cube.name, cube.attrs["units"]) == ("rain_rate", "mm/h")
    assert str(cube["time"].values[0])[:16] == "2026-05-01T12:05"


def test_bands_are_channels_and_files_a_stack(tmp_path: Path) -> None:
    for minute in (0, 5, 10):
        write(tmp_path / f"r_2026050112{minute:02d}.tif", np.stack([VALUES + minute, VALUES], axis=-1))
    cube = open_cube(tmp_path)
    assert cube.shape == (3, 2, 3, 4)
    np.testing.assert_array_equal(cube.values[2], np.stack([VALUES + 10, VALUES]))


@pytest.mark.parametrize("keep", [6, 100, -1])
def test_a_cut_file_is_told(keep: int, tmp_path: Path) -> None:
    path = write(tmp_path / "r_202605011200.tif", np.ones((50, 60), "float32"))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"r_202605011200\.tif"):
        open_cube(path).compute()


@pytest.mark.parametrize(("code", "value"), [(256, 0), (257, 0), (257, 2**31)])
def test_a_raster_of_no_or_impossible_size_is_refused(code: int, value: int, tmp_path: Path) -> None:
    path = write(tmp_path / "r_202605011200.tif")
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages[0].tags[code].overwrite(value, dtype="I")
    with pytest.raises(InputError, match="damaged"):
        open_cube(path)


def test_a_rotated_raster_is_refused(tmp_path: Path) -> None:
    matrix = (1.0, 0.5, 0.0, 0.0, 0.5, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    with pytest.raises(InputError, match="rotated"):
        open_cube(write(tmp_path / "r_202605011200.tif", more=[(34264, "d", 16, matrix, True)]))


def test_the_real_composite(shared_data: Path) -> None:
    cube = open_cube(next((shared_data / "radar" / "fmi_20170509_geotiff").glob("*.tif")), crop="3000:3200,2000:2200")
    assert cube.attrs["units"] == "dBZ"
    assert str(cube["time"].values[0])[:16] == "2017-05-09T10:45"
    assert np.diff(cube["x"].values)[0] == pytest.approx(250.00401887)
    assert np.diff(cube["y"].values)[0] == pytest.approx(-250.01398393)
    assert cube["crs"].attrs["projected_crs_name"] == "ETRS89 / TM35FIN(E,N)"


def test_feet_stay_feet_and_are_called_so(tmp_path: Path) -> None:
    cube = open_cube(write(tmp_path / "r_202605011200.tif", epsg=2263))
    assert cube["x"].attrs["units"] == cube["y"].attrs["units"] == "US_survey_foot"
    assert cube["x"].values[0] == 1125


def test_bands_of_several_scales_are_not_read_by_the_first(tmp_path: Path) -> None:
    items = "".join(
        f'<Item name="SCALE" sample="{band}" role="scale">{scale}</Item>' for band, scale in enumerate((0.1, 0.5))
    )
    more = [(42112, "s", 0, f"<GDALMetadata>{items}</GDALMetadata>", True)]
    path = write(tmp_path / "r_202605011200.tif", np.stack([VALUES, VALUES], axis=-1), more=more)
    with pytest.raises(InputError, match="bands differ in scale"):
        open_cube(path)


def test_the_time_is_the_one_that_is_a_time(tmp_path: Path) -> None:
    text = (
        '<GDALMetadata><Item name="Integration time">60</Item><Item name="Time">2026-05-01T12:05</Item></GDALMetadata>'
    )
    cube = open_cube(write(tmp_path / "a.tif", more=[(42112, "s", 0, text, True)]))
    assert str(cube["time"].values[0])[:16] == "2026-05-01T12:05"


def test_a_series_without_times_begins_when_one_says(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / f"r{number}.tif")
    cube = open_cube(tmp_path, start_time="2026-05-01T12:00", time_step="5min")
    assert cube["time"].dt.strftime("%H:%M").values.tolist() == ["12:00", "12:05", "12:10"]
    alone = open_cube(tmp_path / "r0.tif", start_time="2026-05-01T12:00")
    assert str(alone["time"].values[0])[:16] == "2026-05-01T12:00"
    named = open_cube(write(tmp_path / "r_202605011300.tif"), start_time="2026-05-01T12:00")
    assert str(named["time"].values[0])[:16] == "2026-05-01T13:00"

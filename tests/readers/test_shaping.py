from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers import open_cube
from nowcast.readers.options import Options
from nowcast.readers.shaping import shaped
from nowcast.writers import write_cube

Maker = Callable[..., xr.DataArray]


def test_nothing_said_nothing_changed(cube: xr.DataArray) -> None:
    xr.testing.assert_identical(shaped(cube, Options()), cube)


def test_a_value_can_be_declared_missing_and_stays_so_in_the_file(cube_maker: Maker, tmp_path: Path) -> None:
    values = np.array([0, 3, 5, 0], dtype="int16").reshape(1, 1, 2, 2).repeat(2, axis=0)
    cube = cube_maker((2, 1, 2, 2), values=values)
    masked = shaped(cube, Options(missing_value=0))
    assert masked.attrs["declared_missing_value"] == 0
    np.testing.assert_array_equal(np.isnan(masked.values), values == 0)
    write_cube(masked, tmp_path / "a.nc")
    with xr.open_dataset(tmp_path / "a.nc", mask_and_scale=False) as stored:
        assert stored["rain_rate"].dtype == "int16"
        assert stored["rain_rate"].attrs["_FillValue"] == 0
    np.testing.assert_array_equal(open_cube(tmp_path / "a.nc").values, masked.values)


@pytest.mark.parametrize(("dtype", "value"), [("uint8", -1), ("uint8", 0.5), ("int16", 1e9), ("float32", 1e40)])
def test_a_value_that_the_field_cannot_hold_stands_for_nothing(dtype: str, value: float, cube_maker: Maker) -> None:
    cube = cube_maker((1, 1, 1, 3), values=np.array([0, 3, 255], dtype).reshape(1, 1, 1, 3))
    with pytest.raises(InputError, match=f"--missing-value .* no pixel can be that(?s:.*){dtype}"):
        shaped(cube, Options(missing_value=value))


def test_a_value_is_the_decoded_one(cube_maker: Maker) -> None:
    cube = cube_maker((1, 1, 1, 3), values=np.array([-32.0, 0.0, 8.0], "float32").reshape(1, 1, 1, 3))
    cube.encoding = {"dtype": np.dtype("uint8"), "scale_factor": 0.5, "add_offset": -32.0}
    masked = shaped(cube, Options(missing_value=-32))
    assert np.isnan(masked.values.ravel()).tolist() == [True, False, False]
    assert masked.encoding["_FillValue"] == 0


def test_a_part_of_time_and_of_the_field(cube: xr.DataArray) -> None:
    part = shaped(cube, Options(since="2026-05-01T00:10", until="2026-05-01T00:20", crop="2:5,1:"))
    assert part.shape == (3, 1, 3, 9)
    assert float(part[0, 0, 0, 0]) == 2021
    assert part["y"].values.tolist() == cube["y"].values[2:5].tolist()
    assert part.attrs["cropped"] == "2:5,1:"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (Options(since="2027-01-01"), "--since"),
        (Options(crop="0:99,0:5"), "--crop 0:99,0:5"),
        (Options(crop="5:5,0:5"), "--crop 5:5,0:5 is empty"),
        (Options(coarsen=11), "--coarsen 11"),
        (Options(zr="200,1.6"), "--zr"),
    ],
)
def test_what_leaves_nothing_or_means_nothing_is_refused(options: Options, told: str, cube: xr.DataArray) -> None:
    with pytest.raises(InputError, match=told):
        shaped(cube, options)


def test_classes_become_where_the_field_is_one_of_them(cube_maker: Maker) -> None:
    values = np.array([1, 7, 8, 13], dtype="uint8").reshape(1, 1, 2, 2)
    cube = cube_maker((1, 1, 2, 2), values=values, name="CT", units="1")
    cube = cube.assign_attrs(flag_values=np.array([1, 7, 8, 13]), flag_meanings="land low mid high")
    high = shaped(cube, Options(classes="8,13"))
    assert high.values.ravel().tolist() == [0, 0, 1, 1]
    assert high.attrs["classes_forecast"] == "8,13"
    assert not any(key.startswith("flag") for key in high.attrs)
    gap = cube.astype("float32").where(cube != 7)
    assert np.isnan(shaped(gap, Options(classes="8")).values.ravel()).tolist() == [False, True, False, False]


@pytest.mark.parametrize("options", [Options(coarsen=2), Options(size="4x4")])
def test_classes_are_never_averaged(options: Options, cube_maker: Maker) -> None:
    cube = cube_maker((1, 1, 2, 2), values=np.ones((1, 1, 2, 2), "uint8"), name="CT")
    with pytest.raises(InputError, match="classes cannot be averaged"):
        shaped(cube, options)
    averaged = shaped(cube, Options(**{**options.given(), "classes": "1"}))
    assert float(averaged.mean()) == 1


def test_reflectivity_becomes_rain_by_the_stated_relation_alone(cube_maker: Maker) -> None:
    values = np.array([-32.0, 0.0, 23.0, np.nan], "float32").reshape(1, 1, 2, 2)
    cube = cube_maker((1, 1, 2, 2), values=values, name="reflectivity", units="dBZ")
    cube = cube.assign_attrs(no_echo_value=-32.0, standard_name="equivalent_reflectivity_factor")
    rain = shaped(cube, Options(zr="200,1.6"))
    # Marshall-Palmer: 23 dBZ is 1 mm/h, for 10 log10(200) = 23.01
    np.testing.assert_allclose(rain.values.ravel(), [0, (1 / 200) ** (1 / 1.6), 0.9985, np.nan], rtol=1e-3)
    assert rain.values.ravel()[0] == 0
    assert (rain.name, rain.attrs["units"], rain.attrs["zr_relation"]) == ("rain_rate", "mm h-1", "Z = 200 R^1.6")
    assert "no_echo_value" not in rain.attrs
    with pytest.raises(InputError, match=r"already by Z = 200 R\^1\.6"):
        shaped(rain, Options(zr="200,1.6"))


def test_it_is_all_lazy(cube: xr.DataArray) -> None:
    def fail(block: np.ndarray) -> np.ndarray:
        raise AssertionError("read")

    lazy = cube.copy(
        data=cube.chunk({"time": 2}).data.map_blocks(fail, dtype=cube.dtype, meta=np.empty((0,) * 4, "f4"))
    )
    said = Options(missing_value=0, since="2026-05-01", crop="0:8,0:8", coarsen=2, size="3x3")
    with pytest.raises(AssertionError, match="read"):
        shaped(lazy, said).compute()
    assert shaped(lazy, said).shape == (12, 1, 3, 3)

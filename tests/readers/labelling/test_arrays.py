"""What a user has in hand, as a cube: names, order, laziness, and what is refused with what to type."""

from __future__ import annotations

from collections.abc import Callable

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from nowcast.cube import source_dims
from nowcast.errors import InputError
from nowcast.readers.labelling.arrays import cube_of

Maker = Callable[..., xr.DataArray]


@pytest.mark.parametrize(
    "dims", [("t", "y", "x"), ("time", "lat", "lon"), ("valid_time", "latitude", "longitude"), ("frame", "row", "col")]
)
def test_usual_names(dims: tuple[str, ...], cube_maker: Maker) -> None:
    cube = cube_maker()
    array = cube[:, 0].drop_attrs().rename(dict(zip(("time", "y", "x"), dims, strict=True)))
    found = cube_of(array)
    assert found.dims == ("time", "channel", "y", "x")
    np.testing.assert_array_equal(found, cube)
    for axis in ("time", "y", "x"):
        np.testing.assert_array_equal(found[axis], cube[axis])
    names = source_dims(found)
    assert tuple(names[ours] for ours in ("time", "y", "x")) == dims
    turned = cube_of(array.transpose(dims[2], dims[0], dims[1]))
    np.testing.assert_array_equal(turned, found)


def test_axes_are_known_by_their_attributes_where_names_say_nothing(cube_maker: Maker) -> None:
    cube = cube_maker()
    array = cube[:, 0].rename(time="a", y="b", x="c").transpose("c", "b", "a")
    np.testing.assert_array_equal(cube_of(array), cube)


def test_a_cube_comes_back_as_it_is(cube_maker: Maker) -> None:
    cube = cube_maker()
    assert cube_of(cube) is cube
    xr.testing.assert_identical(cube_of(cube.to_dataset(name="rain")), cube.rename("rain"))


def test_what_is_lazy_is_not_computed(cube_maker: Maker) -> None:
    def never(block: np.ndarray) -> np.ndarray:
        raise AssertionError("computed")

    cube = cube_maker()[:, 0].rename(time="t")
    lazy = cube.copy(data=da.map_blocks(never, cube.chunk(t=3).data, dtype="float32", meta=np.empty((0, 0, 0), "f4")))
    assert cube_of(lazy).chunks[0] == (3, 3, 3, 3)


def test_an_array_without_a_name_and_an_axis_of_one(cube_maker: Maker) -> None:
    array = cube_maker().isel(channel=0).expand_dims(height=[10.0]).rename(None)
    found = cube_of(array)
    assert (found.name, found.shape) == ("field", (12, 1, 8, 10))


def refused(source: xr.DataArray | xr.Dataset) -> str:
    with pytest.raises(InputError) as error:
        cube_of(source)
    return str(error.value)


def test_no_times_are_asked_for_in_python(cube_maker: Maker) -> None:
    told = refused(cube_maker()[:, 0].drop_vars("time").rename(time="t"))
    assert "the axis 't' has no times" in told
    assert '.assign_coords(t=pandas.date_range("2026-05-01", periods=12, freq="5min"))' in told


def test_several_fields_and_none_are_refused_by_name(
    cube_maker: Maker, products_maker: Callable[..., xr.Dataset]
) -> None:
    cube = cube_maker()
    told = refused(xr.Dataset({"rain": cube, "snow": cube}))
    assert "holds 2 fields" in told
    assert "rain, snow" in told
    assert "dataset['rain'].nowcast" in told
    assert "holds no field" in refused(xr.Dataset({"series": ("time", [1.0, 2.0])}))
    forecast = products_maker(cube)
    for each in (forecast, forecast["rain_rate"]):
        assert "this is a forecast" in refused(each)


def test_an_axis_too_many_is_refused(cube_maker: Maker) -> None:
    assert "'height'" in refused(cube_maker()[:, 0].expand_dims(height=[1.0, 2.0]))

"""What turns and mirror images a grid and its physics allow; what is asked for in vain is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.sampling import Symmetry, symmetries

Maker = Callable[..., xr.DataArray]
SQUARE, OBLONG = (32, 32), (32, 48)


@pytest.fixture
def radar(cube_maker: Maker) -> xr.DataArray:
    return cube_maker((3, 1, 8, 10))


@pytest.fixture
def cells(radar: xr.DataArray) -> xr.DataArray:
    step = {"units": "um"}
    plain = radar.drop_vars("crs").assign_coords(
        y=("y", 0.35 * np.arange(8), step), x=("x", 0.35 * np.arange(10), step)
    )
    del plain.attrs["grid_mapping"]
    return plain.rename("intensity")


@pytest.fixture
def degrees(radar: xr.DataArray) -> xr.DataArray:
    return radar.assign_coords(
        y=("y", 50 + 0.1 * np.arange(8), {"units": "degrees_north"}),
        x=("x", 0.1 * np.arange(10), {"units": "degrees_east"}),
    )


def test_as_it_stands_unless_asked(radar: xr.DataArray) -> None:
    assert symmetries(radar, SQUARE, "none") == (Symmetry(False, 0),)


def test_weather_on_a_map_is_turned_but_not_mirrored(radar: xr.DataArray) -> None:
    assert symmetries(radar, SQUARE, "auto") == tuple(Symmetry(False, turns) for turns in range(4))
    assert symmetries(radar, OBLONG, "auto") == (Symmetry(False, 0), Symmetry(False, 2))
    stretched = radar.assign_coords(x=radar["x"] * 2)
    assert symmetries(stretched, SQUARE, "auto") == (Symmetry(False, 0), Symmetry(False, 2))


def test_cells_have_no_handedness(cells: xr.DataArray) -> None:
    assert len(set(symmetries(cells, SQUARE, "auto"))) == 8
    assert {each.turns % 2 for each in symmetries(cells, OBLONG, "auto")} == {0}


def test_video_has_an_up(cells: xr.DataArray) -> None:
    video = cells.drop_vars(["y", "x"])
    counted = cells.assign_coords(y=0.5 + 2 * np.arange(8), x=0.5 + 2 * np.arange(10))
    for each in (video, counted, counted.assign_coords(x=counted["x"].assign_attrs(units="1"))):
        assert symmetries(each, SQUARE, "auto") == (Symmetry(False, 0), Symmetry(True, 0))


def test_degrees_are_no_lengths(degrees: xr.DataArray) -> None:
    assert symmetries(degrees, SQUARE, "auto") == (Symmetry(False, 0),)
    for asked in ("flips", "rotations", "all"):
        with pytest.raises(InputError, match=r"(?s)--augment .* a degree of longitude.*degrees_"):
            symmetries(degrees, SQUARE, asked)


def test_components_of_vectors_stay_as_they_are(radar: xr.DataArray) -> None:
    wind = radar.assign_attrs(standard_name="eastward_wind")
    assert symmetries(wind, SQUARE, "auto") == (Symmetry(False, 0),)
    with pytest.raises(InputError, match="components would have to be turned too"):
        symmetries(wind, SQUARE, "flips")
    with pytest.raises(InputError, match="components"):
        symmetries(radar.assign_coords(channel=["u10"]), SQUARE, "rotations")


def test_what_is_asked_for_is_given_or_refused(radar: xr.DataArray) -> None:
    assert len(symmetries(radar, SQUARE, "all")) == 8
    assert len(symmetries(radar, SQUARE, "flips")) == 4
    assert {each.turns % 2 for each in symmetries(radar, OBLONG, "flips")} == {0}
    with pytest.raises(InputError, match=r"(?s)must be square.*32 x 48"):
        symmetries(radar, OBLONG, "rotations")

"""No cube is forecast that the model was not made for."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import xarray as xr

from nowcast import model_file
from nowcast.errors import InputError
from nowcast.model_file import Card

Carder = Callable[..., Card]
Change = Callable[[xr.DataArray], xr.DataArray]


def coarse(cube: xr.DataArray) -> xr.DataArray:
    return cube.assign_coords(y=cube["y"] * 2, x=cube["x"] * 2)


MISFITS: dict[str, tuple[Change, tuple[str, str, str]]] = {
    "variable": (lambda c: c.rename("dbz"), ("variable", "rain_rate", "dbz")),
    "units": (lambda c: c.assign_attrs(units="m s-1"), ("units", "mm h-1", "m s-1")),
    "no units": (lambda c: c.drop_attrs(deep=False), ("units", "mm h-1", "None")),
    "channels": (lambda c: xr.concat([c, c], "channel"), ("channels", "1", "2")),
    "time step": (lambda c: c[::2], ("time step", "300 s", "600 s")),
    "grid step": (
        lambda c: coarse(c).assign_coords(
            y=("y", 2000.0 * c["y"].values / 1000, {"units": "m"}),
            x=("x", 2000.0 * c["x"].values / 1000, {"units": "m"}),
        ),
        ("grid step", "1000 x 1000 m", "2000 x 2000 m"),
    ),
    "no grid": (lambda c: c.drop_vars("x"), ("grid step", "1000 x 1000 m", "none")),
    "degrees": (
        lambda c: c.assign_coords(
            y=("y", c["y"].values, {"units": "degrees_north"}), x=("x", c["x"].values, {"units": "degrees_east"})
        ),
        ("grid step", "1000 x 1000 m", "1000 x 1000 degrees_east"),
    ),
}


@pytest.mark.parametrize(("change", "row"), MISFITS.values(), ids=MISFITS.keys())
def test_what_does_not_fit_is_one_row_of_wants_and_has(
    card_of: Carder, cube: xr.DataArray, change: Change, row: tuple[str, str, str]
) -> None:
    card = card_of(cube)
    assert model_file.mismatches(card, cube) == []
    assert model_file.mismatches(card, change(cube)) == [row]


def kilometres(cube: xr.DataArray) -> xr.DataArray:
    return cube.assign_coords(
        y=("y", cube["y"].values / 1000, {"units": "km"}), x=("x", cube["x"].values / 1000, {"units": "km"})
    )


def test_a_kilometre_is_a_thousand_metres_either_way(card_of: Carder, cube: xr.DataArray) -> None:
    assert model_file.mismatches(card_of(cube), kilometres(cube)) == []
    assert model_file.mismatches(card_of(kilometres(cube)), cube) == []
    assert [name for name, _, _ in model_file.mismatches(card_of(cube), kilometres(coarse(cube)))] == ["grid step"]


def test_one_frame_has_no_time_step_to_differ_by(card_of: Carder, cube: xr.DataArray) -> None:
    assert model_file.mismatches(card_of(cube), cube.isel(time=[0])) == []


def test_a_clock_that_jitters_still_fits(card_of: Carder, cube: xr.DataArray) -> None:
    assert model_file.mismatches(card_of(cube, time_step_seconds=301.0), cube) == []
    assert len(model_file.mismatches(card_of(cube, time_step_seconds=310.0), cube)) == 1


def test_the_refusal_is_a_table_of_all_that_does_not_fit(card_of: Carder, cube: xr.DataArray) -> None:
    other = cube.rename("dbz").assign_attrs(units="dBZ")[::2]
    model_file.require(card_of(cube), cube, path="run/model.safetensors")
    with pytest.raises(InputError, match=r"run/model.safetensors was not trained for variable 'dbz'") as caught:
        model_file.require(card_of(cube), other, path="run/model.safetensors")
    text = str(caught.value)
    for words in ("wants rain_rate; cube has dbz", "wants mm h-1; cube has dBZ", "wants 300 s; cube has 600 s"):
        assert words in text
    assert "no forecast was made" in text
    assert "grid step" not in text

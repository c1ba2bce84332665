"""Climatology is the mean of the frames of the training part, as far as they were observed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr

from nowcast.run.baselines.climatology import climatology

Like = Callable[..., xr.DataArray]


def test_climatology_is_the_mean_of_what_was_observed(cube: xr.DataArray, like: Like) -> None:
    cube[1, 0, 2, 2] = np.nan
    cube[:, 0, 3, 3] = np.nan
    wanted = like(cube, [8, 9])
    found = climatology(cube, [0, 1, 2, 5], wanted)
    xr.testing.assert_identical(found.coords.to_dataset(), wanted.coords.to_dataset())
    for case in (0, 1):
        assert found[case, 1, 0, 0, 0] == 2000
        assert found[case, 1, 0, 2, 2] == pytest.approx(7000 / 3 + 22)
        assert np.isnan(found[case, 1, 0, 3, 3])
    assert found.attrs["forecaster"] == "climatology"


def test_climatology_reads_no_more_frames_than_it_needs(
    cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch, like: Like
) -> None:
    monkeypatch.setattr("nowcast.run.baselines.climatology.MOST_AVERAGED", 3)
    found = climatology(cube, range(11), like(cube, [9]))
    assert found.attrs["frames"] == 3
    assert found[0, 0, 0, 0, 0] == 5000

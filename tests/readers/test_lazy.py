from __future__ import annotations

import pickle
from pathlib import Path

import dask
import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.readers.lazy import guarded, lazily

DATA = np.arange(7 * 3 * 4, dtype="float32").reshape(7, 3, 4)
PATH = Path("frames.bin")


def load(first: int, stop: int) -> np.ndarray:
    return DATA[first:stop]


def test_nothing_is_loaded_before_it_is_asked_for_and_then_only_that() -> None:
    asked: list[tuple[int, int]] = []

    def watched(first: int, stop: int) -> np.ndarray:
        asked.append((first, stop))
        return load(first, stop)

    frames = lazily(PATH, watched, frames=7, shape=(3, 4), dtype="float32", at_once=2)
    assert asked == []
    assert frames.chunks == ((2, 2, 2, 1), (3,), (4,))
    np.testing.assert_array_equal(frames[3, 1:, ::2].compute(scheduler="synchronous"), DATA[3, 1:, ::2])
    assert asked == [(3, 4)] or asked == [(2, 4)]
    np.testing.assert_array_equal(frames.compute(), DATA)


@pytest.mark.parametrize("key", [np.s_[::2], np.s_[::-1], np.s_[-1], np.s_[2:2], np.s_[:, 0], np.s_[5:1:-2, :, 1:3]])
def test_slices_are_those_of_numpy(key: tuple[slice, ...]) -> None:
    frames = lazily(PATH, load, frames=7, shape=(3, 4), dtype="float32", at_once=3)
    np.testing.assert_array_equal(frames[key].compute(), DATA[key])


def test_values_come_in_the_promised_type() -> None:
    assert lazily(PATH, load, frames=7, shape=(3, 4), dtype="float64").compute().dtype == "float64"


def test_what_was_not_promised_is_refused_by_the_file_s_name() -> None:
    frames = lazily(PATH, lambda first, stop: DATA[first:stop, :2], frames=7, shape=(3, 4), dtype="float32")
    with pytest.raises(InputError, match=r"frames\.bin: frames \d to \d are not what the file promised"):
        frames.compute()


def test_an_error_of_reading_names_the_file() -> None:
    def cut(first: int, stop: int) -> np.ndarray:
        raise EOFError("ended early")

    with pytest.raises(InputError, match=r"frames\.bin: damaged"):
        lazily(PATH, cut, frames=7, shape=(3, 4), dtype="float32").compute()


def test_frames_travel_to_other_processes() -> None:
    frames = lazily(PATH, load, frames=7, shape=(3, 4), dtype="float32")
    again = pickle.loads(pickle.dumps(frames))
    with dask.config.set(scheduler="synchronous"):
        np.testing.assert_array_equal(again.compute(), DATA)


class Broken(xr.backends.BackendArray):
    """A lazy array whose file turns out to be damaged."""

    shape, dtype = (4, 3), np.dtype("float32")

    def __getitem__(self, key: object) -> np.ndarray:
        raise KeyError("a table that is not there")


def test_a_variable_in_chunks_has_the_same_values_and_attributes() -> None:
    variable = xr.Variable(("y", "x"), np.arange(12.0).reshape(4, 3), {"units": "mm"}, {"dtype": "int16"})
    chunked = guarded(variable, {"y": 2, "x": 3}, name="rain", label="a.nc")
    assert chunked.chunks == ((2, 2), (3,))
    assert (chunked.attrs, chunked.encoding) == (variable.attrs, variable.encoding)
    np.testing.assert_array_equal(chunked[1:, ::2].values, variable.values[1:, ::2])


def test_any_error_while_a_chunk_is_loaded_names_the_file_and_the_variable() -> None:
    variable = xr.Variable(("y", "x"), xr.core.indexing.LazilyIndexedArray(Broken()))
    chunked = guarded(variable, {"y": 2, "x": 3}, name="rain", label="a.nc")
    with pytest.raises(InputError, match=r"(?s)a\.nc: damaged, variable 'rain' cannot be read.*KeyError") as caught:
        chunked.load()
    assert isinstance(caught.value.__cause__, KeyError)

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import xarray as xr

from nowcast.readers.labelling.packing import unpack


def decode(values: list, dtype: str, **attrs) -> xr.Variable:
    lazy = xr.Variable("x", da.from_array(np.array(values, dtype), chunks=2), attrs)
    done, eager = unpack(lazy), unpack(xr.Variable("x", np.array(values, dtype), attrs))
    assert done.chunks is not None
    assert done.dtype == done.values.dtype == eager.dtype
    np.testing.assert_array_equal(done.values, eager.values)
    return done


nan = np.nan


@pytest.mark.parametrize(
    ("values", "dtype", "attrs", "wanted", "out"),
    [
        ([1, 2, 3], "i2", {}, [1, 2, 3], "int16"),
        ([1, 2, 3], ">i2", {}, [1, 2, 3], "int16"),
        ([1, 2, -1], "i2", {"_FillValue": -1}, [1, 2, nan], "float32"),
        ([1, 2, 300000], "i4", {"missing_value": 2}, [1, nan, 300000], "float64"),
        ([10, 20, -32768], "i2", {"scale_factor": 0.05, "_FillValue": -32768}, [0.5, 1.0, nan], "float32"),
        ([0, 1], "i2", {"scale_factor": 0.01, "add_offset": 1e6}, [1e6, 1e6 + 0.01], "float64"),
        ([0, 10], "i4", {"scale_factor": 0.1}, [0.0, 1.0], "float64"),
        ([-1, -2, 5], "i1", {"_Unsigned": "true", "_FillValue": -1}, [nan, 254, 5], "float32"),
        ([-1, -2, 5], "i1", {"_Unsigned": "true"}, [255, 254, 5], "uint8"),
        ([255, 5], "u1", {"_Unsigned": "false"}, [-1, 5], "int8"),
        ([1, 5, 9], "u1", {"valid_min": 2, "valid_max": 8}, [nan, 5, nan], "float32"),
        ([1, 5, 9], "u1", {"valid_range": [2, 8], "scale_factor": 10.0}, [nan, 50, nan], "float32"),
        ([1, 5, 9], "u1", {"valid_range": [20.0, 80.0], "scale_factor": 10.0}, [nan, 50, nan], "float32"),
        ([0.5, -999.9, nan], "f4", {"missing_value": -999.9}, [0.5, nan, nan], "float32"),
        ([0.1, 0.2], "f4", {"valid_max": 0.1}, [0.1, nan], "float32"),
        ([1, 7, 9], "u1", {"missing_value": [7, 9]}, [1, nan, nan], "float32"),
    ],
)
def test_values(values: list, dtype: str, attrs: dict, wanted: list, out: str) -> None:
    done = decode(values, dtype, **attrs)
    assert done.dtype == out
    np.testing.assert_array_equal(done.values, np.array(wanted, out))


def test_packing_stays_exact_in_the_encoding() -> None:
    done = decode(
        [1], "i2", scale_factor=np.float64(0.05), add_offset=np.float64(0.0), _FillValue=np.int16(-1), units="K"
    )
    assert done.attrs == {"units": "K"}
    assert done.encoding == {"dtype": np.dtype("i2"), "scale_factor": 0.05, "add_offset": 0.0, "_FillValue": -1}


def test_coordinates_unpack_in_double_precision_and_are_not_cut() -> None:
    packed = xr.Variable("x", np.array([0, 1], "i2"), {"scale_factor": 5.6e-05, "valid_max": 0})
    np.testing.assert_array_equal(unpack(packed, coordinate=True).values, [0.0, 5.6e-05])

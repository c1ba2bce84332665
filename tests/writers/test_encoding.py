"""Times, labels and attributes come back from what NetCDF and JSON both hold."""

from __future__ import annotations

import numpy as np
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from nowcast.writers.encoding import encode, encode_attrs, encode_dataset


@given(
    st.lists(st.integers(-(2**31), 2**33), min_size=1, max_size=5),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from(["s", "ms", "us", "ns"]),
    st.sampled_from(["datetime64", "timedelta64"]),
)
def test_times_survive_as_integers(numbers: list[int], grain: str, held: str, kind: str) -> None:
    values = np.array([1_000_000 + n % 10**9 for n in numbers], dtype=f"{kind}[{grain}]").astype(f"{kind}[{held}]")
    encoded = encode_dataset(xr.Dataset({"t": ("i", values)}))
    assert encoded["t"].dtype == np.int64
    np.testing.assert_array_equal(xr.decode_cf(encoded)["t"].values, values)


def test_a_missing_time_stays_missing() -> None:
    values = np.array(["2026-01-01", "NaT"], dtype="datetime64[ns]")
    decoded = xr.decode_cf(encode_dataset(xr.Dataset({"t": ("i", values)})))
    np.testing.assert_array_equal(decoded["t"].values, values)


def test_labels_and_attributes_become_text_and_numbers() -> None:
    variable = encode(xr.Variable("i", np.array([b"a", b"b"]), {"flag": True, "table": {"a": 1}, "nothing": None}))
    assert variable.values.tolist() == ["a", "b"]
    assert variable.attrs == {"flag": 1, "table": '{"a": 1}'}
    assert variable.encoding == {"_FillValue": None}
    assert encode_attrs({"CLASS": "x", "a/b": b"text"}) == {"a_b": "text"}

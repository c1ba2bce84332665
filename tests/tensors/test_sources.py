"""What windows are read from: packed integers where they can stay so, scaled values everywhere else, the same bits."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from nowcast.errors import InputError
from nowcast.scaling import Scaler
from nowcast.tensors.sources import SLAB_BYTES, Codes, Scaled, Source, source_of
from nowcast.windows import plan

Maker = Callable[..., xr.DataArray]
LOG = Scaler("log", 0.0, 5.0, floor=0.1)
REGION = (slice(1, 14), slice(2, 9), slice(0, 7))


def scaled(source: Source) -> np.ndarray:
    numbers = source.read(*REGION)
    if source.table is None:
        return numbers
    return source.table[numbers.view(f"u{numbers.dtype.itemsize}")]


def truth(cube: xr.DataArray) -> np.ndarray:
    return LOG.apply(cube.compute().values)[REGION[0], :, REGION[1], REGION[2]]


def test_a_store_of_packed_integers_stays_packed(packed: xr.DataArray) -> None:
    source = source_of(packed, LOG)
    assert isinstance(source, Codes)
    assert source.dtype == np.dtype("int16")
    assert [len(edge) - 1 for edge in source.edges] == [4, 3, 3], "the chunks of the store"
    np.testing.assert_array_equal(scaled(source), truth(packed))
    assert np.isnan(truth(packed)).any()


@pytest.mark.parametrize(
    "change",
    [
        lambda cube: cube * 2,
        lambda cube: cube.isel(time=slice(0, 14)),
        lambda cube: cube.where(cube > 0.05),
        lambda cube: cube.chunk(time=3),
        lambda cube: cube.rolling(time=2, min_periods=1).mean(),
    ],
    ids=["arithmetic", "selection", "mask", "chunks", "rolling"],
)
def test_whatever_was_done_to_a_cube_is_in_the_values(
    packed: xr.DataArray, change: Callable[[xr.DataArray], xr.DataArray]
) -> None:
    changed = change(packed)
    source = source_of(changed, LOG)
    assert isinstance(source, Scaled)
    np.testing.assert_array_equal(scaled(source), truth(changed))


def test_packed_or_not_the_bits_are_the_same(packed: xr.DataArray) -> None:
    np.testing.assert_array_equal(scaled(source_of(packed, LOG)), scaled(source_of(packed, LOG, packed=False)))


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "int16", ">i2", "int32", "float64"])
@pytest.mark.parametrize("lazy", [False, True])
def test_integers_of_any_kind(cube_maker: Maker, kind: str, lazy: bool) -> None:
    values = np.random.default_rng(0).integers(0, 120, (16, 2, 9, 11)).astype(kind)
    values[3] = np.iinfo(kind).min if np.dtype(kind).kind in "iu" else -3
    cube = cube_maker((16, 2, 9, 11), values=values)
    source = source_of(cube.chunk(time=5) if lazy else cube, Scaler("zscore", 1.0, 3.0))
    assert isinstance(source, Codes) == (not lazy and np.dtype(kind).itemsize <= 2)
    expected = Scaler("zscore", 1.0, 3.0).apply(values)[REGION[0], :, REGION[1], REGION[2]]
    np.testing.assert_array_equal(scaled(source), expected)


def test_a_store_of_floats_is_read_by_its_own_chunks(cube_maker: Maker, tmp_path: Path) -> None:
    import nowcast

    cube = cube_maker((16, 1, 9, 11))[:, 0].drop_vars("crs")
    cube.to_dataset().to_zarr(tmp_path / "a.zarr", consolidated=False, encoding={"rain_rate": {"chunks": (5, 4, 11)}})
    opened = nowcast.open_cube(tmp_path / "a.zarr")
    source = source_of(opened, LOG)
    assert [edge.tolist() for edge in source.edges] == [[0, 5, 10, 15, 16], [0, 4, 8, 9], [0, 11]]
    np.testing.assert_array_equal(scaled(source), truth(opened))


def test_a_source_can_be_read_in_another_process(packed: xr.DataArray) -> None:
    for source in (source_of(packed, LOG), source_of(packed * 1, LOG)):
        there = pickle.loads(pickle.dumps(source))
        np.testing.assert_array_equal(scaled(there), scaled(source))


def test_long_stretches_are_read_in_pieces(cube_maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    cube = cube_maker((40, 1, 9, 11)).chunk(time=4)
    monkeypatch.setattr("nowcast.tensors.sources.SLAB_BYTES", 9 * 11 * 4 * 8)
    assert SLAB_BYTES > 10**6
    reads: list[int] = []
    read = xr.DataArray.isel

    def counted(self: xr.DataArray, *args: object, **kwargs: object) -> xr.DataArray:
        found = read(self, *args, **kwargs)
        reads.append(found.sizes["time"])
        return found

    monkeypatch.setattr(xr.DataArray, "isel", counted)
    numbers = source_of(cube, Scaler("unit", 0.0, 1.0)).read(slice(2, 40), slice(0, 9), slice(0, 11))
    np.testing.assert_array_equal(numbers, cube.values[2:])
    assert reads == [10, 8, 8, 8, 4]


def test_a_damaged_store_is_told_by_its_name(packed: xr.DataArray) -> None:
    store = Path(packed.encoding["source"])
    chunk = store / "rain_rate" / "c" / "0" / "0" / "0"
    chunk.write_bytes(b"garbage" * 5)
    for source in (source_of(packed, LOG), source_of(packed + 0, LOG)):
        with pytest.raises(InputError, match=r"packed.zarr.*damaged"):
            source.read(*REGION)


def test_no_plan_is_needed_to_know_the_chunks_of_an_array(cube_maker: Maker) -> None:
    cube = cube_maker((6, 1, 3, 4))
    assert [len(edge) for edge in source_of(cube, LOG).edges] == [7, 4, 5]
    assert len(plan(cube, context=2, horizon=1)) == 4

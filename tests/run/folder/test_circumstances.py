"""What a run was begun on, gone on with, and how long it took is written down."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from nowcast.cube import DATASET_PREFIX
from nowcast.datasets import advected_echoes
from nowcast.description.hashing import fingerprint
from nowcast.run.folder.circumstances import Durations, begun_on, circumstances, licences, taken_up


@pytest.mark.parametrize(
    ("source", "paths"),
    [("radar.zarr", ["radar.zarr"]), (Path("a"), ["a"]), (["a", Path("b")], ["a", "b"]),
     (xr.DataArray(np.zeros(2)), []), ([xr.DataArray(np.zeros(2))], [])],
    ids=["text", "path", "several", "cube", "cubes"],
)  # fmt: skip
def test_paths_machine_and_time_are_told(tmp_path: Path, source: Any, paths: list[str]) -> None:
    cube = advected_echoes(frames=5, size=8)
    begun_on(tmp_path, source, [cube])
    told = json.loads((tmp_path / "circumstances.json").read_text())
    assert told["sources"] == paths
    assert told["fingerprints"] == [fingerprint(cube)]
    assert told["begun"].endswith(" UTC")
    assert told["versions"]["python"].startswith("3.")
    assert {"torch", "lightning", "xarray", "numpy"} <= set(told["versions"])
    assert "core(s)" in told["hardware"]
    assert told["machine"]["threads"] >= 1
    assert set(told["git"]) == {"working_directory", "nowcast"}


def test_licences_are_told_in_the_words_of_the_files() -> None:
    cube = advected_echoes(frames=2, size=4)
    own = cube.assign_attrs({"License": "CC-BY-4.0 ", f"{DATASET_PREFIX}rights": "free", "long_name": "license"})
    assert licences([cube]) == []
    assert licences([own, own, cube.assign_attrs(licence="")]) == ["CC-BY-4.0", "free"]


def test_a_run_that_goes_on_says_so_and_keeps_what_it_began_with(tmp_path: Path) -> None:
    begun_on(tmp_path, "a", [])
    begun = circumstances(tmp_path)
    taken_up(tmp_path)
    taken_up(tmp_path)
    told = circumstances(tmp_path)
    again = told.pop("resumed")
    assert told == begun
    assert [set(each) for each in again] == 2 * [{"at", "hardware", "machine", "versions", "git"}]


def test_phases_add_up_over_sittings(tmp_path: Path) -> None:
    first, second = Durations(), Durations()
    with first.phase("preparing"):
        time.sleep(0.02)
    with pytest.raises(KeyError), first.phase("training"):
        {}["an error"]
    assert "training" in first.seconds
    first.seconds["training"] += 10
    first.keep(tmp_path, steps=4)
    first.keep(tmp_path)
    told = circumstances(tmp_path)["durations"]
    assert told["preparing"] >= 0.02
    assert told["training"] == pytest.approx(first.seconds["training"], abs=0.01)
    assert told["seconds_a_step"] == pytest.approx(first.seconds["training"] / 4, abs=1e-3)
    second.seconds |= {"training": 1.0, "scoring": 2.0}
    second.keep(tmp_path)
    after = circumstances(tmp_path)["durations"]
    assert after == {**told, "training": pytest.approx(told["training"] + 1), "scoring": 2.0}


@pytest.mark.parametrize("text", ["", "[1]", "{", "\xff"])
def test_of_a_damaged_file_nothing_is_known(text: str, tmp_path: Path) -> None:
    assert circumstances(tmp_path) == {}
    (tmp_path / "circumstances.json").write_bytes(text.encode("latin-1"))
    assert circumstances(tmp_path) == {}
    Durations().keep(tmp_path)
    assert circumstances(tmp_path) == {"durations": {}}

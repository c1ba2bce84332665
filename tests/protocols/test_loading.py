"""Protocols by name and from files; what is no protocol is told, and nothing in it is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nowcast.errors import InputError, UnsafeError
from nowcast.protocols import SHIPPED, load


@pytest.mark.parametrize("name", SHIPPED)
def test_what_comes_along_is_read(name: str) -> None:
    protocol, folder = load(name)
    assert protocol.name == name
    assert (folder / f"{name}.yaml").is_file()
    assert protocol.instead is None or protocol.instead in SHIPPED
    asked = protocol.metrics
    assert asked.mse is not None
    assert (asked.mse.over, asked.mse.clip) == ("sum", None)
    assert asked.ssim is not None
    assert (asked.ssim.window, asked.ssim.range, asked.ssim.clip) == ("uniform-7", 2, (0, 1))


def test_both_benchmarks_come_along() -> None:
    assert {"moving-mnist", "kth"} <= set(SHIPPED)
    kth, _ = load("kth")
    assert (kth.windows.context, kth.windows.horizon, kth.data.reading.size) == (10, 20, "128x128")


def test_a_file_and_its_folder(written: Callable[..., Path]) -> None:
    path = written()
    protocol, folder = load(path)
    assert (protocol.name, folder) == ("tiny", path.parent)


def test_a_near_miss_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no protocol") as told:
        load("moving_mnist")
    assert "nowcast benchmark moving-mnist" in str(told.value)
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("rooms", "told"),
    [
        ({"metrcs": {}}, "metrcs is not known; did you mean metrics"),
        ({"windows": {"context": 3, "horizon": 2, "strid": 5}}, "windows.strid is not known; did you mean stride"),
        ({"metrics": {"mse": {"over": "sum", "clp": [0, 1]}}}, "metrics.mse.clp is not known; did you mean clip"),
        ({"data": {"paths": ["a.nc"], "reading": {"trust_pickle": True}}}, "data.reading.trust_pickle is not known"),
        ({"data": {"paths": ["a.nc"], "reading": {"remote": True}}}, "data.reading.remote is not known"),
        ({"data": {"paths": ["a.nc"], "sha256": "abc"}}, "data.sha256"),
        ({"metrics": {"mse": {"over": "median"}}}, "metrics.mse.over"),
        ({"windows": None}, "windows.context is not said"),
    ],
)
def test_what_is_not_right_is_told(written: Callable[..., Path], rooms: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match="nothing was run") as error:
        load(written(**rooms))
    assert told in str(error.value)


@pytest.mark.parametrize(
    "line",
    ["x: !!python/object/apply:os.system ['touch hacked']", "a: &a [1]\nb: *a", "x: !!python/name:os.system"],
)
def test_objects_are_never_made(
    written: Callable[..., Path], line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    path = written()
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(UnsafeError, match="tags and aliases"):
        load(path)
    assert not (tmp_path / "hacked").exists()


def test_no_yaml_and_no_mapping(tmp_path: Path) -> None:
    for text in ("{", "- 1\n"):
        (tmp_path / "a.yaml").write_text(text)
        with pytest.raises(InputError):
            load(tmp_path / "a.yaml")

"""`nowcast benchmark`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nowcast.datasets import advected_echoes
from nowcast.writers import write_cube

TINY = """
name: tiny
description: advected echoes
data: {paths: [tiny.nc]}
windows: {context: 3, horizon: 2, stride: 9}
split: {rule: all}
metrics:
  mse: {over: sum}
  csi: {thresholds: [1]}
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    write_cube(advected_echoes(frames=20, size=16), tmp_path / "tiny.nc")
    (tmp_path / "tiny.yaml").write_text(TINY)
    return tmp_path / "tiny.yaml"


def test_a_table_a_result_and_the_same_again(typed: Callable[..., Any], tiny: Path) -> None:
    out = tiny.with_name("result.json")
    ended = typed("benchmark", tiny, "-o", out)
    assert ended.code == 0, ended.err
    found = json.loads(out.read_text())
    assert f"{found['same']['scores']['advection']['mean']['mse']:.6g}" in ended.out
    assert "csi >= 1" in ended.out
    assert "squared error, sum over the pixels of a frame" in ended.out
    assert found["same_sha256"] in ended.out
    assert "unlocked data.sha256" in ended.err
    ended = typed("benchmark", tiny, "--against", out, "-q")
    assert (ended.code, ended.err) == (0, "")
    found["same"]["scores"]["advection"]["mean"]["mse"] *= 1.001
    out.write_text(json.dumps(found))
    ended = typed("benchmark", tiny, "--against", out, "-q")
    assert ended.code == 2
    assert "not the same numbers (1 places)" in ended.err
    assert "scores.advection.mean.mse" in ended.err


def test_what_is_refused(typed: Callable[..., Any], tiny: Path) -> None:
    assert typed("benchmark", "mooving-mnist").code == 2
    assert typed("benchmark", tiny, "--against", tiny).code == 2
    assert "kth" in typed("benchmark", "kth").err
    tiny.write_text(TINY.replace("tiny.nc", "../tiny.nc"))
    ended = typed("benchmark", tiny)
    assert ended.code == 4
    assert "leads out" in ended.err

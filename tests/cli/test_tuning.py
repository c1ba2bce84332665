"""`nowcast tune`, typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import nowcast
from nowcast.datasets import advected_echoes

pytest.importorskip("optuna", reason="the extra tune is not installed: pip install 'nowcast[tune]'")

Cli = Callable[..., Any]


def test_a_search_ends_with_a_table_and_the_next_command(cli: Cli) -> None:
    echoes = advected_echoes(frames=60, size=32).coarsen(y=2, x=2).mean().astype("float32")
    nowcast.write_cube(echoes, "echoes.zarr")
    words = ("tune", "echoes.zarr", "--model", "convlstm", "--hidden", 4, "--context", 2, "--horizon", 2, "--run", "t")
    assert "--trials must be above 0" in cli(*words, "--trials", 0).err
    ended = cli(*words, "--trials", 2, "--epochs", 1)
    assert ended.code == 0, ended.err
    assert "trial 1  done: validation loss" in ended.err
    assert "next: nowcast fit echoes.zarr --config t/best.yaml" in ended.err
    lines = ended.out.strip().splitlines()
    assert any(line.split()[:5] == ["trial", "state", "score", "learning", "rate"] for line in lines)
    assert sorted(line.split()[0] for line in lines[-2:]) == ["0", "1"]
    told = json.loads(cli(*words, "--trials", 2, "--epochs", 1, "--resume", "--json", "-q").out)
    assert (told["run"], told["best_file"], len(told["trials"])) == ("t", str(Path("t/best.yaml")), 2)

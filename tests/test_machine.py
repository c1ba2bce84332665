"""What the machine has."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from nowcast.machine import cores, described, device, disk_speed, free_memory, gpus, hardware, space


def test_cores_and_memory() -> None:
    assert 1 <= (cores() or 1) <= (os.cpu_count() or 1)
    free = free_memory()
    assert free is None or 10**7 < free < 10**14


def test_gpus_are_those_of_torch() -> None:
    assert len(gpus()) == torch.cuda.device_count()
    assert device() == ("cuda" if gpus() else "cpu")


def test_the_disk_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    speed = disk_speed(tmp_path, size=5_000_000)
    assert set(speed) == {"write", "read"}
    assert min(speed.values()) > 0
    assert list(tmp_path.iterdir()) == []
    assert space(tmp_path) > 0


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for tried in (disk_speed, space):
        with pytest.raises(OSError, match="none"):
            tried(tmp_path / "none")


def test_the_machine_is_told_as_plain_data_and_in_a_line() -> None:
    told = described()
    assert json.loads(json.dumps(told)) == told
    assert told["threads"] == torch.get_num_threads()
    assert told["cores"] >= 1
    assert told["memory_bytes"] > 1e8
    line = hardware()
    assert line.startswith(f"{told['kind']}, {told['cores']} core(s), {told['threads']} thread(s), ")
    assert "GB" in line

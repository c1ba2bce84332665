"""The benchmark of a GPU runs where there is nothing but torch, and says of everything else why it was left out."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROGRAM = Path(__file__).parent / "bench_gpu.py"
ROOT = Path(__file__).parents[2]

ABSENT = """
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        lacking = name.partition(".")[0] in {"xarray", "zarr", "dask", "netCDF4", "h5py", "pandas", "pydantic"}
        return None if lacking else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Without, sys.meta_path)
"""


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The surroundings of a Python without what reads files."""
    (tmp_path / "sitecustomize.py").write_text(ABSENT)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]), "OMP_NUM_THREADS": "1"}


def ran(bare: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], env=bare, capture_output=True, text=True, timeout=300, check=False)


def test_nothing_but_torch_is_needed(bare: dict[str, str]) -> None:
    assert "No module named 'xarray'" in ran(bare, "-c", "import xarray").stderr
    ended = ran(bare, str(PROGRAM), "--small", "--device", "cpu", "--models", "predrnn")
    assert ended.returncode == 0, ended.stderr
    *table, last = ended.stdout.splitlines()
    found = json.loads(last)
    network = found["networks"]["predrnn"]
    variants = network["variants"]
    timed = {name for name, record in variants.items() if "ms" in record}
    assert timed == {"plain torch", "ours, float32", "bfloat16", "channels_last"}
    assert all(variants[name]["near"] for name in timed)
    assert {variants[name]["said"] for name in set(variants) - timed} == {"left out: no GPU"}
    assert network["kept"][0] == "ours, float32"
    assert network["hours"] == pytest.approx(125_000 * variants[network["kept"][-1]]["ms"] / 3.6e6)
    assert 3e9 < network["operations"] < 4e9
    assert sum(name in line for name in variants for line in table if line.startswith("  ")) >= len(variants)


def test_what_fails_is_told_and_ends_nothing(bare: dict[str, str]) -> None:
    ended = ran(bare, str(PROGRAM), "--small", "--device", "cpu", "--models", "neither")
    assert ended.returncode == 0, ended.stderr
    variants = json.loads(ended.stdout.splitlines()[-1])["networks"]["neither"]["variants"]
    assert variants["plain torch"]["said"] == "the process ended with 1"
    assert variants["bfloat16"]["said"] == "left out: its process did not begin"


def test_without_a_gpu_it_says_so(bare: dict[str, str]) -> None:
    ended = ran({**bare, "CUDA_VISIBLE_DEVICES": ""}, str(PROGRAM))
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("no GPU here")
    assert json.loads(ended.stdout.splitlines()[-1])["device"] is None


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    return importlib.import_module("bench_gpu")


def test_a_variant_that_fails_or_takes_too_long_takes_no_other_along(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes that play their part: the first variant's is late, the second says what failed, the third crashes."""
    begun: list[dict[str, Any]] = []

    def lines(job: dict[str, Any], limit: float) -> Iterator[dict[str, Any]]:
        begun.append({"titles": list(job["titles"]), "how": job["how"]})
        yield {"operations": 1}
        title = job["titles"][0]
        if title == "ours, float32":
            yield {"title": title, "kept": True, "ms": 5.0, "how": {"bfloat16": False}, "best": 5.0}
        elif title == "bfloat16":
            yield {"title": title, "said": "RuntimeError: out of memory"}
        else:
            yield {"ended": f"over the limit of {limit:.0f} s"}

    monkeypatch.setattr(bench, "lines", lines)
    options = argparse.Namespace(device="cpu", rounds=1, limit=30)
    records = [each for each in bench.raced("convlstm", {}, options, time.monotonic() + 600) if "title" in each]
    said = {each["title"]: each.get("said", "timed") for each in records if each["title"] not in bench.OF_A_GPU}
    assert said == {
        "plain torch": "over the limit of 30 s",
        "ours, float32": "timed",
        "bfloat16": "RuntimeError: out of memory",
        "channels_last": "over the limit of 30 s",
    }
    assert [len(each["titles"]) for each in begun] == [4, 3, 2, 1]
    assert begun[-1]["how"] == {"bfloat16": False}
    late = list(bench.raced("convlstm", {}, options, time.monotonic() + 5))
    assert {each["said"] for each in late} == {"left out: no GPU", "left out: no time is left"}


def test_what_did_not_pay_alone_is_tried_again_on_top(bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Milliseconds as a GPU had them: bfloat16 pays once the model is compiled, fused Adam at no time."""
    changes = {"tf32": 9.0, "bfloat16": 11.0, "channels_last": 8.0, "fused Adam": 8.5, "compiled cells": 12.0}
    changes |= {"compiled model": 5.0, "CUDA graph": 4.0, "bfloat16, again": 2.0, "fused Adam, again": 2.5}
    took = {"plain torch": 20.0, "ours, float32": 10.0} | changes
    begun: list[list[str]] = []

    def lines(job: dict[str, Any], limit: float) -> Iterator[dict[str, Any]]:
        begun.append(list(job["titles"]))
        how, best = job["how"], job["best"]
        for title in begun[-1]:
            kept = title != "plain torch" and (best is None or took[title] < best)
            if kept:
                how, best = {**how, **bench.CHANGES[title.removesuffix(bench.AGAIN)]}, took[title]
            yield {"title": title, "near": True, "kept": kept, "ms": took[title], "how": how, "best": best}
        if job.get("counted"):
            yield {"counted": job["counted"][-1][0], "how": job["counted"][-1][1]}

    monkeypatch.setattr(bench, "lines", lines)
    options = argparse.Namespace(device="cuda", rounds=1, limit=30)
    records = list(bench.raced("predrnn", {}, options, time.monotonic() + 600))
    assert begun[1] == ["bfloat16, again", "fused Adam, again"], "the compiled model stands in the place of the cells"
    assert len(begun) == 3
    kept = {each["title"] for each in records if each.get("kept")}
    assert kept == set(took) - {"plain torch", "bfloat16", "fused Adam", "compiled cells", "fused Adam, again"}
    assert records[-1]["counted"] == "bfloat16, again"
    assert records[-1]["how"]["bfloat16"]
    assert not records[-1]["how"].get("fused")


def test_what_was_dropped_last_is_not_tried_again(bench: ModuleType) -> None:
    assert bench.again(["tf32", "channels_last"], {}, "bfloat16") == ["tf32, again"]
    assert bench.again(["channels_last"], {}, "") == []


def test_a_process_whose_asker_is_gone_ends_without_a_word(bare: dict[str, str]) -> None:
    said = f"import sys; sys.path.insert(0, {str(PROGRAM.parent)!r})\nimport bench_gpu\nwhile True: bench_gpu.say(a=1)"
    with subprocess.Popen(
        [sys.executable, "-c", said], env=bare, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


def test_a_process_that_says_nothing_is_ended_with_its_own(
    bench: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "silent.py"
    program.write_text(
        "import subprocess, sys, time\n"
        "print('{\"operations\": 1}', flush=True)\n"
        "print('a stray line', flush=True)\n"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(100)'])\n"
    )
    monkeypatch.setattr(bench, "__file__", str(program))
    began = time.monotonic()
    assert list(bench.lines({}, 2.0)) == [{"operations": 1}, {"ended": "over the limit of 2 s"}]
    assert time.monotonic() - began < 30

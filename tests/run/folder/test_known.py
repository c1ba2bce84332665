"""What a run's folder tells of its making."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from nowcast.run.folder.circumstances import circumstances
from nowcast.run.folder.known import told_by


@pytest.fixture
def copied(trained: xr.Dataset, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.attrs["run"], tmp_path / "tiny"))


def test_a_run_tells_its_data_machine_versions_and_durations(copied: Path) -> None:
    title, parts, known = told_by(copied)
    told = circumstances(copied)
    assert title == "tiny: rain rate"
    assert len(parts) == 1
    assert known.facts["licence of the data"] == "the files state none"
    assert known.facts["fingerprint"] == told["fingerprints"][0][:16]
    assert known.facts["hardware"] == told["hardware"]
    assert f"torch {told['versions']['torch']}" in known.facts["versions"]
    assert set(told["durations"]) == {"preparing", "training", "scoring", "seconds_a_step"}
    for words in ("preparing ", "training ", "scoring ", " s a step"):
        assert words in known.facts["took"]
    assert [row["epoch"] for row in known.history] == [1]


@pytest.mark.parametrize(
    ("git", "said"),
    [
        (None, None),
        ({"working_directory": None, "nowcast": None}, None),
        (
            {"working_directory": {"commit": 40 * "a", "dirty": True}, "nowcast": {"commit": 40 * "b", "dirty": False}},
            "nowcast at bbbbbbbbbbbb; working directory at aaaaaaaaaaaa, changed since",
        ),
    ],
)
def test_commits_are_told_as_far_as_they_are_known(git: Any, said: str | None, copied: Path) -> None:
    told = circumstances(copied)
    resumed = [{"at": "2026-06-01 10:00 UTC"}]
    text = json.dumps({**told, "git": git, "resumed": resumed, "licences": ["CC-BY-4.0"]})
    (copied / "circumstances.json").write_text(text)
    facts = told_by(copied)[2].facts
    assert facts.get("code") == said
    assert facts["begun"].endswith("; resumed 2026-06-01 10:00 UTC")
    assert facts["licence of the data"] == "CC-BY-4.0"

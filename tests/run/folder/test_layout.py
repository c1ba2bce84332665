"""The folder of a run: where it is made, and what it goes on with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nowcast.errors import InputError, UnsafeError
from nowcast.run import folder

Still = Callable[..., Path]


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_run_is_named_by_source_and_date() -> None:
    names = set()
    for _ in range(3):
        place = folder.place(None, "radar", resume=False)
        assert not place.exists(), "it is made when there is something to write"
        place.mkdir(parents=True)
        names.add(place)
    assert len(names) == 3
    assert {place.parent for place in names} == {Path("runs")}
    assert all(place.name.startswith("radar-2") for place in names)


def test_an_empty_folder_may_be_used() -> None:
    Path("run").mkdir()
    assert folder.place("run", "radar", resume=False) == Path("run")


def test_a_folder_in_use_is_refused_or_resumed() -> None:
    Path("run").mkdir()
    folder.begin(Path("run"), {"variable": "rain_rate"}, resume=False)
    with pytest.raises(InputError, match="something is there already") as error:
        folder.place("run", "radar", resume=False)
    assert "--resume" in str(error.value)
    assert folder.place("run", "radar", resume=True) == Path("run")
    with pytest.raises(InputError, match="something is there already"):
        folder.place("run/begun.json", "radar", resume=False)


def test_a_run_goes_on_with_what_it_was_begun_with_alone() -> None:
    begun = {"variable": "rain_rate", "shape": (12, 1, 8, 10), "units": None}
    folder.begin(Path(), begun, resume=False)
    folder.begin(Path(), begun, resume=True)
    before = Path("begun.json").read_bytes()
    with pytest.raises(InputError, match="begun with something else") as error:
        folder.begin(Path(), {**begun, "variable": "dbz"}, resume=True)
    assert "variable: begun with rain_rate; now dbz" in str(error.value)
    assert "shape" not in str(error.value)
    assert Path("begun.json").read_bytes() == before


def test_what_cannot_be_resumed() -> None:
    for name in ("never", "empty"):
        if name == "empty":
            Path(name).mkdir()
        with pytest.raises(InputError, match="no run that could be resumed"):
            folder.place(name, "radar", resume=True)
    with pytest.raises(InputError, match="--resume needs to know which run"):
        folder.place(None, "radar", resume=True)
    assert not Path("never").exists()


def test_the_history_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    assert folder.history(tmp_path) == []
    assert folder.steps_taken(tmp_path) == 0
    (tmp_path / "history.jsonl").write_text('{"epoch": 1, "step": 3}\n{"epoch": 2, "step": 6}\n[1]\n{"epoch": 3, "st')
    assert folder.history(tmp_path) == [{"epoch": 1, "step": 3}, {"epoch": 2, "step": 6}]
    assert folder.steps_taken(tmp_path) == 6


@pytest.mark.parametrize(
    "name",
    [
        "config.yaml",
        "checkpoints/step-1.ckpt",
        "trials",
        "trials/000",
        "trials/000/trial.json",
        "trials/000/checkpoints/a.ckpt",
    ],
)
def test_no_name_leads_out_of_a_run_or_a_search(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    path = tmp_path / "run" / name
    path.parent.mkdir(parents=True)
    folder.require_own(tmp_path / "run")
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(UnsafeError, match=r"leads out of the run's folder"):
        folder.require_own(tmp_path / "run")
    path.unlink()
    path.symlink_to(tmp_path / "run")
    folder.require_own(tmp_path / "run")

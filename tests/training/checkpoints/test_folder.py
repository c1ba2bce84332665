"""Which checkpoint of a folder is taken up, and which are kept."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nowcast.errors import InputError
from nowcast.training.checkpoints import file as checkpoint_file
from nowcast.training.checkpoints import folder as checkpoints
from nowcast.training.checkpoints.file import write
from nowcast.training.checkpoints.folder import PlainCheckpoints, newest, prune, step_path


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said."""
    said: list[str] = []
    monkeypatch.setattr(checkpoints, "tell", said.append)
    return said


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the states after 10, 20 and 30 steps."""
    for step in (10, 20, 30):
        write(step_path(tmp_path, step), {"step": step})
    return tmp_path


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_the_newest_is_taken_up(folder: Path, told: list[str]) -> None:
    found = newest(folder)
    assert found is not None
    assert (found[0].name, found[1]["step"]) == ("step-00000030.ckpt", 30)
    assert told == []


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    assert newest(tmp_path / "none") is None
    for name in ("best.ckpt", "step-x.ckpt", "step-1.ckpt", "step-00000001.ckpt.part"):
        (tmp_path / name).write_text("no")
    assert newest(tmp_path) is None


@pytest.mark.parametrize(("damaged", "taken", "lost"), [((30,), 20, 10), ((20, 30), 10, 20), ((20,), 30, 0)])
def test_a_damaged_one_falls_back_to_the_one_before_and_tells_how_many_steps_are_lost(
    damaged: tuple[int, ...], taken: int, lost: int, folder: Path, told: list[str]
) -> None:
    for step in damaged:
        damage(step_path(folder, step))
    found = newest(folder)
    assert found is not None
    assert found[1]["step"] == taken
    assert [line for line in told if "lost" in line] == (
        [f"resume   from step-{taken:08}.ckpt, the newest whole one: {lost} step(s) are lost and done again"]
        if lost
        else []
    )
    assert sum("damaged" in line for line in told) == (len(damaged) if lost else 0)


def test_all_damaged_is_refused_with_each_named(folder: Path) -> None:
    for step in (10, 20, 30):
        damage(step_path(folder, step))
    with pytest.raises(InputError, match=r"all 3 checkpoint\(s\) are damaged; nothing was changed") as caught:
        newest(folder)
    assert all(str(step_path(folder, step)) in str(caught.value) for step in (10, 20, 30))


def test_those_of_an_older_nowcast_are_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "last.ckpt")
    with pytest.raises(InputError, match=r"last\.ckpt: written by torch\.save"):
        newest(tmp_path)


def test_one_that_cannot_be_read_is_not_passed_over(folder: Path) -> None:
    step_path(folder, 40).mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        newest(folder)


def test_other_versions_are_told(folder: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    now = {**checkpoint_file.versions(), "torch": "9.9"}
    monkeypatch.setattr(checkpoints, "versions", lambda: now)
    assert newest(folder) is not None
    assert told == [f"beware   begun by torch {torch.__version__}: what follows need not be the same to the bit"]


def test_the_newest_are_kept_and_what_is_of_a_course_that_was_left_goes(folder: Path) -> None:
    (folder / "best.ckpt").write_text("stays")
    for step in (21, 22):
        write(step_path(folder, step), {"step": step})
    prune(folder, 22)
    assert {path.name for path in folder.iterdir()} == {
        "best.ckpt", "step-00000010.ckpt".replace("10", "20"), "step-00000021.ckpt", "step-00000022.ckpt",
    }  # fmt: skip


def test_lightning_writes_and_reads_by_it(tmp_path: Path) -> None:
    plugin, path = PlainCheckpoints(), tmp_path / "a.ckpt"
    plugin.save_checkpoint({"a": 1}, path)
    assert plugin.load_checkpoint(str(path))["a"] == 1
    plugin.remove_checkpoint(path)
    plugin.remove_checkpoint(path)
    assert not path.exists()

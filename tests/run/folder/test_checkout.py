"""The commit that something was done at, of real repositories; none where there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import nowcast
from nowcast.run.folder import checkout
from nowcast.run.folder.checkout import checkouts, state_of

WHO = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *WHO, *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "-q", "-b", "trunk")
    (place / "known").write_text("1")
    git(place, "add", "known")
    git(place, "commit", "-q", "-m", "one")
    return place


def test_a_commit_its_branch_and_changes_since(repository: Path) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    clean = {"commit": commit, "branch": "trunk", "dirty": False}
    (repository / "unknown").write_text("what git does not know is no change")
    (repository / "inside").mkdir()
    assert state_of(repository) == state_of(repository / "inside") == clean
    (repository / "known").write_text("2")
    assert state_of(repository) == {**clean, "dirty": True}


def test_no_repository_no_commit_and_no_git_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    assert state_of(tmp_path) is None
    assert state_of(tmp_path / "nothing") is None
    git(tmp_path, "init", "-q")
    assert state_of(tmp_path) is None, "no commit yet"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert state_of(Path(nowcast.__file__).parent) is None
    assert checkouts() == {"working_directory": None, "nowcast": None}


def test_a_repository_starts_no_program(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))
    git(repository, "status")
    assert (tmp_path / "sprung").exists(), "the trap works"
    (tmp_path / "sprung").unlink()
    assert state_of(repository) is not None
    assert not (tmp_path / "sprung").exists()


def test_a_git_that_hangs_is_not_waited_for(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "git"
    slow.write_text("#!/bin/sh\nexec sleep 20\n")
    slow.chmod(0o755)
    monkeypatch.setattr(checkout, "LONGEST", 0.2)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert state_of(repository) is None


def test_nowcast_itself_counts_where_git_knows_its_files(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = repository / "site-packages" / "nowcast"
    installed.mkdir(parents=True)
    (installed / "__init__.py").write_text("")
    monkeypatch.setattr(nowcast, "__file__", str(installed / "__init__.py"))
    assert checkouts()["nowcast"] is None, "installed into somebody else's repository"
    git(repository, "add", "site-packages")
    git(repository, "commit", "-q", "-m", "two")
    assert checkouts()["nowcast"] == state_of(repository)

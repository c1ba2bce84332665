"""Faults by real means: damaged files, kills, a full disk, hostile files. `pytest tests/faults --full -s` tries all."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that the modules here find each other


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether faults are tried by the thousand."""
    return bool(request.config.getoption("--full"))

"""Versions come from what is installed, and nothing is imported for them."""

from __future__ import annotations

import platform
import subprocess
import sys

import torch

import nowcast
from nowcast.cli.versions import installed, versions


def test_versions_are_those_of_what_is_imported() -> None:
    told = versions()
    assert told["nowcast"] == nowcast.__version__
    assert told["python"] == platform.python_version()
    assert told["torch"] == torch.__version__


def test_a_package_that_is_not_there_has_none() -> None:
    assert installed("no-such-package-anywhere") is None


def test_nothing_heavy_is_imported() -> None:
    program = "import sys; from nowcast.cli.versions import versions; versions(); print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "False\n"

"""Versions and extras come from what is installed, and nothing is imported for them."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import torch

import nowcast
from nowcast.installed import EXTRAS, Extra, installed, versions


def test_versions_are_those_of_what_is_imported() -> None:
    told = versions()
    assert told["nowcast"] == nowcast.__version__
    assert told["python"] == platform.python_version()
    assert told["torch"] == torch.__version__
    assert {"lightning", "numpy", "xarray", "dask", "zarr", "netCDF4"} <= set(told)
    assert None not in told.values()


def test_a_package_that_is_not_there_has_no_version() -> None:
    assert installed("no-such-package-anywhere") is None
    extra = Extra(("torch", "no-such-package-anywhere"), "nothing")
    assert extra.missing == ("no-such-package-anywhere",)


def test_the_extras_are_those_of_the_project_with_their_packages() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    declared = {
        name: tuple(re.split(r"[<>=!~\[; ]", each)[0] for each in packages)
        for name, packages in project["optional-dependencies"].items()
        if name not in ("dev", "docs")
    }
    assert {name: each.packages for name, each in EXTRAS.items()} == declared


def test_nothing_heavy_is_imported() -> None:
    program = "import sys; from nowcast.installed import versions; versions(); print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "False\n"

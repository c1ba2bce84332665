"""The rules of the house: imports go one way and weigh nothing, every module has its test, files stay readable."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import nowcast

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "nowcast"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))

HEAVY = {"torch", "xarray", "dask", "numpy", "pandas", "lightning", "matplotlib"}

LONGEST = 320
NO_TEST_OF_ITS_OWN = {
    "__init__.py": "lazy names: tested here",
    "__main__.py": "one call: tests/cli and tests/test_bad_input.py run it",
    "cli/demonstrating.py": "two calls: tests/run/test_demonstration.py",
    "cli/flags.py": "through every verb: tests/cli/test_root.py",
    "readers/damage.py": "through open_cube: tests/readers/test_opening.py",
    "readers/finding.py": "through open_cube: tests/readers/test_opening.py",
    "readers/formats/netcdf.py": "through open_cube: tests/readers/test_opening.py",
    "readers/formats/netcdf_classic.py": "through open_cube: tests/readers/test_opening.py",
    "readers/joining/kinds.py": "through open_cube: tests/readers/joining/test_along_time.py",
    "readers/labelling/axes.py": "through open_cube: tests/readers/labelling/test_gridded.py",
    "readers/labelling/channels.py": "through open_cube: tests/readers/labelling/test_gridded.py",
    "readers/labelling/dating.py": "through open_cube: tests/readers/labelling/test_gridded.py",
    "readers/labelling/timing.py": "through open_cube: tests/readers/labelling/test_gridded.py",
    "tensors/cutting.py": "through the loader: tests/tensors/test_loading.py",
    "verification/adding/events.py": "through score: tests/verification/test_score.py",
    "verification/matching.py": "through score: tests/verification/test_score.py",
    "verification/adding/neighbourhood.py": "through score: tests/verification/test_score.py",
    "verification/adding/pixelwise.py": "through score: tests/verification/test_score.py",
    "verification/adding/structure.py": "through score: tests/verification/test_score.py",
    "writers/packing.py": "through write_cube: tests/writers/test_netcdf.py",
    "writers/writing.py": "write_cube: tests/writers/test_netcdf.py, and every other test of the room",
}


def loaded_by(*options: str) -> set[str]:
    """Top-level packages that a new interpreter has imported at its end."""
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", *options], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    lines = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    "options",
    [
        ("-c", "import nowcast"),
        ("-c", "import nowcast.cli"),
        ("-m", "nowcast", "--help"),
        ("-m", "nowcast", "fit", "-h"),
    ],
    ids=["import", "cli", "help", "usage"],
)
def test_a_light_start(options: tuple[str, ...]) -> None:
    if options[-1] == "-h":
        options = (*options[:-1], "--help")
    loaded = loaded_by(*options)
    assert "nowcast" in loaded
    assert not loaded & HEAVY


def test_looking_at_a_file_needs_no_torch() -> None:
    loaded = loaded_by("-c", "from nowcast.run import convert, inspect")
    assert "xarray" in loaded
    assert not loaded & {"torch", "lightning", "scores"}


def test_the_check_of_a_light_start_can_fail() -> None:
    assert "numpy" in loaded_by("-c", "import nowcast, numpy")


def test_imports_go_one_way() -> None:
    program = Path(sys.executable).parent / "lint-imports"
    ended = subprocess.run([program, "--no-cache"], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "Contracts: 6 kept, 0 broken." in ended.stdout


def test_the_contracts_cover_every_room() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert [contract["name"] for contract in contracts] == [
        "imports go one way",
        "a verb stands on the rooms of run, and on verbs below it",
        "the labelled side never imports torch",
        "models and losses know no labels and no files",
        "formats know no cube",
        "configuration stops at the top",
    ]
    layers, verbs, labelled, models, _, configured = contracts
    assert verbs["exhaustive"]
    ordered = {name.strip() for line in layers["layers"] for name in line.split("|")}
    rooms = {f"nowcast.{path.parts[0].removesuffix('.py')}" for path in MODULES}
    assert rooms - {"nowcast.__init__", "nowcast.__main__"} == ordered
    assert {"torch", "lightning"} <= set(labelled["forbidden_modules"])
    assert {"xarray", "dask", "zarr", "netCDF4"} <= set(models["forbidden_modules"])
    assert configured["forbidden_modules"] == ["nowcast.config"]
    below = {"cli", "accessor", "protocols", "run", "config", "installed", "machine", "errors"}
    below |= {"atomic", "plain_json", "plain_yaml", "progress", "ranks", "sealing", "sizes"}
    assert set(configured["source_modules"]) == ordered - {f"nowcast.{room}" for room in below}


def test_contributing_names_every_room() -> None:
    table = (ROOT / "CONTRIBUTING.md").read_text("utf-8").split("## The rooms")[1].split("\n\n")[1]
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[2] for line in table.splitlines()[2:]))
    rooms = {path.parts[0].removesuffix(".py") for path in MODULES} - {"__init__", "__main__"}
    assert sorted(named) == sorted(rooms)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_has_its_test(module: Path) -> None:
    if module.name == "__init__.py" or str(module) in NO_TEST_OF_ITS_OWN:
        return
    mirror = ROOT / "tests" / module.parent / f"test_{module.name}"
    assert mirror.is_file(), f"nowcast/{module} has no {mirror.relative_to(ROOT)}"
    assert "def test_" in mirror.read_text()


def test_the_exceptions_are_modules() -> None:
    assert not [name for name in NO_TEST_OF_ITS_OWN if not (PACKAGE / name).is_file()]


def test_names_tell_the_stage() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base_utils", "tools"}
    assert not [str(path) for path in MODULES if vague & {part.removesuffix(".py") for part in path.parts}]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_file_is_read_in_one_go(module: Path) -> None:
    lines = len((PACKAGE / module).read_text().splitlines())
    assert lines <= LONGEST


def test_public_names_lead_somewhere() -> None:
    assert sorted(nowcast.__all__) == nowcast.__all__
    assert dir(nowcast) == nowcast.__all__
    for name in nowcast.__all__:
        assert getattr(nowcast, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        nowcast.no_such_name  # noqa: B018


def test_doors_lead_somewhere() -> None:
    for path in MODULES:
        if path.name == "__main__.py":
            continue
        name = ".".join(("nowcast", *path.with_suffix("").parts)).removesuffix(".__init__")
        module = importlib.import_module(name)
        assert not [each for each in getattr(module, "__all__", []) if not hasattr(module, each)], name

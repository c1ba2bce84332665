"""What is given away: that it builds and installs, and that what stands beside the package says the same as it does."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from nowcast.config import text_of
from nowcast.installed import EXTRAS, versions

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def done(*command: object, cwd: Path) -> str:
    """Standard output of a command that ends well, with no word of where this package is worked on."""
    told = {"PATH": "/usr/bin:/bin", "HOME": str(cwd)}
    ended = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=told, capture_output=True, text=True, timeout=600, check=False
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    return ended.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel made from it."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    out = tmp_path_factory.mktemp("dist")
    done(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.mark.slow
def test_the_wheel_holds_the_package_its_types_and_its_configurations(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
        metadata = wheel.read(next(name for name in names if name.endswith("METADATA"))).decode()
    top = {name.split("/")[0] for name in names}
    assert top == {"nowcast", f"nowcast-{PROJECT['version']}.dist-info"}
    assert "nowcast/py.typed" in names
    assert {f"nowcast/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")} <= names
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "nowcast").rglob("*.py")}
    assert sources == {name for name in names if name.endswith(".py")}
    assert set(re.findall(r"^Provides-Extra: (.+)$", metadata, flags=re.M)) >= set(EXTRAS)


@pytest.mark.slow
def test_the_sdist_holds_what_is_needed_to_work_on_it(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    wanted = {"pyproject.toml", "constraints.txt", "Makefile", "README.md", "LICENSE", "CITATION.cff"}
    assert wanted | {"tests/conftest.py", "docs/index.md", "configs/radar.yaml"} <= names


@pytest.mark.slow
def test_it_is_installed_in_an_environment_of_its_own_and_runs(built: Path, tmp_path: Path) -> None:
    """Dependencies are those of this environment; nowcast is not: nothing but the wheel can be found."""
    place = tmp_path / "environment"
    venv.create(place, with_pip=False)
    wheel = next(built.glob("*.whl"))
    pip = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--python", place / "bin" / "python")
    done(sys.executable, *pip, "install", "--no-deps", "--no-index", wheel, cwd=tmp_path)
    site = next(place.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(str(Path(pytest.__file__).parents[1]))
    where = done(place / "bin" / "python", "-c", "import nowcast; print(nowcast.__file__)", cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(site)
    program = place / "bin" / "nowcast"
    assert done(program, "--version", cwd=tmp_path).split()[:2] == ["nowcast", PROJECT["version"]]
    assert done(program, "config", "radar", cwd=tmp_path) == text_of("radar")


def test_every_extra_asks_for_what_can_be_installed() -> None:
    for name, requirements in PROJECT["optional-dependencies"].items():
        for each in map(Requirement, requirements):
            if each.name == "nowcast":
                assert each.extras <= set(PROJECT["optional-dependencies"]), name
                continue
            try:
                assert each.specifier.contains(version(each.name), prereleases=True), f"{name}: {each}"
            except PackageNotFoundError:
                continue


def test_the_version_is_the_same_everywhere() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    recipe = yaml.safe_load((ROOT / ".ci" / "conda" / "recipe.yaml").read_text())
    assert versions()["nowcast"] == cited["version"] == recipe["context"]["version"] == PROJECT["version"]
    assert cited["license"] == recipe["about"]["license"] == PROJECT["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(cited)


def test_the_recipe_asks_for_what_the_project_does() -> None:
    """By conda's names for it."""
    renamed = {"torch": "pytorch", "dask": "dask-core", "matplotlib": "matplotlib-base", "cf-xarray": "cf_xarray"}
    recipe = yaml.safe_load((ROOT / ".ci" / "conda" / "recipe.yaml").read_text())["requirements"]["run"]
    ours = [Requirement(each) for each in PROJECT["dependencies"]]
    needed = {(renamed.get(each.name, each.name.lower()), each.specifier) for each in ours}
    needed.add(("python", Requirement(f"python{PROJECT['requires-python']}").specifier))
    assert {(each.name, each.specifier) for each in map(Requirement, recipe)} == needed


def test_the_four_commands_of_a_contributor_are_targets() -> None:
    shown = re.findall(r"^make (\w+)", (ROOT / "CONTRIBUTING.md").read_text(), flags=re.M)
    assert shown == ["check", "test", "docs", "bench"]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.M)
    assert set(shown) <= set(targets)


def test_what_is_run_before_a_commit_is_what_make_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [each["repo"] for each in hooks] == ["local"], "no network"
    programs = [hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in hooks[0]["hooks"]]
    check = (ROOT / "Makefile").read_text().partition("\ncheck:")[2].partition("\n\n")[0]
    assert programs == re.findall(r"\$\(BIN\)/([\w-]+)", check)

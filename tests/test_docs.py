"""The pages: links lead somewhere, every page is in a table of contents, and the site builds without a warning."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
SHOWN = [*PAGES, *sorted(ROOT.glob("*.md"))]

MAKES_THEM = {"myst_nb", "pydata_sphinx_theme", "sphinx", "sphinx_copybutton", "sphinx_design"}


def prose(page: Path) -> str:
    """The page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """What its headings are linked by, as the web's viewers and Sphinx have it."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,4} +(.+?) *$", prose(page), flags=re.M):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", words).replace(" ", "-"))
    return found


def links(page: Path) -> list[str]:
    """Targets within the repository."""
    found = re.findall(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)", prose(page))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", SHOWN, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{target} leads nowhere"
        # A page that Sphinx writes has headings of its own making.
        if anchor and there.suffix == ".md" and "<!-- commands -->" not in there.read_text(encoding="utf-8"):
            assert anchor in anchors(there), f"{target}: no such heading, but {sorted(anchors(there))}"


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One & two\n\n[a](other.md) [b](#one--two) [c](https://doi.org/10.1(2)3) ![d](e.png)\n")
    assert links(page) == ["other.md", "#one--two", "e.png"]
    assert anchors(page) == {"one--two"}
    with pytest.raises(AssertionError, match=r"other\.md"):
        test_links_lead_somewhere(page)


def test_every_page_is_in_one_table_of_contents() -> None:
    listed = [DOCS / "index.md"]
    for page in PAGES:
        for block in re.findall(r"^```\{toctree\}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.M | re.S):
            names = [line for line in block.splitlines() if line and not line.startswith(":")]
            named = [page.parent / name for name in names if "*" not in name]
            matched = [path.with_suffix("") for name in names if "*" in name for path in page.parent.glob(f"{name}.md")]
            own = [path.resolve() for path in dict.fromkeys([*named, *matched])]
            there = [next(p for p in (Path(f"{path}.md"), Path(f"{path}.ipynb")) if p.exists()) for path in own]
            listed += [path for path in there if path not in listed and path != page]
    assert sorted(listed) == sorted([*PAGES, *DOCS.glob("notebooks/*.ipynb")])


@pytest.mark.slow
def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """Without executing notebooks: tests/test_notebooks.py does that, and `make docs`."""
    absent = sorted(name for name in MAKES_THEM if importlib.util.find_spec(name) is None)
    if absent:
        pytest.skip(f"no {', '.join(absent)}: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-D", "nb_execution_mode=off"]
    ended = subprocess.run(
        [*command, "-d", str(tmp_path / "trees"), "docs", str(tmp_path / "site")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert not ended.stderr.strip()
    written = {page.relative_to(tmp_path / "site").with_suffix("") for page in (tmp_path / "site").rglob("*.html")}
    assert {page.relative_to(DOCS).with_suffix("") for page in PAGES} <= written
    commands = (tmp_path / "site" / "reference" / "commands.html").read_text(encoding="utf-8")
    for verb in ("demo", "inspect", "convert", "fit", "forecast", "evaluate", "report", "benchmark"):
        assert f'id="nowcast-{verb}"' in commands
    assert "--time-step" in commands
    functions = (tmp_path / "site" / "reference" / "python.html").read_text(encoding="utf-8")
    assert 'id="nowcast.fit"' in functions
